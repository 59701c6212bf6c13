"""Request bodies: bytes to a JSON object, or the problem that says why not.

Replaces what each framework has for it (Flask's `get_json`, FastAPI's body models, Tornado's and Django's
nothing), which differ in what they take: a member that is there twice, NaN, U+0000, no limit (pytest
observability/frameworks/tests -k bodies). To be dropped when one validator does so for all of them.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from email.message import Message
from itertools import islice
from typing import Any, Final, NamedTuple, NoReturn

from observability.http.problem import Problem
from observability.postgresql.text import is_storable
from observability.settings import SettingsError
from observability.validation.json_pointer import escape


def max_body_bytes(environ: Mapping[str, str]) -> int:
    """The limit that MAX_BODY_BYTES gives: the platform's, so that no service refuses what the edge lets
    through. Without it: 1 MiB as an event, in base64 and with its attributes.

    Raises:
        SettingsError: it is no positive number.
    """
    text = environ.get("MAX_BODY_BYTES") or str(1024 * 1024 * 4 // 3 + 128 * 1024)
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"MAX_BODY_BYTES: {text[:100]!r} is not a positive number of bytes")
    return int(text)


MAX_BODY_BYTES: Final = max_body_bytes(os.environ)
#: Of a Content-Type that is read: `email` takes the square of its length.
MAX_MEDIA_TYPE = 256
MAX_ERRORS = 20
#: Characters of the pointer of an error.
MAX_POINTER = 1000


def parse_object(body: bytes, content_type: str | None) -> dict[str, Any]:
    """Read a request body that has to be a JSON object (RFC 8259, UTF-8).

    Args:
        body: the bytes as they came.
        content_type: the request's Content-Type: application/json or application/*+json.

    Raises:
        Problem: 413 over MAX_BODY_BYTES; 415 for another media type or charset; 400 for what is no JSON
            object, is not UTF-8, has a member twice, a number that is not finite, or text PostgreSQL cannot
            store (U+0000) or UTF-8 cannot carry (lone surrogates), with pointers to it.
    """
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    _require_json(content_type)
    try:
        document = _decode(body.decode("utf-8"))
        if isinstance(document, dict) and (b"\\u" in body or b"\0" in body):
            refuse_unstorable(document)
    except UnicodeDecodeError as error:
        _malformed(f"The body is not UTF-8: byte {error.start} cannot be decoded.", error)
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:
        _malformed(f"The body cannot be read as JSON: {error}.", error)
    if not isinstance(document, dict):
        raise Problem(400, "Malformed body", detail="The body has to be a JSON object.")
    return document


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members: an `object_pairs_hook` for `json` that takes no name twice.

    Readers differ in which of the two they take (RFC 8259, section 4): one could be checked, the other used.

    Raises:
        ValueError: a name stands twice in the object.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the member {json.dumps(name[:100])} is there twice")
    return members


def too_large() -> Problem:
    """The answer to a body over the limit."""
    return Problem(413, "Body too large", detail=f"A body has at most {MAX_BODY_BYTES} bytes.")


def too_deep() -> Problem:
    """The answer to a body that is nested too deeply to be checked."""
    return Problem(400, "Malformed body", detail="The JSON is nested too deeply.")


def refuse_unstorable(document: Any) -> None:
    """Raise Problem 400 where text of a JSON document cannot be stored, with pointers to it."""
    unstorable = (
        {"pointer": _pointer(place), "detail": "has U+0000 or a lone surrogate"}
        for text, place in _texts(document)
        if not is_storable(text)
    )
    if errors := list(islice(unstorable, MAX_ERRORS)):
        raise Problem(400, "Malformed body", detail="Some text cannot be stored.", errors=errors)


def _require_json(content_type: str | None) -> None:
    if not _is_json(content_type or ""):
        raise Problem(
            415,
            detail="The body has to be JSON in UTF-8, with Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )


def _is_json(content_type: str) -> bool:
    if len(content_type) > MAX_MEDIA_TYPE:
        return False
    header = Message()
    header["Content-Type"] = content_type
    kind = header.get_content_type()
    charset = str(header.get_param("charset", "utf-8")).lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return is_json and charset in ("utf-8", "utf8", "us-ascii")


def _decode(text: str) -> Any:
    return json.loads(text, object_pairs_hook=unique, parse_constant=_not_finite, parse_float=_finite)


def _finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _not_finite(literal)


def _not_finite(literal: str) -> NoReturn:
    raise ValueError(f"{literal[:20]} is not a finite number")


def _malformed(detail: str, cause: Exception) -> NoReturn:
    raise Problem(400, "Malformed body", detail=detail) from cause


class _Place(NamedTuple):
    """Where in a document a value is: a member or an element of what is at another place; None is the root.

    Pointers are written for errors only: writing one for each value takes the square of a body's length,
    where a long name is that of many values.
    """

    outer: "_Place | None"
    step: str | int


def _texts(document: Any) -> Iterator[tuple[str, _Place | None]]:
    """Every text in a document with its place; names of members count as texts of their object."""
    # Not by recursion: each text would pass through a generator for each level above it.
    levels: list[Iterator[tuple[Any, _Place | None]]] = [iter([(document, None)])]
    while levels:
        for value, place in levels[-1]:
            if isinstance(value, str):
                yield value, place
            elif isinstance(value, dict | list):
                levels.append(_inside(value, place))
                break
        else:
            levels.pop()


def _inside(value: dict[str, Any] | list[Any], place: _Place | None) -> Iterator[tuple[Any, _Place | None]]:
    """The members of an object, each behind its name, or the elements of an array."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, place
            yield item, _Place(place, name)
    else:
        for index, item in enumerate(value):
            yield item, _Place(place, index)


def _pointer(place: _Place | None) -> str:
    """The pointer to a place; where it is longer than MAX_POINTER, to what is around it: a refusal would
    otherwise repeat a long name for each of its errors."""
    steps: list[str] = []
    while place is not None:
        steps.append(f"/{escape(str(place.step)[: MAX_POINTER + 1])}")
        place = place.outer
    pointer = "#"
    for step in reversed(steps):
        if len(pointer) + len(step) > MAX_POINTER:
            break
        pointer += step
    return pointer
