"""Drills on what carries and keeps telemetry, and on what watches it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from compose.cli.drills.drill import Drill, expect
from compose.cli.drills.instance import Instance
from compose.cli.drills.processes import Stopped


class StopJaeger(Stopped):
    name = "stop-jaeger"
    breaks = "stops Jaeger"
    alerts = (expect("TelemetryDown", service="jaeger"),)
    lines = '{service_name="collector"} |~ "(?i)export"'
    part = "jaeger"


class StopLoki(Stopped):
    name = "stop-loki"
    breaks = "stops Loki"
    alerts = (expect("TelemetryDown", service="loki"),)
    part = "loki"


class StopCollector(Stopped):
    name = "stop-collector"
    breaks = "stops the collector"
    alerts = (expect("TelemetryDown", service="collector"),)
    part = "collector"


class StopAlertmanager(Stopped):
    name = "stop-alertmanager"
    breaks = "stops Alertmanager, and starts it before Prometheus tells of that again"
    alerts = (expect("TelemetryDown", service="alertmanager"),)
    part = "alertmanager"
    is_notified_healed = True

    def strike(self, instance: Instance) -> None:
        super().strike(instance)
        instance.wait_for_metric('ALERTS{alertname="TelemetryDown", alertstate="firing"}')
        time.sleep(_RESEND_SECONDS - _START_SECONDS)


class RefuseConfiguration(Drill):
    name = "refuse-configuration"
    breaks = "has Prometheus read a file of rules that is none"
    alerts = (expect("ConfigurationRefused", service="prometheus"),)
    lines = '{service_name="prometheus"} |~ "(?i)error"'

    def strike(self, instance: Instance) -> None:
        _rules_file(instance).write_text("groups: none\n")
        instance.supervisor.reload_process("prometheus")

    def heal(self, instance: Instance) -> None:
        _rules_file(instance).unlink(missing_ok=True)
        instance.supervisor.reload_process("prometheus")


class FailingRule(RefuseConfiguration):
    name = "failing-rule"
    breaks = "gives Prometheus a rule that cannot be evaluated"
    alerts = (expect("RuleFailing"),)

    def strike(self, instance: Instance) -> None:
        _rules_file(instance).write_text(_FAILING_RULE)
        instance.supervisor.reload_process("prometheus")


class FailingReceiver(Drill):
    name = "failing-receiver"
    breaks = "has a receiver of notifications refuse them"
    alerts = (expect("NotificationsFailing", integration="webhook"),)
    lines = '{service_name="alertmanager"} |~ "(?i)notify"'

    def strike(self, instance: Instance) -> None:
        instance.receiver.refuses_watchdog = True

    def heal(self, instance: Instance) -> None:
        instance.receiver.refuses_watchdog = False


class GarbageLines(Drill):
    name = "garbage-lines"
    breaks = "sends the collector what are no log lines"
    alerts = (expect("CollectorRefuses", service="collector"),)
    lines = '{service_name="collector"} |= "Message refused"'
    callers = 1

    def strike(self, instance: Instance) -> None:
        """Nothing: `repeat` sends the garbage."""

    def repeat(self, instance: Instance) -> None:
        address = ("127.0.0.1", instance.layout.port("collector-fluent"))
        with socket.create_connection(address, _CONNECT_SECONDS) as connection:
            connection.sendall(b"\xc1" * 64)  # the one byte that msgpack has no use for
            connection.recv(1)
        time.sleep(1)

    def heal(self, instance: Instance) -> None:
        """Nothing more is sent once the drill ends."""


class OldLines(Drill):
    name = "old-lines"
    breaks = "sends the collector log lines that are older than Loki takes"
    alerts = (expect("CollectorLoses", service="collector"),)
    lines = '{service_name="collector"} |~ "(?i)too old|refused|dropp"'
    callers = 1

    def strike(self, instance: Instance) -> None:
        """The lines are sent by `repeat`."""

    def repeat(self, instance: Instance) -> None:
        name = {"key": "service.name", "value": {"stringValue": "drill"}}
        old = time.time_ns() - _OLD_SECONDS * 1_000_000_000
        line = {"timeUnixNano": str(old), "severityText": "INFO", "body": {"stringValue": "an old line"}}
        document = {
            "resourceLogs": [{"resource": {"attributes": [name]}, "scopeLogs": [{"logRecords": [line]}]}]
        }
        collector = instance.layout.address("collector-otlp-http")
        instance.outside.post(f"http://{collector}/v1/logs", json=document).raise_for_status()
        time.sleep(1)

    def heal(self, instance: Instance) -> None:
        """Nothing more is sent once the drill ends."""


def _rules_file(instance: Instance) -> Path:
    return instance.layout.config / "prometheus/rules/drill.yml"


_FAILING_RULE = """\
groups:
  - name: drill
    rules:
      - record: drill:failing
        expr: up + on () up
"""
_CONNECT_SECONDS = 5.0
_RESEND_SECONDS = 60.0
"""Prometheus' --rules.alert.resend-delay."""
_START_SECONDS = 15.0
"""For Alertmanager to start, and to be found."""
_OLD_SECONDS = 60 * 86400
