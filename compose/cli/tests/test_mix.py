"""The mix of requests, against a server that answers as the API does, or does not."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from compose.cli import tokens
from compose.cli.mix import FAILING, GAVE_UP, KINDS, NO_ANSWER, ORDINARY, SLOW, Mix, weights
from compose.cli.traffic import Traffic
from tests.ports import free_port

TRACE = "a" * 32


class Api(ThreadingHTTPServer):
    """Answers as the public API promises, or with `status` where that is set; notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status: int | None = None
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def do_GET(self) -> None:
        self._answer(200)

    def do_PUT(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self._answer(201 if self.path == "/v1/accounts" else 202)

    def _answer(self, usual: int) -> None:
        body = self._body()
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        document = json.dumps({"id": f"id-{len(self.server.seen)}"}).encode()
        self.send_response(self.server.status or usual)
        self.send_header("Content-Length", str(len(document)))
        self.send_header("X-Trace-Id", TRACE)
        self.end_headers()
        self.wfile.write(document)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    tokens.ensure(tmp_path / "key.pem", tmp_path / "jwks.json")
    return tmp_path / "key.pem"


@pytest.mark.parametrize(("failing", "slow"), [(0.0, 0.0), (0.02, 0.05), (0.5, 0.5), (1.0, 0.0)])
def test_the_groups_have_the_shares_that_are_asked_for(failing: float, slow: float) -> None:
    found = Counter[str]()
    for kind, weight in zip(KINDS, weights(failing, slow), strict=True):
        found[kind.group] += weight
    assert found == pytest.approx({ORDINARY: 1 - failing - slow, FAILING: failing, SLOW: slow})


def test_the_help_says_how_large_each_part_of_the_ordinary_is() -> None:
    assert sum(kind.weight for kind in KINDS if kind.group == ORDINARY) == 100


@pytest.mark.asyncio
async def test_the_choice_keeps_to_the_shares(api: Api, key: Path) -> None:
    async with Traffic(api.url, key) as traffic:
        mix = Mix(traffic, 0.2, 0.0, random.Random(7))
        await mix.prepare()
        for _ in range(300):
            await mix.send_one()
    assert 30 < mix.sent(FAILING) < 90
    assert mix.sent(FAILING) + mix.sent(ORDINARY) == 300
    assert mix.sent(SLOW) == 0


@pytest.mark.asyncio
async def test_what_is_answered_as_promised_is_expected(api: Api, key: Path) -> None:
    async with Traffic(api.url, key) as traffic:
        mix = Mix(traffic, 0.0, 0.0, random.Random(1))
        await mix.prepare()
        for _ in range(60):
            await mix.send_one()
    assert (mix.sent(ORDINARY), mix.unexpected) == (60, 0)
    assert mix.orders
    assert mix.tallies["order"].last_trace_id == TRACE
    placed = {f"/v1/orders/{order}" for order, _ in mix.orders}
    assert {path for method, path, _, _ in api.seen if method == "GET" and "/v1/orders/" in path} <= placed


@pytest.mark.asyncio
async def test_everything_else_is_not(api: Api, key: Path) -> None:
    async with Traffic(api.url, key) as traffic:
        mix = Mix(traffic, 0.5, 0.0, random.Random(1))
        await mix.prepare()
        api.status = 500
        for _ in range(40):
            await mix.send_one()
    gone = mix.tallies["caller goes away"].answers[GAVE_UP]
    assert mix.unexpected == 40 - gone
    assert not mix.orders


@pytest.mark.asyncio
async def test_a_server_that_is_away_is_no_answer(key: Path) -> None:
    async with Traffic(f"http://127.0.0.1:{free_port()}", key) as traffic:
        mix = Mix(traffic, 0.0, 0.0, random.Random(1))
        mix.accounts.append("one")
        await mix.send_one()
    (ended,) = [tally for tally in mix.tallies.values() if tally.sent]
    assert (ended.answers, ended.unexpected) == ({NO_ANSWER: 1}, 1)


@pytest.mark.asyncio
async def test_a_slow_client_sends_all_of_its_body(api: Api, key: Path) -> None:
    async with Traffic(api.url, key) as traffic:
        mix = Mix(traffic, 0.0, 1.0, random.Random(1))
        await mix.prepare()
        await mix.send_one()
    assert (mix.sent(SLOW), mix.unexpected) == (1, 0)
    _, path, headers, body = api.seen[-1]
    assert (path, headers["Content-Type"]) == ("/v1/accounts", "application/json")
    assert json.loads(body).keys() == {"name", "email"}
    (seconds,) = mix.tallies["slow sign-up"].seconds
    assert seconds >= 0.4


@pytest.mark.asyncio
async def test_a_caller_names_itself_if_it_is_told_to(api: Api, key: Path) -> None:
    async with Traffic(api.url, key, user_agent="nextphase-demo/1") as traffic:
        await traffic.request("GET", "/v1/stock")
    async with Traffic(api.url, key) as traffic:
        await traffic.request("GET", "/v1/stock")
    first, second = (headers["User-Agent"] for _, _, headers, _ in api.seen)
    assert first == "nextphase-demo/1"
    assert not second.startswith("nextphase-demo")
