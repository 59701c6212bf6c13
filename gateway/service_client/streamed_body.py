"""The body of a streamed call, which is admitted once the body is complete: slow callers hold no place."""

from collections.abc import AsyncIterator

from gateway.service_client.attempt import Attempt
from gateway.service_client.call import Call
from gateway.service_client.service import Service


async def admitted_body(
    service: Service, attempt: Attempt, call: Call, seconds: float
) -> bytes | AsyncIterator[bytes]:
    """A streamed call's body, once the call is admitted; where it still comes, it is admitted at its end.

    Raises:
        ServiceError: 503, it is not; also from the body.
    """
    body = call.body
    if not isinstance(body, bytes):
        return _admitted_at_end(service, attempt, call, body, seconds)
    attempt.admit(await service.admit(call, seconds))
    return body


async def _admitted_at_end(
    service: Service, attempt: Attempt, call: Call, body: AsyncIterator[bytes], seconds: float
) -> AsyncIterator[bytes]:
    """The pieces of a body; what completes it is held back until the call is admitted."""
    left = call.content_length
    async for piece in body:
        if left is not None:
            left -= len(piece)
            if left == 0:
                attempt.admit(await service.admit(call, seconds))
        yield piece
    if left is None:
        attempt.admit(await service.admit(call, seconds))
