"""`proxy`: one service's answer, streamed both ways."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import quote

from gateway.aggregation.executor import scope_of
from gateway.aggregation.expressions import Text, Unresolved
from gateway.backend import BackendError, Call
from gateway.backend.policy import Policy
from gateway.context import Backend
from gateway.endpoints.forwarding import LOCATIONS, NOT_SENT_ON, end_to_end, public_location, unavailable
from gateway.limits import MAX_SERVICE_TARGET
from gateway.messages import Headers, Request, Response
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
        "x-request-id",
        "x-trace-id",
    }
)
#: Of a 204, which has no length (RFC 9110, 8.6); some services say one.
_NOT_PASSED_BACK_OF_NOTHING = _NOT_PASSED_BACK | {"content-length"}


_LOCATIONS = frozenset(map(str.lower, LOCATIONS))
#: What the gateway is called in Via (RFC 9110, 7.6.3), after the protocol by which it got the request.
_VIA = "1.1 gateway"


class Proxy:
    """Passes a request on to one service and its answer back; neither is held in memory.

    Parameters:
        path: at the service.
        location_prefix: what makes a public path of one at the service.
        rest: parameters of the path that stand for several segments.
    """

    def __init__(
        self,
        service: str,
        path: Text,
        policy: Policy,
        backend: Backend,
        *,
        pass_query: bool,
        location_prefix: str,
        rest: frozenset[str],
    ) -> None:
        self._service = service
        self._path = path
        self._declared = str(path)
        self.policy = policy
        self._backend = backend
        self._pass_query = pass_query
        self._prefix = location_prefix
        self._rest = rest

    async def respond(self, request: Request) -> Response:
        """The service's answer, as soon as its head is there.

        Raises:
            Problem: it gave none.
        """
        stack = AsyncExitStack()
        # An attempt that ended with the request would say nothing of the service.
        deadline = request.deadline.before()
        try:
            streamed = await stack.enter_async_context(
                self._backend.stream(self._call(request), self.policy, deadline)
            )
        except BackendError as error:
            raise unavailable(error) from error
        without = _NOT_PASSED_BACK_OF_NOTHING if streamed.status == 204 else _NOT_PASSED_BACK
        headers = [
            (name, public_location(value, self._prefix) if name.lower() in _LOCATIONS else value)
            for name, value in end_to_end(streamed.headers.items(), without)
        ]
        return Response(streamed.status, headers, _Body(stack, streamed.chunks()))

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
            return Call(self._service, request.method, target, headers, request.body, path=path)
        length = int(request.headers["Content-Length"]) if "Content-Length" in request.headers else None
        return Call(self._service, request.method, target, headers, request.stream, length, path)


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
