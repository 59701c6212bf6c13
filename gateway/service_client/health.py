"""Health checks of services, and of services nginx before them."""

import asyncio
from collections.abc import Sequence

from gateway.service_client.call import ServiceError
from observability.http.client import Client, Origin

#: A check of a service's health may take this long.
READY_SECONDS = 1.5


class ServiceHealth:
    """Asks services nginx for the services' health.

    Parameters:
        headers: by which services nginx admits the gateway.
    """

    def __init__(self, client: Client, origin: Origin, headers: Sequence[tuple[str, str]]) -> None:
        self._client = client
        self._origin = origin
        self._headers = headers

    async def reachable(self) -> None:
        """Return when services nginx takes connections; raise otherwise (a health check).

        No request is made: it would leave a span and a log line in services nginx every few seconds.
        """
        _, writer = await asyncio.open_connection(self._origin.host, self._origin.port)
        writer.close()
        await writer.wait_closed()

    async def ready(self, service: str) -> None:
        """Return when an instance of the service says it is ready; raise otherwise (a health check).

        Services nginx leaves neither a span nor a log line of it.
        """
        target = f"/{service}/health/ready"
        answer = await self._client.request(
            self._origin, "GET", target, self._headers, timeout_seconds=READY_SECONDS
        )
        if answer.status != 200:
            raise ServiceError(service, 503, f"the service answered {answer.status}")
