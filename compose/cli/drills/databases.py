"""Drills on PostgreSQL: locks, connections, transactions, rights."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from compose.cli.drills.drill import Drill, Spans, expect
from compose.cli.drills.instance import Instance
from compose.cli.secrets import RELAY, SUPERUSER

_SLOW_SECONDS = 1.5
"""Below the time-outs of services and gateway."""
_FAST_SECONDS = 0.2


class LockStock(Drill):
    name = "lock-stock"
    breaks = "locks the stock's table, so that inventory cannot answer"
    alerts = (
        expect("HighErrorRatio", service="gateway"),
        expect("FrontDoorFailing", url_path="/v1/stock"),
    )
    needs = ("inventory",)
    lines = '{service_name="gateway"} | status=~"50."'
    spans = Spans("gateway", {"error": "true"})
    callers = 4

    def strike(self, instance: Instance) -> None:
        instance.lock("inventory", "stock")

    def repeat(self, instance: Instance) -> None:
        instance.edge.get("/v1/stock")

    def heal(self, instance: Instance) -> None:
        """The lock ends with the drill's session."""


class LockNotifications(Drill):
    name = "lock-notifications"
    breaks = "locks the table of notifications while orders are read, of which they are a part"
    alerts = (expect("GatewayPartialAnswers", route="order"),)
    needs = ("orders", "accounts", "inventory", "notifications")
    spans = Spans("gateway", {"error": "true"})
    callers = 4

    def strike(self, instance: Instance) -> None:
        instance.prepare_orders()
        instance.lock("notifications", "notifications")

    def repeat(self, instance: Instance) -> None:
        instance.read_order()

    def heal(self, instance: Instance) -> None:
        """The lock ends with the drill's session."""


class ExhaustPool(Drill):
    name = "exhaust-pool"
    breaks = "locks the stock's table while callers ask inventory itself, past the gateway"
    alerts = (expect("PoolExhausted", service="inventory"),)
    needs = ("inventory",)
    callers = 20

    def strike(self, instance: Instance) -> None:
        instance.lock("inventory", "stock")

    def repeat(self, instance: Instance) -> None:
        instance.outside.get(f"{instance.service_url('inventory')}/inventory/stock")

    def heal(self, instance: Instance) -> None:
        """The lock ends with the drill's session."""


class SlowAccounts(Drill):
    name = "slow-database"
    breaks = "locks the accounts' table for 1.5 s, again and again"
    alerts = (expect("HighLatency", service="accounts"),)
    needs = ("accounts",)
    spans = Spans("accounts", {"db.system.name": "postgresql"})
    callers = 4

    def strike(self, instance: Instance) -> None:
        _ = instance.as_account
        connection = instance.hold("accounts")

        def slow() -> None:
            with connection.transaction():
                connection.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
                connection.execute("SELECT pg_sleep(%s)", [_SLOW_SECONDS])
            time.sleep(_FAST_SECONDS)

        instance.go_on(slow)

    def repeat(self, instance: Instance) -> None:
        instance.edge.get(f"/v1/accounts/{instance.account}", headers=instance.as_account)

    def heal(self, instance: Instance) -> None:
        """The lock ends with the drill's session."""


class CloseDatabase(Drill):
    name = "close-database"
    breaks = "lets no session into the database of notifications"
    alerts = (
        expect("HopNotReady", service="notifications"),
        expect("MeasurementFailing", measurement="outbox-notifications"),
        expect("DependencyFailing", check="outbox-notifications"),
    )
    needs = ("notifications",)
    lines = '{service_name="postgres"} |= "not currently accepting connections"'

    def strike(self, instance: Instance) -> None:
        with instance.connect(SUPERUSER) as session:
            session.execute("ALTER DATABASE notifications ALLOW_CONNECTIONS false")
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'notifications'"
            )

    def heal(self, instance: Instance) -> None:
        with instance.connect(SUPERUSER) as session:
            session.execute("ALTER DATABASE notifications ALLOW_CONNECTIONS true")
        instance.start("notifications", "relay")


class TakeConnections(Drill):
    name = "take-connections"
    breaks = "opens connections to PostgreSQL until few are left"
    alerts = (expect("PostgresConnectionsNearLimit"),)

    def strike(self, instance: Instance) -> None:
        with instance.connect(SUPERUSER) as session:
            row = session.execute(
                "SELECT current_setting('max_connections')::int * 0.85 - count(*) FROM pg_stat_activity"
            ).fetchone()
        wanted = int(row[0]) if row else 0
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: instance.hold(SUPERUSER), range(wanted)))

    def heal(self, instance: Instance) -> None:
        """The connections end with the drill."""


class LongTransaction(Drill):
    name = "long-transaction"
    breaks = "keeps a transaction open in the database of orders"
    alerts = (expect("PostgresTransactionLong", database="orders"),)
    needs = ("orders",)
    seconds = 240.0

    def strike(self, instance: Instance) -> None:
        connection = instance.hold("orders")
        connection.execute("BEGIN")
        instance.keep_active(connection)

    def heal(self, instance: Instance) -> None:
        """The transaction ends with the drill's session."""


class Deadlocks(Drill):
    name = "deadlocks"
    breaks = "has two transactions wait for each other, again and again"
    alerts = (expect("PostgresDeadlocks", database="orders"),)
    needs = ("orders",)
    lines = '{service_name="postgres"} |= "deadlock detected"'

    def strike(self, instance: Instance) -> None:
        for first, second in ((1, 2), (2, 1)):
            connection = instance.hold("orders")

            def lock(
                connection: psycopg.Connection[object] = connection, first: int = first, second: int = second
            ) -> None:
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", [first])
                    connection.execute("SELECT pg_sleep(0.2)")
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", [second])

            instance.go_on(lock)

    def heal(self, instance: Instance) -> None:
        """The sessions end with the drill."""


class StickOutbox(Drill):
    name = "stick-outbox"
    breaks = "takes the relay's right to delete what it has shipped of orders"
    alerts = (expect("OutboxStuck", database="orders"),)
    needs = ("orders", "accounts", "inventory")
    lines = '{service_name="postgres"} |= "permission denied for table outbox"'
    seconds = 180.0

    def strike(self, instance: Instance) -> None:
        instance.prepare_orders()
        with instance.connect("orders") as session:
            session.execute(f"REVOKE DELETE ON outbox FROM {RELAY}")
        instance.place_order()

    def heal(self, instance: Instance) -> None:
        with instance.connect("orders") as session:
            session.execute(f"GRANT DELETE ON outbox TO {RELAY}")


class PoisonOutbox(Drill):
    name = "poison-outbox"
    breaks = "puts an event into the outbox of orders that Rio refuses"
    alerts = (expect("OutboxBlocked", database="orders"),)
    needs = ("orders",)
    lines = '{service_name="relay"} |~ "(?i)refused"'
    kind = "drill.poison"

    def strike(self, instance: Instance) -> None:
        with instance.connect("orders") as session:
            session.execute(
                "INSERT INTO outbox (id, type, source, subject, data)"
                " VALUES (gen_random_uuid(), %s, '/orders', 'drill', '{}')",
                [self.kind],
            )

    def heal(self, instance: Instance) -> None:
        with instance.connect("orders") as session:
            session.execute("DELETE FROM outbox WHERE type = %s", [self.kind])
