"""Parses the JSON document of a subscription, as a PUT or a service's manifest has it."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import ValidationError

from broker.rio.model.filters import NO_FILTERS, FilterError, Filters, read_filters
from broker.rio.model.pattern import is_pattern
from broker.rio.model.policy import DEFAULT_POLICY, Policy
from broker.rio.model.subscription import Origin, Status, Subscription, is_id
from observability.http.problem import Problem
from observability.validation.grammar import is_uri_reference

_PATH: Final = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%][A-Za-z0-9\-._~!$&'()*+,;=:@%/]*")
_TARGET: Final = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-.]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_FIELDS: Final = frozenset({"id", "types", "sink", "source", "filters", "config", "status"})
_READ_ONLY: Final = frozenset({"owner", "reason", "created_at", "updated_at", "origin", "retired_at"})
MAX_TYPES: Final = 100
_MAX_SINK: Final = 1024
_MAX_SOURCE: Final = 1024
_MAX_UNKNOWN: Final = 100


def read_subscription(
    subscription_id: str, document: Any, owner: str = "", origin: Origin = Origin.API
) -> Subscription:
    """Parse a subscription; read-only fields are ignored, so that the document of a GET can be put back.

    Raises:
        Problem: 400, it is no object; 422, with an error for every wrong field.
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
    unknown = sorted(set(document) - _FIELDS - _READ_ONLY)[:_MAX_UNKNOWN]
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


def _filters(document: Any, errors: list[dict[str, str]]) -> Filters:
    try:
        return read_filters([] if document is None else document)
    except FilterError as error:
        errors += [{"pointer": f"#/filters{pointer}", "detail": detail} for pointer, detail in error.errors]
        return NO_FILTERS


def _policy(document: Any, errors: list[dict[str, str]]) -> Policy:
    try:
        # By way of JSON: messages then speak of arrays and objects, not of Python's types.
        return Policy.model_validate_json(json.dumps({} if document is None else document))
    except ValidationError as error:
        errors += [
            {
                "pointer": "/".join(["#/config", *(str(part)[:50] for part in found["loc"])]),
                "detail": found["msg"],
            }
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        return DEFAULT_POLICY


def _id_fault(subscription_id: str, repeated: Any) -> str | None:
    if not is_id(subscription_id):
        return "must be letters, digits, _ and -, at most 100"
    return None if repeated in (None, subscription_id) else "differs from the address"


def _types_fault(types: Any) -> str | None:
    if not isinstance(types, Sequence) or isinstance(types, str) or not 1 <= len(types) <= MAX_TYPES:
        return f"must be an array of 1 to {MAX_TYPES} event types"
    if all(isinstance(name, str) and is_pattern(name) for name in types):
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
