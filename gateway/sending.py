"""How a response of the pipeline is sent."""

import asyncio

from gateway.long_lived.event_stream import EventStream
from gateway.long_lived.tunnel import Tunnel
from gateway.messages import Headers, Request, Response
from observability.http import date as http_date
from observability.http.server import ResponseWriter
from observability.server_request import TRACE_HEADER


async def send(writer: ResponseWriter, response: Response, headers: Headers) -> None:
    """Send a response with these headers; a body that comes piece by piece is closed at its end.

    Raises:
        UnsendableHeaders: nothing is sent.
    """
    body = response.body
    if isinstance(body, bytes):
        writer.send(response.status, headers, body)
        return
    if isinstance(body, Tunnel):
        await _switch(writer, body, headers)
        return
    try:
        await writer.start(response.status, headers)
        if isinstance(body, EventStream):
            body.when_ended(writer.hasten)
        async for piece in body:
            if piece:
                await writer.write(piece)
    finally:
        await body.aclose()  # type: ignore[attr-defined]
    writer.end()


async def _switch(writer: ResponseWriter, tunnel: Tunnel, headers: Headers) -> None:
    """Answer with 101, and pass on what comes until the connection ends."""
    try:
        if not writer.is_open:
            raise asyncio.CancelledError  # the client is gone
        await tunnel.run(writer.switch(headers))
    finally:
        await tunnel.aclose()


def headers_of(response: Response, request: Request, trace_id: str) -> Headers:
    """The headers that a response is sent with: its own, and those that every response has beside them."""
    own = {name.lower() for name, _ in response.headers}
    every = [*request.response_headers, (TRACE_HEADER, trace_id), ("Date", http_date.now())]
    added = [each for each in every if each[0] == "Vary" or each[0].lower() not in own]
    return [*response.headers, *added]
