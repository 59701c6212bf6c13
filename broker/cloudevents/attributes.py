"""The rules of CloudEvents' attributes: names, characters, and the syntax of each value."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from broker.cloudevents.event import fault_at
from broker.cloudevents.media_type import MAX_MEDIA_TYPE, is_media_type
from observability.validation.grammar import is_timestamp, is_uri, is_uri_reference

REQUIRED: Final = ("specversion", "id", "source", "type")
MAX_NAME: Final = 252
"""Characters of an attribute's name: with `ce-` before it, it has to fit AMQP's 255 bytes."""

_NAME: Final = re.compile(rf"(?!data\Z)[a-z0-9]{{1,{MAX_NAME}}}")
_NEVER_EMPTY: Final = frozenset({"id", "type", "subject"})
_NONCHARACTERS: Final = "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
_FORBIDDEN: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NONCHARACTERS}]")
_LEAP_SECOND: Final = re.compile(r":60(\.\d+)?")


def faults_of(attributes: Mapping[str, str], content_type: str | None = None) -> list[dict[str, str]]:
    """The violations of CloudEvents in an event's attributes: a JSON pointer and a reason each."""
    found = [(name, "is required") for name in REQUIRED if name not in attributes]
    for name, text in attributes.items():
        detail = _fault(name, text)
        if detail is not None:
            found.append((name, detail))
    if content_type is not None and not is_media_type(content_type):
        found.append(("datacontenttype", f"must be a media type of at most {MAX_MEDIA_TYPE} characters"))
    return [fault_at(name, detail) for name, detail in found]


def timestamp(text: str) -> datetime:
    """Parse an RFC 3339 text, to the microsecond; a leap second becomes the last microsecond before its end.

    Raises:
        ValueError: it is none, or is in the year 0000, which `datetime` does not have.
    """
    if not is_timestamp(text):
        raise ValueError("is no date and time of RFC 3339")
    return datetime.fromisoformat(_LEAP_SECOND.sub(":59.999999", text.upper()))


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
