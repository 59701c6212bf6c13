"""The problem documents by which frameworks' errors and unexpected exceptions are answered."""

import logging

from opentelemetry import trace

from observability.http.problem import Problem
from observability.span_error import set_error, type_of

_errors = logging.getLogger("errors")


def problem_of(error: BaseException) -> Problem:
    """The answer to an exception: itself if it is a Problem; else it is logged with its stack trace, put
    down in the span, and answered with a 500 that says nothing about the inside."""
    if isinstance(error, Problem):
        return error
    _errors.error("Unhandled %s", type(error).__name__, exc_info=error)
    span = trace.get_current_span()
    span.record_exception(error)
    set_error(span, type_of(error), type(error).__name__)
    return Problem(500, detail="The request could not be handled. The trace id finds the cause.")


def of_status(status: int, detail: str | None = None, headers: dict[str, str] | None = None) -> Problem:
    """The problem that a bare HTTP error stands for."""
    return Problem(status, detail=detail, headers=headers)


def refuse_nul(path: str, query: str) -> None:
    """Refuse U+0000 in a target: no database text holds it, so no resource has such a name.

    Args:
        path: decoded path.
        query: query as sent.

    Raises:
        Problem: 400.
    """
    if "\0" in path or "%00" in query or "\0" in query:
        raise Problem(400, detail="The target has a U+0000.")
