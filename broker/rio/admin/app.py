"""The API's resources, as an application."""

from typing import Final

from fastapi import FastAPI

from broker.rio.admin import (
    dead_letter_batches,
    dead_letters,
    deliveries,
    events,
    flows,
    openapi,
    replays,
    scheduled,
    schemas,
    senders,
    subscription_secrets,
    subscriptions,
    tail,
    topology,
)
from broker.rio.admin.parts import Parts
from broker.rio.admin.problems import answer_with_problems
from observability import Telemetry
from observability.frameworks.fastapi import instrument

ROUTERS: Final = (
    events.router,
    senders.router,
    schemas.router,
    scheduled.router,
    tail.router,
    subscriptions.router,
    subscription_secrets.router,
    dead_letters.router,
    dead_letter_batches.router,
    deliveries.router,
    replays.router,
    flows.router,
    topology.router,
    openapi.router,
)


def administration(parts: Parts, telemetry: Telemetry) -> FastAPI:
    """All addresses but those that take events, which are described only."""
    app = FastAPI(
        title="Rio",
        version=openapi.VERSION,
        description=openapi.DESCRIPTION,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.parts = parts
    for router in ROUTERS:
        app.include_router(router)
    openapi.keep_description(app)
    instrument(app, telemetry, behind_proxy=False)
    answer_with_problems(app)
    return app
