import asyncio
import itertools
import json
from collections.abc import AsyncIterator

import pytest

import observability
from gateway.service_client import MAX_ANSWER_BYTES, Answer, Call, HttpServiceClient, ServiceError
from gateway.service_client.circuit_breaker import State
from gateway.service_client.deadline import Deadline
from gateway.service_client.policy import BreakerPolicy, BulkheadPolicy, Policy, RetryPolicy
from gateway.tests.conftest import Serve
from gateway.tests.services import Asked, Behaviour, cut, hang, reply, reset, saying, stall, trickle, until
from observability.http.client import Headers

ORDER = Call("orders", "GET", "/orders/7")
PLACE = Call("orders", "POST", "/orders", (("Content-Type", "application/json"),), b"{}")
ONCE = Policy(timeout_seconds=20, retries=RetryPolicy(attempts=1))
TWICE = Policy(timeout_seconds=20, retries=RetryPolicy(attempts=2, first_seconds=0.001))


def hasty(policy: Policy) -> Policy:
    """The same for a service that never answers."""
    return policy.model_copy(update={"timeout_seconds": 0.3})


async def ask(
    client: HttpServiceClient, call: Call = ORDER, policy: Policy = ONCE, seconds: float = 30
) -> Answer:
    return await client.call(call, policy, Deadline.after(seconds))


async def refused(
    client: HttpServiceClient, call: Call = ORDER, policy: Policy = ONCE, seconds: float = 30
) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await ask(client, call, policy, seconds)
    return caught.value


async def test_what_is_sent(serve: Serve, telemetry: observability.Telemetry) -> None:
    client, server = await serve(saying(reply(202, b'{"id": "7"}', Location="/orders/7")))
    with telemetry.tracer.start_as_current_span("asking") as span:
        call = Call(
            "orders", "POST", "/orders/%2e%2e%2f?a=%ff", (("Content-Type", "application/json"),), b"{}"
        )
        answer = await ask(client, call)
        ids = span.get_span_context()
    assert (answer.status, answer.json(), answer.headers.get("location")) == (202, {"id": "7"}, "/orders/7")
    [asked] = server.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/orders/%2e%2e%2f?a=%ff", b"{}")
    assert asked.headers["x-platform-credential"] == "secret"
    version, trace_id, span_id, flags = asked.headers["traceparent"].split("-")
    assert (version, trace_id, int(flags, 16) & 1) == ("00", f"{ids.trace_id:032x}", 1)
    assert span_id != f"{ids.span_id:016x}"
    assert 0 < int(asked.headers["x-request-timeout-ms"]) <= 20_000


async def test_a_service_is_told_what_is_left_of_the_deadline(serve: Serve) -> None:
    client, server = await serve(saying(reply()))
    await ask(client, policy=Policy(), seconds=1)
    assert int(server.asked[0].headers["x-request-timeout-ms"]) <= 1000


