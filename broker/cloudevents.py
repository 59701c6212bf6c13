"""CloudEvents 1.0.2: what an attribute may be, and how HTTP headers and JSON say an event.

Data stays the bytes it is: JSON is checked and cut out of its envelope, not read and written anew.
https://github.com/cloudevents/spec/tree/v1.0.2/cloudevents
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import quote, unquote_to_bytes

import msgspec

from observability.validation.grammar import is_timestamp, is_uri, is_uri_reference
from observability.validation.json_pointer import escape

STRUCTURED: Final = "application/cloudevents+json"
REQUIRED: Final = ("specversion", "id", "source", "type")
MAX_NAME: Final = 252
"""Characters of an attribute's name: with `ce-` before it, it has to fit AMQP's 255 bytes."""

_NAME: Final = re.compile(rf"(?!data\Z)[a-z0-9]{{1,{MAX_NAME}}}")
_STRINGS: Final = frozenset({*REQUIRED, "datacontenttype", "dataschema", "subject", "time"})
_NEVER_EMPTY: Final = frozenset({"id", "type", "subject"})
_NONCHARACTERS: Final = "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
_FORBIDDEN: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")
_INTEGERS: Final = range(-(2**31), 2**31)
_SHOWN_NAME: Final = 50
_MAX_INDEXED_BYTES: Final = 1024

# RFC 2046 by way of RFC 9110: type/subtype with parameters. AMQP has 255 bytes for it.
_MAX_MEDIA_TYPE: Final = 255
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE: Final = re.compile(
    rf'{_WORD}/{_WORD}(?:[ \t]*;[ \t]*(?:{_WORD}=(?:{_WORD}|"(?:[^"\\]|\\.)*"))?)*', re.ASCII
)
_JSON_MEDIA_TYPE: Final = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE)

_LEAP_SECOND: Final = re.compile(r":60(\.\d+)?")

# The HTTP binding leaves printable ASCII as it is, but for space, double quote and percent.
_HEADER_SAFE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
HEADER_PLAIN: Final = re.compile(f"[{re.escape(_HEADER_SAFE)}]*")
"""Texts that are their own header value."""
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")

# A noncharacter: no sender means something by it.
_MASK: Final = "\ufffe".encode()
_ESCAPE: Final = re.compile(rb"\\(?:(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_value: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


_T = TypeVar("_T")


class NotCloudEvent(ValueError):
    """Something is no CloudEvent.

    Attributes:
        errors: JSON pointers to what is wrong, and what is wrong there.
    """

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.errors = [{"pointer": "#", "detail": detail}] if errors is None else errors


@dataclass(frozen=True, slots=True)
class Parts:
    """An event as it was sent: attributes are checked by the type system, their own rules are still to be."""

    attributes: dict[str, str]
    """Canonical texts by name, without datacontenttype."""
    content_type: str | None
    data: bytes


def from_headers(headers: Mapping[str, str], body: bytes) -> Parts:
    """Read an event in binary mode; `headers` by lower-case name, all others than the event's are left out.

    Raises NotCloudEvent: a header cannot be decoded.
    """
    if "ce-datacontenttype" in headers:
        raise _refusal("datacontenttype", "is said by the Content-Type header")
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith("ce-"):
            try:
                attributes[name[3:]] = _decoded_header(value)
            except ValueError as error:
                raise _refusal(name[3:], str(error)) from None
    return Parts(attributes, headers.get("content-type"), body)


def from_json(document: bytes | msgspec.Raw) -> Parts:
    """Read an event in the JSON format. JSON data is what stands in the document, to the byte.

    Raises NotCloudEvent: it is no JSON object, or a member has a type that no attribute can have.
    """
    try:
        members = _split(_members, document)
    except msgspec.ValidationError:
        raise NotCloudEvent("an event is a JSON object") from None
    except _NO_JSON as error:
        raise NotCloudEvent(_reason(error)) from None
    data, encoded = members.pop("data", None), members.pop("data_base64", None)
    attributes: dict[str, str] = {}
    for name, raw in members.items():
        text = _text(name, raw)
        if text is not None:
            attributes[name] = text
    content_type = attributes.pop("datacontenttype", None)
    if encoded is not None and bytes(encoded) != b"null":
        if data is not None and bytes(data) != b"null":
            raise _refusal("data_base64", "data and data_base64 exclude each other")
        return Parts(attributes, content_type, _decoded_base64(encoded))
    if data is None:
        return Parts(attributes, content_type, b"")
    if content_type is None or is_json(content_type):
        return Parts(attributes, content_type or "application/json", bytes(data))
    text = _string(data)
    if text is None:
        raise _refusal("data", f"must be a text, as datacontenttype is {content_type[:100]}")
    return Parts(attributes, content_type, text.encode())


def split_batch(body: bytes) -> list[msgspec.Raw]:
    """The elements of a JSON array, each for `from_json`; raises NotCloudEvent when it is none."""
    try:
        return _split(_elements, body)
    except msgspec.ValidationError:
        raise NotCloudEvent("a batch is a JSON array of events") from None
    except _NO_JSON as error:
        raise NotCloudEvent(_reason(error)) from None


def to_json(attributes: Mapping[str, str], content_type: str | None, data: bytes) -> bytes:
    """An event in the JSON format; JSON data stands in it to the byte, any other in base64."""
    named = dict(attributes) if content_type is None else {**attributes, "datacontenttype": content_type}
    head = _encode(named)[:-1]
    if not data:
        return head + b"}"
    if content_type is not None and is_json(content_type) and json_fault(data) is None:
        return b'%b,"data":%b}' % (head, data)
    return b'%b,"data_base64":"%b"}' % (head, base64.b64encode(data))


def shown_data(content_type: str | None, data: bytes) -> dict[str, Any]:
    """Data as people read it, as members of the JSON format that msgspec encodes.

    JSON is JSON, with its digits and on one line; other text is a text, and what is neither base64.
    """
    shown: dict[str, Any] = {} if content_type is None else {"datacontenttype": content_type}
    if not data:
        return shown
    if content_type is None or is_json(content_type):
        compact = compact_json(data)
        if compact is not None:
            return {**shown, "data": msgspec.Raw(compact)}
    else:
        with contextlib.suppress(UnicodeDecodeError):
            return {**shown, "data": data.decode()}
    return {**shown, "data_base64": base64.b64encode(data).decode()}


def faults_of(attributes: Mapping[str, str], content_type: str | None = None) -> list[dict[str, str]]:
    """The violations of CloudEvents in an event's attributes: a JSON pointer and a reason each."""
    found = [(name, "is required") for name in REQUIRED if name not in attributes]
    for name, text in attributes.items():
        detail = _fault(name, text)
        if detail is not None:
            found.append((name, detail))
    if content_type is not None and not is_media_type(content_type):
        found.append(("datacontenttype", f"must be a media type of at most {_MAX_MEDIA_TYPE} characters"))
    return [_error(name, detail) for name, detail in found]


