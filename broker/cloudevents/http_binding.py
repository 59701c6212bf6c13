"""CloudEvents' HTTP binding in binary mode: attributes as headers, data as the body."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from broker.cloudevents.event import Parts, refusal

# The HTTP binding leaves printable ASCII as it is, but for space, double quote and percent.
_HEADER_SAFE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
UNENCODED: Final = re.compile(f"[{re.escape(_HEADER_SAFE)}]*")
"""Texts that percent-encoding leaves as they are."""
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")


def from_headers(headers: Mapping[str, str], body: bytes) -> Parts:
    """Read an event in binary mode.

    Args:
        headers: by lower-case name; those that are no attribute are left out.

    Raises:
        NotCloudEvent: a header cannot be decoded.
    """
    if "ce-datacontenttype" in headers:
        raise refusal("datacontenttype", "is said by the Content-Type header")
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        if name.startswith("ce-"):
            try:
                attributes[name[3:]] = _decoded_header(value)
            except ValueError as error:
                raise refusal(name[3:], str(error)) from None
    return Parts(attributes, headers.get("content-type"), body)


def encoded_header(text: str) -> str:
    """The header value of an attribute: percent-encoded as the binding says."""
    return quote(text, safe=_HEADER_SAFE)


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
