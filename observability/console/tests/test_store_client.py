"""Asking stores that hang, break off, answer too much or are away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from observability.console import store_client
from observability.console.limits import MAX_STREAMS
from observability.console.settings import Stores
from observability.console.store_client import StoreClient
from observability.http.client import Limits
from observability.http.problem import Problem
from tests.ports import free_port

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Store:
    """A store that answers each request as `answering` does, and notes what comes and who leaves."""

    def __init__(self) -> None:
        self.answering: Answering = self.hang
        self.heads: asyncio.Queue[str] = asyncio.Queue()
        self.left = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.put_nowait(head.decode())
                await self.answering(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()

    async def hang(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)  # nothing more comes: this ends with the connection

    @staticmethod
    def with_body(body: bytes, status: str = "200 OK") -> Answering:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/x\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

        return answer


@pytest_asyncio.fixture
async def store() -> AsyncIterator[Store]:
    made = Store()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider.get_tracer("tests")


@asynccontextmanager
async def client_of(port: int, tracer: Tracer) -> AsyncIterator[StoreClient]:
    url = f"http://127.0.0.1:{port}/base"
    names = ("prometheus", "loki", "jaeger", "alertmanager", "rio", "gateway")
    client = StoreClient(Stores.model_validate(dict.fromkeys(names, url)), "viewers-token", tracer)
    try:
        yield client
    finally:
        await client.close()


@pytest_asyncio.fixture
async def client(store: Store, tracer: Tracer) -> AsyncIterator[StoreClient]:
    async with client_of(store.port, tracer) as made:
        yield made


async def test_an_answer_is_passed_on_as_it_is(store: Store, client: StoreClient) -> None:
    store.answering = store.with_body(b"\x00what", "422 Unprocessable")
    answer = await client.get("prometheus", "/api/v1/query", [("query", "a b&c"), ("time", "1")])
    assert (answer.status, answer.content_type, answer.body) == (422, "text/x", b"\x00what")
    head = store.heads.get_nowait()
    assert head.startswith("GET /base/api/v1/query?query=a+b%26c&time=1 HTTP/1.1\r\n")


async def test_rio_alone_gets_the_token(store: Store, client: StoreClient) -> None:
    store.answering = store.with_body(b"{}")
    for name in ("prometheus", "loki", "jaeger", "alertmanager", "gateway"):
        await client.get(name, "/")
        assert "authorization" not in store.heads.get_nowait().lower(), name
    await client.get("rio", "/topology")
    assert "Authorization: Bearer viewers-token\r\n" in store.heads.get_nowait()


async def test_a_store_that_hangs_is_given_up(
    store: Store, client: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_client, "ANSWER_SECONDS", 0.2)
    with pytest.raises(Problem) as raised:
        await client.get("loki", "/labels")
    assert raised.value.status == 504
    await asyncio.wait_for(store.left.wait(), 30)


async def test_a_store_that_is_away_is_told(tracer: Tracer) -> None:
    async with client_of(free_port(), tracer) as client:
        with pytest.raises(Problem) as raised:
            await client.get("jaeger", "/api/services")
    assert raised.value.status == 502
    assert "jaeger" in str(raised.value.title)


async def test_a_store_that_breaks_off_is_told(store: Store, client: StoreClient) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        raise ConnectionError

    store.answering = half
    with pytest.raises(Problem) as raised:
        await client.get("loki", "/labels")
    assert raised.value.status == 502


async def test_too_much_is_refused(store: Store, tracer: Tracer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_client, "_LIMITS", Limits(body_bytes=1000))
    store.answering = store.with_body(b"x" * 1001)
    async with client_of(store.port, tracer) as client:
        with pytest.raises(Problem) as raised:
            await client.get("loki", "/query")
        assert raised.value.status == 502
        store.answering = store.with_body(b"x" * 1000)
        assert len((await client.get("loki", "/query")).body) == 1000


async def test_whoever_stops_waiting_frees_the_store(store: Store, client: StoreClient) -> None:
    asking = asyncio.create_task(client.get("prometheus", "/api/v1/query"))
    await asyncio.wait_for(store.heads.get(), 30)
    asking.cancel()
    await asyncio.wait_for(store.left.wait(), 30)


async def test_a_stream_that_is_left_is_closed(store: Store, client: StoreClient) -> None:
    async def tail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n")
        await store.hang(reader, writer)

    store.answering = tail
    async with client.stream("rio", "/tail") as streamed:
        assert await anext(aiter(streamed.chunks())) == b"event"
    await asyncio.wait_for(store.left.wait(), 30)


async def test_streams_leave_connections_to_other_readers(store: Store, client: StoreClient) -> None:
    async def tail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await store.hang(reader, writer)

    store.answering = tail
    async with AsyncExitStack() as open_streams:
        for _ in range(MAX_STREAMS):
            await open_streams.enter_async_context(client.stream("rio", "/tail"))
        with pytest.raises(Problem) as raised:
            await open_streams.enter_async_context(client.stream("rio", "/tail"))
        assert raised.value.status == 429
        store.answering = store.with_body(b"{}")
        assert (await client.get("rio", "/topology")).status == 200
    store.answering = tail
    async with client.stream("rio", "/tail") as streamed:
        assert streamed.status == 200


async def test_a_stream_ends_in_time_though_its_reader_stands_still(
    store: Store, client: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n")
        await store.hang(reader, writer)

    async def stand_still() -> None:
        async with client.stream("rio", "/tail"):
            await asyncio.Event().wait()

    store.answering = tail
    monkeypatch.setattr(store_client, "STREAM_SECONDS", 1.0)
    standing = asyncio.create_task(stand_still())
    await asyncio.wait_for(store.left.wait(), 30)
    with pytest.raises(TimeoutError):
        await standing


async def test_a_call_is_a_span_without_the_question(
    store: Store, client: StoreClient, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    store.answering = store.with_body(b"{}")
    with tracer.start_as_current_span("page") as page:
        await client.get("loki", "/query", [("query", "{secret}")])
    call = next(span for span in spans.get_finished_spans() if span.kind is SpanKind.CLIENT)
    assert call.parent is not None
    assert call.parent.span_id == page.get_span_context().span_id
    assert call.attributes is not None
    assert call.attributes["url.full"] == f"http://127.0.0.1:{store.port}/base/query"
    assert (call.attributes["peer.service"], call.attributes["http.response.status_code"]) == ("loki", 200)
    assert f"-{call.get_span_context().span_id:016x}-0" in store.heads.get_nowait()


async def test_a_call_that_failed_says_why_in_its_span(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    async with client_of(free_port(), tracer) as client:
        with pytest.raises(Problem):
            await client.get("loki", "/query")
    (call,) = spans.get_finished_spans()
    assert call.status.status_code is StatusCode.ERROR
    assert "ConnectFailed" in str(call.status.description)


async def test_the_checks_look_at_every_store_untraced(
    store: Store, client: StoreClient, spans: InMemorySpanExporter
) -> None:
    checks = dict(client.checks())
    assert checks.keys() == {"prometheus", "loki", "jaeger", "alertmanager", "rio"}
    store.answering = store.with_body(b"ready")
    for check in checks.values():
        await check()
    store.answering = store.with_body(b"", "503 Service Unavailable")
    for check in checks.values():
        with pytest.raises(RuntimeError, match="503"):
            await check()
    assert spans.get_finished_spans() == ()
