"""What the platform says of itself: the catalog, and the state of its processes."""

import asyncio
from typing import Any, Final

import httpx

from observability.console.guard import GuardedHandler
from observability.console.settings import Settings
from observability.problem import Problem

_STATUS_SECONDS: Final = 5.0


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


class StatusHandler(GuardedHandler):
    """/api/platform/status: the processes, as their supervisor sees them."""

    def initialize(self, console: Settings) -> None:
        self._console = console

    async def get(self) -> None:
        """Name, state, readiness, restarts and age of each process."""
        socket = self._console.supervisor_socket
        if socket is None:
            raise Problem(404, detail="no supervisor of the platform runs the processes here")
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        async with httpx.AsyncClient(transport=transport, timeout=_STATUS_SECONDS, trust_env=False) as client:
            try:
                answer = await client.get("http://supervisor/processes")
            except httpx.HTTPError as error:
                raise Problem(502, "the supervisor is not available", detail=str(error)) from error
        self.finish_json({"processes": [_process(found) for found in answer.json()["data"]]})


def _process(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": found["name"],
        "state": found["status"],
        "ready": found["is_ready"] == "Ready" if found.get("has_ready_probe") else None,
        "restarts": found["restarts"],
        "age_seconds": found["age"] / 1e9,
        "exit_code": found["exit_code"],
    }
