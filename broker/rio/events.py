"""CloudEvents 1.0 at Rio's door: read from HTTP in each content mode, checked, made canonical.

What passes here can be carried by AMQP and by the headers of any webhook: the limits below are what
RabbitMQ's routing keys (255 bytes) and an HTTP server's header buffers (8 KiB) leave room for.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Never
from urllib.parse import quote

from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.exceptions import BaseCloudEventException, CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from observability.problem import Problem

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
MAX_BATCH: Final = 500
NOT_BEFORE: Final = "notbefore"
"""The extension attribute that schedules an event."""

_TYPE: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

_MAX_CHARACTERS: Final = {"id": 255, "type": 200, "source": 1024, "subject": 1024}
_MAX_OTHER_CHARACTERS: Final = 1024
_MAX_NAME: Final = 20
_MAX_ATTRIBUTES: Final = 40
_MAX_ENCODED_BYTES: Final = 6144
_REQUIRED: Final = ("specversion", "id", "source", "type")
SOURCE: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_PLAIN_NEEDED: Final = frozenset(_REQUIRED)
_MAX_PLAIN: Final = 20
_USUAL: Final = frozenset({"specversion", "id", "source", "type", "subject", "time"})
_PLAIN_NAME: Final = re.compile(r"(?!data)[a-z0-9]{1,20}")
_PLAIN_TEXT: Final = re.compile(r"[!#$&-~ ]{0,199}[!#$&-~]")  # printable ASCII without %-sequences and quotes
_PLAIN_VALUES: Final = {
    "specversion": re.compile(r"1\.0"),
    "type": re.compile(rf"(?=.{{1,{_MAX_CHARACTERS['type']}}}$){_TYPE.pattern}"),
    "source": re.compile(r"[A-Za-z0-9\-._~:/?#@&=+,]{1,200}"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z", re.ASCII),
    "dataschema": re.compile(r"(?!)"),  # a URI is the package's to check
}
_JSON_MEDIA: Final = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


_decoder: Final = json.JSONDecoder(parse_constant=_no_constant)
_encoder: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event: its attributes as text, its data as the bytes a sink will get."""

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


def parse_binary(headers: Iterable[tuple[str, str]], body: bytes) -> Event:
    """Read one event whose attributes are ce-* headers, or raise Problem. The body stays as it came."""
    named = {
        lower: value
        for name, value in headers
        if (lower := name.lower()).startswith("ce-") or lower == "content-type"
    }
    event = _plain(named, body) or _read_binary(named, body)
    if body and event.content_type is not None and _is_json(event.content_type):
        read_json(body)
    return event


def _plain(named: Mapping[str, str], body: bytes) -> Event | None:
    """The event of headers that are plain, None of any others."""
    content_type = named.get("content-type")
    if content_type is not None and not _PLAIN_TEXT.fullmatch(content_type):
        return None
    attributes = _plain_attributes(
        {name[3:]: value for name, value in named.items() if name != "content-type"}
    )
    return None if attributes is None else Event(attributes, content_type, body)


def _plain_attributes(attributes: dict[str, Any]) -> dict[str, str] | None:
    """Attributes that need no decoding and no repair, which nearly every sender's are, with a time; None of
    any others. The package takes five times as long, most of it for building what is not used."""
    if not attributes.keys() >= _PLAIN_NEEDED or len(attributes) > _MAX_PLAIN:
        return None
    for name, value in attributes.items():
        if type(value) is not str or not _PLAIN_VALUES.get(name, _PLAIN_TEXT).fullmatch(value):
            return None
        if name not in _USUAL and not _PLAIN_NAME.fullmatch(name):
            return None
    try:
        time = datetime.fromisoformat(attributes["time"]) if "time" in attributes else datetime.now(UTC)
    except ValueError:
        return None
    attributes["time"] = _text("time", time)
    return attributes


