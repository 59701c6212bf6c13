"""Whatever a peer answers to log records: the next are sent, and none is lost uncounted."""

import random

import msgpack
import pytest

from observability.logs import forward_protocol
from observability.logs.fluent import BATCH_RECORDS, HoldingSender
from observability.tests.hostile_peer import Answer, HostilePeer, all_at_once, drip, endless, hang, reset
from observability.tests.sinks import FluentSink, eventually

ANSWERS: dict[str, Answer] = {
    "nothing": lambda connection: None,
    "a hang": hang,
    "a reset": reset(b""),
    "a reset within the acknowledgement": reset(b"\x81\xa3ack"),
    "a hang within the acknowledgement": all_at_once(b"\x81\xa3ack\xb6", hang),
    "a dripping acknowledgement": drip(b"\x81\xa3ack\xdb\x7f\xff\xff\xff", b"x"),
    "an endless one": endless(b"\x81\xa3ack\xdb\x7f\xff\xff\xff", b"x" * 65536),
    "that of another chunk": all_at_once(msgpack.packb({"ack": "another"}), hang),
    "no text": all_at_once(msgpack.packb({"ack": 7}), hang),
    "no map": all_at_once(msgpack.packb(["ack"]), hang),
    "deep nesting": all_at_once(b"\x91" * 100_000, hang),
    "HTTP": all_at_once(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", hang),
    **{f"garbage {seed}": all_at_once(random.Random(seed).randbytes(200 * seed)) for seed in range(1, 11)},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_records_arrive_once_the_peer_is_the_collector_again_or_are_counted(
    answer: Answer, fluent: FluentSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward_protocol, "ACKNOWLEDGE_SECONDS", 0.5)
    monkeypatch.setattr("observability.logs.fluent.QUEUE_RECORDS", 300)
    peer, dropped = HostilePeer(answer), list[int]()
    sender = HoldingSender("test", "127.0.0.1", peer.port, dropped.append)
    try:
        sender.emit(None, {"number": 0})
        eventually(lambda: peer.ended >= 1)
        for number in range(1, 1001):
            sender.emit(None, {"number": number})
        monkeypatch.setattr(forward_protocol, "ACKNOWLEDGE_SECONDS", 60.0)
        sender.port = fluent.port
        assert sender.flush(60)
    finally:
        sender.close()
        peer.close()
    # One that was sent twice, for want of an acknowledgement, is there twice.
    arrived = {record["number"] for _, _, record in fluent.messages}
    assert 1000 in arrived
    assert len(arrived) + sum(dropped) == 1001
    assert sum(dropped) >= 1001 - 300 - BATCH_RECORDS
