"""Headers of the gateway as a proxy: Location, Via, X-Forwarded-*, Date; and OPTIONS."""

import asyncio
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from gateway.tests.api import answering, running
from gateway.tests.gateways import gateway
from gateway.tests.services import Asked, Server, reply
from observability import Telemetry

ROUTES = """\
services: {defaults: {retries: {attempts: 1}}}
routes:
  - id: proxied
    method: POST
    path: /v1/things
    proxy: {service: orders, path: /things, location_prefix: /v1}
  - {id: placed, method: POST, path: /v1/orders, body: {type: object}, handler: gateway.handlers.place_order}
  - {id: limited, method: GET, path: /v1/limited, rate_limit: {requests: 1, seconds: 3600}, mock: {}}
"""
LOCATIONS = [
    ("/things/1", "/v1/things/1"),
    ("http://127.0.0.1:8300/things/1", "/v1/things/1"),
    ("http://orders/things/1?a=b#c", "/v1/things/1?a=b#c"),
    ("https://services-nginx:8081/things/1", "/v1/things/1"),
    ("http://10.0.0.7:8310/things/1", "/v1/things/1"),
    ("http://[::1]:8310/things/1", "/v1/things/1"),
    ("http://orders.default.svc.cluster.local/things/1", "/v1/things/1"),
    ("//localhost:8300/things/1", "/v1/things/1"),
    ("http://localhost", "/v1/"),
    ("https://idp.example/login?next=/", "https://idp.example/login?next=/"),
    ("https://8.8.8.8/x", "https://8.8.8.8/x"),
    ("things/1", "things/1"),
    ("http://[/x", "http://[/x"),
]


@pytest.mark.parametrize("name", ["Location", "Content_Location"])
@pytest.mark.parametrize("path", ["/v1/things", "/v1/orders"])
@pytest.mark.parametrize(("said", "told"), LOCATIONS)
async def test_no_address_inside_is_told(
    telemetry: Telemetry, tmp_path: Path, path: str, name: str, said: str, told: str
) -> None:
    created = reply(201, b"{}", **{name: said})
    answers = {"/things": created, "/orders": created, "/accounts/a": reply(200)}
    async with running(telemetry, tmp_path, ROUTES, answering(dict(answers))) as api:
        answer = await api.client.post(path, json={"account_id": "a"})
    assert answer.headers[name.replace("_", "-")] == told


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ([], "1.1 gateway"),
        ([("Via", "1.0 fred"), ("Via", "1.1 edge-nginx")], "1.0 fred, 1.1 edge-nginx, 1.1 gateway"),
    ],
)
async def test_via(telemetry: Telemetry, tmp_path: Path, given: list[tuple[str, str]], passed: str) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({"/things": reply(200)})) as api:
        await api.client.post("/v1/things", content=b"{}", headers=given)
        assert api.service.asked[0].headers["via"] == passed


async def echoing(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(200, b"{}"))


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_forwarded_address_is_believed_from_the_edge_alone(tmp_path: Path, trusted: bool) -> None:
    """From any other peer it would let one client be many, for limits and in logs."""
    server = Server(echoing)
    settings = {
        "services": {name: {"timeout_seconds": 5} for name in ("orders", "accounts")},
        "trusted_proxies": ["127.0.0.1"] if trusted else ["192.0.2.0/24"],
    }
    async with (
        server.running() as url,
        gateway(tmp_path, url, routes=ROUTES, **settings) as running_,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
    ):
        statuses = []
        for number in (1, 2):
            said = {
                "X-Forwarded-For": f"198.51.100.{number}",
                "X-Forwarded-Proto": "https",
                "Forwarded": "for=a",
            }
            statuses.append((await client.get(running_.url("/v1/limited"), headers=said)).status_code)
            await client.post(running_.url("/v1/things"), content=b"", headers=said)
    assert statuses == ([200, 200] if trusted else [200, 429])
    heard = next(asked.headers for asked in server.asked if asked.method == "POST")
    assert "forwarded" not in heard
    assert heard.get("x-forwarded-for") == ("198.51.100.1" if trusted else None)
    assert heard.get("x-forwarded-proto") == ("https" if trusted else None)
    log = running_.log.read_text()
    assert ('"client":"198.51.100.1"' in log) is trusted


async def test_options_of_everything(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
        writer.write(b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
        paths = await api.client.options("/v1/things")
    assert head.startswith("HTTP/1.1 204 ")
    assert "\r\nAllow: GET, HEAD, OPTIONS, POST\r\n" in head
    assert (paths.status_code, paths.headers["Allow"]) == (204, "OPTIONS, POST")


@pytest.mark.parametrize(
    "message",
    [
        b"GET /v1/limited HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /v1/limited HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
async def test_every_answer_has_a_date(telemetry: Telemetry, tmp_path: Path, message: bytes) -> None:
    """RFC 9110, 6.6.1: also what refuses a message that is none."""
    async with running(telemetry, tmp_path, ROUTES, answering({})) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(api.url.rpartition(":")[2]))
        writer.write(message)
        head = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")[0].decode()
        writer.close()
    dates = [line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Date: ")]
    assert len(dates) == 1
    assert parsedate_to_datetime(dates[0])
