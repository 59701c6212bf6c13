"""Sending rows to Rio, and reading what Rio says of each."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.outbox_relay.outbox import Row
from observability.http.retry_after import read_retry_after

# Ordered: what follows a row of its subject that Rio does not accept is not accepted either.
_HEADERS: Final = {"Content-Type": "application/cloudevents-batch+json", "Rio-Ordered": "subject"}
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, sock_connect=2.0)
# Statuses that speak of the event; anything else speaks of Rio or of the relay, and passes.
_REFUSALS: Final = frozenset({400, 403, 413, 422})
# Those of a whole request that do. A 403 of it says that Rio does not know the service, or not yet.
_REFUSALS_OF_ALL: Final = _REFUSALS - {403}
# Behind one of its subject that was not accepted.
_HELD_BACK: Final = 424
_ON_BEHALF_OF: Final = "Rio-On-Behalf-Of"

_MANIFEST: Final = {403: "its right to is `emits`", 422: "its schema is named in `emits`"}
_MAX_SAID: Final = 700
_MAX_REASON: Final = 1000

_propagator: Final = TraceContextTextMapPropagator()
_logger = logging.getLogger(__name__)


class RioAway(Exception):
    """Rio took nothing: to be tried again later.

    Attributes:
        retry_after_seconds: how long Rio asked to be left alone; 0 where it did not.
        rows: those that it answered one by one; others it may take.
    """

    def __init__(self, reason: str, retry_after_seconds: float = 0.0, rows: Sequence[Row] = ()) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        self.rows = rows


class BatchRefused(Exception):
    """The batch was refused as a whole, for one of its rows perhaps: to be sent one by one."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the rows of a batch; those not accepted and not refused are to be sent again."""

    accepted: list[Row] = field(default_factory=list)
    refused: list[tuple[Row, str]] = field(default_factory=list)
    put_off: list[Row] = field(default_factory=list)
    """Rows that Rio does not take at present."""


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

    async def publish(self, database: str, rows: Sequence[Row]) -> Receipt:
        """Send rows and tell what became of each, or raise RioAway or BatchRefused.

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
                receipt = await self._post(database, shipped, documents)
            _tell(receipt, dict(zip((row.id for row in shipped), spans, strict=True)))
        return receipt

    @contextmanager
    def _sending(self, rows: Sequence[Row]) -> Iterator[list[Span]]:
        """A `send` span for each row, in the trace that wrote it, until Rio has answered."""
        spans = [self._send_span(row) for row in rows]
        try:
            yield spans
        except RioAway as error:
            for span in spans:
                span.set_status(StatusCode.ERROR, str(error))
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

    async def _post(self, service: str, rows: Sequence[Row], documents: Sequence[bytes]) -> Receipt:
        body = b"[" + b",".join(documents) + b"]"
        try:
            headers = {**_HEADERS, _ON_BEHALF_OF: service}
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status, text = response.status, await response.read()
                retry_after = read_retry_after(response.headers.get("Retry-After")) or 0.0
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._away(f"{type(error).__name__}: {error}") from error
        answer = _document(text)
        if "refused" in answer:
            return _receipt(service, rows, answer, retry_after)
        if status in _REFUSALS_OF_ALL:
            return _refused_whole(service, rows, status, answer)
        raise self._away(f"Rio answered {status}", retry_after)

    def _away(self, reason: str, retry_after_seconds: float = 0.0) -> RioAway:
        trace.get_current_span().set_status(StatusCode.ERROR, reason)
        return RioAway(reason, retry_after_seconds)


def _tell(receipt: Receipt, spans: Mapping[str, Span]) -> None:
    """One line for each event, in its own trace."""
    for row in receipt.accepted:
        with trace.use_span(spans[row.id]):
            _logger.info("sent", extra={"event_id": row.id, "event_type": row.type, "subject": row.subject})
    for row, reason in receipt.refused:
        with trace.use_span(spans[row.id]) as span:
            span.set_status(StatusCode.ERROR, reason)
            extra = {"event_id": row.id, "event_type": row.type, "subject": row.subject, "reason": reason}
            _logger.error("Rio refused an event for good", extra=extra)


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _receipt(database: str, rows: Sequence[Row], answer: Mapping[str, Any], retry_after: float) -> Receipt:
    """Read Rio's answer to a batch: the accepted by id, the refused by index."""
    accepted_ids = set(answer.get("accepted", ()))
    receipt = Receipt(accepted=[row for row in rows if row.id in accepted_ids])
    for entry in answer["refused"]:
        problem, row = entry["problem"], rows[entry["index"]]
        if problem["status"] in _REFUSALS:
            receipt.refused.append((row, _reason(database, row, problem)))
        elif problem["status"] != _HELD_BACK:
            receipt.put_off.append(row)
    if not receipt.accepted and not receipt.refused:
        raise RioAway("Rio could take none of the batch", retry_after, receipt.put_off)
    return receipt


def _refused_whole(database: str, rows: Sequence[Row], status: int, answer: Mapping[str, Any]) -> Receipt:
    """The request itself was refused. Alone, the row is to blame; among others, each is tried alone."""
    if len(rows) > 1:
        raise BatchRefused(f"Rio answered {status}")
    return Receipt(refused=[(rows[0], _reason(database, rows[0], {"status": status, **answer}))])


def _reason(database: str, row: Row, problem: Mapping[str, Any]) -> str:
    """What Rio minds, where in the event, and where the service says what it emits."""
    errors = "; ".join(
        f"{error.get('pointer')}: {error.get('detail')}" for error in problem.get("errors", ())
    )
    status = int(problem.get("status", 0))
    said = f"{status} {problem.get('title', '')}: {problem.get('detail', '')} {errors}".strip()
    manifest = _MANIFEST.get(status)
    if manifest is not None:
        place = f"{database} emits {row.type}: {manifest} in services/{database}/service.yaml"
        said = f"{said[:_MAX_SAID]} ({place})"
    return said[:_MAX_REASON]
