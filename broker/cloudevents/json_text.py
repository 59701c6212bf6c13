"""JSON that stays as it is: checked and cut into pieces, its numbers and texts not read and written anew."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

# A noncharacter: no sender means something by it.
_MASK: Final = "\ufffe".encode()
_ESCAPE: Final = re.compile(rb"\\(?:(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The errors of reading bytes that are no JSON."""

_raw: Final = msgspec.json.Decoder(msgspec.Raw).decode
_T = TypeVar("_T")


def json_fault(body: bytes) -> str | None:
    """Why bytes are no JSON (RFC 8259, UTF-8); None of those that are."""
    try:
        split(_raw, body)
    except NO_JSON as error:
        return reason(error)
    return None


def compact_json(body: bytes) -> bytes | None:
    """JSON without whitespace between its parts, on one line, its numbers and texts as they were; or None."""
    if json_fault(body) is not None:
        return None
    try:
        return msgspec.json.format(body, indent=-1)
    except msgspec.DecodeError:
        return _unmasked(msgspec.json.format(_masked(body), indent=-1))


def split(read: Callable[[bytes | msgspec.Raw], _T], document: bytes | msgspec.Raw) -> _T:
    """Cut JSON into pieces that stay as they are; raises one of NO_JSON.

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


def reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"no JSON: byte {error.start} is no UTF-8"
    return f"no JSON: {error}"


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
