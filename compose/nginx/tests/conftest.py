"""One edge and one services nginx for all tests that do not need a setting of their own."""

from collections.abc import Iterator

import pytest

from compose.nginx.tests import stand


@pytest.fixture(scope="session")
def upstreams() -> Iterator[list[stand.Upstream]]:
    with stand.Upstream("one") as one, stand.Upstream("two") as two:
        yield [one, two]


@pytest.fixture(scope="session")
def edge(upstreams: list[stand.Upstream]) -> Iterator[stand.Nginx]:
    with stand.edge([each.address for each in upstreams], banned="127.0.0.66 1;\n") as nginx:
        yield nginx


@pytest.fixture(scope="session")
def services(upstreams: list[stand.Upstream]) -> Iterator[stand.Nginx]:
    one, two = upstreams
    catalog = {
        "accounts": [one.address],
        "orders": [two.address],
        "absent": [f"127.0.0.1:{stand.free_port()}"],
    }
    with stand.services(catalog) as nginx:
        yield nginx


@pytest.fixture
def seen(upstreams: list[stand.Upstream]) -> list[stand.Seen]:
    """The requests that reach any of the servers behind nginx during a test."""
    shared: list[stand.Seen] = []
    for upstream in upstreams:
        upstream.seen = shared
    return shared