def _read_binary(named: dict[str, str], body: bytes) -> Event:
    if odd := [name for name, value in named.items() if not value.isascii()]:
        _refuse("header values are percent-encoded ASCII", "#/" + odd[0].removeprefix("ce-"))
    if "ce-datacontenttype" in named:
        _refuse("is said by the Content-Type header", "#/datacontenttype")
    _require(name.removeprefix("ce-") for name in named)
    content_type = named.pop("content-type", None)
    try:
        attributes = from_binary(HTTPMessage(named, b""), JSONFormat(), CloudEvent).get_attributes()
    except (BaseCloudEventException, ValueError, OverflowError) as error:
        _refuse_invalid(error)
    return Event(_canonical(attributes), _content_type(content_type), body)


def make_event(attributes: Mapping[str, str], content_type: str | None, body: bytes) -> Event:
    """An event of these attributes, to which version and time are added, or raise Problem."""
    whole = {"specversion": "1.0", "time": datetime.now(UTC), **attributes}
    return Event(_canonical(whole), _content_type(content_type), body)


def parse_structured(body: bytes) -> Event:
    """Read one event that is a JSON document, or raise Problem."""
    return event_from_document(read_json(body))


def parse_batch(body: bytes) -> list[Event | Problem]:
    """Read a JSON array of events; an element that is refused becomes its Problem.

    Raises Problem when the batch as a whole cannot be taken.
    """
    documents = read_json(body)
    if not isinstance(documents, list):
        _refuse("a batch is a JSON array of events", "#")
    if len(documents) > MAX_BATCH:
        raise Problem(413, "Batch too large", detail=f"at most {MAX_BATCH} events in a batch")
    return [_event_or_problem(document) for document in documents]


def event_from_document(document: Any) -> Event:
    """Make an event of its JSON format (already parsed), or raise Problem."""
    if not isinstance(document, dict):
        _refuse("an event is a JSON object", "#")
    attributes = {name: value for name, value in document.items() if value is not None}
    _require(attributes)
    data, encoded = attributes.pop("data", None), attributes.pop("data_base64", None)
    if data is not None and encoded is not None:
        _refuse("data and data_base64 exclude each other", "#/data_base64")
    content_type = attributes.pop("datacontenttype", None)
    if content_type is not None and not isinstance(content_type, str):
        _refuse("must be a text", "#/datacontenttype")
    body = _decoded(encoded) if encoded is not None else _encoded(data, content_type)
    if content_type is None and data is not None:
        content_type = "application/json"
    plain = _plain_attributes(attributes)
    if plain is not None:
        return Event(plain, _content_type(content_type), body)
    try:
        attributes["time"] = _time(attributes.get("time"))
        checked = CloudEvent(attributes).get_attributes()
    except (BaseCloudEventException, ValueError, TypeError, OverflowError) as error:
        _refuse_invalid(error)
    return Event(_canonical(checked), _content_type(content_type), body)


def read_json(body: bytes) -> Any:
    """Parse RFC 8259 JSON, or raise Problem; NaN and Infinity are none."""
    try:
        return _decoder.decode(body.decode("utf-8"))
    except RecursionError:
        _refuse("the JSON is nested too deeply", "#")
    except ValueError as error:
        _refuse(f"no JSON: {error}", "#")


def valid_type(text: str) -> bool:
    """Whether it is an event type."""
    return len(text) <= _MAX_CHARACTERS["type"] and _TYPE.fullmatch(text) is not None


def _event_or_problem(document: Any) -> Event | Problem:
    try:
        return event_from_document(document)
    except Problem as problem:
        return problem


def _require(names: Any) -> None:
    present = set(names)
    if missing := [name for name in _REQUIRED if name not in present]:
        errors = [{"pointer": f"#/{name}", "detail": "is required"} for name in missing]
        raise Problem(400, "Not a CloudEvent", detail=f"without {', '.join(missing)}", errors=errors)


