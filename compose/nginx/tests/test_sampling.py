"""Which traces are recorded: the edge decides it once, for all hops behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.cli.sampling import Sampling, Shares
from compose.nginx.tests import stand
from compose.nginx.tests.test_trace import PARENT, TRACE, forwarded

OUTSIDE = "127.0.0.9"
DEBUG = {"X-Debug-Trace": "1"}
HALF, NONE = "/v1/orders/17", "/v1/stock"
SAMPLING = Sampling(
    Shares(head=1.0, tail=0.1),
    {"GET /v1/orders/{order_id}": Shares(head=0.5), "GET /v1/stock": Shares(head=0.0)},
)


@pytest.fixture(scope="module")
def edge(upstreams: list[stand.Upstream]) -> Iterator[stand.Nginx]:
    with stand.edge([upstreams[0].address], sampling=SAMPLING) as nginx:
        yield nginx


def flags_of(
    edge: stand.Nginx,
    seen: list[stand.Seen],
    path: str,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    source: str = "127.0.0.1",
) -> str:
    edge.request(method, path, headers or {}, source=source)
    return forwarded(seen)[2]


def test_a_route_has_the_share_that_it_is_given(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    halves = [flags_of(edge, seen, HALF) for _ in range(200)]
    assert 50 < halves.count("01") < 150
    assert {flags_of(edge, seen, NONE) for _ in range(20)} == {"00"}
    others = [("PUT", NONE), ("GET", f"{NONE}/tea"), ("GET", f"{HALF}/x"), ("GET", "/v1/x")]
    assert {flags_of(edge, seen, path, method=method) for method, path in others for _ in range(20)} == {"01"}


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_trusted_caller_has_decided_already(edge: stand.Nginx, seen: list[stand.Seen], flags: str) -> None:
    parent = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
    assert flags_of(edge, seen, NONE, parent) == flags
    assert flags_of(edge, seen, "/v1/x", parent) == flags
    assert flags_of(edge, seen, NONE, parent, source=OUTSIDE) == "00"
    assert flags_of(edge, seen, "/v1/x", parent, source=OUTSIDE) == "01"


def test_a_trusted_caller_has_a_trace_recorded_that_would_not_be(
    edge: stand.Nginx, seen: list[stand.Seen]
) -> None:
    assert flags_of(edge, seen, NONE, DEBUG) == "01"
    assert "x-debug-trace" not in seen[-1].headers
    assert is_debug(edge, forwarded(seen)[1])
    assert flags_of(edge, seen, NONE, DEBUG | {"traceparent": f"00-{TRACE}-{PARENT}-00"}) == "01"
    assert flags_of(edge, seen, "/v1/x") == "01"
    assert not is_debug(edge, forwarded(seen)[1])


@pytest.mark.parametrize("value", ["1", "11", "true"])
def test_others_have_not(edge: stand.Nginx, seen: list[stand.Seen], value: str) -> None:
    assert flags_of(edge, seen, NONE, {"X-Debug-Trace": value}, source=OUTSIDE) == "00"
    assert "x-debug-trace" not in seen[-1].headers


def test_what_is_not_recorded_is_counted(edge: stand.Nginx) -> None:
    edge.request("GET", NONE)
    stand.until(lambda: edge.lines("unsampled"), "the part of a span that is counted")


def is_debug(edge: stand.Nginx, span_id: str) -> bool:
    line = stand.until(lambda: [each for each in edge.lines("spans") if span_id.encode() in each], "span")
    found: bool = stand.flatten(stand.parse(line[0]))["attributes"]["nextphase.debug"]
    return found
