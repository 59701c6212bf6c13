"""One process as process-compose 1.64 is told of it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compose.cli.site import Address

STARTED = "process_started"
HEALTHY = "process_healthy"
DONE = "process_completed_successfully"

_NEVER = 2**31 - 1
_ONE_SHOT_RESTARTS = 5
_BACKOFF_SECONDS = 2
_LOG_MEGABYTES = 10
_LOG_BACKUPS = 2


@dataclass(frozen=True)
class Probe:
    """How to see that a process is ready: `http`, a URL's address and path, or `command`, a line for bash.

    delay_seconds: before the first try. period_seconds: between tries, for as long as the process runs.
    """

    http: tuple[Address, str] | None = None
    command: str | None = None
    delay_seconds: int = 1
    period_seconds: int = 2
    timeout_seconds: int = 4

    def document(self) -> dict[str, Any]:
        """As process-compose reads it."""
        found: dict[str, Any]
        if self.http:
            address, path = self.http
            found = {"http_get": {"host": address.host, "port": str(address.port), "path": path}}
        else:
            found = {"exec": {"command": self.command}}
        return found | {
            "initial_delay_seconds": self.delay_seconds,
            "period_seconds": self.period_seconds,
            "timeout_seconds": self.timeout_seconds,
            # At the threshold process-compose stops the process for good. What is not ready may be waiting
            # for another part: it is shown as not ready, and left alone.
            "failure_threshold": _NEVER,
        }


@dataclass(frozen=True)
class Process:
    """A process of the instance.

    command: its words; no shell reads them. after: processes that have to be STARTED, HEALTHY or DONE before
    it is started, and that are stopped after it. program: what changes when its program is another one at the
    same path. one_shot: runs to its end, tried again a few times when it
    fails. stop_signal: asks it to end; stop_seconds: after these it is killed. whole_group: the signal goes
    to its children, too.
    """

    name: str
    description: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Probe | None = None
    after: Mapping[str, str] = field(default_factory=dict)
    program: str = ""
    one_shot: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 10
    whole_group: bool = True

    def document(self, logs: Path, working_folder: Path) -> dict[str, Any]:
        """As process-compose reads it; `logs` is the folder of its log."""
        found: dict[str, Any] = {
            "description": self.description,
            # Not `command`: a shell would read that, and process-compose would expand templates in it.
            "entrypoint": list(self.command),
            # process-compose sees a changed definition by its arguments, not by its program; by this it does.
            "x-program": f"{self.command[0]} {self.program}".rstrip(),
            # Nothing is started by process-compose itself: it never again starts a process that waits for one
            # that was redefined while it ran. `Supervisor.start_in_order` does the waiting.
            "disabled": True,
            "working_dir": str(working_folder),
            "environment": [f"{name}={value}" for name, value in self.environment.items()],
            "is_dotenv_disabled": True,
            "log_location": str(logs / f"{self.name}.log"),
            "log_configuration": _LOGGING,
            "availability": self._availability(),
            "shutdown": {
                "signal": int(self.stop_signal),
                "timeout_seconds": self.stop_seconds,
                "parent_only": not self.whole_group,
            },
        }
        if self.ready:
            found["readiness_probe"] = self.ready.document()
        if self.after:
            found["depends_on"] = {name: {"condition": STARTED} for name in self.after}  # the order of a stop
            found["x-after"] = dict(self.after)
        return found

    def _availability(self) -> dict[str, Any]:
        if self.one_shot:
            return {
                "restart": "on_failure",
                "backoff_seconds": _BACKOFF_SECONDS,
                "max_restarts": _ONE_SHOT_RESTARTS,
            }
        return {"restart": "always", "backoff_seconds": _BACKOFF_SECONDS}


# A line of the file is the line the process wrote, in the file as soon as it is written.
_LOGGING = {
    "rotation": {"max_size_mb": _LOG_MEGABYTES, "max_backups": _LOG_BACKUPS},
    "disable_json": True,
    "fields_order": ["message"],
    "no_color": True,
    "no_metadata": True,
    "flush_each_line": True,
}
