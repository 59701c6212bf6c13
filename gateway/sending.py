"""How a response of the pipeline is sent."""

from gateway.messages import Headers, Response
from observability.http.server import ResponseWriter


async def send(writer: ResponseWriter, response: Response, headers: Headers) -> None:
    """Send a response with these headers; a body that comes piece by piece is closed at its end.

    Raises:
        UnsendableHeaders: nothing is sent.
    """
    body = response.body
    if isinstance(body, bytes):
        writer.send(response.status, headers, body)
        return
    try:
        await writer.start(response.status, headers)
        async for piece in body:
            if piece:
                await writer.write(piece)
    finally:
        await body.aclose()  # type: ignore[attr-defined]
    writer.end()
