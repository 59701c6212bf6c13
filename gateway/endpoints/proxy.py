"""`proxy`: one service's answer, streamed both ways."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import quote

from gateway.aggregation.expressions import Text, Unresolved
from gateway.aggregation.scope import scope_of
from gateway.context import ServiceClient
from gateway.endpoints.forwarding import LOCATIONS, NOT_SENT_ON, end_to_end, public_location, unavailable
from gateway.limits import MAX_SERVICE_TARGET
from gateway.long_lived import handshake
from gateway.long_lived.answers import LongLivedAnswers
from gateway.long_lived.event_stream import EventStream
from gateway.long_lived.tunnel import Tunnel
from gateway.messages import Headers, Request, Response
from gateway.service_client import Call, ServiceError
from gateway.service_client.policy import LongLivedPolicy, Policy
from observability.http.client import Streamed
from observability.http.problem import Problem

#: Headers of a response that the gateway sets itself or not at all: CORS, rate limits, what a page may do.
_NOT_PASSED_BACK = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "content-security-policy",
        "date",
        "ratelimit",
        "ratelimit-limit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "ratelimit-reset",
        "server",
        "x-accel-buffering",
        "x-request-id",
        "x-trace-id",
    }
)
#: Of a 101 and a 204, which have no length (RFC 9110, 8.6); some services say one.
_NOT_PASSED_BACK_OF_NOTHING = _NOT_PASSED_BACK | {"content-length"}


_LOCATIONS = frozenset(map(str.lower, LOCATIONS))
#: Has nginx pass on each piece as it comes, and hold none back to fill its buffers.
_UNBUFFERED = ("X-Accel-Buffering", "no")
#: What the gateway is called in Via (RFC 9110, 7.6.3), after the protocol by which it got the request.
_VIA = "1.1 gateway"


class Proxy:
    """Passes a request on to one service and its answer back; neither is held in memory.

    Parameters:
        path: at the service.
        location_prefix: what makes a public path of one at the service.
        rest: parameters of the path that stand for several segments.
        kept_open: what of the answers is.
    """

    def __init__(
        self,
        service: str,
        path: Text,
        policy: Policy,
        service_client: ServiceClient,
        *,
        pass_query: bool,
        location_prefix: str,
        rest: frozenset[str],
        kept_open: LongLivedAnswers,
    ) -> None:
        self._service = service
        self._path = path
        self._declared = str(path)
        self.policy = policy
        self._service_client = service_client
        self._pass_query = pass_query
        self._prefix = location_prefix
        self._rest = rest
        self.kept_open = kept_open
        # Routes that keep nothing open do not look.
        self._has_kept = kept_open.websocket is not None or kept_open.event_stream is not None

    async def respond(self, request: Request) -> Response:
        """The service's answer, as soon as its head is there.

        Raises:
            Problem: it gave none.
        """
        stack = AsyncExitStack()
        # An attempt that ended with the request would say nothing of the service.
        deadline = request.deadline.before()
        kept_open = self.kept_open if self._has_kept else None
        try:
            streamed = await stack.enter_async_context(
                self._service_client.stream(self._call(request), self.policy, deadline, kept_open)
            )
        except ServiceError as error:
            raise unavailable(error) from error
        headers = self._headers(streamed)
        if kept_open is not None and (policy := kept_open.policy_of(streamed)) is not None:
            return await self._keep_open(request, stack, streamed, headers, policy)
        return Response(streamed.status, headers, _Body(stack, streamed.chunks()))

    async def _keep_open(
        self,
        request: Request,
        stack: AsyncExitStack,
        streamed: Streamed,
        headers: Headers,
        policy: LongLivedPolicy,
    ) -> Response:
        """The response that begins a WebSocket or an event stream.

        Raises:
            Problem: 502, the service switches to something else than the WebSocket that was asked for.
        """
        route, connections = self.kept_open.route, self.kept_open.connections
        if streamed.raw is None:
            headers.append(_UNBUFFERED)
            return Response(
                streamed.status, headers, EventStream(stack, streamed, connections, route, policy)
            )
        if not handshake.is_accepted(request.headers.get(handshake.KEY_HEADER, ""), streamed.headers):
            await stack.aclose()
            raise Problem(
                502, "A service gave no answer", detail=f"{self._service}: no WebSocket's handshake"
            )
        headers += [("Upgrade", handshake.PROTOCOL), ("Connection", "Upgrade")]
        return Response(101, headers, Tunnel(stack, streamed.raw, connections, route, policy))

    def _headers(self, streamed: Streamed) -> Headers:
        """The headers of the service's answer that the caller gets."""
        without = _NOT_PASSED_BACK_OF_NOTHING if streamed.status in (101, 204) else _NOT_PASSED_BACK
        return [
            (name, public_location(value, self._prefix) if name.lower() in _LOCATIONS else value)
            for name, value in end_to_end(streamed.headers.items(), without)
        ]

    def _call(self, request: Request) -> Call:
        try:
            target = self._path.as_path(scope_of(request), self._rest)
        except Unresolved as error:
            raise Problem(404, detail=f"There is no {error.absent}.") from error
        if self._pass_query and request.query:
            target += "?" + quote(request.query, safe="%/?:@!$&'()*+,;=-._~")
        if len(target) > MAX_SERVICE_TARGET:
            raise Problem(414, detail=f"At the service the target has more than {MAX_SERVICE_TARGET} bytes.")
        headers: Headers = end_to_end(request.headers.get_all(), NOT_SENT_ON)
        # In one line: nginx before 1.23 passes only the first of several on.
        headers.append(("Via", ", ".join([*request.headers.get_list("Via"), _VIA])))
        headers += request.caller.identity
        path = f"{request.method} {self._declared}"
        if request.stream is None:
            switches = self.kept_open.websocket is not None and _asks_for_websocket(request)
            return Call(
                self._service, request.method, target, headers, request.body, path=path, websocket=switches
            )
        length = int(request.headers["Content-Length"]) if "Content-Length" in request.headers else None
        return Call(self._service, request.method, target, headers, request.stream, length, path)


def _asks_for_websocket(request: Request) -> bool:
    return request.method == "GET" and not request.body and handshake.asks(request.headers)


class _Body:
    """The pieces of a body; what they come through is closed with them, even where none was read
    (a generator that was never started runs no `finally`)."""

    def __init__(self, stack: AsyncExitStack, chunks: AsyncIterator[bytes]) -> None:
        self._stack = stack
        self._chunks = chunks

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            await self.aclose()
            raise
        except BaseException as error:
            await self._stack.__aexit__(type(error), error, error.__traceback__)
            raise

    async def aclose(self) -> None:
        await self._stack.aclose()
