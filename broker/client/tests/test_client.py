"""The clients, against a server that answers as it is told."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import broker.client
from broker.client import AsyncClient, Client, Draft
from broker.client.dsn import Dsn
from broker.client.errors import Refused, Unavailable
from broker.client.sending import Sending

TOKEN = "a-token-nobody-shall-see"
OK = (202, {}, b'{"id":"x"}')


class Server:
    """Answers from a list, the last one for good; keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes] | None] = [OK]
        self.requests: list[tuple[dict[str, str], Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append((headers | {":path": self.path}, json.loads(body)))
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                if answer is None:
                    self.close_connection = True  # no answer at all
                    return
                status, more, content = answer
                self.send_response(status)
                for name, value in {**more, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.dsn = f"http://tests:{TOKEN}@127.0.0.1:{self._server.server_port}/comments"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.stop()


@pytest.fixture
def rio(server: Server) -> Iterator[Client]:
    with Client(server.dsn, budget_seconds=5) as client:
        yield client


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def problem(status: int, **more: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"status": status, "title": "No", **more}).encode()


def partly(status: int, *refused: tuple[int, int]) -> tuple[int, dict[str, str], bytes]:
    """The answer to a batch; refused: index and status."""
    entries = [{"index": index, "problem": {"status": status, "title": "No"}} for index, status in refused]
    return status, {}, json.dumps({"accepted": [], "refused": entries}).encode()


def test_an_event_is_a_structured_cloudevent_from_the_sender(server: Server, rio: Client) -> None:
    event_id = rio.emit("published", {"comment": "ü"}, subject="7")
    ((headers, event),) = server.requests
    assert headers[":path"] == "/events"
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["authorization"].startswith("Basic ")
    assert event["id"] == event_id
    assert (event["type"], event["source"], event["subject"]) == ("comments.published", "/tests", "7")
    assert (event["specversion"], event["data"]) == ("1.0", {"comment": "ü"})


@pytest.mark.parametrize("first", [problem(503), problem(429), problem(500), None], ids=str)
def test_it_is_the_same_event_that_is_tried_again(server: Server, rio: Client, first: Any) -> None:
    server.answers = [first, first, OK]
    event_id = rio.emit("published", {})
    assert [event["id"] for _, event in server.requests] == [event_id] * 3


@pytest.mark.parametrize("status", [400, 401, 403, 413, 415, 422])
def test_a_refusal_says_what_is_wrong(server: Server, rio: Client, status: int) -> None:
    server.answers = [problem(status, errors=[{"pointer": "#/data/a", "detail": "is no number"}])]
    with pytest.raises(Refused, match="#/data/a is no number") as refused:
        rio.emit("published", {}, id="e-1")
    assert (refused.value.status, refused.value.event_id) == (status, "e-1")
    assert refused.value.errors == [("#/data/a", "is no number")]
    assert len(server.requests) == 1


def test_the_budget_ends_the_trying(server: Server) -> None:
    server.answers = [problem(503)]
    with Client(server.dsn, budget_seconds=0.3) as rio, pytest.raises(Unavailable, match="503 No"):
        rio.emit("published", {})
    assert len(server.requests) > 1


def test_what_rio_asks_for_is_waited_or_the_budget_is_said_to_be_too_small(server: Server) -> None:
    server.answers = [(503, {"Retry-After": "3600"}, b"")]
    with Client(server.dsn) as rio, pytest.raises(Unavailable):
        rio.emit("published", {})
    assert len(server.requests) == 1


def test_nobody_there(server: Server) -> None:
    server.stop()
    with Client(server.dsn, budget_seconds=0.2) as rio, pytest.raises(Unavailable, match="ConnectError"):
        rio.emit("published", {})


def test_of_a_batch_each_event_has_its_own_outcome(server: Server, rio: Client) -> None:
    server.answers = [partly(202, (1, 422), (2, 503)), OK]
    drafts = [Draft(action="published", data={"n": number}) for number in range(4)]
    sent = rio.emit_many(drafts)
    assert [one.id for one in sent] == [draft.id for draft in drafts]
    assert [type(one.error) for one in sent] == [type(None), Refused, type(None), type(None)]
    (first, batch), (second, again) = server.requests
    assert first["content-type"] == "application/cloudevents-batch+json"
    assert [event["data"]["n"] for event in batch] == [0, 1, 2, 3]
    assert (second["content-type"], again["id"]) == ("application/cloudevents+json", drafts[2].id)


def test_all_of_a_batch_refused(server: Server, rio: Client) -> None:
    server.answers = [partly(400, (0, 400), (1, 400))]
    sent = rio.emit_many([Draft(action="a", data=1), Draft(action="a", data=2)])
    assert all(isinstance(one.error, Refused) for one in sent)


def test_one_event_too_large_does_not_take_the_others_along(server: Server, rio: Client) -> None:
    server.answers = [problem(413), OK, problem(413), OK]
    sent = rio.emit_many([Draft(action="a", data=number) for number in range(3)])
    assert [type(one.error) for one in sent] == [type(None), Refused, type(None)]


def test_many_are_sent_in_batches(server: Server, rio: Client) -> None:
    assert len(rio.emit_many([Draft(action="a", data=number) for number in range(250)])) == 250
    large = [Draft(action="a", data="x" * 200_000) for _ in range(3)]
    assert len(rio.emit_many(large)) == 3
    sizes = [len(body) if isinstance(body, list) else 1 for _, body in server.requests]
    assert sizes == [100, 100, 50, 1, 1, 1]


def test_no_events_no_request(server: Server, rio: Client) -> None:
    assert rio.emit_many([]) == []
    assert server.requests == []


@pytest.mark.parametrize("data", [float("nan"), {1, 2}, {"a": object()}])
def test_what_is_no_json_is_the_callers_mistake(server: Server, rio: Client, data: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        rio.emit("published", data)
    assert server.requests == []


async def test_asyncio_does_the_same(server: Server) -> None:
    server.answers = [problem(503), OK]
    async with AsyncClient(server.dsn) as rio:
        ids = await asyncio.gather(*(rio.emit("published", {"n": number}) for number in range(10)))
        assert len(set(ids)) == 10
        server.answers = [problem(403)]
        with pytest.raises(Refused):
            await rio.emit("published", {})


def test_the_trace_goes_on_in_the_event(server: Server, rio: Client, spans: InMemorySpanExporter) -> None:
    spans.clear()
    server.answers = [problem(503), OK, problem(422)]
    event_id = rio.emit("published", {})
    with pytest.raises(Refused):
        rio.emit("published", {})
    sent, refused = spans.get_finished_spans()
    assert (sent.name, sent.kind.name) == ("send comments.published", "PRODUCER")
    assert dict(sent.attributes or {})["messaging.message.id"] == event_id
    assert [event.name for event in sent.events] == ["retry"]
    for headers, event in server.requests[:2]:
        assert event["traceparent"] == headers["traceparent"]
        assert event["traceparent"].split("-")[2] == f"{sent.context.span_id:016x}"
    assert refused.status.status_code.name == "ERROR"


def test_the_token_shows_nowhere(
    server: Server, rio: Client, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers = [problem(401)]
    with pytest.raises(Refused) as refused:
        rio.emit("published", {})
    told = [repr(rio), str(refused.value), repr(refused.value), caplog.text]
    told += [span.to_json() for span in spans.get_finished_spans()]
    assert not any(TOKEN in text for text in told)


def test_the_package_says_what_it_has_not() -> None:
    with pytest.raises(AttributeError):
        broker.client.nothing  # noqa: B018


@given(
    st.lists(
        st.none()
        | st.tuples(
            st.sampled_from([200, 202, 301, 400, 401, 413, 429, 503]),
            st.dictionaries(st.just("retry-after"), st.text(max_size=5) | st.integers(0, 3).map(str)),
            st.binary(max_size=20) | st.sampled_from([partly(202, (0, 503))[2], partly(202, (1, 400))[2]]),
        ),
        max_size=20,
    ),
    st.integers(1, 5),
)
def test_every_event_is_decided_whatever_rio_answers(answers: list[Any], count: int) -> None:
    dsn = Dsn.parse("http://s:t@h/p")
    drafts = [Draft(action="a", data=number) for number in range(count)]
    with Sending(dsn, drafts, budget_seconds=10) as sending:
        for answer in answers:
            if sending.next() is None:
                break
            if answer is None:
                sending.failed(OSError("gone"))
            else:
                sending.answered(*answer)
        while sending.next() is not None:
            sending.answered(202, {}, b"{}")
        assert [one.id for one in sending.sent] == [draft.id for draft in drafts]
