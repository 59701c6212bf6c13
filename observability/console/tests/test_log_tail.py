import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import httpx
import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from observability.console.log_tail import MAX_TAILS, WaitingLines
from observability.console.tests import consoles
from observability.console.tests.consoles import STORES, Console
from observability.tests.sinks import eventually
from tests.ports import free_port

QUERY = '{service_name=~".+"}'
ADDRESS = f"/api/loki/tail?query={quote(QUERY)}"


def message(*texts: str, dropped: int = 0, **metadata: str) -> dict[str, Any]:
    """A message of Loki's tail API with lines of one stream."""
    values = [[str(at), text, {"structuredMetadata": metadata}] for at, text in enumerate(texts)]
    entries = [{"timestamp": "1", "labels": "{}"}] * dropped
    return {"streams": [{"stream": {"service_name": "orders"}, "values": values}], "dropped_entries": entries}


class Loki:
    """A websocket server in the place of Loki's tail, in a thread of its own."""

    def __init__(self) -> None:
        self.tails: set[WebSocketHandler] = set()
        self.asked: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.port = free_port()
        loki = self

        class Tail(WebSocketHandler):
            async def get(self, *args: Any, **kwargs: Any) -> None:
                if "bad" in self.get_argument("query"):
                    self.set_status(400)
                    self.finish("parse error at line 1: bad")
                    return
                await super().get(*args, **kwargs)

            def open(self, *_: str, **__: str) -> None:
                loki.asked.append(parse_qs(self.request.query))
                loki.headers.append(dict(self.request.headers.get_all()))
                loki.tails.add(self)

            def on_message(self, message: str | bytes) -> None:
                pass

            def on_close(self) -> None:
                loki.tails.discard(self)

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._stopped = asyncio.Event()
            server = HTTPServer(Application([("/loki/api/v1/tail", Tail)]))
            server.listen(self.port, "127.0.0.1")
            await self._stopped.wait()
            server.stop()
            self.close_tails()
            await server.close_all_connections()

        self._thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
        self._thread.start()

    def say(self, document: Any) -> None:
        """Send to every tail, waiting until it has been taken into its connection."""

        async def send() -> None:
            for tail in list(self.tails):
                try:
                    await tail.write_message(json.dumps(document))
                except WebSocketClosedError:
                    self.tails.discard(tail)

        asyncio.run_coroutine_threadsafe(send(), self._loop).result(60)

    def close_tails(self, code: int | None = None, reason: str | None = None) -> None:
        for tail in list(self.tails):
            tail.close(code, reason)

    def hang_up(self, code: int | None = None, reason: str | None = None) -> None:
        self._loop.call_soon_threadsafe(self.close_tails, code, reason)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)


@pytest.fixture(scope="module")
def loki() -> Iterator[Loki]:
    started = Loki()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def tailing(tmp_path_factory: pytest.TempPathFactory, loki: Loki) -> Iterator[Console]:
    others = dict.fromkeys(STORES, "http://127.0.0.1:1")
    stores = others | {"loki": f"http://127.0.0.1:{loki.port}"}
    with consoles.console(tmp_path_factory.mktemp("tailing"), stores=stores) as started:
        yield started


def test_an_existing_loki_is_sent_what_it_asks_for(tmp_path: Path, loki: Loki) -> None:
    file = tmp_path / "headers.json"
    file.write_text(json.dumps({"Authorization": "Bearer of-the-team", "X-Scope-OrgID": "team"}))
    stores = dict.fromkeys(STORES, "http://127.0.0.1:1") | {"loki": f"http://127.0.0.1:{loki.port}"}
    with (
        consoles.console(tmp_path, stores=stores, store_headers_files={"loki": str(file)}) as existing,
        existing.client.stream("GET", existing.url + ADDRESS) as answer,
    ):
        assert answer.status_code == 200
        (sent,) = (httpx.Headers(headers) for headers in eventually(lambda: loki.headers))
        assert (sent["authorization"], sent["x-scope-orgid"]) == ("Bearer of-the-team", "team")
        assert sent["x-loki-response-encoding-flags"] == "categorize-labels"


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "loki" in request.fixturenames:
        found: Loki = request.getfixturevalue("loki")
        eventually(lambda: not found.tails, timeout=60)
        found.asked.clear()
        found.headers.clear()


