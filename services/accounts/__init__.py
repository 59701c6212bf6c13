"""Accounts: people and their addresses. Flask over SQLAlchemy."""
