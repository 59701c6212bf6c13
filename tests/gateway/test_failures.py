"""The gateway, services nginx as the platform has it, and behind it services that fail in every way."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from compose.nginx.tests import stand
from gateway.service_client import MAX_ANSWER_BYTES
from gateway.tests.api import answering, said
from gateway.tests.gateways import Gateway, gateway
from gateway.tests.services import (
    Asked,
    Behaviour,
    Server,
    cut,
    hang,
    reply,
    reset,
    saying,
    stall,
    trickle,
    until,
)
from observability.metrics import DURATION_BUCKETS

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = ("accounts", "orders", "inventory", "absent")
POLICIES = {"fail": "fail", "omit": "omit", "fallback": "{fallback: {name: nobody}}", "stale": "stale"}
# Services nginx waits 0.5 s for a service (see `stand.services`): here that is less than the gateway does.
HEAD = """\
services:
  defaults: {timeout_seconds: 1.5, retries: {attempts: 1}, breaker: {minimum: 10000}}
  inventory: {breaker: {minimum: 3, window_seconds: 60, open_seconds: 2}}
routes:
  - id: proxied
    method: GET
    path: "/v1/proxied/{case}"
    proxy: {service: accounts, path: "/accounts/{path.case}"}
  - {id: guarded, method: GET, path: /v1/guarded, compose: {stock: {service: inventory, path: /inventory}}}
  - {id: nowhere, method: GET, path: /v1/nowhere, compose: {it: {service: absent, path: /absent}}}
  - id: again
    method: GET
    path: "/v1/again/{case}"
    compose:
      account: {service: accounts, path: "/accounts/{path.case}", retries: {attempts: 2}}
"""
ROUTE = """\
  - id: {name}
    method: GET
    path: "/v1/{name}/{{case}}"
    compose:
      order: {{service: orders, path: "/orders/{{path.case}}"}}
      account: {{service: accounts, path: "/accounts/{{path.case}}", on_failure: {policy}}}
