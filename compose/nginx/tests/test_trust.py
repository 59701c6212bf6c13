"""The edge's trust in callers: their traces, sampled flags and baggage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.nginx.tests import stand
from compose.nginx.tests.test_trace import PARENT, STATE, TRACE, forwarded

OUTSIDE = "127.0.0.9"
TRACEPARENT = f"00-{TRACE}-{PARENT}"


@pytest.fixture(scope="module", params=["continue", "link", "ignore"])
def policy(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def edge(policy: str, upstreams: list[stand.Upstream]) -> Iterator[stand.Nginx]:
    callers = stand.CALLERS | {"trace": policy, "baggage": ["tenant", "a.b"]}
    with stand.edge([upstreams[0].address], callers=callers) as nginx:
        yield nginx


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_trusted_caller_is_believed(
    edge: stand.Nginx, seen: list[stand.Seen], policy: str, flags: str
) -> None:
    headers = {"traceparent": f"{TRACEPARENT}-{flags}", "tracestate": STATE, "baggage": "tenant=a,x=1;p=2"}
    edge.request("GET", "/v1/x", headers)
    trace_id, _, forwarded_flags = forwarded(seen)
    assert (trace_id, forwarded_flags) == (TRACE, flags)
    assert seen[-1].headers["tracestate"] == STATE
    assert seen[-1].headers["baggage"] == "tenant=a,x=1;p=2"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_what_becomes_of_the_trace_of_others(
    edge: stand.Nginx, seen: list[stand.Seen], policy: str, flags: str
) -> None:
    headers = {"traceparent": f"{TRACEPARENT}-{flags}", "tracestate": STATE}
    trace_id = edge.request("GET", "/v1/x", headers, source=OUTSIDE).header("x-trace-id")
    passed_id, span_id, passed_flags = forwarded(seen)
    assert passed_id == trace_id
    assert passed_flags == "01"  # whether it is traced is not the caller's to say
    assert (trace_id == TRACE) is (policy == "continue")
    assert seen[-1].headers.get("tracestate") == (STATE if policy == "continue" else None)
    (line,) = stand.until(lambda: [each for each in edge.lines("spans") if span_id.encode() in each], "span")
    span = stand.flatten(stand.parse(line))
    assert span["parentSpanId"] == (PARENT if policy == "continue" else "")
    links = [{"traceId": TRACE, "spanId": PARENT}] if policy == "link" else None
    assert span.get("links") == links


def test_a_request_without_a_trace_has_no_link(edge: stand.Nginx) -> None:
    for headers in ({}, {"traceparent": f"{TRACEPARENT.upper()}-01"}):
        trace_id = edge.request("GET", "/v1/x", headers, source=OUTSIDE).header("x-trace-id")
        assert "links" not in edge.span(trace_id)


@pytest.mark.parametrize(
    ("baggage", "passed"),
    [
        ("tenant=a", "tenant=a"),
        ("user=7, tenant=a;p=1 ,x=2", "tenant=a;p=1 "),
        ("a.b=2,tenant=1", "tenant=1,a.b=2"),
        ("axb=2,xtenant=1,tenants=3", None),
        ("user=tenant=a", None),
        ("user=7", None),
        ("a.b = c|", "a.b = c|"),
        ("", None),
    ],
)
def test_the_listed_baggage_of_others_passes(
    edge: stand.Nginx, seen: list[stand.Seen], baggage: str, passed: str | None
) -> None:
    edge.request("GET", "/v1/x", {"baggage": baggage}, source=OUTSIDE)
    assert seen[-1].headers.get("baggage") == passed
