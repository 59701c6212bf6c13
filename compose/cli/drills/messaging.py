"""Drills on Rio and RabbitMQ: sinks that refuse, queues that nothing empties, an alarm."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from typing import ClassVar

from amqp import Message
from amqp.connection import Connection

from compose.cli import rabbitmq
from compose.cli.drills.drill import Drill, Spans, expect
from compose.cli.drills.instance import Instance
from compose.cli.errors import Failure
from compose.cli.secrets import RIO

_UNROUTED = "/nowhere"
"""A path that services nginx answers with 404."""


class _Subscription(Drill):
    """Gives Rio a subscription of the drill's own, `drill-<name>`, which takes `drill.<name>`."""

    sink: ClassVar[str] = _UNROUTED
    config: ClassVar[Mapping[str, object]] = {}

    @property
    def subscription(self) -> str:
        return f"drill-{self.name}"

    @property
    def kind(self) -> str:
        return f"drill.{self.name.replace('-', '_')}"

    def subscribe(self, instance: Instance, **more: object) -> None:
        """Make or change the subscription."""
        body = {"types": [self.kind], "sink": self.sink, "config": dict(self.config), **more}
        instance.rio.ask("PUT", f"/subscriptions/{self.subscription}", body=body)

    def subscribe_counted(self, instance: Instance) -> None:
        """Make the subscription, and wait until Prometheus has its counters: growth shows from 0 on."""
        self.subscribe(instance)
        instance.wait_for_metric(
            f'rio_deliveries_total{{subscription="{self.subscription}", outcome="dead"}} offset 10s'
        )

    def heal(self, instance: Instance) -> None:
        with contextlib.suppress(Failure):  # it may be gone
            instance.rio.delete(f"/subscriptions/{self.subscription}")
        instance.discard_dead_letters(self.subscription)


class RefusingSink(_Subscription):
    name = "poison-event"
    breaks = "has a sink refuse its events for good"
    alerts = (
        expect("RioDeadLettersGrowing", subscription="drill-poison-event"),
        expect("RioDeadLetters", subscription="drill-poison-event"),
    )
    lines = '{service_name="rio"} |~ "dead|given up"'
    spans = Spans("rio", {"error": "true"})
    config: ClassVar[Mapping[str, object]] = {"final_statuses": [404]}

    def strike(self, instance: Instance) -> None:
        self.subscribe_counted(instance)
        instance.emit(self.kind, 30)


class _Waiting(_Subscription):
    """A subscription whose events cannot be delivered, as its sink is a path that no service has."""

    spans = Spans("rio", {"http.response.status_code": "404"})

    def heal(self, instance: Instance) -> None:
        """Give the events up at once: one whose retry is due must find its queue."""
        self.subscribe(instance, config={"final_statuses": [404]})
        counted = f'{{subscription="{self.subscription}"}}'
        waiting = f"max_over_time(subscription:rabbitmq_waiting_messages:max{counted}[15s])"
        retried = (
            f'increase(rio_deliveries_total{{subscription="{self.subscription}", outcome="retry"}}[15s])'
        )
        instance.wait_for_metric(f"sum({waiting} + on () sum({retried})) == 0")
        super().heal(instance)


class StalledSubscription(_Waiting):
    name = "stalled-subscription"
    breaks = "sends events to a path that no service has"
    alerts = (expect("RioDeliveryStalled", subscription="drill-stalled-subscription"),)
    muted = (expect("RioRetrying", subscription="drill-stalled-subscription"),)
    config: ClassVar[Mapping[str, object]] = {"retry": {"first_seconds": 5, "cap_seconds": 5}}

    def strike(self, instance: Instance) -> None:
        self.subscribe_counted(instance)
        instance.emit(self.kind, 30)


class Backlog(_Waiting):
    name = "backlog"
    breaks = "sends 1,200 events to a path that no service has, one a second of which are tried"
    alerts = (expect("RioDeliveryStalled", subscription="drill-backlog"),)
    muted = (
        expect("RioBacklog", subscription="drill-backlog"),
        expect("RioBacklogOld", subscription="drill-backlog"),
    )
    config: ClassVar[Mapping[str, object]] = {"rate_per_second": 1, "retry": {"first_seconds": 5}}
    seconds = 480.0

    def strike(self, instance: Instance) -> None:
        self.subscribe(instance)
        instance.emit(self.kind, 1200)


