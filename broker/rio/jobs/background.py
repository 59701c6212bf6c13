"""The API's background work."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from amqp.exceptions import AMQPError

from broker.rio.admin.retirement import Retirement
from broker.rio.jobs.flow_watch import FlowWatch
from broker.rio.jobs.measurements import EventLogMeasurement, SubscriptionsMeasurement
from broker.rio.jobs.periodic import AWAY, every
from broker.rio.jobs.replay import Replaying
from broker.rio.jobs.retention import Retention
from broker.rio.jobs.schedule import DueEvents
from broker.rio.preparation import Preparation
from broker.rio.record_cache import RecordCache
from broker.rio.store.accepted import Accepted
from broker.rio.store.flow_counts import FlowCounts

_REFRESH_SECONDS: Final = 1.0
_DUE_SECONDS: Final = 0.5
_RESTORE_SECONDS: Final = 5.0
_PURGE_SECONDS: Final = 30.0
_RETIRED_SECONDS: Final = 5.0
_LOG_SECONDS: Final = 30.0
_COUNT_SECONDS: Final = 5.0
_FLOWS_SECONDS: Final = 1.0
_RABBIT_AWAY: Final = (AMQPError, OSError)
_EITHER_AWAY: Final = (*AWAY, *_RABBIT_AWAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """The jobs of an API process, and how often each is done."""

    preparation: Preparation
    cache: RecordCache
    retirement: Retirement
    due_events: DueEvents
    accepted: Accepted
    replaying: Replaying
    retention: Retention
    flow_counts: FlowCounts
    flow_watch: FlowWatch
    subscriptions_measurement: SubscriptionsMeasurement
    event_log_measurement: EventLogMeasurement

    def coroutines(self) -> list[Coroutine[Any, Any, None]]:
        """All jobs, each to be run until it is cancelled."""
        preparation = self.preparation
        return [
            preparation.run(),
            every(_REFRESH_SECONDS, self.cache.refresh, "refreshing what is known"),
            every(_RESTORE_SECONDS, preparation.restore, "restoring queues", _EITHER_AWAY),
            every(_REFRESH_SECONDS, preparation.follow_catalog, "declaring the catalog", _EITHER_AWAY),
            every(_RETIRED_SECONDS, self.retirement.run, "removing what is retired", _EITHER_AWAY),
            every(_DUE_SECONDS, self.due_events.turn, "publishing what is due"),
            every(_PURGE_SECONDS, self.accepted.purge, "purging what was accepted"),
            self.replaying.run(),
            self.retention.run(),
            self.flow_counts.run(),
            every(_FLOWS_SECONDS, self.flow_watch.turn, "watching flows", _EITHER_AWAY),
            every(_COUNT_SECONDS, self.flow_watch.measure, "measuring the flows"),
            every(_COUNT_SECONDS, self.subscriptions_measurement.run, "measuring the subscriptions"),
            every(_LOG_SECONDS, self.event_log_measurement.run, "measuring the event log", _RABBIT_AWAY),
        ]
