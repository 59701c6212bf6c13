"""Requests that the edge lets through, and its refusals."""

from __future__ import annotations

import datetime
import re
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest

from compose.nginx.tests import stand
from tests.ports import free_port

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def replaced(old: str, new: str) -> stand.Edit:
    """An edit of the rendered configuration that must find something to replace."""

    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


@pytest.mark.parametrize(
    "path", ["/v1/x", "/v1/", "/", "/health", "/v1/stock/a%20b?q=%2F..", "/v1/x?status=404", "/nowhere"]
)
def test_every_answer_has_the_headers_once(edge: stand.Nginx, path: str) -> None:
    answer = edge.request("GET", path)
    for name, value in SECURITY.items():
        assert answer.header(name) == value
    assert re.fullmatch("[0-9a-f]{32}", answer.header("x-trace-id"))
    assert answer.header("server") == "nginx"
    assert not answer.all("x-powered-by")
    assert not answer.all("strict-transport-security")


@pytest.mark.parametrize("status", [200, 404, 502])
def test_the_gateway_says_what_a_page_of_its_may_do(edge: stand.Nginx, status: int) -> None:
    policy = "default-src 'none'; script-src 'unsafe-inline'"
    query = urlencode({"policy": policy, "status": status})
    assert edge.request("GET", f"/v1/page?{query}").header("content-security-policy") == policy


@pytest.mark.parametrize(("what", "status"), [("malformed=1", 502), ("drop=1", 502), ("", 200)])
def test_no_other_answer_may_do_anything(edge: stand.Nginx, what: str, status: int) -> None:
    """Not even one in the place of an answer that had begun to say what it may."""
    policy = "policy=default-src&" if status == 502 else ""
    answer = edge.request("GET", f"/v1/x?{policy}{what}")
    assert answer.status == status
    assert answer.header("content-security-policy") == SECURITY["content-security-policy"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_api_passes_as_sent(edge: stand.Nginx, seen: list[stand.Seen], method: str) -> None:
    answer = edge.request(method, "/v1/stock/a%20b?q=%2F..", body=b'{"on_hand":1}')
    assert answer.status == 200
    assert (seen[-1].method, seen[-1].path) == (method, "/v1/stock/a%20b?q=%2F..")
    assert seen[-1].body == b'{"on_hand":1}'


@pytest.mark.parametrize(
    "path", ["/v2/x", "/metrics", "/health/ready", "/health/gateway", "/status", "/v1x/", "//v2/"]
)
def test_everything_else_is_not_found(edge: stand.Nginx, seen: list[stand.Seen], path: str) -> None:
    answer = edge.request("POST", path, body=b"x" * 1000)
    assert answer.status == 404
    assert answer.problem()["title"] == "Not Found"
    assert not seen


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["/", "/v1", "/v1/"])
def test_the_bare_address_leads_to_the_description_of_the_api(
    edge: stand.Nginx, seen: list[stand.Seen], method: str, path: str
) -> None:
    answer = edge.request(method, path)
    assert (answer.status, answer.header("location")) == (303, "/v1/openapi.json")
    assert not seen


@pytest.mark.parametrize(
    ("given", "passed"),
    [({}, "1.1 edge-nginx"), ({"Via": "1.0 fred, 1.1 p.example"}, "1.0 fred, 1.1 p.example, 1.1 edge-nginx")],
)
def test_via_names_every_proxy(
    edge: stand.Nginx, seen: list[stand.Seen], given: dict[str, str], passed: str
) -> None:
    edge.request("GET", "/v1/x", given)
    assert seen[-1].headers["via"] == passed
    edge.speak(b"GET /v1/x HTTP/1.0\r\nHost: a\r\n\r\n")
    assert seen[-1].headers["via"] == "1.0 edge-nginx"


