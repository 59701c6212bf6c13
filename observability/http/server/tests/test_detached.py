import asyncio
import socket

import pytest

from observability.http.server.detached import DetachedStream


async def test_a_stream_begins_where_its_transport_ends() -> None:
    """It reads first what was read, and sends nothing before everything else was sent."""
    loop = asyncio.get_running_loop()
    own, peer = socket.socketpair()
    peer.setblocking(False)
    with own, peer:
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=own)
        stream = DetachedStream(transport, b"read before")
        written = stream.write(b"sent")
        await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            peer.recv(1)
        stream.release()
        await written
        assert await loop.sock_recv(peer, 10) == b"sent"
        await loop.sock_sendall(peer, b", then after")
        assert await stream.read_bytes(len("read before, then after")) == b"read before, then after"
        stream.close()
        assert await loop.sock_recv(peer, 10) == b""
