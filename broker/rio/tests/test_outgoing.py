"""Messages are encoded as AMQP has them: py-amqp reads back what went in."""

import struct
from typing import Any

from amqp.serialization import decode_properties_basic, loads
from hypothesis import given
from hypothesis import strategies as st

from broker.rio.amqp.outgoing import Encoder, Outgoing

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
values = texts | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.none()
names = st.text(st.characters(max_codepoint=127), min_size=1, max_size=20)


def frames(data: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    while data:
        kind, channel, size = struct.unpack_from(">BHI", data)
        assert data[7 + size] == 0xCE
        found.append((kind, channel, data[7 : 7 + size]))
        data = data[8 + size :]
    return found


@given(st.dictionaries(names, values, max_size=6), st.binary(max_size=300), texts | st.none(), st.booleans())
def test_what_goes_in_comes_out(
    headers: dict[str, Any], body: bytes, content_type: str | None, mandatory: bool
) -> None:
    outgoing = Outgoing("rio.events", "order.placed", headers, content_type, body, mandatory)
    method, header, *pieces = frames(Encoder(3, 108).encode(outgoing, 42))
    assert {channel for _, channel, _ in (method, header, *pieces)} == {3}
    arguments, _ = loads("Bssbb", method[2], 4)
    assert (method[0], method[2][:4]) == (1, struct.pack(">HH", 60, 40))
    assert arguments == [0, "rio.events", "order.placed", mandatory, False]
    assert struct.unpack_from(">HHQ", header[2]) == (60, 0, len(body))
    properties, _ = decode_properties_basic(header[2], 12)
    assert properties["application_headers"] == headers
    assert properties.get("content_type") == content_type
    assert properties["delivery_mode"] == 2
    assert properties.get("correlation_id") == ("42" if mandatory else None)
    assert b"".join(piece for _, _, piece in pieces) == body
    assert all(kind == 3 and len(piece) <= 100 for kind, _, piece in pieces)
