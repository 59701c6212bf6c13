"""Rio's own metrics; the HTTP server's come from `observability`."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from broker.measurement import Measurements
from broker.rio.store.held import HeldBacklog
from observability.histogram import DurationHistogram
from observability.metrics import DURATION_BUCKETS

# Up to the last retry before an operator looks.
_LATENCY_SECONDS: Final = (*DURATION_BUCKETS, 30, 60, 300, 1800, 21600)


class ApiMetrics:
    """The metrics of Rio's API."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.accepted = Counter(
            "rio_events_accepted_total",
            "Events accepted: confirmed by RabbitMQ.",
            ["type"],
            registry=registry,
        )
        self.refused = Counter(
            "rio_events_refused_total",
            "Events refused with a problem document.",
            ["reason"],
            registry=registry,
        )
        self.malformed = Counter(
            "rio_malformed",
            "Messages refused before they could be parsed as a request.",
            ["status"],
            registry=registry,
        )
        self.unrouted = Counter(
            "rio_unrouted_total", "Accepted events without a subscription.", ["type"], registry=registry
        )
        self.repeated = Counter(
            "rio_events_repeated_total",
            "Repeats of events accepted within the window; not dispatched again.",
            registry=registry,
        )
        self.scheduled = Counter(
            "rio_events_scheduled_total", "Events accepted for a later time.", ["type"], registry=registry
        )
        self.publishing = Gauge(
            "rio_publisher_messages",
            "Messages that wait to be sent to RabbitMQ or for its confirm.",
            registry=registry,
        )
        self.replayed = Counter(
            "rio_events_replayed_total",
            "Events sent again to a subscription, by where they were kept.",
            ["subscription", "origin"],
            registry=registry,
        )
        self.retention_dropped = Counter(
            "rio_retention_dropped_total",
            "Rows deleted because they were too old or too many.",
            ["table", "reason"],
            registry=registry,
        )
        self.queues_lost = Counter(
            "rio_queues_lost_total",
            "Queues of subscriptions that RabbitMQ had lost; each was declared again.",
            registry=registry,
        )
        self.measurements = Measurements(registry)
        self.log_events = Gauge("rio_event_log_events", "Events in the event log.", registry=registry)
        self.log_oldest = Gauge(
            "rio_event_log_oldest_timestamp_seconds",
            "When the oldest event of the event log was accepted; 0 while it is empty.",
            registry=registry,
        )

    def expect(self, types: Iterable[str]) -> None:
        """Show counters of these types at 0 until their first event: rates see it as an increase."""
        for type_ in types:
            self.accepted.labels(type_)


class SubscriptionMetrics:
    """The state of each subscription, as PostgreSQL has it.

    The API and every dispatcher show it, so that it is known while one of them does not run.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.paused = Gauge(
            "rio_subscription_paused",
            "1 while the subscription is paused.",
            ["subscription"],
            registry=registry,
        )
        self.dead_letters = Gauge(
            "rio_dead_letters", "Dead letters that are kept.", ["subscription"], registry=registry
        )
        self.held = Gauge(
            "rio_held_messages",
            "Events of an ordered subscription that wait in PostgreSQL behind a failing one; the API counts "
            "up to 10000.",
            ["subscription"],
            registry=registry,
        )
        self.held_oldest_seconds = Gauge(
            "rio_held_oldest_message_age_seconds",
            "How long ago the oldest event that waits in PostgreSQL was accepted; 0 when none waits.",
            ["subscription"],
            registry=registry,
        )

    def show(
        self, paused: Mapping[str, bool], dead_letters: Mapping[str, int], held: Mapping[str, HeldBacklog]
    ) -> None:
        """Show of each subscription whether it is paused, its dead letters and what is held; of no others."""
        self.clear()
        for subscription_id, is_paused in paused.items():
            self.paused.labels(subscription_id).set(is_paused)
        for subscription_id in paused.keys() | dead_letters.keys():
            self.dead_letters.labels(subscription_id).set(dead_letters.get(subscription_id, 0))
        for subscription_id, backlog in held.items():
            self.held.labels(subscription_id).set(backlog.events)
            self.held_oldest_seconds.labels(subscription_id).set(backlog.oldest_seconds)

    def clear(self) -> None:
        """Show nothing: the store cannot be read."""
        for gauge in (self.paused, self.dead_letters, self.held, self.held_oldest_seconds):
            gauge.clear()


class DispatcherMetrics(SubscriptionMetrics):
    """The metrics of the dispatcher."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.measurements = Measurements(registry)
        self.deliveries = Counter(
            "rio_deliveries_total",
            "Delivery attempts by outcome.",
            ["subscription", "outcome"],
            registry=registry,
        )
        self.attempts = Counter(
            "rio_delivery_attempts_total",
            "Delivery attempts by the status class of the sink's response, or none.",
            ["subscription", "status_class"],
            registry=registry,
        )
        self.attempt_seconds = DurationHistogram(
            "rio_delivery_attempt_duration_seconds",
            "Duration of delivery attempts, until the sink has responded.",
            ["subscription"],
            DURATION_BUCKETS,
            registry,
        )
        self.latency_seconds = DurationHistogram(
            "rio_delivery_latency_seconds",
            "Time from an event's acceptance to its delivery.",
            ["subscription"],
            _LATENCY_SECONDS,
            registry,
        )
        self.oldest_seconds = Gauge(
            "rio_oldest_message_age_seconds",
            "Age of the oldest undelivered event of a subscription here; of a paused one, the time "
            "since events were first seen to wait.",
            ["subscription"],
            registry=registry,
        )
        self.circuit = Gauge(
            "rio_circuit_state",
            "Circuit breaker of a subscription's sink: 0 closed, 1 half open, 2 open.",
            ["subscription"],
            registry=registry,
        )
        self.not_kept = Counter(
            "rio_outcomes_not_kept_total",
            "Attempts whose outcome could not be stored, so that the event is delivered again: RabbitMQ or "
            "PostgreSQL was unavailable, or the error was unexpected.",
            ["subscription", "reason"],
            registry=registry,
        )
        self.overflowed = Counter(
            "rio_queue_overflow_total",
            "Events that became dead letters: too many waited for a paused subscription or a failing sink.",
            ["subscription"],
            registry=registry,
        )


class RecordMetrics:
    """Losses of the delivery history and of the flow counts, in the API's and the dispatcher's process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "rio_recorded_deliveries_total",
            "Attempts for the history: kept, skipped by sampling, or dropped (PostgreSQL unavailable).",
            ["result"],
            registry=registry,
        )
        self.seen_dropped = Counter(
            "rio_seen_dropped_total",
            "Events not counted in the topology: too many sources and types at once.",
            registry=registry,
        )
