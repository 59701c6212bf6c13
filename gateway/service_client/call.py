"""A call of a service, its answer, and the error where there is no usable one."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Protocol

from observability.http.client import Headers, Streamed


class ServiceError(Exception):
    """A service gave no usable answer.

    Parameters:
        status: of the response to the gateway's own caller.
        retry_after: seconds or a date, as the service or the circuit says.
        passing: whether the failure may be transient, so that a retry makes sense.
        cut: whether the request's deadline ended it, so that a request with more time may have an answer.
    """

    def __init__(
        self,
        service: str,
        status: int,
        cause: str,
        retry_after: str | None = None,
        passing: bool = False,
        *,
        cut: bool = False,
    ) -> None:
        super().__init__(f"{service}: {cause}")
        self.service = service
        self.status = status
        self.cause = cause
        self.retry_after = retry_after
        self.passing = passing
        self.cut = cut


class KeptOpen(Protocol):
    """Says which answers are kept open for hours."""

    def idle_seconds(self, answer: Streamed) -> float | None:
        """How long an answer whose head has come may pause; None if it is not kept open."""


class Call(NamedTuple):
    """A call to one service.

    Attributes:
        target: path and query, quoted; the path starts with the service's own prefix.
        headers: those of the request; framing, credential, trace and timeout are added.
        body: in one piece; `HttpServiceClient.stream` takes it piece by piece, too.
        content_length: of a body that comes piece by piece, where it is known; chunked otherwise.
        path: the method, and the path as the route declares it: calls that have it in common share a circuit
            breaker. Empty for calls that no route declares.
        may_be_absent: whether a 404 is expected, so that the call's span does not fail by it.
        websocket: whether the service is asked for a WebSocket; `HttpServiceClient.stream` does that.
    """

    service: str
    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] = b""
    content_length: int | None = None
    path: str = ""
    may_be_absent: bool = False
    websocket: bool = False


class Answer(NamedTuple):
    """A service's answer, with a status below 500."""

    service: str
    status: int
    headers: Headers
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The decoded body.

        Raises:
            ServiceError: the service's body is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ServiceError(self.service, 502, "the answer is not JSON") from error