class FailingSink(Drill):
    name = "failing-sink"
    breaks = "locks the inbox of notifications while orders are placed, of which it takes events"
    alerts = (expect("RioCircuitOpen", subscription="notifications"),)
    needs = ("notifications", "orders", "accounts", "inventory")
    lines = '{service_name="rio"} |~ "(?i)circuit|failed"'
    spans = Spans("rio", {"error": "true"})
    callers = 2

    def strike(self, instance: Instance) -> None:
        instance.prepare_orders()
        instance.lock("notifications", "inbox")

    def repeat(self, instance: Instance) -> None:
        instance.place_order()
        time.sleep(0.5)

    def heal(self, instance: Instance) -> None:
        """The lock ends with the drill's session."""


class PausedSubscription(_Subscription):
    name = "pause-subscription"
    breaks = "pauses a subscription whose events wait"
    alerts = (expect("RioSubscriptionPaused", subscription="drill-pause-subscription"),)

    def strike(self, instance: Instance) -> None:
        self.subscribe(instance, status="paused")
        instance.emit(self.kind)


class Orphans(_Subscription):
    name = "orphan-events"
    breaks = "deletes a subscription whose events wait for their next attempt"
    alerts = (expect("RioOrphans", service="rio"),)
    config: ClassVar[Mapping[str, object]] = {"retry": {"first_seconds": 30, "cap_seconds": 30}}

    def strike(self, instance: Instance) -> None:
        self.subscribe_counted(instance)
        instance.emit(self.kind, 30)
        retried = f'rio_deliveries_total{{subscription="{self.subscription}", outcome="retry"}}'
        instance.wait_for_metric(f"{retried} >= 30")
        instance.rio.delete(f"/subscriptions/{self.subscription}")


class LateEvents(Drill):
    name = "late-events"
    breaks = "locks the inbox of notifications for 12 s, again and again, while orders are placed"
    alerts = (expect("RioDeliverySlow", subscription="notifications"),)
    needs = ("notifications", "orders", "accounts", "inventory")
    seconds = 240.0
    callers = 2

    def strike(self, instance: Instance) -> None:
        instance.prepare_orders()
        connection = instance.hold("notifications")

        def hold_up() -> None:
            with connection.transaction():
                connection.execute("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE")
                connection.execute("SELECT pg_sleep(12)")
            time.sleep(3)

        instance.go_on(hold_up)

    def repeat(self, instance: Instance) -> None:
        instance.place_order()
        time.sleep(0.5)

    def heal(self, instance: Instance) -> None:
        """The lock ends with the drill's session."""


class QueueWithoutConsumers(Drill):
    name = "queue-without-consumers"
    breaks = "puts an event into a queue that no dispatcher knows"
    alerts = (expect("RabbitMQQueueWithoutConsumers", subscription="drill-unknown"),)
    queue = "rio.subscription.drill-unknown"

    def strike(self, instance: Instance) -> None:
        with _amqp(instance) as connection:
            channel = connection.channel()
            channel.queue_declare(self.queue, durable=True, auto_delete=False)
            channel.basic_publish(Message("{}"), routing_key=self.queue)

    def heal(self, instance: Instance) -> None:
        with _amqp(instance) as connection:
            connection.channel().queue_delete(self.queue)


class MemoryAlarm(Drill):
    name = "rabbitmq-alarm"
    breaks = "tells RabbitMQ that it may use next to no memory"
    alerts = (expect("RabbitMQAlarm", service="rabbitmq"),)
    lines = '{service_name="rabbitmq"} |= "memory"'

    def strike(self, instance: Instance) -> None:
        instance.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1MiB")

    def heal(self, instance: Instance) -> None:
        instance.rabbitmqctl("set_vm_memory_high_watermark", "absolute", rabbitmq.MEMORY)


class ImpatientSender(Drill):
    name = "impatient-sender"
    breaks = "has a sender ask Rio more often than it may"
    alerts = (expect("RioRefusing", reason="too_many"),)
    lines = '{service_name="rio"} | status="429"'
    callers = 1
    sender = "drill-sender"

    def strike(self, instance: Instance) -> None:
        body = {"types": ["drill.#"], "rate_per_second": 1}
        answer = instance.rio.ask("PUT", f"/senders/{self.sender}", body=body)
        self.token = str(answer.json()["token"])

    def repeat(self, instance: Instance) -> None:
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "type": "drill.begun", "source": "/drill"}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/cloudevents+json",
        }
        url = f"http://{instance.layout.address('rio-api')}/events"
        instance.outside.post(url, json=event, headers=headers)

    def heal(self, instance: Instance) -> None:
        with contextlib.suppress(Failure):  # it may be gone
            instance.rio.delete(f"/senders/{self.sender}")


def _amqp(instance: Instance) -> Connection:
    return Connection(
        f"127.0.0.1:{instance.layout.port('rabbitmq')}", userid=RIO, password=instance.rabbitmq_password
    )
