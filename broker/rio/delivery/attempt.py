"""One attempt to deliver a message, as the steps of the pipeline, its observers and its outcomes see it."""

import time
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.trace import INVALID_SPAN, Span, format_span_id

from broker.rio.amqp.consumer import ReceivedMessage
from broker.rio.delivery.verdict import Judgement, Verdict
from broker.rio.delivery.webhook import SinkAnswer
from broker.rio.model.message import Attempt, Message
from broker.rio.model.subscription import Subscription

_NO_ANSWER: Final = SinkAnswer(None, "", 0.0)
_NOT_JUDGED: Final = Judgement(Verdict.RETRY)


@dataclass(slots=True)
class DeliveryAttempt:
    """One attempt to deliver a message."""

    received: ReceivedMessage
    message: Message
    subscription: Subscription
    started_at: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    span: Span = INVALID_SPAN
    trace_id: str = ""
    """The id of the span's trace, as hexadecimal digits."""
    answer: SinkAnswer = _NO_ANSWER
    judgement: Judgement = _NOT_JUDGED

    @property
    def latency_seconds(self) -> float:
        """From the event's acceptance to the sink's answer."""
        return max(0.0, self.started_at + self.answer.seconds - self.message.accepted_at)

    @property
    def elapsed_seconds(self) -> float:
        """From the beginning of the message's first attempt to that of this one."""
        return self.started_at - (self.message.first_attempt_at or self.started_at)

    def record(self) -> Attempt:
        """This attempt as the message's history and its dead letter keep it."""
        span_id = format_span_id(self.span.get_span_context().span_id)
        answer = self.answer
        seconds = round(answer.seconds, 6)
        return Attempt(
            self.started_at, answer.status, seconds, answer.reason, answer.text, self.trace_id, span_id
        )