def read(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for text in answer.iter_lines():
        line: dict[str, Any] = json.loads(text)
        if "heartbeat" not in line:
            yield line


def test_lines_come_as_they_are_written_with_all_their_labels(tailing: Console, loki: Loki) -> None:
    with tailing.client.stream("GET", tailing.url + ADDRESS) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        eventually(lambda: loki.tails, timeout=60)
        lines = read(answer)
        loki.say(message("order placed", trace_id="a1"))
        labels = {"service_name": "orders", "trace_id": "a1"}
        assert next(lines) == {"nanoseconds": "0", "text": "order placed", "labels": labels}
        loki.say(message("and more", dropped=2))
        assert next(lines)["text"] == "and more"
        assert next(lines) == {"dropped": 2}
    assert loki.asked[0]["query"] == [QUERY]
    assert loki.headers[0]["X-Loki-Response-Encoding-Flags"] == "categorize-labels"
    assert "Traceparent" in loki.headers[0]


def test_it_ends_with_the_page(tailing: Console, loki: Loki) -> None:
    with tailing.client.stream("GET", tailing.url + ADDRESS):
        eventually(lambda: loki.tails, timeout=60)
    eventually(lambda: not loki.tails, timeout=60)


def test_it_ends_with_loki(tailing: Console, loki: Loki) -> None:
    with tailing.client.stream("GET", tailing.url + ADDRESS) as answer:
        eventually(lambda: loki.tails, timeout=60)
        loki.say(message("last"))
        loki.hang_up()
        assert [line["text"] for line in read(answer)] == ["last"]


def test_why_loki_ends_it_is_said(tailing: Console, loki: Loki) -> None:
    with tailing.client.stream("GET", tailing.url + ADDRESS) as answer:
        eventually(lambda: loki.tails, timeout=60)
        loki.say(message("last"))
        loki.hang_up(1011, "only log selector is supported")
        last, ended = read(answer)
    assert last["text"] == "last"
    assert ended == {"ended": "only log selector is supported"}


def test_what_loki_refuses_is_said(tailing: Console) -> None:
    answer = tailing.get(f"/api/loki/tail?query={quote('{bad')}")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "parse error at line 1: bad"


@pytest.mark.parametrize("path", ["", "?query=a&limit=5000", "?query=a&query=b", "?start=1"])
def test_only_a_query_is_asked(tailing: Console, path: str) -> None:
    answer = tailing.get(f"/api/loki/tail{path}")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"pointer": "#/query", "detail": "is the one parameter here"}]


def test_a_long_query_is_refused(tailing: Console) -> None:
    assert tailing.get(f"{ADDRESS}{'x' * 20_000}").status_code == 414


def test_other_sites_and_names_are_refused(tailing: Console) -> None:
    assert tailing.get(ADDRESS, Host="evil.example").status_code == 421
    assert tailing.get(ADDRESS, Sec_Fetch_Site="cross-site").status_code == 403
    assert tailing.ask("POST", ADDRESS).status_code == 405
    assert tailing.client.head(tailing.url + ADDRESS).status_code == 200


def test_there_are_only_so_many(tailing: Console, loki: Loki) -> None:
    clients = [httpx.Client(trust_env=False, timeout=30) for _ in range(MAX_TAILS)]
    streams = [client.stream("GET", tailing.url + ADDRESS) for client in clients]
    for stream in streams:
        assert stream.__enter__().status_code == 200
    assert tailing.get(ADDRESS).status_code == 429
    for client in clients:
        client.close()
    eventually(lambda: not loki.tails, timeout=60)
    with tailing.client.stream("GET", tailing.url + ADDRESS) as answer:
        assert answer.status_code == 200


def test_loki_may_be_away(tmp_path: Path) -> None:
    stores = {name: f"http://127.0.0.1:{free_port()}" for name in STORES}
    with consoles.console(tmp_path, stores=stores) as started:
        answer = started.get(ADDRESS)
    assert answer.status_code == 502
    assert answer.json()["title"] == "loki is not available"


def test_a_page_that_does_not_read_loses_lines_and_is_told_how_many(tailing: Console, loki: Loki) -> None:
    host, port = tailing.url.removeprefix("http://").split(":")
    batches, size, text = 400, 50, "x" * 1000
    with socket.create_connection((host, int(port)), timeout=60) as page:
        page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        page.sendall(f"GET {ADDRESS} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
        eventually(lambda: loki.tails, timeout=60)
        for _ in range(batches):
            loki.say(message(*[text] * size))
        loki.hang_up()
        answer = b""
        while piece := page.recv(1 << 20):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200" in head.splitlines()[0]
    lines = [json.loads(line) for line in body.splitlines() if b"heartbeat" not in line]
    dropped = sum(line.get("dropped", 0) for line in lines)
    shown = sum(line.get("text") == text for line in lines)
    assert dropped > 0
    assert shown + dropped == batches * size


async def test_what_waits_is_bounded() -> None:
    waiting = WaitingLines(1000)
    waiting.take(json.dumps(message(*["x" * 300] * 10)))
    waiting.end()
    lines = [line async for piece in waiting.pieces(60) for line in piece.splitlines()]
    assert json.loads(lines[-1]) == {"dropped": 10 - (len(lines) - 1)}
    assert sum(map(len, lines[:-1])) <= 1000


async def test_a_silent_tail_has_a_heartbeat() -> None:
    pieces = WaitingLines(1000).pieces(0.01)
    assert "heartbeat" in json.loads(await anext(pieces))
    assert "heartbeat" in json.loads(await anext(pieces))


async def test_messages_without_metadata_or_lines_are_read() -> None:
    waiting = WaitingLines(1000)
    waiting.take('{"streams": null}')
    waiting.take('{"streams": [{"stream": {"a": "b"}, "values": [["1", "x"]]}], "dropped_entries": null}')
    waiting.end()
    [line] = [piece async for piece in waiting.pieces(60)]
    assert json.loads(line) == {"nanoseconds": "1", "text": "x", "labels": {"a": "b"}}