def test_a_long_via_is_refused_before_hops_make_it_longer(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    most = "1.1 " + "v" * (8192 - len("1.1 "))
    assert edge.request("GET", "/v1/x", {"Via": most}).status == 200
    assert seen.pop().headers["via"] == f"{most}, 1.1 edge-nginx"
    assert edge.request("GET", "/v1/x", {"Via": most + "v"}).problem()["status"] == 431
    assert not seen


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_the_whole_server_can_do(edge: stand.Nginx, seen: list[stand.Seen], version: str) -> None:
    """RFC 9110, 9.3.7: `OPTIONS *`, of which nginx says 400 by itself."""
    answer = edge.speak(f"OPTIONS * HTTP/{version}\r\nHost: a\r\n\r\n".encode())
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("allow") == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    trace_id = answer.header("x-trace-id")
    assert edge.access(trace_id)["status"] == 204
    assert edge.span(trace_id)["attributes"]["http.response.status_code"] == 204
    assert not seen


@pytest.mark.parametrize(
    "line", ["GET * HTTP/1.1", "OPTIONS *x HTTP/1.1", "OPTIONS * HTTP/2.7", "OPTIONS * *"]
)
def test_no_other_target_is_the_whole_server(edge: stand.Nginx, line: str) -> None:
    assert edge.speak(f"{line}\r\nHost: a\r\n\r\n".encode()).problem()["status"] == 400


def test_a_refused_method_is_told_which_are_not(edge: stand.Nginx) -> None:
    answer = edge.speak(b"TRACE /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (answer.status, answer.header("allow")) == (405, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
    assert not edge.request("GET", "/v1/x?status=405").all("allow")
    assert not edge.request("GET", "/v1/x?status=204").all("allow")


def test_health_is_that_of_the_gateway_without_its_details(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    answer = edge.request("GET", "/health")
    assert (answer.status, answer.body) == (200, b'{"status":"pass"}')
    assert answer.header("content-type") == "application/health+json"
    assert [(request.method, request.path) for request in seen] == [("GET", "/health/ready")]


def test_a_gateway_that_is_not_ready_is_told_as_a_problem() -> None:
    unready = replaced("/health/ready;", "/health/ready?status=503;")
    with stand.Upstream("gateway") as gateway, stand.edge([gateway.address], edit=unready) as edge:
        answer = edge.request("GET", "/health")
        assert answer.status == 503
        assert answer.problem()["detail"] == "No gateway process is ready."


def test_a_gateway_that_is_gone_is_told_as_a_problem() -> None:
    with stand.edge([f"127.0.0.1:{free_port()}"]) as edge:
        assert edge.request("GET", "/health").problem()["status"] == 503


def test_problem_of_the_gateway_is_left_alone(edge: stand.Nginx) -> None:
    answer = edge.request("GET", "/v1/x?status=429")
    assert (answer.status, answer.header("content-type")) == (429, "application/json")
    assert not answer.all("retry-after")


def test_head_has_no_body(edge: stand.Nginx) -> None:
    answer = edge.request("HEAD", "/nowhere")
    assert (answer.status, answer.body) == (404, b"")


def test_a_client_cannot_speak_for_the_platform(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    spoofed = "X-Platform-Credential X-Caller X_Caller X-Real-IP Forwarded X-Forwarded-For X-Forwarded-Host"
    spoofed += " X-Forwarded-Proto X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Server"
    for_one_hop = "Proxy Proxy-Authorization Proxy-Connection Keep-Alive TE Trailer Upgrade"
    lies = dict.fromkeys([*spoofed.split(), *for_one_hop.split()], "lie")
    edge.request("GET", "/v1/x", {**lies, "Host": "shop.example:99", "Accept": "a/b"})
    headers = dict(seen[-1].headers)
    assert headers.pop("traceparent")
    assert headers == {
        "host": "shop.example:99",
        "accept": "a/b",
        "accept-encoding": "identity",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "shop.example",
        "x-forwarded-proto": "http",
        "via": "1.1 edge-nginx",
    }


@pytest.mark.parametrize(
    ("host", "passed"),
    [
        ("Shop.Example:8080", "shop.example:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("[::1]", "[::1]"),
        ("a:99x", "a"),
        ("a:123456", "a"),
        ("a:", "a"),
    ],
)
def test_the_gateway_sees_the_port_that_the_caller_knows(
    edge: stand.Nginx, seen: list[stand.Seen], host: str, passed: str
) -> None:
    """It compares a page's origin with it."""
    edge.request("GET", "/v1/x", {"Host": host})
    assert seen[-1].headers["host"] == passed


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../metrics",
        "/v1/./x",
        "/v1/x/..",
        "/v1/%2e%2E/x",
        "/v1/.%2e/x",
        "/v1/..;/metrics",
        "/v1/..?x",
        "/v1/a%2fb",
        "/v1/a%5Cb",
        "/v1/a\\b",
    ],
)
def test_paths_that_servers_read_differently_are_refused(
    edge: stand.Nginx, seen: list[stand.Seen], path: str
) -> None:
    answer = edge.speak(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
    assert answer.status == 400
    assert answer.problem()
    assert not seen


@pytest.mark.parametrize("path", ["/v1/..x/...", "/v1/a.b", "/v1/x?next=/../%2f%5c", "/v1/.well-known"])
def test_paths_with_innocent_dots_pass(edge: stand.Nginx, seen: list[stand.Seen], path: str) -> None:
    assert edge.request("GET", path).status == 200
    assert seen[-1].path == path


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /v1/x HTTP/1.1\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: rot13\r\n\r\n", 501),
        (b"GET /v1/x HTTP/1.1\r\nHost: %s\r\n\r\n" % (b"a" * 256), 400),
        (b"TRACE /v1/x HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET /v1/%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 9000), 414),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"a" * 17000), 431),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\n%s\r\n" % (b"X: %s\r\n" % (b"a" * 15000) * 6), 431),
        (b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413),
        (
            b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n%s\r\n"
            % (b"a" * 65537),
            413,
        ),
    ],
)
def test_malformed_and_oversized_requests(
    edge: stand.Nginx, seen: list[stand.Seen], data: bytes, status: int
) -> None:
    answer = edge.speak(data)
    assert answer.status == status
    document = answer.problem()
    line = edge.access(document["trace_id"])
    assert (line["status"], line["level"]) == (status, "error" if status >= 500 else "warning")
    assert edge.span(document["trace_id"])["attributes"]["http.response.status_code"] == status
    assert not seen


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"get /v1/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /v1/x HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        (b"GET /v1/%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 20000), 414),
    ],
)
def test_request_line_that_cannot_be_read(edge: stand.Nginx, data: bytes, status: int) -> None:
    answer = edge.speak(data)
    assert answer.status == status
    trace_id = answer.problem()["trace_id"]
    line = edge.access(trace_id)
    assert (line["status"], line["method"], line["path"], line["route"]) == (status, "", "", "")
    span = edge.span(trace_id)
    assert span["name"] == "HTTP"
    assert span["attributes"]["http.request.method"] == "_OTHER"
    assert "http.request.method_original" not in span["attributes"]
    assert span["attributes"]["http.response.status_code"] == status


