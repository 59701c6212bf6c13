"""A subscription: which events go to which sink, and how."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from broker.rio.model.event import Event
from broker.rio.model.filters import NO_FILTERS, Filters
from broker.rio.model.policy import DEFAULT_POLICY, Policy

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
HIDDEN: Final = "..."
"""Stands for the query of a sink."""
OPTIONAL: Final = ("source", "filters", "config")
"""Fields that a PUT may leave out; they keep their values."""


class Status(StrEnum):
    """The state of a subscription: its events are delivered, or queued only."""

    ACTIVE = "active"
    PAUSED = "paused"


class Origin(StrEnum):
    """Where a subscription can be changed."""

    CATALOG = "catalog"
    """In its service's manifest."""
    API = "api"


@dataclass(frozen=True, slots=True)
class Subscription:
    """The field names are those of the CloudEvents Subscriptions API."""

    id: str
    types: tuple[str, ...]
    """Event types; `*` stands for one word, `#` for any number of them."""
    sink: str
    """A path under services nginx, or an absolute http(s) URL."""
    source: str | None = None
    """Only events of this CloudEvents source, or all."""
    filters: Filters = NO_FILTERS
    policy: Policy = DEFAULT_POLICY
    status: Status = Status.ACTIVE
    owner: str = ""
    """The sender that put it, or the service whose manifest declares it."""
    origin: Origin = Origin.API
    reason: str | None = None
    """Why it is paused."""
    secret_version: int = 1
    """Which of its signing secrets is in use."""
    rotated_at: datetime | None = None
    """When the secret before it was superseded."""
    secret_salt: str = ""
    """Another one for each subscription that takes this id, so that none has the secrets of one before it."""
    retired_at: datetime | None = None
    """When it left the catalog, or was last seen to have something waiting since. It gets no more events."""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    def keeping(self, before: "Subscription", given: Collection[str]) -> "Subscription":
        """With what `before` has in the fields of OPTIONAL that are not `given`."""
        return replace(
            self,
            source=self.source if "source" in given else before.source,
            filters=self.filters if "filters" in given else before.filters,
            policy=self.policy if "config" in given else before.policy,
        )

    def is_for(self, event: Event) -> bool:
        """Whether an event of its types is to be delivered, by its source and its filters."""
        return self.source in (None, event.source) and self.filters.match(event)

    @property
    def external(self) -> bool:
        """Whether its sink is outside the platform: not reached through services nginx."""
        return not self.sink.startswith("/")

    @property
    def shown_sink(self) -> str:
        """The sink as every sender may see it: a query often holds a secret."""
        address, mark, _ = self.sink.partition("?")
        return f"{address}{mark}{HIDDEN}" if mark else self.sink

    def document(self, *, hidden: bool = False) -> dict[str, Any]:
        """As the API shows it; `hidden`: without the sink's query."""
        return {
            "id": self.id,
            "types": list(self.types),
            "sink": self.shown_sink if hidden else self.sink,
            "source": self.source,
            "filters": list(self.filters.documents),
            "config": self.policy.model_dump(mode="json"),
            "status": self.status.value,
            "reason": self.reason,
            "owner": self.owner,
            "origin": self.origin.value,
            "retired_at": _timestamp(self.retired_at),
            "created_at": _timestamp(self.created_at),
            "updated_at": _timestamp(self.updated_at),
        }


def is_id(text: str) -> bool:
    """Whether a subscription can have this id."""
    return _ID.fullmatch(text) is not None


def _timestamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
