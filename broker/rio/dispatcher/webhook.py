"""One delivery attempt: a CloudEvent in binary mode posted to a sink under services nginx."""

import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import aiohttp

from broker.rio.events import Event

_TOTAL_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 2.0
_CONNECTIONS: Final = 256
_EXCERPT_BYTES: Final = 2048
# What the CloudEvents HTTP binding leaves unencoded: printable ASCII but space, double quote and percent.
_SAFE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt."""

    status: int | None
    """None when there was no answer; `text` then says why."""
    text: str
    """The start of the answer's body."""
    seconds: float


class Webhook:
    """Posts events over kept-alive connections."""

    def __init__(self, services_url: str, credential: str) -> None:
        """`credential` is what services nginx admits Rio by."""
        self._services_url = services_url.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            headers={"X-Platform-Credential": credential},
            timeout=aiohttp.ClientTimeout(total=_TOTAL_SECONDS, sock_connect=_CONNECT_SECONDS),
            # aiohttp would add application/octet-stream: a type the event never claimed.
            skip_auto_headers=("Content-Type",),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(self, sink: str, event: Event) -> Answer:
        """Post the event to a path under services nginx. Redirects are not followed."""
        started = time.monotonic()
        try:
            async with self._session.post(
                self._services_url + sink, data=event.body, headers=_headers(event), allow_redirects=False
            ) as response:
                body = await response.content.read(_EXCERPT_BYTES)
                if not response.content.at_eof():
                    response.close()  # not worth reading on for the sake of the connection
                status, text = response.status, body.decode("utf-8", "replace")
        except TimeoutError:
            status, text = None, f"no answer within {_TOTAL_SECONDS:.0f} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            status, text = None, f"{type(error).__name__}: {error}"
        return Answer(status, text, time.monotonic() - started)


def _headers(event: Event) -> dict[str, str]:
    headers = {f"ce-{name}": quote(value, safe=_SAFE) for name, value in event.attributes.items()}
    if event.content_type is not None:
        headers["Content-Type"] = event.content_type
    return headers
