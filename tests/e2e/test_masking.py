"""Credentials and personal data planted in requests: none is in a store of telemetry or a log file."""

import base64
import gzip
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from compose.cli.traffic import Traffic
from tests.conftest import Stack, eventually

pytestmark = pytest.mark.stack

MARK = secrets.token_hex(6)
BEARER = f"bearer{MARK}bearer"
PASSWORD = f"password{MARK}"
COOKIE = f"cookie{MARK}"
EMAIL = f"ada{MARK}@example.com"
WEBHOOK = "whsec_" + base64.b64encode(f"hook{MARK}hook{MARK}".encode()).decode()
BASIC = base64.b64encode(f"ada:basic{MARK}".encode()).decode()


def card_number() -> str:
    """One that nothing else has, with a right check digit (ISO/IEC 7812-1)."""
    digits = [4, *(secrets.randbelow(10) for _ in range(14))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::2]]
    return "".join(map(str, digits)) + str(-(sum(doubled) + sum(digits[1::2])) % 10)


CARD = card_number()
PLANTED = (BEARER, PASSWORD, COOKIE, f"ada{MARK}", WEBHOOK, BASIC, CARD)
QUERY = f"token={BEARER}&password={PASSWORD}&email={EMAIL}&to=ada{MARK}%40example.com&card={CARD}&k={WEBHOOK}"
HEADERS = {
    "Cookie": f"session={COOKIE}; theme=dark",
    "User-Agent": f"probe (+{EMAIL})",
    "Referer": f"http://ada:{PASSWORD}@example.com/?token={BEARER}",
    "X-Request-Id": EMAIL,
    "X-Api-Key": PASSWORD,
    "baggage": f"email={EMAIL}",
    "Idempotency-Key": f'"{CARD}"',
}
BODY = {
    "name": f"Ada {CARD}",
    "email": EMAIL,
    "password": PASSWORD,
    "hook": WEBHOOK,
    "note": f"Bearer {BEARER}",
}


@pytest_asyncio.fixture
async def trace_ids(stack: Stack, traffic: Traffic, sku: str) -> list[str]:
    """Those of requests that carry what is planted, in every place that a request has."""
    found: list[str] = []

    async def send(method: str, path: str, **options: Any) -> None:
        headers = HEADERS | options.pop("headers", {})
        response = await traffic.request(method, path, headers=headers, **options)
        found.append(response.headers["X-Trace-Id"])

    for path in ("/v1/stock", "/v1/orders/none", f"/v1/stock/{EMAIL}", f"/v1/stock/{CARD}", f"/v1/{WEBHOOK}"):
        await send("GET", f"{path}?{QUERY}")
    for authorization in (f"Bearer {BEARER}", f"Basic {BASIC}"):
        await send("GET", f"/v1/me/orders?{QUERY}", headers={"Authorization": authorization})
    await send("POST", f"/v1/accounts?{QUERY}", json=BODY)
    await send("POST", "/v1/accounts", content=json.dumps(BODY)[:-5].encode())
    account = await traffic.create_account(f"Ada {CARD}", EMAIL)
    await send("POST", "/v1/accounts", json={"name": f"Ada {CARD}", "email": EMAIL})  # it is taken
    placed = await traffic.place_order(account, {sku: 1}, HEADERS)
    await traffic.settled(placed, within_seconds=60)
    return [*found, placed.trace_id]


async def test_nothing_planted_is_in_a_store_or_file(stack: Stack, trace_ids: list[str]) -> None:
    began = datetime.now(UTC).timestamp() - 120

    def arrived() -> None:
        for trace_id in trace_ids:
            assert any(span.service == "edge-nginx" for span in stack.telemetry.trace(trace_id)), trace_id
            assert stack.telemetry.trace_logs(trace_id), trace_id

    eventually(arrived, within_seconds=60)
    stores = {
        "Jaeger": _traces(stack, trace_ids),
        "Loki": _lines(stack, began),
        "Prometheus": _series(stack, began),
    }
    files = {str(path): _content(path) for path in sorted(stack.layout.logs.rglob("*")) if path.is_file()}
    assert len(files) > 10
    leaks = {where: [each for each in PLANTED if each in text] for where, text in (stores | files).items()}
    assert {where: found for where, found in leaks.items() if found} == {}
    # And there is what stood beside it.
    assert "/v1/stock/***" in stores["Jaeger"]


def _traces(stack: Stack, trace_ids: list[str]) -> str:
    """What Jaeger has of the requests' traces."""
    client, store = stack.telemetry.client, stack.telemetry.stores.jaeger
    return json.dumps([client.get(store, f"/api/traces/{trace_id}") for trace_id in trace_ids])


def _lines(stack: Stack, began: float) -> str:
    """Every line of every part since then, with all of its fields."""
    found = []
    for name in _values(stack, "service_name"):
        parameters = {
            "query": f'{{service_name="{name}"}}',
            "start": f"{began:.0f}",
            "limit": "5000",
            "direction": "backward",
        }
        client, store = stack.telemetry.client, stack.telemetry.stores.loki
        found.append(client.get(store, "/loki/api/v1/query_range", parameters))
    return json.dumps(found)


def _values(stack: Stack, label: str) -> list[str]:
    answer = stack.telemetry.client.get(stack.telemetry.stores.loki, f"/loki/api/v1/label/{label}/values")
    return list(answer["data"])


def _series(stack: Stack, began: float) -> str:
    """The labels of every series, and the exemplars of all."""
    client, store = stack.telemetry.client, stack.telemetry.stores.prometheus
    span = {"start": f"{began:.0f}", "end": f"{datetime.now(UTC).timestamp():.0f}"}
    series = client.get(store, "/api/v1/series", span | {"match[]": '{__name__=~".+"}'})
    exemplars = client.get(store, "/api/v1/query_exemplars", span | {"query": '{__name__=~".+"}'})
    return json.dumps([series, exemplars])


def _content(path: Path) -> str:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return content.decode(errors="replace")
