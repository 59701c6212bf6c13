"""A subscription: which events go to which sink, and how."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationError

from broker.rio.model.event import MAX_TYPE, Event
from broker.rio.model.filters import FilterError, Filters, read_filters
from broker.rio.model.policy import Policy
from observability.http.problem import Problem
from observability.validation.grammar import is_uri_reference

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_PATTERN: Final = re.compile(r"(?:[A-Za-z0-9_-]+|\*|#)(?:\.(?:[A-Za-z0-9_-]+|\*|#))*")
_PATH: Final = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%][A-Za-z0-9\-._~!$&'()*+,;=:@%/]*")
_TARGET: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-.]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_FIELDS: Final = frozenset({"id", "types", "sink", "source", "filters", "config", "status"})
_READ_ONLY: Final = frozenset({"owner", "reason", "created_at", "updated_at", "origin", "retired_at"})
HIDDEN: Final = "..."
"""Stands for the query of a sink."""
OPTIONAL: Final = ("source", "filters", "config")
"""What stays as it is in a subscription when a PUT leaves it out."""
MAX_TYPES: Final = 100
_MAX_SINK: Final = 1024
_MAX_SOURCE: Final = 1024
_DEFAULT_POLICY: Final = Policy()
_NO_FILTERS: Final = Filters()


class Status(StrEnum):
    """Whether a subscription's events are delivered; they are queued either way."""

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
    filters: Filters = _NO_FILTERS
    policy: Policy = _DEFAULT_POLICY
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


def read_subscription(
    subscription_id: str, document: Any, owner: str = "", origin: Origin = Origin.API
) -> Subscription:
    """Make a subscription of what a PUT brings, or raise Problem naming every wrong field.

    Read-only fields are let pass unread, so that what GET gave can be changed and put back.
    """
    if not isinstance(document, Mapping):
        raise Problem(400, "Not a subscription", detail="the document is no JSON object")
    errors = [
        {"pointer": f"#/{field}", "detail": detail}
        for field, detail in (
            ("id", _id_fault(subscription_id, document.get("id"))),
            ("types", _types_fault(document.get("types"))),
            ("sink", _sink_fault(document.get("sink"))),
            ("source", _source_fault(document.get("source"))),
            ("status", _status_fault(document)),
        )
        if detail is not None
    ]
    filters = _filters(document.get("filters"), errors)
    policy = _policy(document.get("config"), errors)
    unknown = sorted(set(document) - _FIELDS - _READ_ONLY)
    errors += [{"pointer": f"#/{name[:50]}", "detail": "is unknown"} for name in unknown]
    if errors:
        raise Problem(422, "Not a subscription", detail="fields are refused", errors=errors)
    return Subscription(
        subscription_id,
        tuple(dict.fromkeys(document["types"])),
        document["sink"],
        document.get("source"),
        filters,
        policy,
        Status(document.get("status", Status.ACTIVE)),
        owner,
        origin,
    )


def valid_id(text: str) -> bool:
    """Whether a subscription can have this id."""
    return _ID.fullmatch(text) is not None


def valid_pattern(text: str) -> bool:
    """Whether it is a pattern of event types."""
    return len(text) <= MAX_TYPE and _PATTERN.fullmatch(text) is not None


def _filters(document: Any, errors: list[dict[str, str]]) -> Filters:
    try:
        return read_filters([] if document is None else document)
    except FilterError as error:
        errors += [{"pointer": f"#/filters{pointer}", "detail": detail} for pointer, detail in error.errors]
        return _NO_FILTERS


def _policy(document: Any, errors: list[dict[str, str]]) -> Policy:
    try:
        # By way of JSON: strict reading then takes an array for a tuple, and nothing else for what it is not.
        return Policy.model_validate_json(json.dumps({} if document is None else document))
    except ValidationError as error:
        errors += [
            {
                "pointer": "/".join(["#/config", *(str(part)[:50] for part in found["loc"])]),
                "detail": found["msg"],
            }
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        return _DEFAULT_POLICY


def _id_fault(subscription_id: str, repeated: Any) -> str | None:
    if not valid_id(subscription_id):
        return "must be letters, digits, _ and -, at most 100"
    return None if repeated in (None, subscription_id) else "differs from the address"


def _types_fault(types: Any) -> str | None:
    if not isinstance(types, Sequence) or isinstance(types, str) or not 1 <= len(types) <= MAX_TYPES:
        return f"must be an array of 1 to {MAX_TYPES} event types"
    if all(isinstance(name, str) and valid_pattern(name) for name in types):
        return None
    return "an event type is words of letters, digits, _ and - joined by dots; * and # stand for words"


def _sink_fault(sink: Any) -> str | None:
    if isinstance(sink, str) and len(sink) <= _MAX_SINK:
        if _PATH.fullmatch(sink) and "/../" not in f"{sink}/":
            return None
        if sink.startswith(("http://", "https://")) and _is_url(sink):
            return None
    return "must be a path under services nginx, such as /orders/events, or an absolute http(s) URL"


def _is_url(text: str) -> bool:
    """Whether it names a host and holds neither credentials nor a fragment."""
    try:
        parts: SplitResult = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return (
        _HOST.fullmatch(host) is not None
        and port != 0
        and "@" not in parts.netloc
        and "#" not in text
        and _TARGET.fullmatch(parts.path + parts.query) is not None
    )


def _source_fault(source: Any) -> str | None:
    if source is None:
        return None
    if isinstance(source, str) and len(source) <= _MAX_SOURCE and is_uri_reference(source):
        return None
    return f"must be a URI reference of at most {_MAX_SOURCE} characters, or null"


def _status_fault(document: Mapping[str, Any]) -> str | None:
    if "status" not in document or document["status"] in tuple(Status):
        return None
    return f"must be one of {', '.join(Status)}"


def _timestamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
