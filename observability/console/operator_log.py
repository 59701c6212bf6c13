"""The audit trail of operators: a log line and a span for each action taken in the console."""

import logging
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import msgspec

from observability.console.sessions import Session
from observability.http.client import Response
from observability.http.problem import Problem
from observability.span_error import set_error
from observability.telemetry import current

_MAX_ASKED: Final = 1000
_FAULT: Final = 400

_logger = logging.getLogger(__name__)


async def logged(
    session: Session, action: str, target: str, asked: Mapping[str, Any], acting: Awaitable[Response]
) -> Response:
    """Act, and write down who did what, to what, and what came of it; raises what `acting` raises.

    Args:
        session: who acts.
        action: what is done, such as `replay dead letter`.
        target: to what: the store's path.
        asked: what the page sent besides; its first 1000 characters are kept.
        acting: does it.
    """
    fields = session.fields() | {"action": action, "target": target}
    attributes = {f"nextphase.{name}": value for name, value in fields.items()}
    with current().tracer.start_as_current_span(f"operate: {action}", attributes=attributes) as span:
        status = 500
        try:
            answer = await acting
            status = answer.status
        except Problem as problem:
            status = problem.status
            raise
        finally:
            span.set_attribute("http.response.status_code", status)
            if status >= _FAULT:
                set_error(span, str(status), f"answered {status}")
            outcome = {"asked": msgspec.json.encode(asked).decode()[:_MAX_ASKED], "status": status}
            level = logging.INFO if status < _FAULT else logging.WARNING
            _logger.log(level, "Operator action", extra=fields | outcome)
    return answer
