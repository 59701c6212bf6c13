"""Why an event was not emitted."""

from collections.abc import Mapping, Sequence
from typing import Any


class EmitError(Exception):
    """An event was not emitted."""

    def __init__(self, event_id: str, message: str) -> None:
        super().__init__(message)
        self.event_id = event_id


class Refused(EmitError):
    """Rio will never take this event: it is mended, or given up.

    Attributes:
        status: the HTTP status, such as 403 for a type the sender may not emit.
        errors: (JSON pointer, what is wrong) of each fault, where Rio names them.
    """

    def __init__(self, event_id: str, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.errors: Sequence[tuple[str, str]] = [
            (str(error.get("pointer", "")), str(error.get("detail", "")))
            for error in problem.get("errors") or ()
        ]
        said = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
        said += [f"{pointer} {detail}" for pointer, detail in self.errors[:5]]
        super().__init__(event_id, f"Rio refused event {event_id}: {status} {'; '.join(said)}".rstrip())


class Unavailable(EmitError):
    """Rio could not be reached or could not take the event in time.

    It may have it all the same: to emit it again with the same id and source does no harm.
    """

    def __init__(self, event_id: str, reason: str) -> None:
        super().__init__(event_id, f"Rio has not confirmed event {event_id}: {reason}")
        self.reason = reason
