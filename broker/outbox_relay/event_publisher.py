"""Publishing rows of an outbox to Rio, as batches of CloudEvents."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import aiohttp
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.outbox_relay.outbox import Row
from broker.outbox_relay.publish_result import PublishResult, RioUnavailable, read_result
from observability.http.retry_after import read_retry_after
from observability.span_error import set_error, type_of

# Ordered: what follows a row of its subject that Rio does not accept is not accepted either.
_HEADERS: Final = {"Content-Type": "application/cloudevents-batch+json", "Rio-Ordered": "subject"}
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, sock_connect=2.0)
_ON_BEHALF_OF: Final = "Rio-On-Behalf-Of"

_propagator: Final = TraceContextTextMapPropagator()
_logger = logging.getLogger(__name__)


class EventPublisher:
    """Posts rows as CloudEvents batches over one kept-alive session."""

    def __init__(self, rio_url: str, token: str, tracer: Tracer, *, max_bytes: int) -> None:
        """`max_bytes` bounds a request's body: Rio's own limit."""
        self._url = f"{rio_url.rstrip('/')}/events"
        self._live_url = f"{rio_url.rstrip('/')}/health/live"
        self._tracer = tracer
        self._max_bytes = max_bytes
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
        )
        self._probe = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.5))

    async def close(self) -> None:
        await self._session.close()
        await self._probe.close()

    async def check(self) -> None:
        """A health check: raises while Rio cannot be reached."""
        async with self._probe.get(self._live_url) as response:
            response.raise_for_status()

    async def publish(self, database: str, rows: Sequence[Row]) -> PublishResult:
        """Send rows and return what became of each, or raise RioUnavailable or BatchRefused.

        `database`: the service whose outbox they are from; it has to have the right to emit them. Rows
        beyond one body's size are left out.
        """
        with self._sending(rows) as spans:
            documents = self._documents(rows, spans)
            shipped = rows[: len(documents)]
            del spans[len(documents) :]  # what stays behind has not been sent: its span is never ended
            # A request carries many traces' events: it is a trace of its own, linked to them.
            with self._tracer.start_as_current_span(
                f"ship {database}",
                context=Context(),
                kind=SpanKind.INTERNAL,
                links=[Link(span.get_span_context()) for span in spans],
                attributes={"messaging.batch.message_count": len(shipped), "db.namespace": database},
            ):
                try:
                    result = await self._post(database, shipped, documents)
                except RioUnavailable as error:
                    set_error(trace.get_current_span(), type_of(error), str(error))
                    raise
            _log(result, dict(zip((row.id for row in shipped), spans, strict=True)))
        return result

    @contextmanager
    def _sending(self, rows: Sequence[Row]) -> Iterator[list[Span]]:
        """A `send` span for each row, in the trace that wrote it, until Rio has answered."""
        spans = [self._send_span(row) for row in rows]
        try:
            yield spans
        except RioUnavailable as error:
            for span in spans:
                set_error(span, type_of(error), str(error))
            raise
        finally:
            for span in spans:
                span.end()

    def _documents(self, rows: Sequence[Row], spans: Sequence[Span]) -> list[bytes]:
        """The rows as CloudEvents, as many as fit into one body."""
        documents: list[bytes] = []
        size = 2
        for row, span in zip(rows, spans, strict=True):
            carrier: dict[str, str] = {}
            _propagator.inject(carrier, trace.set_span_in_context(span))
            document = row.document(carrier)
            size += len(document) + 1
            if documents and size > self._max_bytes:
                break
            documents.append(document)
        return documents

    def _send_span(self, row: Row) -> Span:
        carrier = {
            name: value
            for name, value in (("traceparent", row.traceparent), ("tracestate", row.tracestate))
            if value is not None
        }
        return self._tracer.start_span(
            f"send {row.type}",
            context=_propagator.extract(carrier, Context()),
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "rio",
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.destination.name": row.type,
                "messaging.message.id": row.id,
                "cloudevents.event_id": row.id,
                "cloudevents.event_type": row.type,
                "cloudevents.event_source": row.source,
                "cloudevents.event_subject": row.subject,
            },
        )

    async def _post(self, service: str, rows: Sequence[Row], documents: Sequence[bytes]) -> PublishResult:
        body = b"[" + b",".join(documents) + b"]"
        try:
            headers = {**_HEADERS, _ON_BEHALF_OF: service}
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status, text = response.status, await response.read()
                retry_after = read_retry_after(response.headers.get("Retry-After")) or 0.0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RioUnavailable(f"{type(error).__name__}: {error}") from error
        return read_result(service, rows, status, text, retry_after)


def _log(result: PublishResult, spans: Mapping[str, Span]) -> None:
    """One line for each event, in its own trace."""
    for row in result.accepted:
        with trace.use_span(spans[row.id]):
            _logger.info(
                "event sent", extra={"event_id": row.id, "event_type": row.type, "subject": row.subject}
            )
    for row, reason in result.refused:
        with trace.use_span(spans[row.id]) as span:
            set_error(span, "refused", reason)
            extra = {"event_id": row.id, "event_type": row.type, "subject": row.subject, "reason": reason}
            _logger.error("Rio refused an event for good", extra=extra)
