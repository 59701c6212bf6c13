import asyncio
from contextlib import aclosing

import pytest

from observability.http.server.body_stream import BodyLost, BodyStream


async def test_pieces_come_one_at_a_time() -> None:
    stream = BodyStream(idle_seconds=10, whole_seconds=10)
    room = stream.put(b"a")
    async with aclosing(stream.pieces()) as pieces:
        assert not room.done()
        assert await anext(pieces) == b"a"
        assert room.done()
        stream.put(b"b")
        stream.end()
        assert [piece async for piece in pieces] == [b"b"]


async def test_a_body_that_never_ends_is_lost_however_steadily_it_comes() -> None:
    stream = BodyStream(idle_seconds=10, whole_seconds=0.05)

    async def send() -> None:
        while True:
            await stream.put(b"a")

    async def read() -> None:
        async for piece in stream.pieces():
            assert piece == b"a"

    sending = asyncio.create_task(send())
    with pytest.raises(BodyLost, match="too long"):
        await read()
    sending.cancel()


@pytest.mark.parametrize(("idle", "whole"), [(0.01, 10), (10, 0.01)])
async def test_a_body_that_does_not_come_is_lost(idle: float, whole: float) -> None:
    with pytest.raises(BodyLost):
        async for _ in BodyStream(idle, whole).pieces():
            pass


async def test_a_caller_that_goes_away_takes_the_rest_along() -> None:
    stream = BodyStream(10, 10)
    stream.lose()
    with pytest.raises(BodyLost, match="went away"):
        async for _ in stream.pieces():
            pass
    assert stream.put(b"more").done()