def test_a_body_of_the_allowed_size_passes(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    assert edge.request("POST", "/v1/x", body=b"x" * 65536).status == 200
    assert len(seen[-1].body) == 65536


def test_slow_requests_are_ended(upstreams: list[stand.Upstream]) -> None:
    edit = replaced("client_body_timeout 10s", "client_body_timeout 100ms")
    with stand.edge([upstreams[0].address], edit=edit) as edge:
        with socket.create_connection(("127.0.0.1", edge.port), 10) as connection:
            connection.sendall(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx")
            with pytest.raises(ConnectionResetError):
                connection.recv(1000)
        (line,) = stand.until(lambda: edge.lines("access"), "line")
        assert stand.parse(line)["status"] == 408


def test_rate_of_a_client_is_limited(upstreams: list[stand.Upstream]) -> None:
    limits = {"requests_per_second": 1, "burst": 3, "body_bytes": 1000}
    with stand.edge([upstreams[0].address], limits=limits) as edge:
        answers = [edge.request("GET", "/v1/x") for _ in range(8)]
        assert [answer.status for answer in answers[:4]] == [200] * 4
        refused = answers[-1]
        assert refused.status == 429
        assert refused.problem()["title"] == "Too Many Requests"
        assert refused.header("retry-after") == "1"
        assert edge.request("GET", "/v1/x", source="127.0.0.2").status == 200


def test_no_burst_is_a_limit_too(upstreams: list[stand.Upstream]) -> None:
    limits = {"requests_per_second": 1, "burst": 0, "body_bytes": 1000}
    with stand.edge([upstreams[0].address], limits=limits) as edge:
        assert [edge.request("GET", "/v1/x").status for _ in range(2)] == [200, 429]


def test_requests_of_a_client_at_once_are_limited(upstreams: list[stand.Upstream]) -> None:
    edit = replaced("limit_conn client_requests 256", "limit_conn client_requests 1")
    with stand.edge([upstreams[0].address], edit=edit) as edge, ThreadPoolExecutor(4) as pool:
        ready = threading.Barrier(4)

        def ask(_: int) -> stand.NginxAnswer:
            ready.wait(5)
            return edge.request("GET", "/v1/x?sleep=0.5")

        answers = sorted(pool.map(ask, range(4)), key=lambda answer: answer.status)
        assert [answer.status for answer in answers] == [200, 429, 429, 429]
        assert answers[-1].problem()
        assert answers[-1].header("retry-after") == "1"


def test_banned_addresses_are_refused(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    for path in ("/v1/x", "/nowhere"):
        answer = edge.request("GET", path, source="127.0.0.66")
        assert answer.status == 403
        assert answer.problem()
    assert not seen
    assert edge.request("GET", "/v1/x").status == 200


@pytest.mark.parametrize(
    ("target", "status"),
    [("GET *", 400), ("OPTIONS *", 400), (f"GET /{'a' * 20000}", 414)],
    ids=["no target", "the server", "too long"],
)
def test_what_a_banned_address_garbles_is_told_as_a_problem(
    edge: stand.Nginx, target: str, status: int
) -> None:
    answer = edge.speak(f"{target} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), source="127.0.0.66")
    assert answer.problem()["status"] == status


def test_gateway_away(seen: list[stand.Seen]) -> None:
    with stand.edge([f"127.0.0.1:{stand.free_port()}"]) as edge:
        answer = edge.request("POST", "/v1/x", body=b"{}")
        assert answer.status == 502
        trace_id = answer.problem()["trace_id"]
        assert edge.access(trace_id)["level"] == "error"
        span = edge.span(trace_id)
        assert span["status"] == {"code": 2}
        assert span["attributes"]["error.type"] == "502"


def test_gateway_too_slow(upstreams: list[stand.Upstream], seen: list[stand.Seen]) -> None:
    """Nothing is asked again after a timeout: the time is used up."""

    def edit(text: str) -> str:
        return text.replace("_timeout 15s", "_timeout 100ms")

    with stand.edge([each.address for each in upstreams], edit=edit) as edge:
        answer = edge.request("GET", "/v1/x?sleep=1")
        assert answer.status == 504
        assert answer.problem()
        assert len(seen) == 1


def test_another_gateway_takes_over(upstreams: list[stand.Upstream], seen: list[stand.Seen]) -> None:
    """Even for a POST, as long as the connection was refused: nothing of it had been sent."""
    with stand.edge([f"127.0.0.1:{stand.free_port()}", upstreams[0].address]) as edge:
        assert [edge.request("POST", "/v1/x", body=b"{}").status for _ in range(10)] == [200] * 10
        assert len(seen) == 10


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PUT", 2), ("POST", 1), ("PATCH", 1)])
def test_what_may_have_been_done_is_not_sent_again(
    edge: stand.Nginx, seen: list[stand.Seen], method: str, times: int
) -> None:
    with stand.Upstream("three") as three, stand.Upstream("four") as four:
        three.seen = four.seen = seen
        with stand.edge([three.address, four.address]) as own:
            answer = own.request(method, "/v1/x?drop=1", body=b"{}")
    assert answer.status == 502
    assert answer.problem()
    assert len(seen) == times


def test_connections_to_the_gateway_are_kept(edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    edge.request("GET", "/v1/x", {"Connection": "close, X-Other", "Keep-Alive": "1"})
    assert "connection" not in seen[-1].headers


def test_load_is_shared(upstreams: list[stand.Upstream], edge: stand.Nginx, seen: list[stand.Seen]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: edge.request("GET", "/v1/x?sleep=0.05"), range(12)))
    assert {each.server for each in seen} == {"one", "two"}


def test_large_answers_stay_whole(edge: stand.Nginx) -> None:
    answer = edge.request("GET", "/v1/x?bytes=3000000")
    assert len(answer.body) == 3_000_000
    assert not any((edge.folder / "temp" / "proxy").iterdir())


def test_access_line(edge: stand.Nginx) -> None:
    answer = edge.request("POST", "/v1/x?token=secret", {"User-Agent": "test/1"}, b"{}")
    line = edge.access(answer.header("x-trace-id"))
    time = datetime.datetime.fromisoformat(line.pop("time"))
    assert abs(datetime.datetime.now(datetime.UTC) - time) < datetime.timedelta(seconds=5)
    assert re.fullmatch("[0-9a-f]{16}", line.pop("span_id"))
    assert re.fullmatch(r"127\.0\.0\.1:\d+", line.pop("upstream"))
    assert 0 <= line.pop("upstream_duration_ms") < 5000
    for name in ("duration_ms", "request_bytes", "response_bytes"):
        assert isinstance(line.pop(name), int | float)
    assert line == {
        "level": "info",
        "service": "edge-nginx",
        "instance": "edge-nginx",
        "logger": "nginx.access",
        "message": "POST /v1/x 200",
        "trace_id": answer.header("x-trace-id"),
        "method": "POST",
        "path": "/v1/x",
        "route": "/v1/*",
        "status": 200,
        "protocol": "1.1",
        "host": "127.0.0.1",
        "upstream_status": "200",
        "client": "127.0.0.1",
        "user_agent": "test/1",
        "user_agent_synthetic_type": "",
    }


def test_status_page_is_on_its_own_port(edge: stand.Nginx) -> None:
    answer = edge.request("GET", "/status", port=edge.status_port)
    assert answer.status == 200
    assert answer.body.startswith(b"Active connections: ")
    assert edge.request("GET", "/v1/x", port=edge.status_port).status == 404


def test_strict_transport_security_only_under_tls(upstreams: list[stand.Upstream], tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    create = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    files = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*create.split(), *files], check=True, capture_output=True)

    def edit(text: str) -> str:
        name = ";\n        server_name edge-nginx;"
        return text.replace(name, f" ssl;\n ssl_certificate {certificate};\n ssl_certificate_key {key}{name}")

    context = ssl.create_default_context(cafile=str(certificate))
    with stand.edge([upstreams[0].address], edit=edit) as edge:
        with (
            socket.create_connection(("127.0.0.1", edge.port), 10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /nowhere HTTP/1.0\r\n\r\n")
            received = connection.recv(65536)
        assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in received
        answer = edge.speak(b"GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer.status == 400
        assert answer.problem()


def test_prometheus_sees_that_nginx_is_up(edge: stand.Nginx) -> None:
    page = edge.request("GET", "/metrics", port=edge.status_port)
    assert (page.status, page.all("content-type")) == (200, ["text/plain; version=0.0.4"])
    assert re.fullmatch(rb'# TYPE nginx_info gauge\nnginx_info\{version="[\d.]+"\} 1\n', page.body)
