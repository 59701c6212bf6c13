"""The pipeline that accepts events, put together."""

from collections.abc import Callable
from typing import NamedTuple

from broker.rio.amqp.publisher import Publisher
from broker.rio.ingest.authorization import Authorization
from broker.rio.ingest.deduplication import Deduplication
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.ingest.observer import IngestObserver
from broker.rio.ingest.pipeline import Pipeline, checks
from broker.rio.ingest.publication import Publication
from broker.rio.ingest.scheduling import Scheduling
from broker.rio.ingest.spans import EventSpans
from broker.rio.metrics import ApiMetrics
from broker.rio.record_cache import RecordCache
from broker.rio.store.stores import Stores
from observability import Telemetry


class Ingest(NamedTuple):
    """The pipeline, and its last step, which scheduled events take as well once they are due."""

    pipeline: Pipeline
    publication: Publication


def build(
    telemetry: Telemetry,
    metrics: ApiMetrics,
    stores: Stores,
    cache: RecordCache,
    publisher: Publisher,
    flow_notes: FlowNotes,
    is_ready: Callable[[], bool],
) -> Ingest:
    """Build the pipeline of an API process; `is_ready`: whether events may be accepted yet."""
    spans = EventSpans(telemetry.tracer)
    observer = IngestObserver(metrics, cache.subscriptions, stores.flow_counts, flow_notes)
    publication = Publication(publisher, spans, observer)
    pipeline = Pipeline(
        telemetry,
        authorization=Authorization(cache.senders),
        checks=checks(cache.schemas),
        deduplication=Deduplication(stores.accepted, observer),
        publication=publication,
        scheduling=Scheduling(stores.schedule, spans, observer),
        observer=observer,
        is_ready=is_ready,
    )
    return Ingest(pipeline, publication)
