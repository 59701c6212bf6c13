"""Whatever a peer answers to spans: the next are sent, memory stays bounded, and none is lost uncounted."""

import random
from collections.abc import Iterator

import pytest

from observability.exporter import HoldingExporter, answer_deadline
from observability.exporter.settings import OtlpSettings
from observability.exporter.tests.test_exporter import Drops, export, some
from observability.tests.hostile_peer import Answer, HostilePeer, all_at_once, drip, endless, hang, reset
from observability.tests.sinks import OtlpSink, eventually

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def garbage(seed: int) -> Answer:
    """Random bytes, half of them behind the beginning of a good answer."""
    chance = random.Random(seed)
    begin = OK[: chance.randrange(len(OK))] if chance.random() < 0.5 else b""
    return all_at_once(begin + chance.randbytes(chance.randrange(5000)))


ANSWERS: dict[str, Answer] = {
    "nothing": lambda connection: None,
    "a hang": hang,
    "a hang within the head": all_at_once(OK[:30], hang),
    "a reset": reset(b""),
    "a reset within the body": reset(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
    "dripping headers": drip(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
    "a dripping header": drip(b"HTTP/1.1 200 OK\r\na: ", b"x"),
    "a dripping body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "dripping chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "one interim answer after the other": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an endless header": endless(b"HTTP/1.1 200 OK\r\na: ", b"x" * 65536),
    "endless headers": endless(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 1000),
    "an endless body": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "a bomb": all_at_once(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3000\r\n\r\n\x1f\x8b" + b"\0" * 2998
    ),
    "a length too long": all_at_once(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
    "a length too short": all_at_once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabcdef"),
    "no length": all_at_once(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "a redirect": all_at_once(
        b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    ),
    "a redirect to itself": all_at_once(b"HTTP/1.1 308 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    "another protocol": all_at_once(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: none\r\n\r\n"),
    **{
        f"{status}": all_at_once(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
        for status in (400, 404, 418, 429, 500, 501, 503, 599, 999)
    },
    **{f"garbage {seed}": garbage(seed) for seed in range(20)},
}


@pytest.fixture
def drops() -> Drops:
    return Drops()


@pytest.fixture(params=ANSWERS.values(), ids=ANSWERS)
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostilePeer]:
    """It gets a short deadline: no test is about how long that is."""
    monkeypatch.setattr(answer_deadline, "ANSWER_SECONDS", 0.5)
    made = HostilePeer(request.param)
    yield made
    made.close()


def test_every_span_is_dropped_and_counted_or_taken_or_held(peer: HostilePeer, drops: Drops) -> None:
    """And each answer has an end: the exporter closes the connection of one that has none."""
    exporter = HoldingExporter(OtlpSettings(f"http://127.0.0.1:{peer.port}/v1/traces"), drops, 20_000)
    try:
        export(exporter, some(2))
        eventually(lambda: peer.ended >= 1)
        for _ in range(100):
            export(exporter, some(2))
        assert exporter._held_bytes <= 20_000
        # It goes on asking, unless it has nothing left: all was taken, or dropped.
        asked = peer.requests
        eventually(lambda: peer.requests > asked or exporter.force_flush(1))
    finally:
        exporter.shutdown()
    assert drops.count <= 202


def test_spans_arrive_once_the_peer_is_the_collector_again(
    otlp: OtlpSink, drops: Drops, peer: HostilePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = HoldingExporter(OtlpSettings(f"http://127.0.0.1:{peer.port}/v1/traces"), drops)
    try:
        export(exporter, some(1, "before"))
        eventually(lambda: peer.ended >= 1)
        monkeypatch.setattr(answer_deadline, "ANSWER_SECONDS", 60.0)
        exporter._client.url = otlp.traces_url
        export(exporter, some(1, "after"))
        assert exporter.force_flush(60_000)
        assert "after" in [span.name for span in otlp.spans]
        # What was not sent again was taken, by the answer's status, or dropped and counted.
        assert drops.count + len(otlp.spans) in (1, 2)
    finally:
        exporter.shutdown()
