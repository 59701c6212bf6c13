"""The fields of a log record that tell of an exception."""

import hashlib
import logging
import traceback
from collections.abc import Iterator
from types import TracebackType

from observability.masking import mask
from observability.text import Json, bounded, text_of

#: A name that no line may use for anything else.
NAMES = frozenset({"error_type", "error_message", "error_stack", "error_fingerprint"})

#: Functions of a fingerprint, those next to where the exception was raised.
_FUNCTIONS = 64
_DIGITS = 16


def error_fields(error: BaseException, trace: TracebackType | None) -> dict[str, Json]:
    """An exception's type, message and stack trace, and its `fingerprint`."""
    return {
        "error_type": type_name(type(error)),
        "error_message": mask(bounded(text_of(error))),
        "error_stack": mask(bounded(logging.Formatter().formatException((type(error), error, trace)))),
        "error_fingerprint": fingerprint(error, trace),
    }


def type_name(kind: type) -> str:
    """An exception's type as stack traces write it."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def fingerprint(error: BaseException, trace: TracebackType | None) -> str:
    """16 hex digits that are equal for equal faults.

    Two exceptions are the same fault if their types are, those of their causes, and the functions they
    passed; neither messages nor line numbers count, which differ from one request or release to the next.
    """
    # Of a recursion each function counts once, however deep it went.
    functions = dict.fromkeys(
        f"{frame.f_globals.get('__name__')}:{frame.f_code.co_qualname}"
        for frame, _ in traceback.walk_tb(trace)
    )
    types = map(type_name, map(type, _causes(error)))
    parts = [*types, *list(functions)[-_FUNCTIONS:]]
    return hashlib.sha256("\n".join(parts).encode(errors="replace")).hexdigest()[:_DIGITS]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised from, each once."""
    seen = set[int]()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
