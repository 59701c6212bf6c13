"""Notifications: what was told to whom. FastAPI over SQLAlchemy's asyncio."""
