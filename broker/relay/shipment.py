"""Sending rows to Rio, and reading what Rio says of each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.aiohttp_client import create_trace_config
from opentelemetry.trace import Link, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.relay.outbox import Row

_BATCH: Final = "application/cloudevents-batch+json"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, sock_connect=2.0)
# Statuses that speak of the event; anything else speaks of Rio or of the relay, and passes.
_REFUSALS: Final = frozenset({400, 413, 422})

_propagator: Final = TraceContextTextMapPropagator()


class RioAway(Exception):
    """Rio took nothing: to be tried again later."""


class BatchRefused(Exception):
    """The batch was refused as a whole, for one of its rows perhaps: to be sent one by one."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the rows of a shipment; rows in neither list are to be sent again."""

    accepted: list[Row] = field(default_factory=list)
    refused: list[tuple[Row, str]] = field(default_factory=list)


class Shipper:
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
            trace_configs=[create_trace_config()],
        )
        self._probe = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.5))

    async def close(self) -> None:
        await self._session.close()
        await self._probe.close()

    async def check(self) -> None:
        """A health check: raises while Rio cannot be reached."""
        async with self._probe.get(self._live_url) as response:
            response.raise_for_status()

    async def ship(self, database: str, rows: Sequence[Row]) -> Receipt:
        """Send rows and tell what became of each, or raise RioAway or BatchRefused.

        Rows beyond one body's size are left out.
        """
        documents: list[bytes] = []
        contexts: list[trace.SpanContext] = []
        size = 2
        for row in rows:
            document, context = self._document(row)
            size += len(document) + 1
            if documents and size > self._max_bytes:
                break
            documents.append(document)
            contexts.append(context)
        shipped = rows[: len(documents)]
        # A request carries many traces' events: it is a trace of its own, linked to them.
        with self._tracer.start_as_current_span(
            f"ship {database}",
            context=Context(),
            kind=SpanKind.INTERNAL,
            links=[Link(context) for context in contexts],
            attributes={"messaging.batch.message_count": len(shipped), "db.namespace": database},
        ):
            return await self._post(shipped, documents)

    def _document(self, row: Row) -> tuple[bytes, trace.SpanContext]:
        """The event, under a `send` span in the trace of the transaction that wrote it."""
        carrier = {
            name: value
            for name, value in (("traceparent", row.traceparent), ("tracestate", row.tracestate))
            if value is not None
        }
        span = self._tracer.start_span(
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
        context: dict[str, str] = {}
        _propagator.inject(context, trace.set_span_in_context(span))
        span.end()
        return row.document(context), span.get_span_context()

    async def _post(self, rows: Sequence[Row], documents: Sequence[bytes]) -> Receipt:
        body = b"[" + b",".join(documents) + b"]"
        try:
            async with self._session.post(
                self._url, data=body, headers={"Content-Type": _BATCH}, allow_redirects=False
            ) as response:
                status, text = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._away(f"{type(error).__name__}: {error}") from error
        answer = _document(text)
        if "refused" in answer:
            return _receipt(rows, answer)
        if status in _REFUSALS:
            return _refused_whole(rows, status, answer)
        raise self._away(f"Rio answered {status}")

    def _away(self, reason: str) -> RioAway:
        trace.get_current_span().set_status(StatusCode.ERROR, reason)
        return RioAway(reason)


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _receipt(rows: Sequence[Row], answer: Mapping[str, Any]) -> Receipt:
    """Read Rio's answer to a batch: the accepted by id, the refused by index."""
    accepted_ids = set(answer.get("accepted", ()))
    receipt = Receipt(accepted=[row for row in rows if row.id in accepted_ids])
    for entry in answer["refused"]:
        problem = entry["problem"]
        if problem["status"] in _REFUSALS:
            receipt.refused.append((rows[entry["index"]], _reason(problem)))
    if not receipt.accepted and not receipt.refused:
        raise RioAway("Rio could take none of the batch")
    return receipt


def _refused_whole(rows: Sequence[Row], status: int, answer: Mapping[str, Any]) -> Receipt:
    """The request itself was refused. Alone, the row is to blame; among others, each is tried alone."""
    if len(rows) > 1:
        raise BatchRefused(f"Rio answered {status}")
    return Receipt(refused=[(rows[0], _reason({"status": status, **answer}))])


def _reason(problem: Mapping[str, Any]) -> str:
    errors = "; ".join(
        f"{error.get('pointer')}: {error.get('detail')}" for error in problem.get("errors", ())
    )
    return (
        f"{problem.get('status')} {problem.get('title', '')}: {problem.get('detail', '')} {errors}".strip()[
            :1000
        ]
    )
