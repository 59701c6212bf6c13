"""POST /events."""

import json
from typing import Any, Final

from broker.rio import events
from broker.rio.api.handler import RETRY_AFTER_SECONDS, RioHandler, available, unavailable
from broker.rio.rabbitmq.publisher import NotPublished
from observability.problem import Problem
from observability.tracing import current_trace_id

_REASONS: Final = {
    400: "malformed",
    401: "unauthorized",
    413: "too_large",
    415: "unsupported_media_type",
    503: "unavailable",
}


class EventsHandler(RioHandler):
    """POST /events: CloudEvents in binary, structured or batch mode."""

    _counted = False

    @available
    async def post(self) -> None:
        if not self.rio.prepared.is_set():
            raise unavailable("Rio is starting", "The declared subscriptions are not there yet")
        media = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media == events.BATCH:
            await self._post_batch()
            return
        event = self._parse_one(media)
        (answer,) = await self.rio.emission.emit([event])
        if isinstance(answer, NotPublished):
            raise answer
        self.set_status(202)
        self.finish({"id": event.id})

    def _parse_one(self, media: str) -> events.Event:
        if media == events.STRUCTURED:
            return events.parse_structured(self.request.body)
        if "ce-specversion" in self.request.headers:
            return events.parse_binary(dict(self.request.headers.get_all()), self.request.body)
        detail = f"send {events.STRUCTURED}, {events.BATCH} or ce-* headers"
        raise Problem(415, "Not a CloudEvent", detail=detail)

    async def _post_batch(self) -> None:
        parsed = events.parse_batch(self.request.body)
        answers = iter(
            await self.rio.emission.emit([found for found in parsed if isinstance(found, events.Event)])
        )
        accepted, refused = [], []
        for index, found in enumerate(parsed):
            outcome = found if isinstance(found, Problem) else next(answers)
            if isinstance(found, events.Event) and not isinstance(outcome, Problem | NotPublished):
                accepted.append(found.id)
            else:
                refused.append({"index": index, "problem": self._refusal(outcome)})
        if not accepted and refused:
            self._refuse_all(refused)
        self.set_status(202)
        self.finish({"accepted": accepted, "refused": refused})

    def _refusal(self, outcome: Any) -> dict[str, Any]:
        problem = (
            outcome if isinstance(outcome, Problem) else unavailable("RabbitMQ unavailable", str(outcome))
        )
        self.rio.metrics.refused.labels(_REASONS.get(problem.status, "other")).inc()
        return problem.document()

    def _refuse_all(self, refused: list[dict[str, Any]]) -> None:
        """Answer that nothing stands: 503 if another try can help, else 400, with every event's problem."""
        self._counted = True
        again = any(entry["problem"]["status"] == 503 for entry in refused)
        if again:
            self.set_header("Retry-After", str(RETRY_AFTER_SECONDS))
        title = "RabbitMQ unavailable" if again else "No event of the batch can be taken"
        document = Problem(503 if again else 400, title).document(current_trace_id())
        self.set_status(document["status"])
        self.set_header("Content-Type", Problem.MEDIA_TYPE)
        self.finish(json.dumps({**document, "accepted": [], "refused": refused}))

    def on_finish(self) -> None:
        """Count what was refused whole; a batch's events are counted one by one."""
        super().on_finish()
        status = self.get_status()
        if status >= 400 and not self._counted:
            self.rio.metrics.refused.labels(_REASONS.get(status, "other")).inc()
