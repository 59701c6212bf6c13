"""`handler`: a Python coroutine for what cannot be declared, with the same client and resilience."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.config.router import Router
from gateway.context import Context
from gateway.dotted_name import imported
from gateway.endpoints.forwarding import unavailable
from gateway.messages import Request, Response
from gateway.service_client import Answer, Call, ServiceError
from gateway.service_client.policy import Policy


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a handler: it calls services by them.

    Attributes:
        policies: how each service is called.
        router: gives the router that the handler's route is in.
    """

    context: Context
    policies: Mapping[str, Policy]
    router: Callable[[], Router]

    async def call(self, request: Request, call: Call) -> Answer:
        """Call a service that the answer cannot do without, a little within the request's deadline.

        Raises:
            Problem: it gave no usable answer (502, 503 or 504).
        """
        identified = [*call.headers, *request.caller.identity]
        sent = call._replace(headers=identified)
        # An attempt that ended with the request would say nothing of the service.
        deadline = request.deadline.before()
        try:
            return await self.context.service_client.call(sent, self.policies[call.service], deadline)
        except ServiceError as error:
            raise unavailable(error) from error


Coroutine = Callable[[Request, Tools], Awaitable[Response]]


class Handler:
    """The action that a coroutine is."""

    def __init__(self, coroutine: Coroutine, tools: Tools) -> None:
        self._coroutine = coroutine
        self._tools = tools

    async def respond(self, request: Request) -> Response:
        return await self._coroutine(request, self._tools)


def find(name: str) -> Coroutine:
    """The coroutine function of a dotted name.

    Raises:
        ValueError: there is none, or it is something else.
    """
    module, _, member = name.rpartition(".")
    found = imported(name)
    if not inspect.iscoroutinefunction(found):
        raise ValueError(f"{module} has no coroutine function {member}")
    coroutine: Coroutine = found
    return coroutine
