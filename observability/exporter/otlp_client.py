"""Sends batches of spans by OTLP/HTTP, and says what became of each."""

import logging
from collections.abc import Callable
from enum import Enum, auto

import requests
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observability.exporter import answer_deadline
from observability.exporter.settings import OtlpSettings
from observability.tracer.batch import Batch

#: For connecting, and for sending a batch.
CONNECT_SECONDS = 2.0
#: The answers after which OTLP/HTTP has a client try again.
RETRYABLE = frozenset({429, 502, 503, 504})
#: The answers that blame the batch, and neither its sender nor the address.
BLAMING = frozenset({400, 413, 422, 500})
#: How much of an answer is read.
MAX_ANSWER_BYTES = 64 * 1024

_logger = logging.getLogger(__name__)


class ExportResult(Enum):
    """The result of an attempt to send a batch."""

    TAKEN = auto()
    REFUSED = auto()  # the collector refuses something in the batch, however often it is sent
    FORBIDDEN = auto()  # the collector would refuse any batch
    AWAY = auto()


class OtlpClient:
    """A connection to the collector's OTLP/HTTP receiver, for one thread.

    Args:
        settings: of the receiver.
        dropped: called with the number of spans that the collector says it has not taken of a batch.

    Attributes:
        url: where batches go.
    """

    def __init__(self, settings: OtlpSettings, dropped: Callable[[int], None]) -> None:
        self.url = settings.traces_url
        self._dropped = dropped
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy for the outside world is not on the way to the collector
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, answer_deadline.AnswerDeadlineAdapter())
        self._session.headers.update(settings.headers)
        self._session.headers["Content-Type"] = "application/x-protobuf"
        self._session.verify = settings.certificate or True
        if settings.client_certificate and settings.client_key:
            self._session.cert = settings.client_certificate, settings.client_key
        else:
            self._session.cert = settings.client_certificate

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def send(self, batch: Batch) -> tuple[ExportResult, str]:
        """Send a batch. Every failure is a result, with its reason: an exception would end the thread."""
        try:
            status, content = self._post(batch.body)
        except Exception as error:  # beside requests' own: UnicodeError for a host that is none, urllib3's
            return ExportResult.AWAY, repr(error)
        if 200 <= status < 300:
            self._count_rejected(content)
            return ExportResult.TAKEN, ""
        if status in RETRYABLE:
            return ExportResult.AWAY, f"status {status}"
        return ExportResult.REFUSED if status in BLAMING else ExportResult.FORBIDDEN, f"status {status}"

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """Status and beginning of the answer, which has to end in time."""
        with self._session.post(
            self.url,
            data=body,
            timeout=(CONNECT_SECONDS, answer_deadline.ANSWER_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            content = b""
            for piece in answer.iter_content(4096):
                content += piece
                if len(content) >= MAX_ANSWER_BYTES:
                    break
            return answer.status_code, content

    def _count_rejected(self, content: bytes) -> None:
        """An answer may say that some of the spans were not taken, and that sending them again is no use."""
        try:
            rejected = ExportTraceServiceResponse.FromString(content).partial_success.rejected_spans
        except DecodeError:  # the status says that they were taken; a proxy's page, say, tells nothing more
            return
        if rejected > 0:
            _logger.error("Collector refused spans", extra={"spans": rejected})
            self._dropped(rejected)
