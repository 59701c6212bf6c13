"""Event streams through the gateway: each event as it comes, for as long as they come, and how they end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.draining import drain
from gateway.service_client import HttpServiceClient
from gateway.tests.api import Api, answering, running
from gateway.tests.long_lived import Service, passed_through, port_of, routes, value_of
from gateway.tests.services import Asked, trickle, until
from observability import Telemetry
from observability.http.server.tests.servers import Client
from observability.tests.telemetry import lines_of


def ends(api: Api, reason: str) -> float:
    return value_of(api, "long_lived_ends", route="news", kind="event_stream", reason=reason)


async def ended(api: Api, reason: str) -> None:
    """Wait until the one stream has ended, and nothing of it is held."""
    await until(lambda: ends(api, reason) == 1)
    await until(lambda: not api.pipeline.in_flight.count)
    service_client = api.context.service_client
    assert isinstance(service_client, HttpServiceClient)
    held = service_client._services.by_name["orders"]
    assert (held.bulkhead.in_flight, held.streams.in_flight, held.long_lived.in_flight) == (0, 0, 0)
    assert value_of(api, "long_lived", route="news", kind="event_stream") == 0


@asynccontextmanager
async def subscribed(api: Api) -> AsyncIterator[tuple[httpx.Response, AsyncIterator[str]]]:
    async with api.client.stream("GET", "/news", headers={"Accept": "text/event-stream"}) as answer:
        assert answer.status_code == 200
        yield answer, answer.aiter_text()


async def test_events_come_one_by_one_for_longer_than_any_timeout(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    text = routes().replace("path: /news\n", "path: /news\n    deadline_seconds: 1\n")
    with lines_of("access") as lines:
        async with passed_through(
            telemetry, tmp_path, text.replace("/news, timeout_seconds: 20", "/news")
        ) as (
            api,
            service,
        ):
            service_client = api.context.service_client
            assert isinstance(service_client, HttpServiceClient)
            async with subscribed(api) as (answer, events):
                assert answer.headers["X-Accel-Buffering"] == "no"
                assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
                for number in range(4):
                    service.events.put_nowait(f"data: {number}\n\n")
                    assert await anext(events) == f"data: {number}\n\n"
                    await asyncio.sleep(0.6)  # the service's timeout is 0.5 s, the deadline 1 s
                assert value_of(api, "long_lived", route="news", kind="event_stream") == 1
                (count,) = (
                    sample.value
                    for family in service_client._services._metrics.attempts.collect()
                    for sample in family.samples
                    if sample.name.endswith("_count")
                )
                assert count == 1  # the attempt's duration ended with the head
                service.events.put_nowait(None)
                with pytest.raises(StopAsyncIteration):
                    await anext(events)
            await ended(api, "service")
    (line,) = (record for record, _ in lines.lines if getattr(record, "route", None) == "/news")
    assert (line.status, line.end_reason, line.bytes_to_client) == (200, "service", 36)
    assert line.duration_ms > 2000
    counted = telemetry.registry.get_sample_value(
        "http_server_request_duration_seconds_sum",
        {
            "http_request_method": "GET",
            "http_route": "/news",
            "http_response_status_code": "200",
            "user_agent_synthetic_type": "",
        },
    )
    assert counted is not None
    assert counted * 1000 < line.duration_ms - 1800  # the request's, too


async def test_a_browser_connects_again_where_it_is_silent(telemetry: Telemetry, tmp_path: Path) -> None:
    """So its end is the end of a body, and nothing that breaks off."""
    async with passed_through(telemetry, tmp_path, routes(limits="{idle_seconds: 0.3}")) as (api, service):
        async with subscribed(api) as (_, events):
            service.events.put_nowait("data: 1\n\n")
            assert [event async for event in events] == ["data: 1\n\n"]
        await until(lambda: service.closed)
        await ended(api, "idle")


async def test_it_ends_when_it_has_lasted_long_enough(telemetry: Telemetry, tmp_path: Path) -> None:
    text = routes(limits="{life_seconds: 1, idle_seconds: 1}")

    async def keep_on(service: Service) -> None:
        while True:
            service.events.put_nowait(":\n\n")
            await asyncio.sleep(0.1)

    async with passed_through(telemetry, tmp_path, text) as (api, service):
        sending = asyncio.create_task(keep_on(service))
        async with subscribed(api) as (_, events):
            assert {text async for text in events} >= {":\n\n"}
        sending.cancel()
        await until(lambda: service.closed)
        await ended(api, "life")


async def test_a_stop_ends_it_in_order(telemetry: Telemetry, tmp_path: Path) -> None:
    async with (
        passed_through(telemetry, tmp_path, routes()) as (api, service),
        subscribed(api) as (_, events),
    ):
        service.events.put_nowait("data: 1\n\n")
        assert await anext(events) == "data: 1\n\n"
        assert await drain(api.front, api.pipeline, telemetry, grace_seconds=0)
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        await ended(api, "stop")


async def test_a_client_that_vanishes(telemetry: Telemetry, tmp_path: Path) -> None:
    async with passed_through(telemetry, tmp_path, routes()) as (api, service):
        async with Client.of(port_of(api)) as client:
            await client.send(b"GET /news HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.reader.readuntil(b"\r\n\r\n")
            client.reset()
        await until(lambda: service.closed)
        await ended(api, "client")


async def test_a_service_that_dies_breaks_it_off(telemetry: Telemetry, tmp_path: Path) -> None:
    async def die(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(b"3\r\n:\n\n\r\n")
        await writer.drain()
        writer.close()

    async with running(telemetry, tmp_path, routes(), answering({"/news": die})) as api:
        with pytest.raises(httpx.RemoteProtocolError):
            await api.get("/news")
        await ended(api, "service")


async def test_a_slow_client_holds_the_service(telemetry: Telemetry, tmp_path: Path) -> None:
    sent = 0

    async def pour(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for _ in range(500):
            writer.write(b":" + b"x" * 65533 + b"\n\n")
            await writer.drain()
            sent += 1
        writer.close()

    async with (
        running(telemetry, tmp_path, routes(), answering({"/news": pour})) as api,
        Client.of(port_of(api)) as client,
    ):
        await client.send(b"GET /news HTTP/1.1\r\nHost: a\r\n\r\n")
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.3)
        assert 0 < sent < 500
        async with asyncio.timeout(60):
            await client.reader.readuntil(b"\r\n\r\n")
            while b"0\r\n\r\n" not in await client.reader.read(1 << 20):
                pass
        assert sent == 500


@pytest.mark.parametrize("reason", ["stop", "life"])
async def test_its_end_waits_for_no_client_that_takes_nothing(
    telemetry: Telemetry, tmp_path: Path, reason: str
) -> None:
    sent = 0

    async def pour(_: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b":" + b"x" * 65533 + b"\n\n")
            await writer.drain()
            sent += 1

    text = routes(limits="{idle_seconds: 2, life_seconds: 2}" if reason == "life" else "{}")
    async with (
        running(telemetry, tmp_path, text, answering({"/news": pour})) as api,
        Client.of(port_of(api)) as client,
    ):
        await client.send(b"GET /news HTTP/1.1\r\nHost: a\r\n\r\n")
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.3)
        if reason == "stop":
            assert await drain(api.front, api.pipeline, telemetry, grace_seconds=0, drain_seconds=10)
        await ended(api, reason)


async def test_a_client_that_has_taken_it_asks_again_on_its_connection(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    text = routes(limits="{idle_seconds: 1, life_seconds: 1}")
    async with (
        passed_through(telemetry, tmp_path, text) as (api, _),
        Client.of(port_of(api)) as client,
        asyncio.timeout(20),
    ):
        await client.send(b"GET /news HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.reader.readuntil(b"\r\n\r\n0\r\n\r\n")
        await client.send(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 ")


async def test_another_answer_is_as_any(telemetry: Telemetry, tmp_path: Path) -> None:
    async with (
        running(telemetry, tmp_path, routes(timeout=0.5), answering({"/news": trickle})) as api,
        api.client.stream("GET", "/news") as answer,
    ):
        await anext(answer.aiter_bytes())
        assert "X-Accel-Buffering" not in answer.headers
        assert len(api.context.long_lived) == 0


async def test_a_head_alone_is_asked_for(telemetry: Telemetry, tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with running(telemetry, tmp_path, routes(), answering({"/news": head})) as api:
        answer = await api.client.head("/news")
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream")
        await until(lambda: not api.pipeline.in_flight.count)
        assert len(api.context.long_lived) == 0
