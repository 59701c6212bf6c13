"""An event before it is emitted."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from broker.client.data import encode


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event to be emitted. Its id is made once, so that Rio accepts it once however often it is sent."""

    action: str
    """The type's last words: type `comments.published` is project `comments`, action `published`."""
    data: Any
    """Any JSON value; Decimals become numbers with all their digits."""
    subject: str | None = None
    """The thing that the event is about; ordered subscriptions keep the order of events of one subject."""
    source: str | None = None
    """A URI reference; `/<sender>` when left out."""
    id: str = field(default_factory=_new_id)
    """Unique within its source."""
    time: datetime = field(default_factory=_now)
    """When it happened."""
    not_before: datetime | None = None
    """When Rio shall deliver it at the earliest; an aware time at most 30 days ahead."""

    def document(self, type_: str, source: str, trace: Mapping[str, str]) -> bytes:
        """The event in CloudEvents' JSON format. `trace`: its W3C trace context, carried as attributes.

        Raises TypeError or ValueError for data that is no JSON.
        """
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "type": type_,
            "source": source,
            "subject": self.subject,
            "time": _timestamp(self.time),
            "notbefore": None if self.not_before is None else _timestamp(self.not_before),
            "datacontenttype": "application/json",
            **trace,
        }
        present = {name: value for name, value in attributes.items() if value is not None}
        return f'{json.dumps(present)[:-1]}, "data": {encode(self.data)}}}'.encode()


def _timestamp(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("an event's time needs a time zone")
    return moment.isoformat()
