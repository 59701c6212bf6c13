"""The trace that a caller is in goes on as W3C Trace Context says."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.tests.api import answering, running, said
from observability import Telemetry
from tests.trace_context import TRACEPARENTS, parent_of

ROUTES = """\
routes:
  - {id: thing, method: GET, path: /v1/thing, proxy: {service: orders, path: /thing}}
"""


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(traceparents=st.lists(TRACEPARENTS, min_size=20, max_size=20))
async def test_a_traceparent_means_what_the_specification_says(
    telemetry: Telemetry, tmp_path: Path, traceparents: list[str]
) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({"/thing": said(1)})) as api:
        for traceparent in traceparents:
            answer = await api.get("/v1/thing", headers={"traceparent": traceparent})
            passed_on = parent_of(api.service.asked[-1].headers["traceparent"])
            parent = parent_of(traceparent)
            assert passed_on is not None
            assert passed_on.trace_id == answer.headers["X-Trace-Id"]
            if parent is None:
                assert passed_on.trace_id not in traceparent
                assert passed_on.sampled
            else:
                assert passed_on.trace_id == parent.trace_id
                assert passed_on.span_id != parent.span_id
                assert passed_on.sampled is parent.sampled
