"""What Rio keeps in PostgreSQL."""
