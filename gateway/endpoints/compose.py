"""`compose`: one document of several services' answers."""

from collections.abc import Sequence

from gateway.aggregation.document import Composed
from gateway.aggregation.executor import Executor
from gateway.aggregation.outcome import TotalFailure
from gateway.cache_control import Freshness, entity_tag, may_be_shared
from gateway.context import Context
from gateway.endpoints.forwarding import pass_on, unavailable
from gateway.messages import Caller, Headers, Request, Response

JSON = "application/json"


class Compose:
    """The endpoint of a composed route.

    Parameters:
        is_identified: whether services are told who calls, so that the document depends on the token.
    """

    def __init__(self, route: str, executor: Executor, context: Context, *, is_identified: bool) -> None:
        self.executor = executor
        self._route = route
        self._metrics = context.metrics
        passed = sorted({name for part in executor.plan.parts for name in part.headers})
        self.passed_headers = tuple(passed)
        self._vary = _vary(passed)
        self._vary_where_kept = _vary([*passed, "Authorization"] if is_identified else passed)
        context.metrics.add_composed_route(route)

    async def respond(self, request: Request) -> Response:
        """The document, or what the service that it cannot do without answered.

        Raises:
            Unavailable: that service gave no answer.
        """
        try:
            composed = await self.executor.run(request)
        except TotalFailure as failure:
            answer = failure.cause.answer
            if answer is None:
                raise unavailable(failure.cause) from failure
            response = pass_on(answer)
            response.headers += self._vary_where_kept if "Cache-Control" in answer.headers else self._vary
            response.is_shareable = may_be_shared(answer.headers)
            return response
        self._metrics.composed(self._route, complete=composed.complete)
        headers = self._headers(composed, request.caller)
        return Response(200, headers, composed.body, composed.fresh, composed.age, composed.shared)

    def _headers(self, composed: Composed, caller: Caller) -> Headers:
        headers = [("Content-Type", JSON), ("X-Complete", "true" if composed.complete else "false")]
        headers.append(("ETag", entity_tag(composed.body)))
        if not composed.fresh.lasts:
            return headers + self._vary
        headers.append(("Cache-Control", _cache_control(composed.fresh, caller)))
        return headers + self._vary_where_kept


def _vary(names: Sequence[str]) -> Headers:
    return [("Vary", ", ".join(names))] if names else []


def _cache_control(fresh: Freshness, caller: Caller) -> str:
    """`Cache-Control` for caches on the way to the caller: one caller's own document is for no other."""
    lifetime = f"max-age={fresh.private}"
    if caller.subject is None:
        return lifetime
    return f"public, {lifetime}" if fresh.public else f"private, {lifetime}"
