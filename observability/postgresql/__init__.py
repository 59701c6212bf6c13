"""Helpers for every user of PostgreSQL: connections, and texts that it can store."""
