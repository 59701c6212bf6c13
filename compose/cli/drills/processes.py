"""Drills that stop, kill or starve processes."""

from __future__ import annotations

import signal
import time

from compose.cli.drills.drill import Drill, Spans, expect
from compose.cli.drills.instance import Instance


class Stopped(Drill):
    """Stops one part."""

    part: str

    def strike(self, instance: Instance) -> None:
        instance.stop(self.part)

    def heal(self, instance: Instance) -> None:
        instance.start(self.part)


class StopService(Stopped):
    name = "stop-service"
    breaks = "stops the service notifications while orders are read"
    alerts = (expect("HopDown", service="notifications"),)
    muted = (expect("GatewayCircuitOpen", service="notifications"),)
    needs = ("notifications", "orders", "accounts", "inventory")
    spans = Spans("gateway", {"peer.service": "notifications", "error": "true"})
    lines = '{service_name="services-nginx"} | status=~"50."'
    part = "notifications"
    callers = 2

    def strike(self, instance: Instance) -> None:
        instance.prepare_orders()
        super().strike(instance)

    def repeat(self, instance: Instance) -> None:
        instance.read_order()


class StopDispatcher(Stopped):
    name = "stop-dispatcher"
    breaks = "stops Rio's dispatcher"
    alerts = (expect("InstanceDown", instance="rio-dispatcher"),)
    part = "rio-dispatcher"


class StopConsole(Stopped):
    name = "stop-console"
    breaks = "stops the console"
    alerts = (expect("ConsoleDown", service="console"),)
    part = "console"


class StopRabbitMQ(Stopped):
    name = "stop-rabbitmq"
    breaks = "stops RabbitMQ while events are sent to Rio"
    alerts = (expect("PlatformDown", instance="rabbitmq"),)
    lines = '{service_name="rio"} |~ "(?i)rabbitmq|unavailable|connection"'
    part = "rabbitmq"
    callers = 1

    def repeat(self, instance: Instance) -> None:
        instance.emit("drill.begun")

    def heal(self, instance: Instance) -> None:
        instance.start("rabbitmq", "rio-api", "rio-dispatcher")


class StopPostgres(Stopped):
    name = "stop-postgres"
    breaks = "stops PostgreSQL while orders are placed"
    alerts = (expect("PostgresDown", service="postgres"),)
    needs = ("orders", "accounts", "inventory")
    lines = '{service_name="orders"} | severity_text=~"(?i)error|warn.*"'
    spans = Spans("orders", {"error": "true"})
    part = "postgres"
    callers = 2

    def strike(self, instance: Instance) -> None:
        instance.prepare_orders()
        super().strike(instance)

    def repeat(self, instance: Instance) -> None:
        instance.place_order()

    def heal(self, instance: Instance) -> None:
        instance.start("postgres", "orders", "accounts", "inventory", "rio-api", "rio-dispatcher", "relay")


class RestartLoop(Drill):
    name = "restart-loop"
    breaks = "kills the service notifications each time it is back"
    alerts = (expect("RestartLoop", service="notifications"),)
    needs = ("notifications",)
    seconds = 240.0
    callers = 1

    def strike(self, instance: Instance) -> None:
        """It is killed by `repeat`."""

    def repeat(self, instance: Instance) -> None:
        process = instance.supervisor.get("notifications")
        if process is not None and process.is_right and process.pid:
            time.sleep(6)  # one scrape of each start
            instance.signal("notifications", signal.SIGKILL)

    def heal(self, instance: Instance) -> None:
        instance.start("notifications")


class StarveGateway(Drill):
    name = "starve-gateway"
    breaks = "leaves the gateway little of the time that passes while callers ask"
    alerts = (expect("GatewayShedding", service="gateway"),)
    needs = ("inventory",)
    lines = '{service_name="gateway"} | status="503"'
    spans = Spans("gateway", {"http.response.status_code": "503"})
    callers = 12

    def strike(self, instance: Instance) -> None:
        def starve() -> None:
            instance.signal("gateway", signal.SIGSTOP)
            time.sleep(0.4)
            instance.signal("gateway", signal.SIGCONT)
            time.sleep(0.05)

        instance.go_on(starve)

    def repeat(self, instance: Instance) -> None:
        instance.edge.get("/v1/stock")

    def heal(self, instance: Instance) -> None:
        instance.signal("gateway", signal.SIGCONT)
