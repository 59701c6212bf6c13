"""Services' JSON: refused where readers could read it differently, otherwise passed on byte for byte."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec

#: Deeper than any document of a service; a caller's own parser may stop not far beyond.
MAX_DEPTH = 100

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])
_quick = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

Shape = Callable[[bytes], bytes]
_Pieces = TypeVar("_Pieces")


class BadDocument(ValueError):
    """Bytes that are not one strict JSON document; the message says why, for a person."""


def read(body: bytes) -> Any:
    """The value of a service's JSON document (RFC 8259, UTF-8).

    Raises:
        BadDocument: it is not JSON, not UTF-8, has a member twice, a number that is not finite, or is nested
            deeper than MAX_DEPTH.
    """
    try:
        value = _value(body)
    except BadDocument:
        raise
    except UnicodeDecodeError as error:
        raise BadDocument("the answer is not UTF-8") from error
    except RecursionError as error:
        raise BadDocument("the answer is nested too deeply") from error
    except ValueError as error:
        raise BadDocument("the answer is not JSON") from error
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise BadDocument("the answer is nested too deeply")
    return value


def _value(body: bytes) -> Any:
    try:
        value = _quick(body)
        # What is encoded to the same bytes has no member twice: sooner known than by looking.
        if _encode(value) == body:
            return value
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass  # it may be good all the same: a number beyond 64 bits, for instance
    return _strict(body.decode())


def shape(select: str | Sequence[str] | None, rename: Mapping[str, str] | None) -> Shape | None:
    """A function that makes a part's bytes of an answer's; None if they are the same.

    The members themselves are never decoded: their bytes are moved.

    Parameters:
        select: a member that the part is, or the members it keeps.
        rename: member -> its name in the part; of that member, where `select` is one.
    """
    if isinstance(select, str):
        rest = shape(None, rename) or bytes
        return lambda body: rest(bytes(_member(body, select)))
    names = rename or {}
    if select is None and not names:
        return None
    kept = None if select is None else frozenset(select)

    def pick(body: bytes) -> bytes:
        if body.lstrip()[:1] == b"[":
            return b"[" + b",".join([pick(bytes(each)) for each in _apart(_elements, body)]) + b"]"
        chosen = [(names.get(k, k), v) for k, v in members(body).items() if kept is None or k in kept]
        if len({name for name, _ in chosen}) < len(chosen):
            raise BadDocument("two members of the answer would have the same name")
        return join(chosen)

    return pick


def members(body: bytes) -> dict[str, msgspec.Raw]:
    """The members of an object as they stand in a document that `read` took.

    Raises:
        BadDocument: it is not an object, or has a text that is no Unicode, such as `"\\ud800"`.
    """
    return _apart(_members, body)


def join(members: Sequence[tuple[str, bytes | msgspec.Raw]]) -> bytes:
    """An object of names and the bytes of their values."""
    return b"{" + b",".join([_encode(name) + b":" + bytes(value) for name, value in members]) + b"}"


def encode(value: Any) -> bytes:
    """A value of our own as JSON."""
    return _encode(value)


def _apart(decoder: msgspec.json.Decoder[_Pieces], body: bytes) -> _Pieces:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadDocument("the answer is not an object") from error
    except msgspec.DecodeError as error:  # `read` passes half a surrogate pair on, as it came
        raise BadDocument("the answer has a text that is no Unicode") from error


def _member(body: bytes, name: str) -> msgspec.Raw:
    found = members(body).get(name)
    if found is None:
        raise BadDocument(f"the answer has no {name}")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadDocument("the answer has a member twice")
    return members


def _finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _not_finite(literal)


def _not_finite(literal: str) -> NoReturn:
    raise BadDocument(f"{literal[:20]} is not a finite number")


_strict = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_not_finite).decode


def _depth(value: Any) -> int:
    """How deep containers are nested, without recursion."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth
