"""RabbitMQ, which holds Rio's events between acceptance and delivery."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.frame import new_dashboard, section
from dashboards.limits import ALARM, ANY, UP, USED_SHARE, Limits
from dashboards.panels import lines, number, series, states
from dashboards.promql import rate
from dashboards.targets import Prom

TITLE = "RabbitMQ"
UID = "nextphase-rabbitmq"

_QUEUE = "{{queue}}"
_ALARMS = {
    "memory_used_watermark": "memory",
    "free_disk_space_watermark": "disk",
    "file_descriptor_limit": "file descriptors",
}


def build() -> Dashboard:
    board = new_dashboard(
        TITLE, UID, "The broker under Rio: alarms, messages, queues, clients and resources."
    )
    for part in (_state, _messages, _queues, _clients, _resources, _logs):
        part(board)
    return board


def _state(board: Dashboard) -> None:
    section(
        board,
        "State",
        number(
            "Up",
            units.Short,
            Prom('up{job="platform", service="rabbitmq"}', "rabbitmq"),
            description="Whether Prometheus reaches its plugin.",
            limits=UP,
        ),
        number(
            "Memory",
            units.PercentUnit,
            Prom("rabbitmq_process_resident_memory_bytes / rabbitmq_resident_memory_limit_bytes", "used"),
            description="Of the high watermark. At 100 % RabbitMQ blocks everything that publishes.",
            limits=USED_SHARE,
        ),
        number(
            "Disk left above the limit",
            units.BytesIEC,
            Prom("rabbitmq_disk_space_available_bytes - rabbitmq_disk_space_available_limit_bytes", "left"),
            description="Free disk space beyond disk_free_limit. At 0 RabbitMQ blocks everything that"
            " publishes.",
            limits=Limits(amber=1e9, red=1e8, good_is_high=True),
        ),
        number(
            "File descriptors",
            units.PercentUnit,
            Prom("rabbitmq_process_open_fds / rabbitmq_process_max_fds", "used"),
            description="Of those that it may open. Each connection takes one, and queues take some.",
            limits=USED_SHARE,
        ),
        number(
            "Waiting messages",
            units.Short,
            Prom("sum(rabbitmq_queue_messages_ready)", "ready"),
            description="Messages that no consumer has taken yet, in all queues.",
            limits=Limits(amber=100, red=1000),
        ),
        number(
            "Messages in delivery",
            units.Short,
            Prom("sum(rabbitmq_queue_messages_unacked)", "unacknowledged"),
            description="Messages that a consumer has taken and not acknowledged yet.",
        ),
        states(
            "Alarms",
            Prom(
                " or ".join(
                    f'label_replace(rabbitmq_alarms_{alarm}, "alarm", "{name}", "", "")'
                    for alarm, name in _ALARMS.items()
                ),
                "{{alarm}}",
            ),
            ALARM,
            description="While memory or disk has an alarm, RabbitMQ accepts no message.",
            width=24,
        ),
    )


def _messages(board: Dashboard) -> None:
    section(
        board,
        "Messages",
        series(
            "Published",
            units.MessagesPerSecond,
            Prom(rate("rabbitmq_global_messages_received_total", ""), "received"),
            Prom(rate("rabbitmq_global_messages_confirmed_total", ""), "confirmed"),
            description="Rio accepts an event once RabbitMQ has confirmed its messages: one for each queue.",
        ),
        series(
            "Delivered",
            units.MessagesPerSecond,
            Prom(rate("rabbitmq_global_messages_delivered_total", ""), "delivered"),
            Prom(rate("rabbitmq_global_messages_acknowledged_total", ""), "acknowledged"),
            Prom(rate("rabbitmq_global_messages_redelivered_total", ""), "redelivered"),
            description="Redelivered are those that a consumer gave back, or held when its connection ended.",
        ),
        series(
            "Lost or set aside",
            units.MessagesPerSecond,
            Prom(rate("rabbitmq_global_messages_unroutable_dropped_total", ""), "no queue: dropped"),
            Prom(rate("rabbitmq_global_messages_unroutable_returned_total", ""), "no queue: returned"),
            Prom(rate("rabbitmq_global_messages_dead_lettered_expired_total", ""), "expired"),
            Prom(rate("rabbitmq_global_messages_dead_lettered_maxlen_total", ""), "queue too long"),
            Prom(rate("rabbitmq_global_messages_dead_lettered_rejected_total", ""), "rejected"),
            Prom(
                rate("rabbitmq_global_messages_dead_lettered_delivery_limit_total", ""), "delivered too often"
            ),
            description="Expired in a retry queue is Rio's delay before the next attempt: no loss.",
        ),
    )


def _queues(board: Dashboard) -> None:
    section(
        board,
        "Queues of subscriptions",
        series(
            "Waiting by queue",
            units.Short,
            Prom("max by (queue) (rabbitmq_detailed_queue_messages_ready)", _QUEUE),
            description="Messages that no consumer has taken. rio.orphans has what came due for a"
            " subscription"
            " that is gone.",
            limits=Limits(amber=100, red=1000),
        ),
        series(
            "In delivery by queue",
            units.Short,
            Prom("max by (queue) (rabbitmq_detailed_queue_messages_unacked)", _QUEUE),
            description="Messages taken by Rio's dispatcher and not acknowledged yet.",
        ),
        series(
            "Consumers by queue",
            units.Short,
            Prom('max by (queue) (rabbitmq_detailed_queue_consumers{subscription!=""})', _QUEUE),
            description="0: nothing delivers what waits in this queue.",
        ),
    )


def _clients(board: Dashboard) -> None:
    section(
        board,
        "Clients",
        series(
            "Connections and channels",
            units.Short,
            Prom("sum(rabbitmq_connections)", "connections"),
            Prom("sum(rabbitmq_channels)", "channels"),
            Prom("sum(rabbitmq_consumers)", "consumers"),
            description="Of Rio's processes; more than usual is a client that does not close them.",
        ),
        series(
            "Connections opened and closed",
            units.CountsPerSecond,
            Prom(rate("rabbitmq_connections_opened_total", ""), "opened"),
            Prom(rate("rabbitmq_connections_closed_total", ""), "closed"),
            description="Many are a client that connects again and again.",
            limits=Limits(amber=1, red=10),
        ),
        series(
            "Traffic",
            units.BytesPerSecondIEC,
            Prom(rate("rabbitmq_connection_incoming_bytes_total", ""), "in"),
            Prom(rate("rabbitmq_connection_outgoing_bytes_total", ""), "out"),
            description="Bytes over all AMQP connections.",
        ),
    )


def _resources(board: Dashboard) -> None:
    section(
        board,
        "Resources",
        series(
            "Memory",
            units.BytesIEC,
            Prom("rabbitmq_process_resident_memory_bytes", "resident"),
            Prom("rabbitmq_resident_memory_limit_bytes", "high watermark"),
            description="Above the watermark RabbitMQ blocks everything that publishes.",
        ),
        series(
            "Disk",
            units.BytesPerSecondIEC,
            Prom(rate("rabbitmq_io_write_bytes_total", ""), "written"),
            Prom(rate("rabbitmq_io_read_bytes_total", ""), "read"),
            description="Messages, queue indexes and RabbitMQ's own tables.",
        ),
        series(
            "Erlang processes",
            units.PercentUnit,
            Prom("rabbitmq_erlang_processes_used / rabbitmq_erlang_processes_limit", "processes"),
            Prom("rabbitmq_process_open_tcp_sockets / rabbitmq_process_max_tcp_sockets", "sockets"),
            description="Of those that the virtual machine may have.",
            limits=USED_SHARE,
        ),
        series(
            "Scheduler queue",
            units.Short,
            Prom("rabbitmq_erlang_scheduler_run_queue", "ready to run"),
            description="Erlang processes that wait for a core. Many are a RabbitMQ that has too few.",
            limits=Limits(amber=20, red=100),
            width=12,
        ),
        series(
            "Refused logins",
            units.CountsPerSecond,
            Prom(rate("rabbitmq_auth_attempts_failed_total", ""), "failed"),
            description="Attempts to log in with wrong credentials per second.",
            limits=ANY,
            width=12,
        ),
    )


def _logs(board: Dashboard) -> None:
    section(
        board,
        "Log lines",
        lines(
            "RabbitMQ's log",
            '{service_name="rabbitmq"}',
            description="Connections, queues, alarms and errors.",
        ),
    )
