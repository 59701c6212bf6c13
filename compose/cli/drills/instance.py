"""The instance that a drill breaks, and the ways into it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg

from compose.cli import names, rabbitmq, tokens, users
from compose.cli.alerting import Alerting
from compose.cli.catalog import Catalog
from compose.cli.drills.receiver import Receiver
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.proc import Table
from compose.cli.rio import Rio
from compose.cli.secrets import SUPERUSER, Secrets
from compose.cli.setup import programs
from compose.cli.site import Site
from compose.cli.supervisor import Supervisor
from compose.cli.telemetry import Telemetry
from compose.cli.traffic import OPERATOR, TOKEN_MINUTES

READY_SECONDS = 120.0
METRIC_SECONDS = 120.0
_POLL_SECONDS = 0.5
_TOOL_SECONDS = 60.0
_SKU, _ON_HAND = "drill", 1_000_000
_REQUEST_SECONDS = 10.0
_CONNECT_SECONDS = 10


class Instance:
    """One running instance. held: what ends when the drill does, or with its process: sessions that hold
    locks, open connections. receiver: where Alertmanager notifies of what drills raise."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.receiver = Receiver()
        self.supervisor = Supervisor(layout)
        self.telemetry = Telemetry(layout)
        self.held = contextlib.ExitStack()
        self._order = ""

    def stop(self, *parts: str) -> None:
        """Stop processes."""
        self.supervisor.stop_processes(parts)

    def start(self, *parts: str) -> None:
        """Start processes that do not run; returns when they are ready."""
        for part in parts:
            self.supervisor.start_process(part)
        self.supervisor.wait_until_right(parts, READY_SECONDS)

    def signal(self, part: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a part."""
        process = self.supervisor.get(part)
        if process is None or not process.pid:
            return
        for member in Table().tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, number)

    def go_on(self, work: Callable[[], object]) -> None:
        """Have a thread do work again and again until the drill ends; what it raises is left alone."""
        ended = threading.Event()

        def again() -> None:
            while not ended.is_set():
                with contextlib.suppress(Exception):
                    work()

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        self.held.callback(thread.join)
        self.held.callback(ended.set)

    # --- callers

    @cached_property
    def edge(self) -> httpx.Client:
        """A client of the public API."""
        url = f"http://{self.layout.address('edge-nginx')}"
        return httpx.Client(base_url=url, timeout=_REQUEST_SECONDS, trust_env=False)

    @cached_property
    def outside(self) -> httpx.Client:
        """A client that is no part of the platform, for whole URLs."""
        return httpx.Client(timeout=_REQUEST_SECONDS, trust_env=False)

    def service_url(self, name: str) -> str:
        """Where the first process of a service listens."""
        service = next(one for one in Catalog.load(self.layout.root) if one.name == name)
        return f"http://127.0.0.1:{self.layout.shifted(service.port)}"

    def bearer(self, subject: str, *scopes: str) -> dict[str, str]:
        """The Authorization header of a request by `subject`."""
        key = Path(Secrets(self.layout.secrets).signing_key)
        return tokens.bearer(key, subject, scopes, TOKEN_MINUTES)

    @cached_property
    def account(self) -> str:
        """An account of the drill's own."""
        body = {"name": "Radia Perlman", "email": "radia@example.com"}
        answer = self.edge.post("/v1/accounts", json=body).raise_for_status()
        return str(answer.json()["id"])

    @cached_property
    def as_account(self) -> dict[str, str]:
        """The Authorization header of the drill's account."""
        return self.bearer(self.account)

    def prepare_orders(self) -> None:
        """Make what `place_order` and `read_order` need, while everything works."""
        operator = self.bearer(OPERATOR, tokens.STOCK_SCOPE)
        self.edge.put(f"/v1/stock/{_SKU}", json={"on_hand": _ON_HAND}, headers=operator).raise_for_status()
        self._order = self.place_order()

    def place_order(self) -> str:
        """Place an order of the drill's account; returns its id."""
        body = {"account_id": self.account, "lines": [{"sku": _SKU, "quantity": 1}]}
        answer = self.edge.post("/v1/orders", json=body, headers=self.as_account).raise_for_status()
        return str(answer.json()["id"])

    def read_order(self) -> None:
        """Read the order that was prepared."""
        self.edge.get(f"/v1/orders/{self._order}", headers=self.as_account).raise_for_status()

    # --- events

    @cached_property
    def rio(self) -> Rio:
        """Rio, called as the operator."""
        return Rio(self.layout)

    def emit(self, kind: str, count: int = 1) -> None:
        """Have Rio take events of a type."""
        for _ in range(count):
            event = {
                "specversion": "1.0",
                "id": str(uuid.uuid4()),
                "type": kind,
                "source": "/drill",
                "data": {},
            }
            self.rio.ask("POST", "/events", body=event, media="application/cloudevents+json")

    def discard_dead_letters(self, subscription: str) -> None:
        """Discard all dead letters of a subscription."""
        selection: dict[str, Any] = {"filter": {"subscription": subscription}}
        while True:
            done = self.rio.post("/dead-letters/discard", selection)
            if done["next"] is None:
                return
            selection |= {"cursor": done["next"]}

    @property
    def rabbitmq_password(self) -> str:
        """The password of Rio's user of RabbitMQ."""
        return Path(Secrets(self.layout.secrets).rabbitmq).read_text().strip()

    def rabbitmqctl(self, *words: str) -> None:
        """Run a command of RabbitMQ's own tool. Raises Failure."""
        server = programs.rabbitmq_server()
        if server is None:
            raise Failure("rabbitmqctl is not installed")
        command = [*users.run_as(users.RABBITMQ), str(server.with_name("rabbitmqctl")), *words]
        inherited = {"PATH": programs.SEARCH_PATH, "LANG": "C.UTF-8"}
        environment = inherited | rabbitmq.environment(Site.native(self.layout))
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_TOOL_SECONDS, check=False
        )
        if done.returncode != 0:
            raise Failure(f"rabbitmqctl {words[0]} failed", tail=done.stderr.splitlines()[-5:])

    # --- databases

    def connect(self, database: str, user: str = SUPERUSER) -> psycopg.Connection[Any]:
        """A session in autocommit mode; it ends with the block of a `with`."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.layout.port("postgres"),
            dbname=database,
            user=user,
            password=Path(Secrets(self.layout.secrets).password(user)).read_text().strip(),
            connect_timeout=_CONNECT_SECONDS,
            application_name="nextphase-drill",
            autocommit=True,
        )

    def hold(self, database: str) -> psycopg.Connection[Any]:
        """A session that lasts until the drill ends."""
        return self.held.enter_context(self.connect(database))

    def lock(self, database: str, table: LiteralString) -> None:
        """Lock a table until the drill ends."""
        connection = self.hold(database)
        connection.execute("BEGIN")
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        self.keep_active(connection)

    def keep_active(self, connection: psycopg.Connection[Any]) -> None:
        """Do something in a session's transaction: PostgreSQL ends one that is idle for a minute."""
        self.go_on(lambda: connection.execute("SELECT pg_sleep(1)"))

    # --- telemetry

    def wait_for_metric(self, query: str, seconds: float = METRIC_SECONDS) -> None:
        """Wait until a query has an answer. Raises Failure."""
        deadline = time.monotonic() + seconds
        while not self.telemetry.metric(query):
            if time.monotonic() > deadline:
                raise Failure(f"{query} has no answer after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    @cached_property
    def alerting(self) -> Alerting:
        """Its alerts and silences."""
        known = names.alerts(self.layout.root)
        return Alerting(self.telemetry.client, self.telemetry.stores, self.layout.instance, known)

    def alerts(self) -> list[Mapping[str, Any]]:
        """The alerts that are pending or fire, as Prometheus gives them. Raises TelemetryError."""
        answer = self.telemetry.client.get(
            self.telemetry.stores.prometheus, "/api/v1/rules", {"type": "alert"}
        )
        rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
        return [alert for rule in rules for alert in rule.get("alerts") or ()]

    def muted(self) -> list[Mapping[str, str]]:
        """The labels of the alerts that Alertmanager mutes as explained by others. Raises TelemetryError."""
        answer = self.telemetry.client.get(self.telemetry.stores.alertmanager, "/api/v2/alerts")
        return [alert["labels"] for alert in answer if alert["status"]["inhibitedBy"]]

    def labels_of_firing(self) -> list[Mapping[str, str]]:
        """The labels of the alerts that fire, but for the Watchdog. Raises TelemetryError."""
        found = self.telemetry.metric('ALERTS{alertstate="firing", alertname!="Watchdog"}')
        return [labels for labels, _ in found]
