"""The door of a real gateway: who is let in, and what is said to whom."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.authentication.jwks import MIN_REFRESH_SECONDS
from gateway.authentication.tests.issuer import Key, key_set
from gateway.tests.gateways import Gateway, gateway
from gateway.tests.services import Asked, Server, reply, saying, until


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[tuple[str, Server]]:
    server = Server(saying(reply(200, b'{"ok": true}')))
    async with server.running() as url:
        yield url, server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(
    service: tuple[str, Server], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    cors = {"origins": ["https://shop.example"]}
    async with gateway(tmp_path_factory.mktemp("gateway"), service[0], 2, cors=cors) as made:
        yield made


pytestmark = pytest.mark.asyncio(loop_scope="module")
SHOP = {"Origin": "https://shop.example"}


def last(server: Server) -> Asked:
    """The last request that was no health check."""
    return [asked for asked in server.asked if not asked.target.endswith("/health/ready")][-1]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_route_that_requires_a_token(client: httpx.AsyncClient, running: Gateway) -> None:
    answer = await client.get(running.url("/v1/mine"))
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="nextphase"')
    assert answer.headers["Content-Type"] == "application/problem+json"
    token = running.key.token(scope="stock:write")
    answer = await client.get(running.url("/v1/mine"), headers=bearer(token))
    assert answer.status_code == 403
    assert 'error="insufficient_scope", scope="orders:read"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/v1/slow", "Bearer x", 401),
        ("/v1/slow", "Bearer", 400),
        ("/v1/slow", "Bearer a b", 400),
        ("/v1/slow", "Basic eDp5", 200),
        ("/v1/mine", "Basic eDp5", 401),
        ("/v1/slow", "", 200),
        ("/v1/open", "Bearer x", 200),
        ("/v1/open", "Bearer", 200),
    ],
)
async def test_a_token_that_is_there_is_checked(
    client: httpx.AsyncClient, running: Gateway, path: str, given: str, status: int
) -> None:
    answer = await client.get(running.url(path), headers={"Authorization": given})
    assert answer.status_code == status


async def test_where_nobody_looks_at_a_token_nobody_is_told_of_its_subject(
    client: httpx.AsyncClient, running: Gateway, service: tuple[str, Server]
) -> None:
    await client.get(running.url("/v1/open"), headers=bearer(running.key.token()))
    assert not {"x-user-id", "x-user-scopes", "authorization"} & last(service[1]).headers.keys()


async def test_a_new_key_is_taken_up_while_it_runs(client: httpx.AsyncClient, running: Gateway) -> None:
    new = Key.make("the-next-key", "ES256")
    old, young = bearer(running.key.token()), bearer(new.token())
    assert (await client.get(running.url("/v1/mine"), headers=old)).status_code == 200
    assert (await client.get(running.url("/v1/mine"), headers=young)).status_code == 401
    running.jwks.write_bytes(key_set(running.key, new))
    async with asyncio.timeout(3 * MIN_REFRESH_SECONDS):
        while (await client.get(running.url("/v1/mine"), headers=young)).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # it is another process that reads
    assert (await client.get(running.url("/v1/mine"), headers=old)).status_code == 200


async def test_services_are_told_who_asks_and_clients_cannot_tell_them(
    client: httpx.AsyncClient, running: Gateway, service: tuple[str, Server]
) -> None:
    forged = {"X-User-Id": "root", "X-User-Scopes": "all", "X-User-Admin": "1", "X-Caller": "rio"}
    forged |= {"X-Platform-Credential": "guess", "X-Request-Timeout-Ms": "999999", "Forwarded": "for=1.2.3.4"}
    token = bearer(running.key.token())
    await client.get(running.url("/v1/mine"), headers=forged | token | {"X-Request-Id": "request-1"})
    headers = last(service[1]).headers
    assert headers["x-user-id"] == "3f0cb1b0-5f0e-4a43-8d5c-7c8e2f1b6a90"
    assert headers["x-user-scopes"] == "orders:read stock:write"
    assert headers["x-platform-credential"] == "secret"
    assert headers["x-request-id"] == "request-1"
    assert int(headers["x-request-timeout-ms"]) <= 10_000
    assert not {"x-user-admin", "x-caller", "forwarded", "authorization"} & headers.keys()
    for header in (*forged, "X-Real-IP", "Remote-User"):
        forged |= {header: "root", header.replace("-", "_"): "root"}
    await client.get(running.url("/v1/slow"), headers=forged)
    assert "root" not in last(service[1]).headers.values()
    assert not {"x-user-id", "x-user-scopes"} & last(service[1]).headers.keys()


async def test_hop_by_hop_headers_stay_behind(running: Gateway, service: tuple[str, Server]) -> None:
    await running.raw(
        b"GET /v1/slow HTTP/1.1\r\nHost: a\r\nConnection: close, X-Private\r\nX-Private: 1\r\n"
        b"Keep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: Basic x\r\nX-Kept: 1\r\n\r\n"
    )
    headers = last(service[1]).headers
    dropped = {"x-private", "keep-alive", "te", "upgrade", "proxy-authorization", "connection"}
    assert (headers["x-kept"], dropped & headers.keys()) == ("1", set())


@pytest.mark.parametrize("given", ["request-1", "x" * 128])
async def test_a_good_request_id_stays(client: httpx.AsyncClient, running: Gateway, given: str) -> None:
    answer = await client.get(running.url("/v1/fixed"), headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "a b c d e f", "x" * 129, '"><script>'])
async def test_another_is_replaced(client: httpx.AsyncClient, running: Gateway, given: str) -> None:
    answer = await client.get(running.url("/v1/fixed"), headers={"X-Request-Id": given})
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_the_access_line_says_who_asked(client: httpx.AsyncClient, running: Gateway) -> None:
    token = bearer(running.key.token())
    await client.get(running.url("/v1/mine"), headers=token | {"X-Request-Id": "request-of-the-line"})

    def lines() -> list[dict[str, str]]:
        written = running.log.read_text().split("\n")[:-1]
        found = [json.loads(line) for line in written if line.startswith("{")]
        return [line for line in found if line.get("request_id") == "request-of-the-line"]

    await until(lines)
    [line] = lines()
    assert (line["route"], line["client"]) == ("/v1/mine", "127.0.0.1")
    assert line["user"] == "3f0cb1b0-5f0e-4a43-8d5c-7c8e2f1b6a90"
    assert len(line["trace_id"]) == 32


async def test_cors(client: httpx.AsyncClient, running: Gateway) -> None:
    asked = SHOP | {"Access-Control-Request-Method": "GET"}
    preflight = await client.options(running.url("/v1/fixed"), headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
    for path in ("/v1/fixed", "/v1/mine", "/v1/nowhere"):
        answer = await client.get(running.url(path), headers=SHOP)
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert answer.headers["Vary"] == "Origin"
    other = await client.get(running.url("/v1/fixed"), headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_a_rate_holds_across_processes(client: httpx.AsyncClient, running: Gateway) -> None:
    answers = [await client.get(running.url("/v1/limited", index % 2)) for index in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert answers[0].headers["RateLimit-Policy"] == '"limited";q=5;w=3600'
    assert answers[0].headers["RateLimit"] == '"limited";r=4;t=720'
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 720
    other = await client.get(running.url("/v1/limited"), headers={"X-Forwarded-For": "192.0.2.7"})
    user = await client.get(running.url("/v1/limited"), headers=bearer(running.key.token()))
    elsewhere = await client.get(running.url("/v1/own-limit"))
    assert (other.status_code, user.status_code, elsewhere.status_code) == (200, 200, 200)


@pytest.mark.parametrize(("path", "given"), [("/v1/limited", "Bearer x"), ("/v1/own-limit", "Bearer")])
async def test_who_guesses_tokens_is_counted(
    client: httpx.AsyncClient, running: Gateway, path: str, given: str
) -> None:
    headers = {"Authorization": given, "X-Forwarded-For": "192.0.2.8"}
    refused = {"Bearer x": 401, "Bearer": 400}[given]
    answers = [await client.get(running.url(path), headers=headers) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [refused] * 5 + [429] * 2
    assert "WWW-Authenticate" in answers[0].headers
    assert int(answers[-1].headers["Retry-After"]) > 0
    good = bearer(running.key.token(sub="who-guesses-nothing")) | {"X-Forwarded-For": "192.0.2.8"}
    assert (await client.get(running.url(path), headers=good)).status_code == 200


@pytest.mark.parametrize(
    ("given", "status"), [(None, 400), ("", 400), ("bare", 400), ('"k', 400), ('"k-1"', 200)]
)
async def test_idempotency_keys(
    client: httpx.AsyncClient, running: Gateway, service: tuple[str, Server], given: str | None, status: int
) -> None:
    headers = {} if given is None else {"Idempotency-Key": given}
    answer = await client.post(running.url("/v1/keyed"), headers=headers, content=b"{}")
    assert answer.status_code == status
    if status == 200:
        assert last(service[1]).headers["idempotency-key"] == given


async def test_in_flight_requests_are_answered_when_it_stops(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target == "/orders/slow":
            await release.wait()
        writer.write(reply(200, b'{"late": true}'))

    server = Server(behave)
    async with (
        server.running() as url,
        gateway(tmp_path, url) as stopping,
        httpx.AsyncClient(trust_env=False, timeout=15) as client,
    ):
        under_way = [asyncio.create_task(client.get(stopping.url("/v1/slow"))) for _ in range(20)]
        await until(lambda: [asked.target for asked in server.asked].count("/orders/slow") == 20)
        page = await client.get(f"http://127.0.0.1:{stopping.pages[0]}/metrics")
        assert 'gateway_requests_in_flight{route="slow"} 20.0' in page.text
        assert 'gateway_service_calls_in_flight{service="orders"} 20.0' in page.text
        assert 'gateway_breaker_state{service="orders"} 0.0' in page.text
        stopping.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            while await stopping.ready():
                pass
        still = await client.get(stopping.url("/v1/fixed"))
        assert (still.status_code, still.headers["Connection"]) == (200, "close"), "readiness goes first"
        async with asyncio.timeout(10):
            while not await _refused(stopping):
                pass
        release.set()
        answers = await asyncio.gather(*under_way)
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, b'{"late": true}')}
        await until(lambda: stopping.process.poll() is not None)
        assert stopping.process.returncode == 0


async def _refused(stopped: Gateway) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", stopped.ports[0])
    except ConnectionError:
        return True
    writer.close()
    return False
