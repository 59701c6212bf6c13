"""CloudEvents' JSON format: one event a document, or a batch as an array.

JSON data stays the bytes it is: it is checked and cut out of its envelope, not read and written anew.
"""

import base64
import binascii
import contextlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from broker.cloudevents.attributes import REQUIRED
from broker.cloudevents.event import NotCloudEvent, Parts, refusal
from broker.cloudevents.json_text import NO_JSON, compact_json, json_fault, reason, split
from broker.cloudevents.media_type import is_json

STRUCTURED: Final = "application/cloudevents+json"
_STRINGS: Final = frozenset({*REQUIRED, "datacontenttype", "dataschema", "subject", "time"})
_INTEGERS: Final = range(-(2**31), 2**31)

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_value: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


def from_json(document: bytes | msgspec.Raw) -> Parts:
    """Read an event in the JSON format. JSON data is what stands in the document, to the byte.

    Raises NotCloudEvent: it is no JSON object, or a member has a type that no attribute can have.
    """
    try:
        members = split(_members, document)
    except msgspec.ValidationError:
        raise NotCloudEvent("an event is a JSON object") from None
    except NO_JSON as error:
        raise NotCloudEvent(reason(error)) from None
    data, encoded = members.pop("data", None), members.pop("data_base64", None)
    attributes: dict[str, str] = {}
    for name, raw in members.items():
        text = _text(name, raw)
        if text is not None:
            attributes[name] = text
    content_type = attributes.pop("datacontenttype", None)
    if encoded is not None and bytes(encoded) != b"null":
        if data is not None and bytes(data) != b"null":
            raise refusal("data_base64", "data and data_base64 exclude each other")
        return Parts(attributes, content_type, _decoded_base64(encoded))
    if data is None:
        return Parts(attributes, content_type, b"")
    if content_type is None or is_json(content_type):
        return Parts(attributes, content_type or "application/json", bytes(data))
    text = _string(data)
    if text is None:
        raise refusal("data", f"must be a text, as datacontenttype is {content_type[:100]}")
    return Parts(attributes, content_type, text.encode())


def split_batch(body: bytes) -> list[msgspec.Raw]:
    """The elements of a JSON array, each for `from_json`; raises NotCloudEvent when it is none."""
    try:
        return split(_elements, body)
    except msgspec.ValidationError:
        raise NotCloudEvent("a batch is a JSON array of events") from None
    except NO_JSON as error:
        raise NotCloudEvent(reason(error)) from None


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


def _text(name: str, raw: msgspec.Raw) -> str | None:
    """The canonical text of a member (CloudEvents' type system); None of one that is null, and so absent."""
    try:
        value = _value(raw)
    except NO_JSON:
        value = ...
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if name in _STRINGS:
        raise refusal(name, "must be a text")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value in _INTEGERS:
        return str(value)
    raise refusal(name, "must be a text, a boolean or a 32-bit integer")


def _string(raw: msgspec.Raw) -> str | None:
    try:
        value: Any = _value(raw)
    except NO_JSON:
        return None
    return value if isinstance(value, str) else None


def _decoded_base64(raw: msgspec.Raw) -> bytes:
    text = _string(raw)
    try:
        return base64.b64decode(text or "!", validate=True) if text != "" else b""
    except (binascii.Error, ValueError):
        raise refusal("data_base64", "must be base64 text") from None
