"""Services nginx takes every request that the gateway lets in; larger ones are refused before it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from compose.nginx.tests import stand
from gateway.limits import LIMITS
from gateway.tests.gateways import Gateway, gateway
from gateway.tests.services import Server, reply, saying, until

ROUTES = """
routes:
  - {id: proxied, method: GET, path: /v1/proxied, proxy: {service: orders, path: /orders/proxied}}
  - id: composed
    method: GET
    path: /v1/composed
    compose: {order: {service: orders, path: /orders/composed, headers: [Accept-Language]}}
"""
PASSED_ON = {"proxied": "X-Any", "composed": "Accept-Language"}


@dataclass(frozen=True)
class Chain:
    """A gateway before services nginx before one service."""

    gateway: Gateway
    nginx: stand.Nginx

    async def answer(self, target: str, *fields: tuple[str, str]) -> bytes:
        head = [f"GET {target} HTTP/1.1", "Host: a", "Connection: close", *map(": ".join, fields)]
        return await self.gateway.raw("\r\n".join([*head, "", ""]).encode())

    def asked(self) -> int:
        """How many requests services nginx has passed on, but for those whether the service is ready."""
        return sum(b"/health/" not in line for line in self.nginx.lines("access"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chain]:
    folder: Path = tmp_path_factory.mktemp("limits")
    credential = folder / "of-services-nginx"
    credential.write_text(stand.GATEWAY_CREDENTIAL)
    async with Server(saying(reply())).running() as url:
        with stand.services({"orders": [url.removeprefix("http://")]}) as nginx:
            services_url, settings = f"http://127.0.0.1:{nginx.port}", {"credential_file": str(credential)}
            async with gateway(folder, services_url, routes=ROUTES, **settings) as running:
                yield Chain(running, nginx)


def lines(name: str, size: int) -> list[tuple[str, str]]:
    """A header of so many bytes in two lines, which are joined by a comma."""
    half = size // 2
    return [(name, "v" * half), (name, "v" * (size - half - 1))]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["own", "Via", "Baggage"])
@pytest.mark.parametrize("path", PASSED_ON)
async def test_a_header_of_many_lines(chain: Chain, path: str, name: str) -> None:
    name = PASSED_ON[path] if name == "own" else name
    asked = chain.asked() + 1
    most = await chain.answer(f"/v1/{path}", *lines(name, LIMITS.header_bytes))
    assert most.startswith(b"HTTP/1.1 200 ")
    await until(lambda: chain.asked() == asked)
    more = await chain.answer(f"/v1/{path}", *lines(name, LIMITS.header_bytes + 1))
    assert more.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in more
    assert chain.asked() == asked


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("character", '"<>\\^`{|}')
async def test_a_target_that_is_longer_at_the_service(chain: Chain, character: str) -> None:
    start = "/v1/proxied?"
    asked = chain.asked() + 1
    short = await chain.answer(start + character * 5_000)
    assert short.startswith(b"HTTP/1.1 200 ")
    await until(lambda: chain.asked() == asked)
    long = await chain.answer(start + character * (LIMITS.target_bytes - len(start)))
    assert long.startswith(b"HTTP/1.1 414 ")
    assert b"application/problem+json" in long
    assert chain.asked() == asked