"""
ROUTES = HEAD + "".join(ROUTE.format(name=name, policy=policy) for name, policy in POLICIES.items())
ORDER, ACCOUNT = {"id": "7"}, {"name": "Ada"}
DENIED = "services-nginx; error=http_request_denied"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NGINX_SAYS, LOST = "the service answered 502", "the connection was lost"
FAILURES: dict[str, tuple[bytes | Behaviour, int, str]] = {
    "hangs": (hang, 504, "the service answered 504"),
    "stops in the head": (stall(b"HTTP/1.1 200 OK\r\n"), 504, "the service answered 504"),
    "stops in the body": (stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), 502, LOST),
    "trickles": (trickle, 504, "no answer in time"),
    "resets": (reset, 502, NGINX_SAYS),
    "closes": (cut(b""), 502, NGINX_SAYS),
    "closes in the head": (cut(b"HTTP/1.1 200 OK\r\nX-Half: "), 502, NGINX_SAYS),
    "closes in the body": (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), 502, LOST),
    "closes in a chunk": (cut(CHUNKED + b"5\r\n{"), 502, LOST),
    "breaks a chunk": (cut(CHUNKED + b"x\r\n{"), 502, LOST),
    "speaks no HTTP": (cut(b"SSH-2.0-OpenSSH\r\n\r\n"), 502, "the answer is malformed"),
    "has an endless head": (cut(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000), 502, NGINX_SAYS),
    "is huge": (reply(200, b" " * (MAX_ANSWER_BYTES + 1)), 502, "the answer is too large"),
    "fails": (reply(500), 502, "the service answered 500"),
    "is away": (reply(503, Retry_After="7"), 503, "the service answered 503"),
    "redirects": (reply(302, Location="/x"), 502, "the service answered 302"),
    "says no JSON": (reply(200, b"<html>"), 502, "the answer is not JSON"),
    "says half of it": (reply(200, b'{"name": '), 502, "the answer is not JSON"),
    "says no UTF-8": (reply(200, b'"\xff"'), 502, "the answer is not UTF-8"),
    "says a member twice": (reply(200, b'{"a": 1, "a": 2}'), 502, "the answer has a member twice"),
    "says no number": (reply(200, b"NaN"), 502, "NaN is not a finite number"),
    "nests": (reply(200, b"[" * 9000 + b"]" * 9000), 502, "the answer is nested too deeply"),
}  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """A gateway, services nginx, and the server that is every service.

    Attributes:
        answers: what is answered on each path; tests take paths of their own.
    """

    gateway: Gateway
    server: Server
    answers: dict[str, bytes | Behaviour]
    client: httpx.AsyncClient
    cases: Iterator[int]

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(self.gateway.url(path))

    def case(self, account: bytes | Behaviour) -> str:
        """A resource of which orders knows the order, and accounts answers so."""
        case = f"c{next(self.cases)}"
        self.answers.update({f"/orders/{case}": said(ORDER), f"/accounts/{case}": account})
        return case

    def asked(self, target: str) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.target == target]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chain]:
    folder = tmp_path_factory.mktemp("chain")
    credential = folder / "of-services-nginx"
    credential.write_text(stand.GATEWAY_CREDENTIAL)
    answers: dict[str, bytes | Behaviour] = {}
    server = Server(answering(answers))
    async with server.running() as url, httpx.AsyncClient(trust_env=False, timeout=20) as client:
        catalog = {name: [url.removeprefix("http://")] for name in SERVICES}
        with stand.services(catalog | {"absent": [f"127.0.0.1:{stand.free_port()}"]}) as nginx:
            settings: dict[str, Any] = {
                "credential_file": str(credential),
                "services": {name: {"timeout_seconds": 5} for name in SERVICES},
            }
            services_url = f"http://127.0.0.1:{nginx.port}"
            async with gateway(folder, services_url, routes=ROUTES, **settings) as running:
                yield Chain(running, server, answers, client, count())


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", FAILURES)
async def test_every_failure_and_every_policy(chain: Chain, name: str, policy: str) -> None:
    failing, status, cause = FAILURES[name]
    case = chain.case(said(ACCOUNT))
    assert (await chain.get(f"/v1/{policy}/{case}")).json() == {"order": ORDER, "account": ACCOUNT}
    chain.answers[f"/accounts/{case}"] = failing
    answer = await chain.get(f"/v1/{policy}/{case}")
    document = answer.json()
    if policy == "fail":
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert (document["status"], document["detail"]) == (status, f"accounts: {cause}")
        assert document["trace_id"] == answer.headers["X-Trace-Id"]
        assert ("Retry-After" in answer.headers) is (status == 503)
        return
    assert (answer.status_code, answer.headers["X-Complete"]) == (200, "false")
    (error,) = document.pop("errors")
    stood_in = {"omit": None, "fallback": {"name": "nobody"}, "stale": ACCOUNT}[policy]
    assert document == {"order": ORDER, "account": stood_in}
    assert (error.pop("age_seconds", None) is not None) is (policy == "stale")
    assert error == {"part": "account", "status": status, "cause": f"accounts: {cause}"}


async def slowly(_: Asked, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.05)
    for byte in reply(200, json.dumps(ACCOUNT).encode()):
        writer.write(bytes([byte]))
        await writer.drain()


@pytest.mark.parametrize(
    "account",
    [
        slowly,
        CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in json.dumps(ACCOUNT).encode()) + b"0\r\n\r\n",
        cut(b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(ACCOUNT).encode()),
        reply(200, json.dumps(ACCOUNT).encode() + b" " * (MAX_ANSWER_BYTES - 100)),
    ],
    ids=["slow", "chunks of a byte", "until the connection's end", "large"],
)
async def test_every_way_to_answer(chain: Chain, account: bytes | Behaviour) -> None:
    answer = await chain.get(f"/v1/omit/{chain.case(account)}")
    assert answer.headers["X-Complete"] == "true"
    assert answer.json() == {"order": ORDER, "account": ACCOUNT}


@pytest.mark.parametrize("policy", [name for name in POLICIES if name != "fail"])
async def test_what_a_service_does_not_know_is_null_and_not_missing(chain: Chain, policy: str) -> None:
    answer = await chain.get(f"/v1/{policy}/{chain.case(reply(404))}")
    assert (answer.json(), answer.headers["X-Complete"]) == ({"order": ORDER, "account": None}, "true")


@pytest.mark.parametrize("route", ["fail", "proxied"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 451])
async def test_a_services_own_refusal_is_passed_on(chain: Chain, route: str, status: int) -> None:
    """Not even by what services nginx says of its own refusals can a service be taken for it."""
    forged = {"Content_Type": "application/problem+json", "Proxy_Status": DENIED}
    refused = reply(status, b'{"title": "no"}', **forged)
    answer = await chain.get(f"/v1/{route}/{chain.case(refused)}")
    assert (answer.status_code, answer.json()) == (status, {"title": "no"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Proxy-Status" not in answer.headers


async def test_nothing_good_was_there_before(chain: Chain) -> None:
    document = (await chain.get(f"/v1/stale/{chain.case(reset)}")).json()
    cause = {"part": "account", "status": 502, "cause": f"accounts: {NGINX_SAYS}"}
    assert document == {"order": ORDER, "account": None, "errors": [cause]}


PROXIED = ("hangs", "stops in the head", "resets", "closes", "closes in the head", "breaks a chunk")


@pytest.mark.parametrize("name", [*PROXIED, "speaks no HTTP", "has an endless head", "fails", "is away"])
async def test_a_proxied_route_without_an_answer(chain: Chain, name: str) -> None:
    failing, status, cause = FAILURES[name]
    answer = await chain.get(f"/v1/proxied/{chain.case(failing)}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["detail"] == f"accounts: {cause}"


@pytest.mark.parametrize("name", ["stops in the body", "closes in the body", "closes in a chunk"])
async def test_a_proxied_answer_that_breaks_off_is_cut_off(chain: Chain, name: str) -> None:
    case = chain.case(FAILURES[name][0])
    with pytest.raises(httpx.RemoteProtocolError):
        await chain.get(f"/v1/proxied/{case}")


async def test_a_call_is_made_again_and_stays_in_its_trace(chain: Chain) -> None:
    account = chain.case(saying(reply(503), said(ACCOUNT)))
    answer = await chain.get(f"/v1/again/{account}")
    assert (answer.json(), answer.headers["X-Complete"]) == ({"account": ACCOUNT}, "true")
    first, second = chain.asked(f"/accounts/{account}")
    for asked in (first, second):
        assert asked.headers["traceparent"].split("-")[1] == answer.headers["X-Trace-Id"]
        assert 0 < int(asked.headers["x-request-timeout-ms"]) <= 1500
        assert "x-platform-credential" not in asked.headers


async def test_a_failing_service_is_left_alone_and_tried_again(chain: Chain) -> None:
    chain.answers["/inventory"] = reply(500)
    assert [(await chain.get("/v1/guarded")).status_code for _ in range(3)] == [502] * 3
    refused = await chain.get("/v1/guarded")
    assert (refused.status_code, refused.headers["Retry-After"] in ("1", "2")) == (503, True)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert len(chain.asked("/inventory")) == 3
    assert 'gateway_breaker_state{service="inventory"} 2.0' in await page(chain, "/metrics")
    chain.answers["/inventory"] = said([])
    async with asyncio.timeout(10):
        while (await chain.get("/v1/guarded")).status_code != 200:
            pass
    assert len(chain.asked("/inventory")) == 4
    assert 'gateway_breaker_state{service="inventory"} 0.0' in await page(chain, "/metrics")


async def test_health_tells_of_every_service(chain: Chain) -> None:
    assert (await chain.get("/v1/nowhere")).status_code == 502
    for ready, status in ((reply(), "pass"), (reply(503), "warn")):
        chain.answers["/health/ready"] = ready
        expected = dict.fromkeys(SERVICES, status) | {"absent": "warn", "services-nginx": "pass"}
        async with asyncio.timeout(10):  # a report is kept for a moment
            while True:
                health = json.loads(await page(chain, "/health"))
                if {name: health["checks"][name]["status"] for name in expected} == expected:
                    break
        assert health["status"] == "warn"
        assert await chain.gateway.ready(), "one service less is no reason to answer nothing"


async def test_metrics_tell_of_a_failure(chain: Chain) -> None:
    await chain.get(f"/v1/omit/{chain.case(reset)}")
    text = await page(chain, "/metrics", Accept="application/openmetrics-text")
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]

    def value(name: str, **labels: str) -> float:
        (found,) = (each.value for each in samples if each.name == name and each.labels == labels)
        return found

    assert value("gateway_partial_answers_total", route="omit") >= 1
    assert value("gateway_part_failures_total", route="omit", part="account", policy="omit") >= 1
    client, server = "http_client_request_duration_seconds", "http_server_request_duration_seconds"
    get = {"http_request_method": "GET"}
    assert value(f"{client}_count", service="accounts", http_response_status_code="502", **get) >= 1
    get |= {"http_response_status_code": "200", "user_agent_synthetic_type": ""}
    assert value(f"{server}_count", http_route="/v1/omit/{case}", **get) >= 1
    for name in (client, server):
        buckets = [each for each in samples if each.name == f"{name}_bucket"]
        bounds = {float(each.labels["le"]) for each in buckets}
        assert bounds == {*DURATION_BUCKETS, float("inf")}
        assert any(each.exemplar and len(each.exemplar.labels["trace_id"]) == 32 for each in buckets)
    # A failure leaves nothing behind.
    assert value("gateway_requests_in_flight", route="omit") == 0
    assert value("gateway_service_calls_in_flight", service="accounts") == 0
    assert value("gateway_service_calls_waiting", service="accounts") == 0
    assert value("gateway_breaker_state", service="accounts") == 0


async def test_every_line_has_its_trace(chain: Chain) -> None:
    answer = await chain.get(f"/v1/fail/{chain.case(reset)}")

    def written() -> list[dict[str, Any]]:
        lines = chain.gateway.log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    await until(lambda: [line for line in written() if line.get("trace_id") == answer.headers["X-Trace-Id"]])
    lines = written()
    assert not [line for line in lines if "detach" in line["message"] or line["logger"] == "errors"]
    of_requests = [line for line in lines if line["logger"] == "access" or "circuit" in line["message"]]
    assert of_requests
    assert not [line for line in of_requests if len(line["trace_id"]) != 32]


async def page(chain: Chain, path: str, **headers: str) -> str:
    url = f"http://127.0.0.1:{chain.gateway.pages[0]}{path}"
    return (await chain.client.get(url, headers=headers)).text
