"""The application, as uvicorn starts it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from observability import setup
from observability.frameworks.fastapi import instrument
from observability.instrumentation import instrument_psycopg
from services.notifications.database import Database
from services.notifications.routes import router


def create_app() -> FastAPI:
    """Build the service from its environment (DATABASE_URL and what `observability` reads)."""
    telemetry = setup("notifications")
    instrument_psycopg()
    database = Database()
    telemetry.health.add("database", database.check, critical=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

    app = FastAPI(title="notifications", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.database = database
    app.include_router(router)
    instrument(app, telemetry)
    return app
