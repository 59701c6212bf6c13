"""Rio's tables in PostgreSQL."""
