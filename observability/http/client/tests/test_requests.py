"""Requests as they are sent: origins, heads, addresses, TLS."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.http.client import Client, ConnectFailed, Limits, Origin
from observability.http.client.request import _good_names, encode
from observability.http.client.tests.servers import Peer, answering, serving
from tests.certificates import self_signed

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOCAL = Origin("http", "service.test", 80)


@pytest.mark.parametrize(
    ("url", "origin", "text"),
    [
        ("http://Service.Test/a?b", LOCAL, "http://service.test"),
        ("https://service.test:443", Origin("https", "service.test", 443), "https://service.test"),
        ("HTTP://127.0.0.1:8081/", Origin("http", "127.0.0.1", 8081), "http://127.0.0.1:8081"),
        ("http://[::1]:8081/", Origin("http", "[::1]", 8081), "http://[::1]:8081"),
        ("http://[0:0::1]/", Origin("http", "0:0::1", 80), "http://[::1]"),
    ],
)
def test_an_origin_of_a_url(url: str, origin: Origin, text: str) -> None:
    assert Origin.of(url) == origin
    assert hash(Origin.of(url)) == hash(origin)
    assert str(origin) == text


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/", "/path", "", "http://", "http:///x", "http://user:secret@a/", "http://a:0/", "http://a:99999/",
        "http://a:x/", "http://a b/", "http://[::1%25eth0]/", "http://[::g]/", "http://b\u00fccher.example/",
        "http://a\\b/", "http://a_b..-/",
    ],
)  # fmt: skip
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several makers
        Origin.of(url)


@pytest.mark.parametrize("host", ["a\r\nX: y", "a b", "a/b", "a@b", "", "a\x00", "[::1]x"])
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Origin("http", host, 80)


@pytest.mark.parametrize(
    ("method", "length", "framing"),
    [
        ("GET", 0, ""),
        ("GET", 2, "Content-Length: 2\r\n"),
        ("POST", 0, "Content-Length: 0\r\n"),
        ("PUT", 5, "Content-Length: 5\r\n"),
        ("DELETE", 0, ""),
        ("POST", None, "Transfer-Encoding: chunked\r\n"),
    ],
)
def test_the_head(method: str, length: int | None, framing: str) -> None:
    head = encode(LOCAL, method, "/a%20b?c=d", [("X-A", "b c\t\u00fc"), ("x-empty", "")], length)
    text = f"{method} /a%20b?c=d HTTP/1.1\r\nHost: service.test\r\nX-A: b c\t\u00fc\r\nx-empty: \r\n"
    assert head == f"{text}{framing}\r\n".encode("latin-1")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", ""), ("GET", "a"), ("GET", "*"), ("GET", "/a b"), ("GET", "/a\r\nX: y"), ("GET", "/a\n"),
        ("GET", "/a\x00"), ("GET", "/a#b"), ("GET", "/\u00fc"), ("GET", "http://other/"), ("GET", "/\x7f"),
        ("get", "/"), ("", "/"), ("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "/"), ("CONNECT", "/"),
        ("G\u00c4T", "/"),
    ],
)  # fmt: skip
def test_a_request_line_that_could_be_another_is_refused(method: str, target: str) -> None:
    with pytest.raises(ValueError, match="a request's"):
        encode(LOCAL, method, target, [], 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\x00b"), ("X", "\x7f"), ("X", "\x1b[0m"),
        ("X", "\u20ac"), ("X\r\nY", "a"), ("X Y", "a"), ("X:", "a"), ("", "a"), ("X\n", "a"), ("\u00fc", "a"),
        ("Host", "other"), ("content-length", "3"), ("Transfer-Encoding", "chunked"), ("Connection", "close"),
        ("Keep-Alive", "1"), ("TE", "trailers"), ("Trailer", "X"), ("Upgrade", "x"),
        ("Proxy-Connection", "x"),
    ],
)  # fmt: skip
def test_a_header_that_could_be_another_is_refused(name: str, value: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="header") as caught:
            encode(LOCAL, "GET", "/", [("X-Fine", "x"), (name, value)], 0)
    assert not value or len(value) < 3 or value not in str(caught.value)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=12)), max_size=4), st.text(max_size=20))
def test_a_head_has_as_many_lines_as_it_should_or_is_refused(
    headers: Sequence[tuple[str, str]], path: str
) -> None:
    try:
        head = encode(LOCAL, "GET", "/" + path, headers, 0)
    except ValueError:
        return
    lines = head.split(b"\r\n")
    assert len(lines) == 2 + len(headers) + 2
    assert head.count(b"\n") == head.count(b"\r") == len(lines) - 1
    assert lines[0].count(b" ") == 2


def test_long_names_are_not_remembered() -> None:
    name = "x-" + "long-" * 1000
    assert f"{name}: 1\r\n".encode() in encode(LOCAL, "GET", "/", [(name, "1")], 0)
    assert name not in _good_names


async def test_nothing_is_sent_of_a_refused_request() -> None:
    client = Client()
    async with serving(answering(OK)) as server:
        with pytest.raises(ValueError, match="X-Evil"):
            await client.request(server.origin, "GET", "/", [("X-Evil", "a\r\n\r\n")], timeout_seconds=10)
        assert server.connections == 0
    await client.close()


async def test_ipv6() -> None:
    heads: list[bytes] = []

    async def exchange(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        await peer.send(OK)

    client = Client()
    async with serving(exchange, host="::1") as server:
        assert (await client.request(server.origin, "GET", "/", [], timeout_seconds=10)).body == b"ok"
        assert b"Host: [::1]:%d\r\n" % server.origin.port in heads[0]
    await client.close()


async def test_resolve_gives_the_addresses_in_order_and_host_stays() -> None:
    heads: list[bytes] = []
    asked: list[tuple[str, int]] = []

    async def exchange(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        await peer.send(OK)

    async with serving(exchange) as server:

        async def resolve(host: str, port: int) -> list[tuple[str, int]]:
            asked.append((host, port))
            return [("127.0.0.1", 1), ("127.0.0.1", server.origin.port)]

        client = Client(resolve=resolve)
        origin = Origin("http", "service.test", 81)
        assert (await client.request(origin, "GET", "/", [], timeout_seconds=10)).body == b"ok"
        assert b"Host: service.test:81\r\n" in heads[0]
        assert asked == [("service.test", 81)]
        await client.close()


async def test_resolve_may_refuse() -> None:
    async def refuse(host: str, port: int) -> list[tuple[str, int]]:
        raise ConnectFailed(f"{host} is not allowed")

    async def none(host: str, port: int) -> list[tuple[str, int]]:
        return []

    async def fail(host: str, port: int) -> list[tuple[str, int]]:
        raise OSError("no resolver")

    for resolve in (refuse, none, fail):
        client = Client(resolve=resolve)
        with pytest.raises(ConnectFailed) as caught:
            await client.request(LOCAL, "GET", "/", [], timeout_seconds=10)
        assert not caught.value.sent
        await client.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls") / "service.pem", "service.test")


async def test_tls_checks_the_name_of_the_origin_not_the_address(authority: Path) -> None:
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(authority)
    tls = ssl.create_default_context(cafile=str(authority))
    async with serving(answering(OK), tls=server_tls) as server:

        async def resolve(host: str, port: int) -> list[tuple[str, int]]:
            return [("127.0.0.1", server.origin.port)]

        client = Client(resolve=resolve, tls=tls)
        for _ in range(3):
            origin = Origin("https", "service.test", 443)
            assert (await client.request(origin, "GET", "/", [], timeout_seconds=10)).body == b"ok"
        assert server.connections == 1
        with pytest.raises(ConnectFailed) as caught:
            await client.request(Origin("https", "other.test", 443), "GET", "/", [], timeout_seconds=10)
        assert not caught.value.sent
        await client.close()
        stranger = Client(resolve=resolve)
        with pytest.raises(ConnectFailed, match="certificate"):
            await stranger.request(Origin("https", "service.test", 443), "GET", "/", [], timeout_seconds=10)
        await stranger.close()


async def test_tls_against_a_server_that_speaks_none() -> None:
    async def exchange(peer: Peer) -> None:
        await peer.gone()

    client = Client(Limits(connect_seconds=0.2))
    async with serving(exchange) as server:
        origin = Origin("https", "127.0.0.1", server.origin.port)
        with pytest.raises(ConnectFailed):
            await client.request(origin, "GET", "/", [], timeout_seconds=10)
        await asyncio.sleep(0)
    await client.close()