def encoded_header(text: str) -> str:
    """An attribute's header value: percent-encoded as the HTTP binding says."""
    return quote(text, safe=_HEADER_SAFE)


def indexable(text: str) -> str:
    """An id or a source as a column of an index keeps it: the text, or its SHA-256 where PostgreSQL's B-trees
    (2704 bytes a row, for several such columns) could not hold it."""
    encoded = text.encode(errors="surrogatepass")
    return text if len(encoded) <= _MAX_INDEXED_BYTES else f"sha256:{sha256(encoded).hexdigest()}"


@lru_cache(256)
def is_json(content_type: str) -> bool:
    """Whether a media type declares JSON: its subtype is `json` or ends with `+json`."""
    return _JSON_MEDIA_TYPE.fullmatch(content_type) is not None


@lru_cache(256)
def is_media_type(text: str) -> bool:
    """Whether it is a media type (RFC 2046) of a length that can be carried."""
    return len(text) <= _MAX_MEDIA_TYPE and _MEDIA_TYPE.fullmatch(text) is not None


def timestamp(text: str) -> datetime:
    """The moment of an RFC 3339 text, to the microsecond; a leap second is the last moment before it ends.

    Raises ValueError: it is none, or is in the year 0000, which `datetime` does not have.
    """
    if not is_timestamp(text):
        raise ValueError("is no date and time of RFC 3339")
    return datetime.fromisoformat(_LEAP_SECOND.sub(":59.999999", text.upper()))


