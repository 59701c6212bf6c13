"""Deliveries read in bulk are what py-amqp would have read, however the bytes come."""

import struct
from types import SimpleNamespace
from typing import Any

from amqp.serialization import dumps
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.amqp.frames import Frames, acknowledgement

values = st.text(max_size=20) | st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1) | st.booleans()
tables = st.dictionaries(st.text("abc-", min_size=1, max_size=8), values, max_size=5)
deliveries = st.tuples(
    st.integers(1, 3),
    st.integers(1, 2**40),
    tables,
    st.none() | st.text("a/b", max_size=9),
    st.binary(max_size=60),
)


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def encoded(
    channel: int, tag: int, headers: dict[str, Any], content_type: str | None, body: bytes, most: int
) -> bytes:
    """The frames of a delivery whose body frames hold `most` bytes."""
    method = struct.pack(">HH", 60, 60) + dumps("sLbss", ["rio.7", tag, False, "rio.events", "a.b"])
    flags = (1 << 15 if content_type is not None else 0) | 1 << 13 | 1 << 12
    properties = dumps(
        "sFo" if content_type is not None else "Fo",
        [*([content_type] if content_type is not None else []), headers, 2],
    )
    header = struct.pack(">HHQH", 60, 0, len(body), flags) + properties
    pieces = [body[start : start + most] for start in range(0, len(body), most)]
    return (
        frame(1, channel, method)
        + frame(2, channel, header)
        + b"".join(frame(3, channel, piece) for piece in pieces)
    )


@given(
    st.lists(deliveries, max_size=5),
    st.integers(1, 40),
    st.lists(st.integers(1, 50), max_size=40),
    st.booleans(),
)
def test_any_deliveries_in_any_pieces(sent: list[Any], most: int, cuts: list[int], heartbeats: bool) -> None:
    beat = frame(8, 0, b"") if heartbeats else b""
    stream = b"".join(beat + encoded(*delivery, most) for delivery in sent) + beat
    pieces, at = [], 0
    for cut in [*cuts, len(stream)]:
        if stream[at : at + cut]:
            pieces.append(stream[at : at + cut])
        at += cut
    waiting = iter(pieces)
    others: list[Any] = []
    received: list[Any] = []
    transport = SimpleNamespace(sock=SimpleNamespace(recv=lambda _most: next(waiting)), _read_buffer=b"")
    amqp = SimpleNamespace(transport=transport, on_inbound_frame=others.append)
    frames = Frames(amqp, lambda *delivery: received.append(delivery))
    for _ in pieces:
        frames.read()
    assert received == sent
    assert others == [(8, 0, b"")] * (len(sent) + 1 if heartbeats else 0)
    assert transport._read_buffer == b""


@given(st.integers(1, 2**16 - 1), st.integers(0, 2**63), st.booleans())
def test_acknowledgements(channel: int, tag: int, multiple: bool) -> None:
    method = struct.pack(">HH", 60, 80) + dumps("Lb", (tag, multiple))
    assert acknowledgement(channel, tag, multiple=multiple) == frame(1, channel, method)
