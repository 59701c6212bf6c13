"""What every user of PostgreSQL shares."""
