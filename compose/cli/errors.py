"""Errors that the user can act on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from compose.cli import hints


class Failure(Exception):
    """The command cannot go on. Shown to the user without a stack trace.

    message: what failed. tail: the end of its log. log: where the whole of it is. advice: what to do next.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        tail: Sequence[str] = (),
        log: Path | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.tail = tail
        self.log = log
        self.advice = advice

    def text(self) -> str:
        """Everything there is to say, in lines."""
        lines = [f"nextphase: {self.message}"]
        lines += [f"  | {line}" for line in self.tail]
        if self.log:
            lines.append(f"The whole log: {self.log}")
        if self.advice:
            lines.append(self.advice)
        return "\n".join(lines)


class UsageError(Failure):
    """The command was asked for what there is not; the message says what there is."""

    exit_code = 2


def not_set_up(what: str) -> Failure:
    """The failure of a command that needs a set-up machine on one that is not."""
    return Failure(f"{what}: this machine is not set up.", advice=f"Run {hints.set_up()}")


def tail(log: Path, lines: int = 15) -> list[str]:
    """The last `lines` lines of a log that say anything; none when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]
