"""Addresses of the console's pages."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from compose.cli.links import Links

CONSOLE = "http://127.0.0.1:3000"
LINKS = Links(CONSOLE)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (LINKS.home(), "/"),
        (LINKS.traces(), "/traces"),
        (LINKS.trace(TRACE), f"/trace/{TRACE}"),
        (LINKS.trace(TRACE, SPAN), f"/trace/{TRACE}?span={SPAN}"),
        (LINKS.dashboard("gateway"), "/d/nextphase-gateway"),
        (LINKS.dashboard("service", service="orders"), "/d/nextphase-service?var-service=orders"),
        (LINKS.logs(), "/logs"),
        (LINKS.map(), "/map"),
        (LINKS.alerts(), "/alerts"),
        (LINKS.alerts("HopDown"), "/alerts?alert=HopDown"),
        (LINKS.rio(), "/rio"),
        (LINKS.rio("dead-letters"), "/rio/dead-letters"),
        (LINKS.api(), "/api"),
    ],
)
def test_a_page_has_its_address(address: str, path: str) -> None:
    assert address == CONSOLE + path


def test_a_query_arrives_as_it_is() -> None:
    query = '{service_name="orders"} |= "a&b=c #+%" | status>=500'
    address = urlsplit(LINKS.logs(query))
    assert address.fragment == ""
    assert parse_qs(address.query) == {"query": [query]}


def test_pages_with_a_time_reach_back_as_far_as_is_asked_for() -> None:
    links = Links(CONSOLE, since="6h")
    assert links.map() == f"{CONSOLE}/map?from=now-6h&to=now"
    assert links.dashboard("service", service="orders").endswith("?from=now-6h&to=now&var-service=orders")
    assert links.trace(TRACE) == LINKS.trace(TRACE)
