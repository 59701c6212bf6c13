"""The transactional outbox: an event is a row written with the business data it speaks of.

The relay ships committed rows to Rio and deletes them once Rio holds them. The trace context of the
transaction is stored with the row, so the trace goes on where the relay picks it up.
"""

import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from broker.client.data import encode

SCHEMA: Final = """
CREATE TABLE outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    source text NOT NULL,
    subject text NOT NULL,
    time timestamptz NOT NULL DEFAULT now(),
    data json NOT NULL,
    traceparent text,
    tracestate text,
    refusal text
);
CREATE TABLE inbox (
    source text NOT NULL,
    id text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);
CREATE INDEX inbox_received_at ON inbox (received_at);
CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('outbox', ''); RETURN NULL; END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify();
CREATE INDEX outbox_refused ON outbox (subject, position) WHERE refusal IS NOT NULL;
GRANT SELECT, UPDATE, DELETE ON outbox TO relay;
GRANT SELECT, DELETE ON inbox TO relay;
"""
"""The tables every service's own migration creates; the role `relay` has to exist."""

DATA_AS_WRITTEN: Final = "ALTER TABLE outbox ALTER COLUMN data TYPE json USING data::json"
"""For tables made before `data` was json: jsonb, which it was, writes numbers anew and has no \\u0000."""

_INSERT: Final = """
INSERT INTO outbox (id, type, source, subject, data, traceparent, tracestate)
VALUES (%(id)s, %(type)s, %(source)s, %(subject)s, CAST(%(data)s AS json), %(traceparent)s, %(tracestate)s)
"""

_propagator = TraceContextTextMapPropagator()


def emit(
    execute: Callable[[str, Mapping[str, Any]], Any],
    *,
    type: str,
    source: str,
    subject: str,
    data: Mapping[str, Any],
) -> str:
    """Write an event into the outbox of the caller's open transaction and return its id (a UUID).

    `execute` runs SQL with psycopg's named parameters on the transaction's connection; its errors pass
    through. `subject` is the aggregate's id: events of one subject are shipped in the order written. `data`
    may hold Decimals: they become numbers with all their digits. Raises TypeError or ValueError for data that
    is no JSON.
    """
    with _event(type, source, subject, data) as row:
        execute(_INSERT, row)
    return str(row["id"])


async def emit_async(
    execute: Callable[[str, Mapping[str, Any]], Awaitable[Any]],
    *,
    type: str,
    source: str,
    subject: str,
    data: Mapping[str, Any],
) -> str:
    """Like `emit`, for an `execute` to be awaited."""
    with _event(type, source, subject, data) as row:
        await execute(_INSERT, row)
    return str(row["id"])


@contextmanager
def _event(type_: str, source: str, subject: str, data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the row's parameters inside the span whose context the row carries."""
    event_id = str(uuid.uuid4())
    attributes = {
        "messaging.system": "rio",
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.destination.name": type_,
        "messaging.message.id": event_id,
        "cloudevents.event_id": event_id,
        "cloudevents.event_type": type_,
        "cloudevents.event_source": source,
        "cloudevents.event_subject": subject,
    }
    tracer = trace.get_tracer(__name__)
    with tracer.start_as_current_span(f"create {type_}", kind=SpanKind.PRODUCER, attributes=attributes):
        context: dict[str, str] = {}
        _propagator.inject(context)
        yield {
            "id": event_id,
            "type": type_,
            "source": source,
            "subject": subject,
            "data": encode(data),
            "traceparent": context.get("traceparent"),
            "tracestate": context.get("tracestate"),
        }