def json_fault(body: bytes) -> str | None:
    """Why bytes are no JSON (RFC 8259, UTF-8); None of those that are."""
    try:
        _split(_raw, body)
    except _NO_JSON as error:
        return _reason(error)
    return None


def compact_json(body: bytes) -> bytes | None:
    """JSON without whitespace between its parts, on one line, its numbers and texts as they were; or None."""
    if json_fault(body) is not None:
        return None
    try:
        return msgspec.json.format(body, indent=-1)
    except msgspec.DecodeError:
        return _unmasked(msgspec.json.format(_masked(body), indent=-1))


def _split(read: Callable[[bytes | msgspec.Raw], _T], document: bytes | msgspec.Raw) -> _T:
    """Cut JSON into pieces that stay as they are; raises one of _NO_JSON.

    msgspec does not look whether texts that it passes are UTF-8, and takes no escape of a lone surrogate,
    which JSON allows: such escapes are masked while it reads.
    """
    try:
        if isinstance(document, bytes) and not document.isascii():
            document.decode()
        return read(document)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        body = bytes(document)
        masked = _masked(body)
        if masked == body:
            raise
        restored: _T = _restored(read(masked))
        return restored


def _masked(body: bytes) -> bytes:
    """JSON with a character that is not in it for the backslash of each surrogate's escape."""
    return body if _MASK in body else _ESCAPE.sub(_mask, body)


def _mask(escape: re.Match[bytes]) -> bytes:
    return _MASK + escape[1] if escape[1] else escape[0]


def _unmasked(body: bytes) -> bytes:
    return body.replace(_MASK, b"\\")


def _restored(pieces: Any) -> Any:
    """The pieces of masked JSON as they were."""
    if isinstance(pieces, dict):
        return {name: _restored(piece) for name, piece in pieces.items()}
    if isinstance(pieces, list):
        return [_restored(piece) for piece in pieces]
    return msgspec.Raw(_unmasked(bytes(pieces)))


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"no JSON: byte {error.start} is no UTF-8"
    return f"no JSON: {error}"


def _text(name: str, raw: msgspec.Raw) -> str | None:
    """The canonical text of a member (CloudEvents' type system); None of one that is null, and so absent."""
    try:
        value = _value(raw)
    except _NO_JSON:
        value = ...
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if name in _STRINGS:
        raise _refusal(name, "must be a text")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value in _INTEGERS:
        return str(value)
    raise _refusal(name, "must be a text, a boolean or a 32-bit integer")


def _string(raw: msgspec.Raw) -> str | None:
    try:
        value: Any = _value(raw)
    except _NO_JSON:
        return None
    return value if isinstance(value, str) else None


def _decoded_base64(raw: msgspec.Raw) -> bytes:
    text = _string(raw)
    try:
        return base64.b64decode(text or "!", validate=True) if text != "" else b""
    except (binascii.Error, ValueError):
        raise _refusal("data_base64", "must be base64 text") from None


def _decoded_header(value: str) -> str:
    """Undo quoting and then percent-encoding, each once; raises ValueError."""
    if not value.isascii():
        raise ValueError("header values are percent-encoded ASCII")
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = _ESCAPED.sub(r"\1", quoted[1])
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise ValueError("is percent-encoded, but not UTF-8") from None


def _fault(name: str, text: str) -> str | None:
    if _NAME.fullmatch(name) is None:
        return f"is no attribute name: lower-case letters and digits, at most {MAX_NAME}"
    if _FORBIDDEN.search(text):
        return "holds characters CloudEvents forbids"
    if name in _NEVER_EMPTY and not text:
        return "must not be empty"
    if name == "specversion" and text != "1.0":
        return "must be 1.0"
    if name == "source" and not is_uri_reference(text):
        return "must be a URI reference"
    if name == "dataschema" and not is_uri(text):
        return "must be a URI"
    if name == "time" and not is_timestamp(text):
        return "must be an RFC 3339 text"
    return None


def _error(name: str, detail: str) -> dict[str, str]:
    """An error at an attribute; its name is cut short and, as RFC 6901 says, escaped."""
    shown = escape(name[:_SHOWN_NAME].encode(errors="replace").decode())
    return {"pointer": f"#/{shown}", "detail": detail}


def _refusal(name: str, detail: str) -> NotCloudEvent:
    return NotCloudEvent(detail, [_error(name, detail)])
