"""POST /events and the short form, as the API's description knows them.

`broker.rio.ingest.pipeline` receives every POST to them; other methods come here, to be refused.
"""

from typing import Any, Final

from broker.rio.admin.description import Answer, Shown, operation
from broker.rio.admin.handler import RioHandler
from broker.rio.ingest.request_parser import DELIVER_AFTER, ORDERED
from broker.rio.ingest.short_form import MAX_KEY
from broker.rio.model import event as events
from broker.rio.model.sender import Senders

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
    DELIVER_AFTER: {
        "type": "number",
        "minimum": 0,
        "maximum": 30 * 86400,
        "description": "seconds until the event is due",
    }
}
_ORDERED: Final = {
    ORDERED: {
        "enum": ["subject"],
        "description": "of a batch, hold back (424) what follows a refused event of its subject",
    }
}
_KEY: Final = {"Idempotency-Key": {"type": "string", "maxLength": MAX_KEY, "description": "the event's id"}}


class Accepted(Shown):
    """An accepted event."""

    id: str


class _EventResource(RioHandler):
    """Emitting."""

    def initialize(self, senders: Senders) -> None:
        self.senders = senders


class EventsHandler(_EventResource):
    """/events."""

    @operation(
        "Emit a CloudEvent (structured, or binary with ce-* headers), or a batch of them",
        body={events.STRUCTURED: _EVENT, events.BATCH: _BATCH},
        answers={202: Answer({"type": "object"})},
        headers={**_AFTER, **_ORDERED},
    )
    async def post(self) -> None:
        raise NotImplementedError("the pipeline receives it")


class ShortFormHandler(_EventResource):
    """/event/{project}/emit/{action}."""

    @operation(
        "Emit `<project>.<action>` with a JSON or form body",
        body={"application/json": {}, "application/x-www-form-urlencoded": {"type": "object"}},
        answers={202: Accepted},
        headers={**_AFTER, **_KEY},
    )
    async def post(self, project: str, action: str) -> None:
        raise NotImplementedError("the pipeline receives it")
