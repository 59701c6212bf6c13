"""Services nginx admits known callers only, and routes each path to its service."""

from __future__ import annotations

import contextlib
import http.client
import selectors
import socket
from urllib.parse import quote

import pytest

from compose.nginx.tests import stand

GATEWAY = {"X-Platform-Credential": stand.GATEWAY_CREDENTIAL}
RIO = {"X-Platform-Credential": stand.RIO_CREDENTIAL}
DENIED = "services-nginx; error=http_request_denied"


@pytest.mark.parametrize(("headers", "caller"), [(GATEWAY, "gateway"), (RIO, "rio")])
def test_callers_are_admitted_by_name(
    services: stand.Nginx, seen: list[stand.Seen], headers: dict[str, str], caller: str
) -> None:
    answer = services.request("GET", "/accounts/7?x=1", {**headers, "X-Caller": "somebody else"})
    assert answer.status == 200
    assert seen[-1].headers["x-caller"] == caller
    assert "x-platform-credential" not in seen[-1].headers
    trace_id = answer.header("x-trace-id")
    assert services.access(trace_id)["caller"] == caller
    span = services.span(trace_id)
    assert span["name"] == "GET /accounts/*"
    assert span["resource"]["service.name"] == "services-nginx"
    assert span["attributes"]["nextphase.caller"] == caller
    assert span["attributes"]["http.route"] == "/accounts/*"


@pytest.mark.parametrize(
    ("headers", "forwarded_for", "client"),
    [
        (GATEWAY, "192.0.2.7", "192.0.2.7"),
        (GATEWAY, "2001:db8::7", "2001:db8::7"),
        (GATEWAY, '1.1.1.1" "', "127.0.0.1"),
        (GATEWAY, "", "127.0.0.1"),
        ({}, "192.0.2.7", "127.0.0.1"),
    ],
)
def test_the_client_is_the_one_that_an_admitted_caller_names(
    services: stand.Nginx,
    seen: list[stand.Seen],
    headers: dict[str, str],
    forwarded_for: str,
    client: str,
) -> None:
    answer = services.request("GET", "/accounts/7", {**headers, "X-Forwarded-For": forwarded_for})
    attributes = services.span(answer.header("x-trace-id"))["attributes"]
    assert (attributes["client.address"], attributes["network.peer.address"]) == (client, "127.0.0.1")
    if headers:
        assert seen[-1].headers["x-forwarded-for"] == client


@pytest.mark.parametrize(
    "credential",
    [
        None,
        "",
        "x",
        "default",
        "gateway",
        "~.*",
        f"{stand.GATEWAY_CREDENTIAL}0",
        stand.GATEWAY_CREDENTIAL[:-1],
    ],
)
@pytest.mark.parametrize("path", ["/accounts/7", "/nowhere"])
def test_nobody_else_is(
    services: stand.Nginx, seen: list[stand.Seen], credential: str | None, path: str
) -> None:
    headers = {"X-Caller": "gateway"} | ({} if credential is None else {"X-Platform-Credential": credential})
    answer = services.request("POST", path, headers, b"{}")
    assert answer.status == 403
    assert answer.header("proxy-status") == DENIED
    trace_id = answer.problem()["trace_id"]
    line = services.access(trace_id)
    assert (line["caller"], line["status"], line["level"]) == ("refused", 403, "warning")
    attributes = services.span(trace_id)["attributes"]
    assert (attributes["nextphase.caller"], attributes["http.response.status_code"]) == ("refused", 403)
    assert not seen


@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_service_cannot_say_that_nginx_refused(services: stand.Nginx, status: int) -> None:
    answer = services.request("GET", f"/accounts/7?status={status}&denied={quote(DENIED)}", GATEWAY)
    assert (answer.status, answer.all("proxy-status")) == (status, [])


def test_a_services_health_leaves_neither_span_nor_line(
    services: stand.Nginx, seen: list[stand.Seen]
) -> None:
    asked = services.request("GET", "/accounts/health/ready", GATEWAY)
    assert (asked.status, seen[-1].path) == (200, "/health/ready")
    assert services.request("GET", "/accounts/health/ready").status == 403
    after = services.request("GET", "/accounts/7", GATEWAY).header("x-trace-id")
    services.access(after)
    trace_id = asked.header("x-trace-id").encode()
    assert not [line for kind in ("access", "spans") for line in services.lines(kind) if trace_id in line]


@pytest.mark.parametrize("page", ["/health", "/health/live", "/health/ready"])
def test_a_probe_that_fails_leaves_neither_span_nor_line(services: stand.Nginx, page: str) -> None:
    asked = services.request("GET", f"/absent{page}", GATEWAY)
    assert asked.status == 502
    services.access(services.request("GET", "/accounts/7", GATEWAY).header("x-trace-id"))
    trace_id = asked.header("x-trace-id").encode()
    assert not [line for kind in ("access", "spans") for line in services.lines(kind) if trace_id in line]


def test_a_refused_probe_is_counted(services: stand.Nginx) -> None:
    refused = services.request("GET", "/accounts/health/ready")
    assert services.span(refused.header("x-trace-id"))["attributes"]["http.response.status_code"] == 403


