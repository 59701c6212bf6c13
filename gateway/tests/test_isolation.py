"""One service, one URL or one slow caller does not slow the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from gateway.service_client import Call, HttpServiceClient, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.metrics import ServiceMetrics
from gateway.service_client.policy import BreakerPolicy, BulkheadPolicy, Policy, RetryPolicy
from gateway.tests.conftest import Serve
from gateway.tests.services import Asked, Behaviour, cut, hang, reply, saying, until
from observability import Telemetry

POLICY = Policy(
    timeout_seconds=30,
    retries=RetryPolicy(attempts=1),
    breaker=BreakerPolicy(minimum=4, window_seconds=60, open_seconds=60),
    bulkhead=BulkheadPolicy(concurrent=2, queue=0),
)


def to(target: str, service: str = "orders", path: str = "GET /orders/{path.id}") -> Call:
    return Call(service, "GET", target, path=path)


def by_target(**behaviours: Behaviour) -> Behaviour:
    """Behave as is said for the last segment of the target; answer all others."""

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await behaviours.get(asked.target.rpartition("/")[2], saying(reply()))(asked, writer)

    return behave


async def status(client: HttpServiceClient, call: Call, policy: Policy = POLICY, seconds: float = 30) -> int:
    try:
        return (await client.call(call, policy, Deadline.after(seconds))).status
    except ServiceError as error:
        return error.status


async def read_whole(client: HttpServiceClient, policy: Policy) -> None:
    async with client.stream(to("/orders/7"), policy, Deadline.after(5)) as streamed:
        async for _ in streamed.chunks():
            pass


async def test_calls_of_a_hanging_service_use_up_no_connection_of_another(serve: Serve) -> None:
    client, server = await serve(by_target(hanging=hang))
    many = POLICY.model_copy(
        update={"bulkhead": BulkheadPolicy(concurrent=1100, queue=0), "timeout_seconds": 300}
    )
    hanging: list[asyncio.Task[int]] = []
    while (asked := len(server.asked)) < 1100:
        task = asyncio.create_task(status(client, to("/orders/hanging"), many, 300))
        await until(lambda: len(server.asked) > asked or task.done())  # noqa: B023 - it is waited for here
        hanging.append(task)
    assert await status(client, to("/accounts/7", "accounts"), seconds=60) == 200
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_what_does_not_reach_a_service_does_not_open_its_breaker(telemetry: Telemetry) -> None:
    nowhere = HttpServiceClient(
        "http://127.0.0.1:1", "secret", telemetry, ServiceMetrics(CollectorRegistry())
    )
    assert [await status(nowhere, to("/orders/7")) for _ in range(8)] == [502] * 8
    await nowhere.close()


async def test_a_url_that_always_fails_is_left_alone_by_itself(serve: Serve) -> None:
    client, server = await serve(by_target(bad=saying(reply(500))))
    statuses = [await status(client, to("/orders/bad")) for _ in range(8)]
    assert statuses == [502] * 4 + [503] * 4
    assert [await status(client, to(f"/orders/{number}")) for number in range(8)] == [200] * 8
    assert sum(asked.target == "/orders/bad" for asked in server.asked) == 4


async def test_a_path_that_always_fails_is_left_alone_by_itself(serve: Serve) -> None:
    client, _ = await serve(by_target(report=saying(reply(500))))
    reports = [to(f"/orders/{number}/report", path="GET /orders/{path.id}/report") for number in range(8)]
    assert [await status(client, call) for call in reports] == [502] * 4 + [503] * 4
    assert await status(client, to("/orders/7")) == 200


async def test_a_path_whose_urls_all_fail_is_left_alone(serve: Serve) -> None:
    client, server = await serve(saying(reply(500)))
    statuses = [await status(client, to(f"/orders/{number}")) for number in range(8)]
    assert (statuses, len(server.asked)) == ([502] * 4 + [503] * 4, 4)


async def test_an_isolated_url_is_tried_again(serve: Serve) -> None:
    client, _ = await serve(saying(*[reply(500)] * 4, reply()))
    policy = POLICY.model_copy(
        update={"breaker": BreakerPolicy(minimum=4, window_seconds=60, open_seconds=0.05)}
    )
    for _ in range(4):
        await status(client, to("/orders/bad"), policy)
    async with asyncio.timeout(10):
        while await status(client, to("/orders/bad"), policy) != 200:  # noqa: ASYNC110 - it is the breaker that takes its time
            await asyncio.sleep(0.01)
    assert await status(client, to("/orders/bad"), policy) == 200


async def test_callers_that_read_slowly_hold_no_place(serve: Serve) -> None:
    """Neither while an answer waits for its reader whole, nor while the service waits to send the rest."""
    client, _ = await serve(by_target(big=saying(reply(200, b"x" * 50_000_000))))
    async with AsyncExitStack() as slow:
        for target in ("/orders/small", "/orders/big") * 2:
            stream = client.stream(to(target), POLICY, Deadline.after(5))
            assert (await slow.enter_async_context(stream)).status == 200
        assert await status(client, to("/orders/7"), seconds=5) == 200


async def test_callers_that_send_slowly_hold_no_place(serve: Serve) -> None:
    client, _ = await serve(saying(reply()))
    complete = asyncio.Event()
    begun = []

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        begun.append(1)
        await complete.wait()
        yield b"half"

    async def upload(length: int | None) -> int:
        call = Call("orders", "PUT", "/orders/7", (), body(), length, "PUT /orders/{path.id}")
        async with client.stream(call, POLICY, Deadline.after(30)) as streamed:
            return streamed.status

    uploads = [asyncio.create_task(upload(length)) for length in (8, None) * 4]
    await until(lambda: len(begun) == 8)
    assert await status(client, to("/orders/7"), seconds=5) == 200
    assert client._services.by_name["orders"].bulkhead.in_flight == 0
    complete.set()
    done = await asyncio.gather(*uploads, return_exceptions=True)
    # All of them are complete at once, and there are two places and no queue.
    assert 200 in done
    assert all(each == 200 or isinstance(each, ServiceError) for each in done)
    assert client._services.by_name["orders"].bulkhead.in_flight == 0


@pytest.mark.parametrize("behave", [hang, cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")])
async def test_streams_that_fail_give_back_what_they_hold(serve: Serve, behave: Behaviour) -> None:
    client, _ = await serve(behave)
    policy = POLICY.model_copy(update={"timeout_seconds": 0.1})
    for _ in range(3):
        with pytest.raises(ServiceError):
            await read_whole(client, policy)
    service = client._services.by_name["orders"]
    assert (service.bulkhead.in_flight, service.streams.in_flight) == (0, 0)


async def test_a_call_that_would_not_be_made_is_refused_before_its_body_is_read(serve: Serve) -> None:
    client, _ = await serve(by_target(bad=saying(reply(500)), hanging=hang))
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    for _ in range(4):
        await status(client, to("/orders/bad"))
    hanging = [asyncio.create_task(status(client, to("/orders/hanging", "stock"))) for _ in range(2)]
    await until(lambda: client._services.of("stock", POLICY).bulkhead.is_full)
    for service, target in (("orders", "/orders/bad"), ("stock", "/stock/7")):
        call = Call(service, "GET", target, (), body(), 1, "GET /orders/{path.id}")
        with pytest.raises(ServiceError) as caught:
            async with client.stream(call, POLICY, Deadline.after(5)):
                pass
        assert (caught.value.status, read) == (503, [])
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
