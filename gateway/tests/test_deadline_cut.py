"""What a request's deadline cuts off, composed and otherwise, on both loops."""

from pathlib import Path

import pytest

from gateway.resilience.deadline import Deadline
from gateway.resilience.policy import Breaker, Policy, Retries
from gateway.tests.api import answering, running, said
from gateway.tests.conftest import Serve
from gateway.tests.upstreams import hang
from gateway.upstream import Call, UpstreamError
from observability import Hop

CUT = """\
services:
  defaults: {timeout_seconds: %s, retries: {attempts: 2, first_seconds: 0.001}, breaker: {minimum: 2}}
routes:
  - id: it
    method: GET
    path: /it
    deadline_seconds: 0.4
    coalesce: %s
    compose:
      good: {service: orders, path: /good}
      bad: {service: accounts, path: /bad, on_failure: omit}
"""


@pytest.mark.parametrize("coalesce", ["false", "true"])
@pytest.mark.parametrize("own_seconds", [300, 0.25])
async def test_a_part_that_the_deadline_cuts_off_is_missing(
    hop: Hop, tmp_path: Path, own_seconds: float, coalesce: str
) -> None:
    behave = answering({"/good": said(1), "/bad": hang})
    async with running(hop, tmp_path, CUT % (own_seconds, coalesce), behave) as api:
        answer = await api.get("/it")
    assert (answer.status_code, answer.headers["X-Complete"]) == (200, "false")
    error = {"part": "bad", "status": 504, "cause": "accounts: no answer in time"}
    assert answer.json() == {"good": 1, "bad": None, "errors": [error]}


async def test_no_service_is_blamed_for_what_a_deadline_cut(serve: Serve) -> None:
    upstreams, server = await serve(hang)
    policy = Policy(timeout_seconds=300, retries=Retries(attempts=1), breaker=Breaker(minimum=2))
    for _ in range(4):
        with pytest.raises(UpstreamError) as caught:
            await upstreams.call(Call("orders", "GET", "/orders/7"), policy, Deadline.after(0.05))
        assert caught.value.status == 504
    assert len(server.asked) == 4
