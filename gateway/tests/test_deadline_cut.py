"""A request's deadline cuts off calls, composed and otherwise, on both loops."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from gateway.service_client import Call, ServiceError
from gateway.service_client.circuit_breaker import State
from gateway.service_client.deadline import Deadline
from gateway.service_client.policy import BreakerPolicy, Policy, RetryPolicy
from gateway.tests.api import answering, running, said
from gateway.tests.conftest import Serve
from gateway.tests.services import hang, until
from observability import Telemetry

#: Requests that are made at most.
MOST = 10
CUT = """\
services:
  defaults: {timeout_seconds: %s, retries: {attempts: 2, first_seconds: 0.001}, breaker: {minimum: 2}}
routes:
  - id: it
    method: GET
    path: /it
    deadline_seconds: 1.5
    coalesce: %s
    compose:
      good: {service: orders, path: /good}
      bad: {service: accounts, path: /bad, on_failure: omit}
"""


async def until_answered(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> list[httpx.Response]:
    """The answers up to the first with this status.

    Of a deadline 0.1 s is kept for the rest of the answer: where a busy machine runs the gateway later than
    that, the request ends before its call has, and another is made.
    """
    answers: list[httpx.Response] = []
    while len(answers) < MOST and (not answers or answers[-1].status_code != status):
        answers.append(await ask())
    return answers


@pytest.mark.parametrize("coalesce", ["false", "true"])
@pytest.mark.parametrize("own_seconds", [300, 0.9])
async def test_a_part_that_the_deadline_cuts_off_is_missing(
    telemetry: Telemetry, tmp_path: Path, own_seconds: float, coalesce: str
) -> None:
    behave = answering({"/good": said(1), "/bad": hang})
    async with running(telemetry, tmp_path, CUT % (own_seconds, coalesce), behave) as api:
        (*late, answer) = await until_answered(lambda: api.get("/it"), 200)
    assert {each.status_code for each in late} <= {504}
    assert (answer.status_code, answer.headers["X-Complete"]) == (200, "false")
    error = {"part": "bad", "status": 504, "cause": "accounts: no answer in time"}
    assert answer.json() == {"good": 1, "bad": None, "errors": [error]}


@pytest.mark.parametrize(("used", "blamed"), [(0.0, True), (0.15, True), (0.25, False), (0.9, False)])
async def test_a_service_is_blamed_where_others_used_up_little_time(
    serve: Serve, used: float, blamed: bool
) -> None:
    client, _ = await serve(hang)
    policy = Policy(timeout_seconds=300, retries=RetryPolicy(attempts=1), breaker=BreakerPolicy(minimum=2))
    for _ in range(2):
        now = 0.0
        deadline = Deadline.after(0.5, lambda: now)  # noqa: B023 - it is this request's
        now = 0.5 * used
        with pytest.raises(ServiceError) as caught:
            await client.call(Call("orders", "GET", "/orders/7"), policy, deadline)
        assert caught.value.status == 504
    assert client._services.by_name["orders"].circuits.worst is (State.OPEN if blamed else State.CLOSED)


async def test_a_probe_that_hangs_until_the_deadline_opens_the_circuit_again(serve: Serve) -> None:
    client, server = await serve(hang)
    policy = Policy(
        timeout_seconds=300,
        retries=RetryPolicy(attempts=1),
        breaker=BreakerPolicy(minimum=1, open_seconds=0.01),
    )
    for number in (1, 2):
        with pytest.raises(ServiceError):
            await client.call(Call("orders", "GET", "/orders/7"), policy, Deadline.after(0.5))
        circuit = client._services.by_name["orders"].circuits.of("", "/orders/7")
        assert (len(server.asked), circuit.state) == (number, State.OPEN)
        await until(lambda: not circuit.retry_after())  # noqa: B023 - it is waited for here


EVERY_KIND = """\
services:
  defaults: {timeout_seconds: 1.5, retries: {attempts: 1}, breaker: {minimum: 2}}
routes:
  - {id: composed, method: GET, path: /composed, deadline_seconds: 1.5,
     compose: {x: {service: accounts, path: /accounts/7, on_failure: omit}}}
  - {id: proxied, method: GET, path: /proxied, deadline_seconds: 1.5,
     proxy: {service: accounts, path: /accounts/7}}
  - {id: handled, method: POST, path: /handled, deadline_seconds: 1.5, body: {type: object},
     handler: gateway.handlers.place_order}
"""


@pytest.mark.parametrize(("method", "path"), [("GET", "composed"), ("GET", "proxied"), ("POST", "handled")])
async def test_a_hanging_service_is_left_alone_though_no_route_waits_for_its_timeout(
    telemetry: Telemetry, tmp_path: Path, method: str, path: str
) -> None:
    body = {"account_id": "7"} if method == "POST" else None
    async with running(telemetry, tmp_path, EVERY_KIND, answering({"/accounts/7": hang})) as api:
        answers = await until_answered(lambda: api.client.request(method, f"/{path}", json=body), 503)
        asked = len(api.service.asked)
    assert asked == len(answers) - 1 >= 2
    assert [answer.status_code for answer in answers] == [504] * asked + [503]
