"""The console answers no other site, and every answer has security headers."""

import socket

import pytest

from observability.console.store_addresses import ADDRESSES
from observability.console.tests.consoles import Console

PAGE, READ = "/logs", "/api/instance"
OTHERS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def status_of(console: Console, request: bytes) -> int:
    """The status of a request that no client library would send."""
    host, port = console.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        line = connection.makefile("rb").readline()
    return int(line.split()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_console_answers_to_its_names(console: Console, host: str) -> None:
    port = console.url.rpartition(":")[2]
    assert console.get(READ, Host=f"{host}:{port}").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "LOCALHOST.:PORT",
        "[::1]:PORT",
    ],
)
@pytest.mark.parametrize("path", [PAGE, READ, "/assets/index.html", "/nowhere"])
def test_another_name_is_refused(console: Console, host: str, path: str) -> None:
    host = host.replace("PORT", console.url.rpartition(":")[2])
    answer = console.get(path, Host=host)
    assert answer.status_code == 421
    assert answer.json()["status"] == 421


def test_no_name_and_two_names_are_refused(console: Console) -> None:
    own = console.url.removeprefix("http://")
    assert status_of(console, f"GET {READ} HTTP/1.0\r\n\r\n".encode()) in (400, 421)
    twice = f"GET {READ} HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert status_of(console, twice.encode()) in (400, 421)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "what"])
@pytest.mark.parametrize("path", [READ, "/api/prometheus/query?query=up", "/assets/index.html"])
def test_other_sites_read_nothing(console: Console, site: str, path: str) -> None:
    for mode in ("no-cors", "cors", "navigate") if path.startswith("/api/") else ("no-cors", "cors"):
        answer = console.get(path, Sec_Fetch_Site=site, Sec_Fetch_Mode=mode)
        assert answer.status_code == 403, mode
    assert console.stores.asked == []


def test_a_link_from_another_site_may_be_followed(console: Console) -> None:
    following = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert console.get(PAGE, **following).status_code == 200
    assert console.get(PAGE, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status_code == 403


@pytest.mark.parametrize("path", [PAGE, READ, "/nowhere", "/api/nowhere/at/all", "/assets/nowhere"])
def test_every_answer_says_what_a_browser_may_do_with_it(console: Console, path: str) -> None:
    headers = console.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] in ("no-store", "no-cache")
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address.pattern)
def test_stores_are_only_read(console: Console, address: object) -> None:
    path = str(address.pattern)  # type: ignore[attr-defined]
    for group, value in (
        ("([A-Za-z_][A-Za-z0-9_]{0,127})", "job"),
        ("([0-9a-f]{32})", "a" * 32),
        ("([0-9]{1,18})", "1"),
        ("([A-Za-z0-9][A-Za-z0-9._-]{0,254})", "x"),
    ):
        path = path.replace(group, value)
    for method in OTHERS:
        answer = console.ask(method, f"/api/{path}")
        assert answer.status_code == 405, method
        assert answer.headers["Allow"] == "GET, HEAD"
    assert console.stores.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2fconsole.json",
        "/assets/%2e%2e/console.json",
        "/assets/..",
        "/assets/../catalog.json",
        "/assets//etc/passwd",
        "/api/dashboards/..%2fconsole",
        "/api/dashboards/../console.json",
        "/api/prometheus/label/..%2f..%2fadmin/values",
        "/api/prometheus/../admin/tsdb/delete_series",
        "/api/prometheus/api/v1/admin/tsdb/snapshot",
        "/api/rio/schemas/..%2fsenders",
        "/api/rio/subscriptions/x/secret",
        "/api/jaeger/traces/..",
        "/api/loki/push",
        "/api/alertmanager/-/reload",
    ],
)
def test_no_path_leads_elsewhere(console: Console, path: str) -> None:
    own = console.url.removeprefix("http://")
    request = f"GET {path} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"
    assert status_of(console, request.encode()) == 404
    assert console.stores.asked == []


def test_the_pages_of_health_answer_without_the_guard(console: Console) -> None:
    """The supervisor and Prometheus ask, in containers by another name."""
    for path in ("/health/live", "/health/ready", "/health", "/metrics"):
        assert console.get(path, Host="console:3000").status_code == 200
