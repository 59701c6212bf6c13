"""CloudEvents 1.0.2 read from HTTP requests in each content mode, validated, and made canonical.

Data is kept as the bytes that came. Rio's own limits are what AMQP leaves room for: 255 bytes for a type,
which is a routing key, and one frame for all attributes; 64 KiB of them pass, as the specification wants.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Never

import msgspec

from broker.cloudevents import attributes as attribute_rules
from broker.cloudevents import http_binding, json_format
from broker.cloudevents.event import NotCloudEvent, Parts
from broker.cloudevents.json_text import json_fault
from broker.cloudevents.media_type import is_json, is_media_type
from observability.http.json_body import refuse_unstorable
from observability.http.problem import Problem

STRUCTURED: Final = json_format.STRUCTURED
BATCH: Final = "application/cloudevents-batch+json"
MAX_BATCH: Final = 500
MAX_TYPE: Final = 255
"""Characters, and bytes, of an event's type."""
MAX_ATTRIBUTES_BYTES: Final = 64 * 1024
"""Bytes of all attributes as HTTP headers, names and percent-encoding included."""
NOT_BEFORE: Final = "notbefore"
"""The extension attribute that schedules an event."""

_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_OVERHEAD: Final = 200  # bytes of an event in RabbitMQ beside its attributes and its data
_HEADER_OVERHEAD: Final = len("ce-: \r\n")

