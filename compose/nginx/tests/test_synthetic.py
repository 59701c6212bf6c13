"""The edge marks requests of `nextphase demo` for every hop behind it, and drops such a mark from outside."""

from __future__ import annotations

import pytest

from compose.nginx.tests import stand

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MARK = "nextphase=synthetic:test"
DEMO = {"User-Agent": "nextphase-demo/1.2.3"}
GATEWAY = {"X-Platform-Credential": stand.GATEWAY_CREDENTIAL}


@pytest.mark.parametrize(
    ("headers", "passed"),
    [
        ({}, MARK),
        ({"traceparent": TRACEPARENT}, MARK),
        ({"traceparent": TRACEPARENT, "tracestate": "congo=t61,rojo=00"}, f"{MARK},congo=t61,rojo=00"),
        ({"tracestate": "congo=t61"}, MARK),
    ],
    ids=["no parent", "a parent", "a parent's state", "a state without a parent"],
)
def test_the_edge_marks_what_the_demo_sends(
    edge: stand.Nginx, seen: list[stand.Seen], headers: dict[str, str], passed: str
) -> None:
    trace_id = edge.request("GET", "/v1/x", DEMO | headers).header("x-trace-id")
    assert seen[-1].headers["tracestate"] == passed
    assert edge.access(trace_id)["user_agent_synthetic_type"] == "test"


@pytest.mark.parametrize(
    "agent", ["", "curl/8", "nextphase-demo", "Nextphase-Demo/1", "x nextphase-demo/1", "nextphase-gateway"]
)
def test_nothing_else_is_marked(edge: stand.Nginx, seen: list[stand.Seen], agent: str) -> None:
    trace_id = edge.request("GET", "/v1/x", {"User-Agent": agent}).header("x-trace-id")
    assert "tracestate" not in seen[-1].headers
    assert edge.access(trace_id)["user_agent_synthetic_type"] == ""
    assert edge.span(trace_id)["traceState"] == ""


@pytest.mark.parametrize(
    "state", [MARK, f"congo=t61, {MARK}", f"{MARK},congo=t61", "nextphase=other", f"a=1,\t{MARK} ,b=2"]
)
@pytest.mark.parametrize("agent", [{}, DEMO])
def test_a_mark_from_outside_is_dropped_with_its_state(
    edge: stand.Nginx, seen: list[stand.Seen], state: str, agent: dict[str, str]
) -> None:
    edge.request("GET", "/v1/x", agent | {"traceparent": TRACEPARENT, "tracestate": state})
    assert seen[-1].headers.get("tracestate") == (MARK if agent else None)


def test_a_member_whose_name_ends_alike_is_kept(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    edge.request("GET", "/v1/x", {"traceparent": TRACEPARENT, "tracestate": "xnextphase=1"})
    assert seen[-1].headers["tracestate"] == "xnextphase=1"


def test_a_span_says_it_sampled_or_not(edge: stand.Nginx) -> None:
    sampled = edge.span(edge.request("GET", "/v1/x", DEMO).header("x-trace-id"))
    assert sampled["traceState"] == MARK
    counted_before = len(edge.lines("unsampled"))
    edge.request("GET", "/v1/x", DEMO | {"traceparent": f"{TRACEPARENT[:-1]}0"})
    lines = stand.until(lambda: edge.lines("unsampled")[counted_before:], "line of a request not sampled")
    assert stand.flatten(stand.parse(lines[0]))["traceState"] == MARK


@pytest.mark.parametrize(
    ("state", "marked"),
    [
        (MARK, "test"),
        (f"congo=t61, {MARK}", "test"),
        (f"{MARK} ,congo=t61", "test"),
        ("nextphase=other", ""),
        (f"{MARK}ing", ""),
        (f"x{MARK}", ""),
        ("congo=t61", ""),
    ],
)
def test_services_nginx_believes_the_state(
    services: stand.Nginx, seen: list[stand.Seen], state: str, marked: str
) -> None:
    headers = GATEWAY | {"traceparent": TRACEPARENT, "tracestate": state, "User-Agent": "nextphase-demo/1"}
    before = len(services.lines("access"))
    services.request("GET", "/accounts/7", headers)
    assert seen[-1].headers["tracestate"] == state
    lines = stand.until(lambda: services.lines("access")[before:], "access line")
    assert stand.parse(lines[0])["user_agent_synthetic_type"] == marked
    spans = stand.until(lambda: services.lines("spans"), "span")
    assert stand.flatten(stand.parse(spans[-1]))["traceState"] == (MARK if marked else "")
