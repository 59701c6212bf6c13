"""A subscription: which events go to which sink."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from broker.rio.events import SOURCE
from observability.problem import Problem

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_PATTERN: Final = re.compile(r"(?:[A-Za-z0-9_-]+|\*|#)(?:\.(?:[A-Za-z0-9_-]+|\*|#))*")
_SINK: Final = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%][A-Za-z0-9\-._~!$&'()*+,;=:@%/]*")
_FIELDS: Final = frozenset({"id", "types", "sink", "source", "filters", "config"})
_MAX_TYPES: Final = 100
_MAX_PATTERN: Final = 200
_MAX_SINK: Final = 1024


@dataclass(frozen=True, slots=True)
class Subscription:
    """The field names are those of the CloudEvents Subscriptions API."""

    id: str
    types: tuple[str, ...]
    """Event types; `*` stands for one word, `#` for any number of them."""
    sink: str
    """A path under services nginx."""
    source: str | None
    """Only events of this CloudEvents source, or all."""

    def document(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "types": list(self.types),
            "sink": self.sink,
            "source": self.source,
            "filters": [],
            "config": {},
        }


def read_subscription(subscription_id: str, document: Any) -> Subscription:
    """Make a subscription of what a PUT brings, or raise Problem naming every wrong field."""
    if not isinstance(document, Mapping):
        raise Problem(400, "Not a subscription", detail="the document is no JSON object")
    errors = [
        {"pointer": f"#/{field}", "detail": detail}
        for field, detail in (
            ("id", _id_fault(subscription_id, document.get("id"))),
            ("types", _types_fault(document.get("types"))),
            ("sink", _sink_fault(document.get("sink"))),
            ("source", _source_fault(document.get("source"))),
            ("filters", "not supported: must be empty" if document.get("filters") else None),
            ("config", "not supported: must be empty" if document.get("config") else None),
        )
        if detail is not None
    ]
    errors += [
        {"pointer": f"#/{name[:50]}", "detail": "is unknown"} for name in sorted(set(document) - _FIELDS)
    ]
    if errors:
        raise Problem(422, "Not a subscription", detail="fields are refused", errors=errors)
    types = tuple(dict.fromkeys(document["types"]))
    return Subscription(subscription_id, types, document["sink"], document.get("source"))


def valid_id(text: str) -> bool:
    """Whether a subscription can have this id."""
    return _ID.fullmatch(text) is not None


def _id_fault(subscription_id: str, repeated: Any) -> str | None:
    if not valid_id(subscription_id):
        return "must be letters, digits, _ and -, at most 100"
    return None if repeated in (None, subscription_id) else "differs from the address"


def _types_fault(types: Any) -> str | None:
    if not isinstance(types, Sequence) or isinstance(types, str) or not 1 <= len(types) <= _MAX_TYPES:
        return f"must be an array of 1 to {_MAX_TYPES} event types"
    if all(
        isinstance(name, str) and len(name) <= _MAX_PATTERN and _PATTERN.fullmatch(name) for name in types
    ):
        return None
    return "an event type is words of letters, digits, _ and - joined by dots; * and # stand for words"


def _sink_fault(sink: Any) -> str | None:
    if (
        isinstance(sink, str)
        and len(sink) <= _MAX_SINK
        and _SINK.fullmatch(sink)
        and "/../" not in f"{sink}/"
    ):
        return None
    return "must be a path under services nginx, such as /orders/events"


def _source_fault(source: Any) -> str | None:
    if source is None or (isinstance(source, str) and len(source) <= 1024 and SOURCE.fullmatch(source)):
        return None
    return "must be a URI reference of at most 1024 characters, or null"