# What nearly every sender's attributes look like: they need neither decoding nor a closer look.
_PLAIN_NEEDED: Final = frozenset({"specversion", "id", "source", "type", "time"})
_MAX_PLAIN: Final = 20
_USUAL: Final = frozenset({*_PLAIN_NEEDED, "subject"})
_PLAIN_NAME: Final = re.compile(r"(?!data)[a-z0-9]{1,20}")
_PLAIN_TEXT: Final = re.compile(r"[!#$&-~ ]{0,199}[!#$&-~]")  # printable ASCII without %-sequences and quotes
_PLAIN_VALUES: Final = {
    "specversion": re.compile(r"1\.0"),
    "type": re.compile(rf"(?=.{{1,200}}$){_TYPE.pattern}"),
    "source": re.compile(r"/[A-Za-z0-9\-._~/]{0,199}"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII),
    "dataschema": re.compile(r"(?!)"),  # a URI is no matter of single characters
}


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event: its attributes as canonical texts, its data as the bytes a sink will get."""

    attributes: Mapping[str, str]
    content_type: str | None
    body: bytes

    @property
    def id(self) -> str:
        return self.attributes.get("id", "")

    @property
    def type(self) -> str:
        return self.attributes.get("type", "")

    @property
    def source(self) -> str:
        return self.attributes.get("source", "")

    @property
    def subject(self) -> str | None:
        return self.attributes.get("subject")

    @property
    def size(self) -> int:
        """About how many bytes it takes in RabbitMQ."""
        return (
            len(self.body)
            + len("".join(self.attributes))
            + len("".join(self.attributes.values()))
            + _OVERHEAD
        )


def parse_binary(headers: Iterable[tuple[str, str]], body: bytes) -> Event:
    """Read one event whose attributes are ce-* headers, or raise Problem."""
    named = {
        lower: value
        for name, value in headers
        if (lower := name.lower()).startswith("ce-") or lower == "content-type"
    }
    try:
        event = _event(http_binding.from_headers(named, body))
    except NotCloudEvent as error:
        _refuse(error)
    if body and event.content_type is not None and is_json(event.content_type):
        require_json(body)
    return event


def parse_structured(body: bytes | msgspec.Raw) -> Event:
    """Read one event that is a JSON document, or raise Problem."""
    try:
        return _event(json_format.from_json(body))
    except NotCloudEvent as error:
        _refuse(error)


def parse_batch(body: bytes) -> list[Event | Problem]:
    """Read a JSON array of events; an element that is refused becomes its Problem.

    Raises Problem when the batch as a whole cannot be taken.
    """
    try:
        documents = json_format.split_batch(body)
    except NotCloudEvent as error:
        _refuse(error)
    if len(documents) > MAX_BATCH:
        raise Problem(413, "Batch too large", detail=f"at most {MAX_BATCH} events in a batch")
    return [_event_or_problem(document) for document in documents]


def make_event(attributes: Mapping[str, str], content_type: str | None, body: bytes) -> Event:
    """An event of these attributes, to which version and time are added, or raise Problem."""
    return _event(Parts({"specversion": "1.0", **attributes}, content_type, body))


def require_json(body: bytes) -> None:
    """Raise Problem 400 unless the bytes are JSON; NaN and Infinity are none."""
    fault = json_fault(body)
    if fault is not None:
        raise _problem(fault, [{"pointer": "#", "detail": fault}])


def read_json(body: bytes) -> Any:
    """Parse a JSON document, or raise Problem 400, also where a number is beyond what Python can hold, or a
    text beyond what PostgreSQL can."""
    require_json(body)
    try:
        document = json.loads(body, parse_float=_finite)
        refuse_unstorable(document)
        return document
    except RecursionError:
        detail = "the JSON is nested too deeply"
    except ValueError as error:
        detail = f"a number cannot be read: {error}"
    raise _problem(detail, [{"pointer": "#", "detail": detail}])


def valid_type(text: str) -> bool:
    """Whether it is an event type."""
    return len(text) <= MAX_TYPE and _TYPE.fullmatch(text) is not None


def read_time(text: str, name: str) -> datetime:
    """The moment an attribute says (RFC 3339), or raise Problem 400."""
    try:
        return attribute_rules.timestamp(text)
    except ValueError:
        detail = "must be an RFC 3339 text"
        raise _problem(detail, [{"pointer": f"#/{name}", "detail": detail}]) from None


def repeated(name: str) -> Problem:
    """The refusal of an event in binary mode that has an attribute twice."""
    detail = "comes more than once"
    return _problem(detail, [{"pointer": f"#/{name[:50]}", "detail": detail}])


def _event_or_problem(document: msgspec.Raw) -> Event | Problem:
    try:
        return parse_structured(document)
    except Problem as problem:
        return problem


def _event(parts: Parts) -> Event:
    """The event, with a time if it had none: a consumer can then always rely on one; or raise Problem."""
    attributes, content_type = parts.attributes, parts.content_type
    if "time" not in attributes:
        attributes["time"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    if not _is_plain(attributes) or (content_type is not None and not is_media_type(content_type)):
        errors = attribute_rules.faults_of(attributes, content_type) or _own_faults(attributes)
        if errors:
            missing = [name for name in attribute_rules.REQUIRED if name not in attributes]
            raise _problem(f"without {', '.join(missing)}" if missing else "attributes are refused", errors)
    return Event(attributes, content_type, parts.data)


def _is_plain(attributes: Mapping[str, str]) -> bool:
    if not attributes.keys() >= _PLAIN_NEEDED or len(attributes) > _MAX_PLAIN:
        return False
    for name, value in attributes.items():
        if not _PLAIN_VALUES.get(name, _PLAIN_TEXT).fullmatch(value):
            return False
        if name not in _USUAL and not _PLAIN_NAME.fullmatch(name):
            return False
    try:
        datetime.fromisoformat(attributes["time"])
    except ValueError:
        return False
    return True


def _own_faults(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """The violations of Rio's own limits, which are narrower than those of CloudEvents."""
    type_ = attributes["type"]
    if not valid_type(type_):
        detail = f"must be words of letters, digits, _ and - joined by dots, at most {MAX_TYPE} characters"
        return [{"pointer": "#/type", "detail": detail}]
    size = sum(
        len(name) + len(http_binding.encoded_header(text)) + _HEADER_OVERHEAD
        for name, text in attributes.items()
    )
    if size > MAX_ATTRIBUTES_BYTES:
        detail = f"the attributes, as HTTP headers, take more than {MAX_ATTRIBUTES_BYTES} bytes"
        return [{"pointer": "#", "detail": detail}]
    return []


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{literal[:20]} is beyond the range of a 64-bit float")
    return number


def _problem(detail: str, errors: list[dict[str, str]]) -> Problem:
    return Problem(400, "Not a CloudEvent", detail=detail, errors=errors)


def _refuse(error: NotCloudEvent) -> Never:
    raise _problem(str(error), error.errors) from None
