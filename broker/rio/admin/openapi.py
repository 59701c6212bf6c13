"""GET /openapi.json: the API's description (OpenAPI 3.1), which FastAPI makes of the resources."""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from broker.rio.admin.problems import DESCRIBED, SCHEMA

VERSION: Final = "1.0"
DESCRIPTION: Final = (
    "Takes events and delivers them to their subscribers. A sender has rights: an admin may do everything; a"
    " viewer may GET everything but secrets, and is answered 403 by every other method."
)

router = APIRouter(responses=DESCRIBED)


@router.get(
    "/openapi.json",
    summary="Describe this API",
    response_model=dict[str, Any],
    openapi_extra={"security": []},
)
async def describe(request: Request) -> Response:
    """Needs no token."""
    return Response(request.app.state.description, media_type="application/json")


def keep_description(app: FastAPI) -> None:
    """Make the description, once all resources are there: later it would hold up the events that come."""
    document = app.openapi()
    document["components"]["schemas"]["Problem"] = SCHEMA
    app.state.description = msgspec.json.encode(document)