def read_time(value: Any, name: str) -> datetime:
    """The time an attribute says (RFC 3339), or raise Problem."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        _refuse("must be an RFC 3339 text", f"#/{name}")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        _refuse("must be an RFC 3339 text", f"#/{name}")


def _time(value: Any) -> datetime:
    """The event's own time, or now: a consumer can then always rely on one."""
    return datetime.now(UTC) if value is None else read_time(value, "time")


@lru_cache(256)
def _is_json(content_type: str) -> bool:
    return _JSON_MEDIA.fullmatch(content_type) is not None


def _decoded(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        _refuse("must be base64 text", "#/data_base64")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        _refuse("must be base64 text", "#/data_base64")


def _encoded(data: Any, content_type: str | None) -> bytes:
    if data is None:
        return b""
    if content_type is not None and not _is_json(content_type):
        if not isinstance(data, str):
            _refuse(f"must be a text, as datacontenttype is {content_type}", "#/data")
        return _utf8(data)
    try:
        return _encoder.encode(data).encode()
    except ValueError:
        _refuse("holds a number beyond what JSON can say", "#/data")


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        _refuse("is no Unicode text", "#/data")


def _canonical(attributes: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: _text(name, value) for name, value in attributes.items()}
    errors = [error for name, text in texts.items() for error in _faults(name, text)]
    if len(texts) > _MAX_ATTRIBUTES:
        errors.append({"pointer": "#", "detail": f"more than {_MAX_ATTRIBUTES} attributes"})
    if not errors and sum(len(quote(text)) for text in texts.values()) > _MAX_ENCODED_BYTES:
        detail = f"the attributes, percent-encoded, take more than {_MAX_ENCODED_BYTES} bytes"
        errors.append({"pointer": "#", "detail": detail})
    if errors:
        raise Problem(400, "Not a CloudEvent", detail="attributes are refused", errors=errors)
    return texts


def _text(name: str, value: Any) -> str:
    """The canonical text of an attribute's value (CloudEvents 1.0, type system)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _refuse("must be a text, a boolean or a 32-bit integer", f"#/{name[:_MAX_NAME]}")


def _faults(name: str, text: str) -> list[dict[str, str]]:
    limit = _MAX_CHARACTERS.get(name, _MAX_OTHER_CHARACTERS)
    details = []
    if len(name) > _MAX_NAME:
        details.append(f"the name is longer than {_MAX_NAME} characters")
    if len(text) > limit:
        details.append(f"longer than {limit} characters")
    if _FORBIDDEN.search(text):
        details.append("holds characters CloudEvents forbids")
    if name == "type" and not _TYPE.fullmatch(text):
        details.append("must be words of letters, digits, _ and - joined by dots")
    if name == "source" and not SOURCE.fullmatch(text):
        details.append("must be a URI reference")
    return [{"pointer": f"#/{name[:_MAX_NAME]}", "detail": detail} for detail in details]


def _content_type(text: str | None) -> str | None:
    if text is not None and (len(text) > 255 or not text.isascii() or _FORBIDDEN.search(text)):
        _refuse("must be a media type of at most 255 characters", "#/datacontenttype")
    return text


def _refuse(detail: str, pointer: str) -> Never:
    errors = [{"pointer": pointer, "detail": detail}]
    raise Problem(400, "Not a CloudEvent", detail=detail, errors=errors) from None


def _refuse_invalid(error: Exception) -> Never:
    """Name what the cloudevents package found, attribute by attribute."""
    if not isinstance(error, CloudEventValidationError):
        _refuse(f"an attribute cannot be read: {error}", "#")
    errors = [
        {"pointer": f"#/{name[:_MAX_NAME]}", "detail": str(found)[:300]}
        for name, all_found in error.errors.items()
        for found in all_found
    ]
    raise Problem(400, "Not a CloudEvent", detail="attributes are refused", errors=errors) from error
