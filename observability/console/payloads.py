"""Hides event bodies, and what receivers answered to them, in Rio's answers.

Events may be about people. Their CloudEvents attributes are shown, for these are meant to be seen by
intermediaries (CloudEvents 1.0, "Privacy and Security"); their data is not. Neither is the beginning of a
receiver's answer, which often repeats what it was sent.
"""

from typing import Any, Final

import msgspec

from observability.http.problem import Problem

MEMBERS: Final = frozenset({"data", "data_base64", "response", "body"})
"""Members that are hidden wherever they are in an answer."""
MAX_LINE_BYTES: Final = 8 * 1024 * 1024
"""A line of Rio's live tail; a longer one is left out."""

_encode: Final = msgspec.json.Encoder().encode


def hide(body: bytes) -> bytes:
    """A JSON document without the members that are hidden; their names are in the member `hidden` beside.

    Members that are empty stay: that a receiver answered nothing says nothing of a person.

    Raises:
        Problem: 502 where the body is no JSON, and what is in it cannot be told.
    """
    try:
        return _encode(_without(msgspec.json.decode(body)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(502, "rio is not available", detail="rio's answer is no JSON") from error


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(one) for one in value]
    if not isinstance(value, dict):
        return value
    hidden = sorted(name for name in MEMBERS & value.keys() if value[name] not in ("", None))
    shown = {name: _without(one) for name, one in value.items() if name not in hidden}
    return {**shown, "hidden": hidden} if hidden else shown


class Lines:
    """Lines of JSON as they come in pieces, which are given on whole."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._is_too_long = False

    def take(self, chunk: bytes, *, is_hidden: bool) -> bytes:
        """The lines that end in this piece, with or without what is to be hidden."""
        *ended, begun = chunk.split(b"\n")
        lines = [self._end(line) for line in ended]
        self._begin(begun)
        return b"".join((hide(line) if is_hidden else line) + b"\n" for line in lines if line)

    def _end(self, rest: bytes) -> bytes:
        self._begin(rest)
        line, is_too_long = bytes(self._begun), self._is_too_long
        self._begun.clear()
        self._is_too_long = False
        return b'{"dropped":1}' if is_too_long else line

    def _begin(self, piece: bytes) -> None:
        if len(self._begun) + len(piece) > MAX_LINE_BYTES:
            self._is_too_long = True
            self._begun.clear()
        if not self._is_too_long:
            self._begun += piece
