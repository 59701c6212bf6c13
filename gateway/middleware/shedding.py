"""Load shedding: some requests are refused at once when this process has more to do than it can."""

from opentelemetry import trace

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics
from gateway.shedder import Shedder
from observability.http.problem import Problem


class Shedding:
    """Middleware: 503 for the share of requests that this process is too busy for."""

    def __init__(self, shedder: Shedder, metrics: Metrics) -> None:
        self._shedder = shedder
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        shedder, is_critical = self._shedder, route.priority == "critical"
        shed = self._metrics.shed.labels(route.id)  # at 0: an alert sees the first ones as an increase

        async def shedding(request: Request) -> Response:
            if shedder.admits(critical=is_critical):
                return await handler(request)
            shed.inc()
            trace.get_current_span().add_event("shed", {"shed.share": shedder.share})
            detail = "The gateway has more to do than it can; try again in a moment."
            raise Problem(503, "Overloaded", detail=detail, headers={"Retry-After": "1"})

        return shedding
