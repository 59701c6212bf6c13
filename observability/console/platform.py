"""The platform's description: the catalog, and the state of its processes."""

import asyncio
import contextlib
import json
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

import msgspec

from observability.console.guard import GuardedHandler
from observability.console.settings import Settings
from observability.http.problem import Problem

_STATUS_SECONDS: Final = 5.0
_MAX_STATUS_BYTES: Final = 4 * 1024 * 1024


class InstanceHandler(GuardedHandler):
    """/api/instance: what the pages have to know of this console."""

    def initialize(self, console: Settings) -> None:
        self._console = console

    def get(self) -> None:
        """The instance's name, and what may be seen and done here."""
        self.finish_json({"instance": self._console.instance, "show_payloads": self._console.show_payloads})


class CatalogHandler(GuardedHandler):
    """/api/platform/catalog: services, hops, events and permitted calls."""

    def initialize(self, console: Settings) -> None:
        self._console = console

    async def get(self) -> None:
        """The catalog as it was written last."""
        try:
            content = await asyncio.to_thread(self._console.catalog_file.read_bytes)
        except OSError as error:
            raise Problem(503, detail=f"the catalog cannot be read: {error.strerror}") from error
        self.finish_json(content)


class DeploymentsHandler(GuardedHandler):
    """/api/platform/deployments: what was done to the instance, the oldest first."""

    def initialize(self, console: Settings) -> None:
        self._console = console

    async def get(self) -> None:
        """Start, end, command, changes and failure of each; null where they are not written down."""
        path = self._console.deployments_file
        try:
            found = None if path is None else await asyncio.to_thread(_lines, path)
        except (OSError, ValueError) as error:
            raise Problem(503, detail=f"the deployments cannot be read: {error}"[:500]) from error
        self.finish_json({"deployments": found})


def _lines(path: Path) -> list[Any] | None:
    """The JSON document of each line of a file; None where there is no file."""
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return None


class StatusHandler(GuardedHandler):
    """/api/platform/status: the processes, as their supervisor sees them."""

    def initialize(self, console: Settings) -> None:
        self._console = console

    async def get(self) -> None:
        """Name, state, readiness, restarts and age of each process."""
        path = self._console.supervisor_socket
        if path is None:
            raise Problem(404, detail="no supervisor of the platform runs the processes here")
        try:
            found = await asyncio.to_thread(_processes, path)
        except (OSError, HTTPException, msgspec.MsgspecError) as error:
            raise Problem(502, "the supervisor is not available", detail=str(error)[:500]) from error
        self.finish_json({"processes": [each.shown() for each in found]})


class _Process(msgspec.Struct):
    """A process as process-compose tells of it."""

    name: str
    status: str
    restarts: int
    age: int
    exit_code: int
    is_ready: str = ""
    has_ready_probe: bool = False

    def shown(self) -> dict[str, Any]:
        """The process as JSON for pages."""
        return {
            "name": self.name,
            "state": self.status,
            "ready": self.is_ready == "Ready" if self.has_ready_probe else None,
            "restarts": self.restarts,
            "age_seconds": self.age / 1e9,
            "exit_code": self.exit_code,
        }


class _Listing(msgspec.Struct):
    data: list[_Process]


_listing = msgspec.json.Decoder(_Listing)


class _UnixConnection(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_STATUS_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_STATUS_SECONDS)
        self.sock.connect(str(self._path))


def _processes(path: Path) -> list[_Process]:
    """The processes of process-compose, from its API on a unix socket.

    Raises:
        OSError, HTTPException, MsgspecError: it does not answer, or not as documented.
    """
    with contextlib.closing(_UnixConnection(path)) as connection:
        connection.request("GET", "/processes")
        answer = connection.getresponse()
        return _listing.decode(answer.read(_MAX_STATUS_BYTES)).data
