"""One attempt at a call."""

import time
from typing import Final, Protocol

from gateway.service_client import retry
from gateway.service_client.call import Answer, Call, ServiceError
from gateway.service_client.deadline import Deadline
from gateway.service_client.failure import is_denied, no_answer, unusable
from gateway.service_client.service import Admission, Service
from observability.http.client import (
    ClientError,
    Collecting,
    Connection,
    ConnectionLost,
    Headers,
    TimedOut,
    TooLarge,
)
from observability.span_error import set_error
from observability.tracer import MinimalSpan

#: The largest answer of a service that the gateway holds in memory.
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024


class Listener(Protocol):
    """Is called when an attempt has ended, so that no task has to wait for it."""

    def attempt_ended(self) -> None:
        """There is an answer, or there will be none: called once, by the event loop."""


class Attempt(Collecting):
    """Holds its place in the bulkhead, its breaker's ticket and its span until it is closed.

    It collects what a connection receives for it; the listener is called at its end.

    Parameters:
        admission: of the call; None for a streamed one, which has its place among these and is admitted
            once its body is complete.
    """

    __slots__ = (
        "_admission",
        "_closed",
        "_cut",
        "_deprived",
        "_error",
        "_is_kept_open",
        "_judged",
        "_listener",
        "_may_be_absent",
        "_method",
        "_outcome",
        "_placed",
        "_service",
        "_started",
        "_streams",
        "_target",
        "connection",
        "span",
    )

    def __init__(
        self,
        service: Service,
        admission: Admission | None,
        call: Call,
        span: MinimalSpan,
        listener: Listener | None = None,
    ) -> None:
        super().__init__(MAX_ANSWER_BYTES)
        self.span = span
        self.connection: Connection | None = None
        self._service = service
        self._admission = admission
        self._placed = admission is not None
        self._streams = admission is None
        self._method, self._target = call.method, call.target
        self._may_be_absent = call.may_be_absent
        self._listener = listener
        self._error: BaseException | None = None
        self._outcome: str | int = "cancelled"
        self._cut = self._deprived = self._judged = self._closed = self._is_kept_open = False
        self._started = time.perf_counter()

    def limit(self, deadline: Deadline, left: float, timeout_seconds: float) -> float:
        """How long it may take, in seconds, where so much is left until the request's deadline.

        Cut short, and late, it says nothing about the service if others have used up much of the time.
        """
        if left >= timeout_seconds:
            return timeout_seconds
        self._cut, self._deprived = True, not deadline.is_ample(left)
        return left

    def admit(self, admission: Admission) -> None:
        """Hold what the bulkhead and the breaker gave for a call whose body is complete now."""
        self._admission, self._placed = admission, True

    def leave(self) -> None:
        """Give the place in the bulkhead up: the service is done with all but the answer's body."""
        if self._placed:
            self._placed = False
            self._service.bulkhead.leave()

    def keep_open(self) -> None:
        """Hold a place among the connections that are kept open, now that the head of the answer is there;
        what counts as the attempt's duration ends here.

        Raises:
            ServiceError: 503, there is no place.
        """
        self._service.keep_open()
        self._is_kept_open = True
        self._observe()

    # --- what comes of it

    def answer(self) -> Answer | None:
        """The answer, if it can be used; None if `HttpServiceClient.call` has to decide what follows."""
        if self._error is not None:
            return None
        status = self._status
        if status >= 500 or (status == 403 and is_denied(self._headers)):
            return None
        answer = Answer(self._service.name, status, self._headers, self.body())
        self.judge(status, self._headers)
        self.close()
        return answer

    def collected(self) -> Answer:
        """The answer that came.

        Raises:
            ServiceError: it is of no use.
            ClientError: there is nothing.
        """
        if self._error is not None:
            raise self._error
        self.judge(self._status, self._headers)
        return Answer(self._service.name, self._status, self._headers, self.body())

    def judge(self, status: int, headers: Headers) -> None:
        """Take note of an answer.

        Raises:
            ServiceError: it is of no use.
        """
        self._outcome = status
        self._settle(status < 500)
        if status < 400:
            return
        span = self.span.recording_span
        span.set_attribute("http.response.status_code", status)
        if status == 404 and self._may_be_absent:
            return
        set_error(span, str(status))
        if (error := unusable(self._service.name, status, headers)) is not None:
            raise error

    def failed(self, error: ClientError) -> ServiceError:
        """Take note of an exchange without an answer; what the gateway says of it."""
        self._outcome = kind = type(error).__name__
        span = self.span.recording_span
        set_error(span, kind, error.reason)
        late = isinstance(error, TimedOut)
        # Without a connection the service was not asked, and a large answer is one: it did not fail.
        if error.sent and not isinstance(error, TooLarge) and not (late and self._deprived):
            self._settle(False)
        return no_answer(self._service.name, error, cut=late and self._cut)

    def stale(self) -> bool:
        """Whether only the connection was too old, and the request can be made again without harm."""
        error = self._error
        lost = isinstance(error, ConnectionLost) and not error.answered
        return lost and self._method in retry.IDEMPOTENT

    def abandon(self) -> None:
        """End it: its answer is not needed any more."""
        self._listener = None
        if self.connection is not None:
            self.connection.abandon(self)
        self.close()

    def close(self) -> None:
        """Give up what it holds; once, however often it is called."""
        if self._closed:
            return
        self._closed = True
        service, outcome = self._service, self._outcome
        if self._admission is not None and not self._judged:
            self._admission.circuit.abandoned(self._admission.ticket)
        self.leave()
        succeeded = type(outcome) is int and outcome < 400
        self.span.end(outcome if succeeded else None)
        if self._is_kept_open:
            service.long_lived.leave()
            return
        if self._streams:
            service.streams.leave()
        self._observe()

    def _observe(self) -> None:
        seconds = time.perf_counter() - self._started
        self._service.observe(self._method, self._outcome, seconds, self.span.recording_parent.exemplar)

    def _settle(self, good: bool) -> None:
        if self._judged or self._admission is None:  # its head was judged, or the service has not been asked
            return
        self._judged = True
        circuit, ticket = self._admission
        if good:
            circuit.succeeded(ticket)
        else:
            circuit.failed(ticket, self._target)

    # --- called by the connection

    def end(self) -> None:
        # Forgotten at once: the listener knows this attempt, and each such cycle is work for the collector.
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.attempt_ended()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self.end()
