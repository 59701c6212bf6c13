"""Notifications: what was sent to which account. FastAPI over SQLAlchemy's asyncio."""
