"""POST /events and the short form, as the API's description knows them.

`broker.rio.ingest.pipeline` answers every POST to them; other methods, and other spellings of an address
(`/%65vents`), come here to be refused.
"""

from typing import Annotated, Any, Final, Never

from fastapi import Path

from broker.rio.admin.documents import Shown
from broker.rio.admin.route import SenderRoute, resource
from broker.rio.ingest.request_parser import DELIVER_AFTER, EVENTS_ROUTE, ORDERED
from broker.rio.ingest.short_form import ACTION, MAX_KEY, PROJECT, SHORT_ROUTE
from broker.rio.model import event as events
from observability.http.problem import Problem

_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "type": {"type": "string", "minLength": 1, "maxLength": events.MAX_TYPE},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"type": "string", "maxLength": 255},
        events.NOT_BEFORE: {"type": "string", "format": "date-time", "description": "when it is due"},
        "data": {},
        "data_base64": {"type": "string", "contentEncoding": "base64"},
    },
}
_BATCH: Final = {"type": "array", "items": _EVENT, "maxItems": events.MAX_BATCH}
_AFTER: Final = {
    "type": "number",
    "minimum": 0,
    "maximum": 30 * 86400,
    "description": "seconds until the event is due",
}
_ORDERED: Final = {
    "enum": ["subject"],
    "description": "of a batch, hold back (424) what follows a refused event of its subject",
}
_KEY: Final = {"type": "string", "maxLength": MAX_KEY, "description": "the event's id"}

router = resource(SenderRoute)


class Accepted(Shown):
    """An accepted event."""

    id: str


def _described(content: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any]:
    """Request bodies by media type, and request headers, as OpenAPI has them."""
    return {
        "requestBody": {
            "required": True,
            "content": {media: {"schema": schema} for media, schema in content.items()},
        },
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": schema}
            for name, schema in headers.items()
        ],
    }


@router.post(
    EVENTS_ROUTE,
    summary="Emit a CloudEvent (structured, or binary with ce-* headers), or a batch of them",
    status_code=202,
    response_model=dict[str, Any],
    openapi_extra=_described(
        {events.STRUCTURED: _EVENT, events.BATCH: _BATCH}, {DELIVER_AFTER: _AFTER, ORDERED: _ORDERED}
    ),
)
async def emit() -> Never:
    raise Problem(404)


@router.post(
    SHORT_ROUTE,
    summary="Emit `<project>.<action>` with a JSON or form body",
    status_code=202,
    response_model=Accepted,
    openapi_extra=_described(
        {"application/json": {}, "application/x-www-form-urlencoded": {"type": "object"}},
        {DELIVER_AFTER: _AFTER, "Idempotency-Key": _KEY},
    ),
)
async def emit_short(
    project: Annotated[str, Path(pattern=f"^{PROJECT}$")], action: Annotated[str, Path(pattern=f"^{ACTION}$")]
) -> Never:
    raise Problem(404)