def test_credential_in_two_headers_is_not_two_callers(services: stand.Nginx, seen: list[stand.Seen]) -> None:
    request = (
        "GET /accounts HTTP/1.1\r\nHost: a\r\nX-Platform-Credential: x\r\nX-Platform-Credential: %s\r\n\r\n"
    )
    assert services.speak((request % stand.GATEWAY_CREDENTIAL).encode()).status == 403
    assert not seen


def test_credential_is_written_nowhere(services: stand.Nginx) -> None:
    services.request("GET", "/accounts/7", GATEWAY)
    services.request("GET", "/absent", GATEWAY)
    for path in (services.folder / "logs").iterdir():
        assert stand.GATEWAY_CREDENTIAL.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("path", "server"),
    [
        ("/accounts", "one"),
        ("/accounts/", "one"),
        ("/accounts/7", "one"),
        ("/accounts?x", "one"),
        ("/orders/events", "two"),
    ],
)
def test_a_path_reaches_its_service_whole(
    services: stand.Nginx, seen: list[stand.Seen], path: str, server: str
) -> None:
    assert services.request("POST", path, GATEWAY, b"{}").status == 200
    assert (seen[-1].server, seen[-1].path, seen[-1].body) == (server, path, b"{}")


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/health/ready", "/accountsx", "/account", "/Accounts", "/x/accounts"]
)
def test_a_path_of_no_service(services: stand.Nginx, seen: list[stand.Seen], path: str) -> None:
    answer = services.request("GET", path, GATEWAY)
    assert answer.status == 404
    assert answer.problem()
    assert not seen


@pytest.mark.parametrize(
    "target",
    [
        "/accounts/../metrics",
        "/accounts/..;/metrics",
        "/accounts/%2e%2e/metrics",
        "/accounts/x%2f..%2fmetrics",
        "/metrics/../accounts",
    ],
)
def test_no_way_round(services: stand.Nginx, seen: list[stand.Seen], target: str) -> None:
    credential = f"X-Platform-Credential: {stand.GATEWAY_CREDENTIAL}"
    answer = services.speak(f"GET {target} HTTP/1.1\r\nHost: a\r\n{credential}\r\n\r\n".encode())
    assert answer.status == 400
    assert answer.problem()
    assert not seen


def test_a_client_cannot_choose_the_upstream(services: stand.Nginx, seen: list[stand.Seen]) -> None:
    answer = services.speak(
        f"GET http://orders/accounts HTTP/1.1\r\nHost: orders\r\n"
        f"X-Platform-Credential: {stand.GATEWAY_CREDENTIAL}\r\n\r\n".encode()
    )
    assert answer.status == 200
    assert (seen[-1].server, seen[-1].path) == ("one", "/accounts")


def test_service_away(services: stand.Nginx) -> None:
    answer = services.request("POST", "/absent/events", RIO, b"{}")
    assert answer.status == 502
    assert answer.problem()


def test_service_too_slow(services: stand.Nginx, seen: list[stand.Seen]) -> None:
    answer = services.request("POST", "/orders?sleep=2", GATEWAY, b"{}")
    assert answer.status == 504
    assert answer.problem()
    assert len(seen) == 1


def test_a_hanging_service_takes_no_connection_from_another(upstreams: list[stand.Upstream]) -> None:
    with contextlib.ExitStack() as held, socket.create_server(("127.0.0.1", 0), backlog=4096) as hanging:
        instances = {
            "hanging": [f"127.0.0.1:{hanging.getsockname()[1]}"],
            "accounts": [upstreams[0].address],
        }
        entries = [
            {"name": name, "timeout_seconds": 60, "instances": addresses}
            for name, addresses in instances.items()
        ]
        nginx = held.enter_context(stand.services({}, services=entries))
        head = f"Host: a\r\nX-Platform-Credential: {stand.GATEWAY_CREDENTIAL}\r\n\r\n"
        waiting = selectors.DefaultSelector()
        for _ in range(600):
            client = held.enter_context(socket.create_connection(("127.0.0.1", nginx.port), 10))
            client.sendall(f"GET /hanging/7 HTTP/1.1\r\n{head}".encode())
            waiting.register(client, selectors.EVENT_READ)
        refused = waiting.select(10)
        assert refused
        first = refused[0][0].fileobj
        assert isinstance(first, socket.socket)
        answer = http.client.HTTPResponse(first)
        answer.begin()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert nginx.request("GET", "/accounts/7", GATEWAY).status == 200


def test_body_too_large(services: stand.Nginx) -> None:
    """A body as large as the edge's limit passes, and so does an event of that size."""
    most = stand.EVENT_BYTES
    assert services.request("POST", "/orders", GATEWAY, b"x" * most).status == 200
    answer = services.request("POST", "/orders", {**GATEWAY, "Content-Length": str(most + 1)}, b"")
    assert answer.status == 413
    assert answer.problem()


def test_instances_share_the_load_and_stand_in(
    upstreams: list[stand.Upstream], seen: list[stand.Seen]
) -> None:
    addresses = [upstreams[0].address, upstreams[1].address, f"127.0.0.1:{stand.free_port()}"]
    with stand.services({"accounts": addresses}) as nginx:
        assert {nginx.request("POST", "/accounts", GATEWAY, b"{}").status for _ in range(12)} == {200}
    assert {each.server for each in seen} == {"one", "two"}
    assert len(seen) == 12


def test_no_service_at_all() -> None:
    with stand.services({}) as nginx:
        assert nginx.request("GET", "/accounts", GATEWAY).status == 404