async def test_a_service_is_told_less_each_time(serve: Serve) -> None:
    async def take_a_while(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(reply(503))

    client, server = await serve(take_a_while)
    policy = Policy(timeout_seconds=60, retries=RetryPolicy(attempts=4, first_seconds=0.001))
    await refused(client, policy=policy, seconds=5)
    left = [int(asked.headers["x-request-timeout-ms"]) for asked in server.asked]
    assert len(left) == 4
    assert 5000 >= left[0] > left[1] > left[2] > left[3] > 0


@pytest.mark.parametrize(("answered", "told"), [(500, 502), (501, 502), (502, 502), (503, 503), (504, 504)])
async def test_failures_become_the_gateways_own(serve: Serve, answered: int, told: int) -> None:
    client, _ = await serve(saying(reply(answered, Retry_After="7")))
    error = await refused(client)
    assert (error.status, error.retry_after) == (told, "7")


async def test_a_refused_credential_is_not_the_callers_fault(serve: Serve) -> None:
    denied = "services-nginx; error=http_request_denied"
    client, _ = await serve(saying(reply(403, Proxy_Status=denied)))
    error = await refused(client)
    assert (error.status, error.cause) == (502, "the gateway was not admitted")


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_a_refusal_is_an_answer(serve: Serve, status: int) -> None:
    client, _ = await serve(saying(reply(status)))
    answer = await ask(client)
    assert (answer.status, answer.ok) == (status, False)


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        (hang, 504),
        (trickle, 504),
        (reset, 502),
        (cut(b""), 502),
        (cut(b"HTTP/1.1 200 OK\r\n"), 502),
        (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), 502),
        (cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"), 502),
        (cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n{"), 502),
        (cut(b"SSH-2.0-OpenSSH\r\n\r\n"), 502),
        (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"), 502),
        (cut(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000), 502),
        (saying(reply(200, b" " * (MAX_ANSWER_BYTES + 1))), 502),
    ],
    ids=["hangs", "trickles", "resets", "closes", "half a head", "half a body", "half a chunk", "bad chunk",
         "not HTTP", "two lengths", "endless head", "huge"],
)  # fmt: skip
async def test_every_way_to_fail(serve: Serve, behave: Behaviour, status: int) -> None:
    client, _ = await serve(behave)
    async with asyncio.timeout(60):
        error = await refused(client, policy=hasty(TWICE) if status == 504 else TWICE)
    assert error.status == status


async def test_nobody_there(telemetry: observability.Telemetry, serve: Serve) -> None:
    client, _ = await serve(reset)
    lost = HttpServiceClient("http://127.0.0.1:1", "secret", telemetry, client._services._metrics)
    error = await refused(lost)
    assert (error.status, error.cause) == (502, "no connection")
    await lost.close()


@pytest.mark.parametrize("body", [b"<html>", b"", b"{", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_not_json(body: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        Answer("orders", 200, Headers(), body).json()
    assert caught.value.status == 502


@pytest.mark.parametrize("call", [ORDER, Call("orders", "PUT", "/orders/7", (), b"{}")])
async def test_an_idempotent_call_is_made_again(serve: Serve, call: Call) -> None:
    client, server = await serve(saying(reply(503), reply(200)))
    assert (await ask(client, call, TWICE)).status == 200
    parents = [asked.headers["traceparent"] for asked in server.asked]
    assert len(set(parents)) == 2


async def test_a_call_that_is_not_idempotent_is_made_once(serve: Serve) -> None:
    client, server = await serve(saying(reply(503), reply(200)))
    assert (await refused(client, PLACE, TWICE)).status == 503
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [404, 422, 500, 501])
async def test_what_would_fail_again_is_not_tried_again(serve: Serve, status: int) -> None:
    client, server = await serve(saying(reply(status), reply(200)))
    if status < 500:
        assert (await ask(client, policy=TWICE)).status == status
    else:
        await refused(client, policy=TWICE)
    assert len(server.asked) == 1


async def test_retries_stop_where_their_budget_ends(serve: Serve) -> None:
    client, server = await serve(saying(reply(503)))
    policy = Policy(
        retries=RetryPolicy(attempts=5, budget_ratio=0.1, first_seconds=0.0001),
        breaker=BreakerPolicy(minimum=10_000),
    )
    for _ in range(30):
        await refused(client, policy=policy)
    assert 30 < len(server.asked) <= 30 + 10 + 30 * 0.1


async def test_no_retry_passes_the_deadline(serve: Serve) -> None:
    client, server = await serve(saying(reply(503, Retry_After="60")))
    policy = Policy(retries=RetryPolicy(attempts=2, first_seconds=0.001, cap_seconds=60))
    assert (await refused(client, policy=policy, seconds=1)).status == 503
    assert len(server.asked) == 1


async def test_a_service_that_wants_to_be_left_alone_holds_nobody_up(serve: Serve) -> None:
    client, server = await serve(saying(reply(503, Retry_After="20")))
    async with asyncio.timeout(10):
        error = await refused(client, policy=TWICE, seconds=60)
    assert (error.retry_after, len(server.asked)) == ("20", 1)


async def test_no_time_left_is_no_call(serve: Serve) -> None:
    client, server = await serve(saying(reply()))
    error = await refused(client, seconds=0)
    assert (error.status, server.asked) == (504, [])


@pytest.mark.parametrize(
    ("behave", "status"),
    [(hang, 504), (trickle, 504), (stall(b"HTTP/1.1 200 OK\r\n"), 504), (saying(reply(503)), 503),
     (saying(reply(503, Retry_After="100")), 503)],
    ids=["hangs", "trickles", "half a head", "retries", "is to be asked later"],
)  # fmt: skip
@pytest.mark.parametrize("full", [False, True])
async def test_nothing_outlasts_the_deadline(
    serve: Serve, behave: Behaviour, status: int, full: bool
) -> None:
    """Whatever else could be waited for would be waited for minutes."""
    client, _ = await serve(behave)
    policy = Policy(
        timeout_seconds=300,
        retries=RetryPolicy(attempts=5, first_seconds=300, cap_seconds=300),
        bulkhead=BulkheadPolicy(concurrent=1, queue_seconds=300),
    )
    bulkhead = client._services.of("orders", policy).bulkhead
    if full:
        assert bulkhead.enter()
    async with asyncio.timeout(30):
        error = await refused(client, policy=policy, seconds=0.3)
    assert error.status == (503 if full else status)
    assert (bulkhead.in_flight, bulkhead.waiting) == (int(full), 0)


async def test_timeouts_open_the_circuit(serve: Serve) -> None:
    client, server = await serve(hang)
    policy = Policy(timeout_seconds=0.5, retries=RetryPolicy(attempts=1), breaker=BreakerPolicy(minimum=2))
    assert [(await refused(client, policy=policy)).status for _ in range(3)] == [504, 504, 503]
    assert len(server.asked) == 2


async def test_a_failing_service_is_left_alone_and_tried_again(serve: Serve) -> None:
    failing = [reply(500)] * 4
    client, server = await serve(saying(*failing, reply(200)))
    policy = Policy(
        retries=RetryPolicy(attempts=1),
        breaker=BreakerPolicy(minimum=4, window_seconds=60, open_seconds=1),
    )
    for _ in failing:
        await refused(client, policy=policy)
    error = await refused(client, policy=policy)
    assert (error.status, error.retry_after, len(server.asked)) == (503, "1", 4)
    circuits = client._services.by_name["orders"].circuits
    await until(lambda: not circuits.of("", ORDER.target).retry_after())
    assert (await ask(client, policy=policy)).status == 200
    assert circuits.worst is State.CLOSED


async def test_a_probe_that_was_cancelled_makes_room_for_the_next(serve: Serve) -> None:
    turn = itertools.count()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        number = next(turn)
        if number == 1:
            await hang(asked, writer)
        writer.write(reply(500 if number == 0 else 200))

    client, server = await serve(behave)
    policy = Policy(
        retries=RetryPolicy(attempts=1),
        breaker=BreakerPolicy(minimum=1, window_seconds=60, open_seconds=0.01),
    )
    await refused(client, policy=policy)
    circuits = client._services.by_name["orders"].circuits
    await until(lambda: not circuits.of("", ORDER.target).retry_after())
    probe = asyncio.create_task(ask(client, policy=policy))
    await until(lambda: len(server.asked) == 2)
    assert (await refused(client, policy=policy)).status == 503
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert (await ask(client, policy=policy)).status == 200


async def test_a_probe_that_finds_no_place_makes_room_for_the_next(serve: Serve) -> None:
    client, _ = await serve(saying(reply(500), reply(200)))
    policy = Policy(
        retries=RetryPolicy(attempts=1),
        breaker=BreakerPolicy(minimum=1, window_seconds=60, open_seconds=0.01),
        bulkhead=BulkheadPolicy(concurrent=1, queue=0),
    )
    await refused(client, policy=policy)
    service = client._services.by_name["orders"]
    await until(lambda: not service.circuits.of("", ORDER.target).retry_after())
    assert service.bulkhead.enter()
    assert (await refused(client, policy=policy)).cause == "too many calls wait for it"
    assert service.circuits.worst is State.HALF_OPEN
    service.bulkhead.leave()
    assert (await ask(client, policy=policy)).status == 200
    assert service.circuits.worst is State.CLOSED


async def test_a_slow_service_holds_no_more_than_its_bulkhead(serve: Serve) -> None:
    client, server = await serve(hang)
    policy = Policy(
        timeout_seconds=1,
        retries=RetryPolicy(attempts=1),
        bulkhead=BulkheadPolicy(concurrent=2, queue=1, queue_seconds=0.05),
    )
    outcomes = await asyncio.gather(*(refused(client, policy=policy) for _ in range(5)))
    assert sorted(error.status for error in outcomes) == [503, 503, 503, 504, 504]
    assert len(server.asked) == 2
    assert client._services.by_name["orders"].bulkhead.in_flight == 0


async def test_streams_both_ways(serve: Serve) -> None:
    pieces = [bytes([number]) * 50_000 for number in range(20)]

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, asked.body))

    client, _ = await serve(echo)
    call = Call("orders", "PUT", "/orders/7", (), body())
    async with client.stream(call, Policy(), Deadline.after(30)) as streamed:
        received = b"".join([chunk async for chunk in streamed.chunks()])
    assert (streamed.status, received) == (200, b"".join(pieces))


async def _stream(client: HttpServiceClient, policy: Policy) -> None:
    async with client.stream(ORDER, policy, Deadline.after(30)) as streamed:
        async for _ in streamed.chunks():
            pass


@pytest.mark.parametrize(
    ("behave", "status"),
    [
        (hang, 504),
        (reset, 502),
        (saying(reply(503)), 503),
        (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), 502),
    ],
)
async def test_streams_fail_as_calls_do(serve: Serve, behave: Behaviour, status: int) -> None:
    client, _ = await serve(behave)
    with pytest.raises(ServiceError) as caught:
        await _stream(client, hasty(ONCE) if status == 504 else ONCE)
    assert caught.value.status == status
    assert client._services.by_name["orders"].bulkhead.in_flight == 0


async def test_reachable(serve: Serve) -> None:
    client, server = await serve(saying(reply()))
    await client.health.reachable()
    assert json.dumps(server.asked) == "[]"
