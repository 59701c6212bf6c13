"""The relay: what services committed reaches Rio, in order per aggregate, at least once."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from uuid import uuid4

import httpx
import psycopg
import pytest

from broker.client import outbox
from broker.tests.servers import Process, Rio, running, wait_until


@dataclass
class Service:
    """A service's database with an outbox, and the relay that empties it."""

    rio: Rio
    database: str
    relay: Process
    health_url: str

    def emit(self, type_: str, *subjects: str, **data: object) -> list[str]:
        """Commit one event for each subject, in one transaction."""
        with psycopg.connect(self.rio.postgres.url(self.database)) as connection:
            return [
                outbox.emit(
                    connection.execute,
                    type=type_,
                    source="/shop",
                    subject=subject,
                    data={"n": number, **data},
                )
                for number, subject in enumerate(subjects)
            ]

    def rows(self) -> list[tuple[object, ...]]:
        return self.rio.postgres.execute(self.database, "SELECT id, refusal FROM outbox ORDER BY position")

    def health(self) -> dict[str, dict[str, object]]:
        return httpx.get(self.health_url + "/health").json()["checks"]


@pytest.fixture
def service(rio: Rio) -> Iterator[Service]:
    database = f"service_{uuid4().hex[:8]}"
    rio.postgres.execute("postgres", f"CREATE DATABASE {database}")
    process, url = rio.relay({"shop": rio.postgres.url(database, "relay")})
    with running(process):
        wait_until(lambda: httpx.get(url + "/health/ready").status_code == 200, what="the relay")
        yield Service(rio, database, process, url)


@pytest.fixture
def migrated(service: Service) -> Service:
    service.rio.postgres.execute(service.database, outbox.SCHEMA)
    return service


def test_what_is_shipped_is_counted_from_zero(service: Service) -> None:
    assert 'relay_shipped_total{database="shop"} 0.0\n' in httpx.get(f"{service.health_url}/metrics").text


def test_database_not_migrated_yet_is_a_warning_until_it_is(service: Service) -> None:
    check = wait_until(
        lambda: "migrated" in (found := service.health()["outbox-shop"]).get("detail", "") and found,
        what="its trouble",
    )
    assert check["status"] == "warn"
    path = service.rio.subscribe("migrating", "migrating.test")
    service.rio.postgres.execute(service.database, outbox.SCHEMA)
    (event_id,) = service.emit("migrating.test", "a")
    wait_until(lambda: [one.id for one in service.rio.sink.to(path)] == [event_id], what="the delivery")
    wait_until(lambda: service.health()["outbox-shop"]["status"] == "pass", what="the recovery")


def test_order_within_each_aggregate_is_kept(migrated: Service) -> None:
    # Deliveries run concurrently, so the order is read where Rio accepts.
    subjects = [f"s{number % 7}" for number in range(140)]
    sent = defaultdict(list)
    for event_id, subject in zip(migrated.emit("ordered.test", *subjects), subjects, strict=True):
        sent[subject].append(event_id)
    wait_until(lambda: migrated.rows() == [], what="an empty outbox")

    def accepted() -> dict[str, list[str]]:
        found = defaultdict(list)
        for record in migrated.rio.api.records():
            if record.get("message") == "accepted" and record.get("event_type") == "ordered.test":
                event_id = record["event_id"]
                subject = next(subject for subject, ids in sent.items() if event_id in ids)
                found[subject].append(event_id)
        return found

    wait_until(lambda: sum(map(len, accepted().values())) >= len(subjects), what="every event's line")
    assert accepted() == sent


def test_a_bulk_write_on_one_subject_goes_in_batches_and_in_order(migrated: Service) -> None:
    sent = migrated.emit("bulk.test", *["one"] * 1000)
    wait_until(lambda: migrated.rows() == [], what="an empty outbox")

    def accepted() -> list[str]:
        records = migrated.rio.api.records()
        return [
            record["event_id"]
            for record in records
            if record.get("message") == "accepted" and record.get("event_type") == "bulk.test"
        ]

    wait_until(lambda: len(accepted()) >= len(sent), what="every event's line")
    assert accepted() == sent

    def sizes() -> list[int]:
        spans = [span.attributes for span in migrated.rio.collector.spans if span.name == "ship shop"]
        return [int(attributes["messaging.batch.message_count"]) for attributes in spans]

    wait_until(lambda: max(sizes(), default=0) >= 50, what="the span of a batch")


def test_events_wait_for_rio_and_for_postgresql(migrated: Service) -> None:
    rio = migrated.rio
    path = rio.subscribe("patient", "patient.test")
    rio.api.kill()
    sent = set(migrated.emit("patient.test", *(str(uuid4()) for _ in range(20))))
    wait_until(lambda: migrated.health()["rio"]["status"] == "fail", what="the relay's trouble")
    assert len(migrated.rows()) == 20
    rio.postgres.kill()
    rio.postgres.start()
    rio.api.start()
    rio.wait_ready()
    wait_until(lambda: {one.id for one in rio.sink.to(path)} == sent, what="all deliveries")
    wait_until(lambda: migrated.rows() == [], what="an empty outbox")


def test_killed_relay_sends_again_rather_than_never(migrated: Service) -> None:
    rio = migrated.rio
    path = rio.subscribe("again", "again.test")
    sent: set[str] = set()

    def is_shipping() -> bool:
        """Whether some events are gone and others are not; with more events where all are gone by now."""
        if not (rows := len(migrated.rows())):
            sent.update(migrated.emit("again.test", *(str(uuid4()) for _ in range(300))))
        return 0 < rows < 300

    wait_until(is_shipping, what="a shipment")
    migrated.relay.kill()
    migrated.relay.start()
    wait_until(lambda: {one.id for one in rio.sink.to(path)} == sent, what="all deliveries")
    wait_until(lambda: migrated.rows() == [], what="an empty outbox")


def test_refusal_blocks_its_subject_alone(migrated: Service) -> None:
    path = migrated.rio.subscribe("mixed", "mixed.test")
    migrated.emit("not a type", "blocked")
    migrated.emit("mixed.test", "blocked")
    (free,) = migrated.emit("mixed.test", "free")
    wait_until(lambda: [one.id for one in migrated.rio.sink.to(path)] == [free], what="the free subject")
    wait_until(lambda: len(migrated.rows()) == 2, what="the blocked rows")
    refused, behind = migrated.rows()
    assert "type" in str(refused[1])
    assert behind[1] is None
    url = migrated.health_url + "/metrics"
    wait_until(lambda: 'relay_blocked_rows{database="shop"} 2.0' in httpx.get(url).text, what="the metric")
    # Someone looks at it and takes the culprit away: the rest goes on.
    migrated.rio.postgres.execute(migrated.database, "DELETE FROM outbox WHERE refusal IS NOT NULL")
    wait_until(lambda: len(migrated.rio.sink.to(path)) == 2, what="the unblocked row")


def test_too_large_an_event_is_refused_alone(migrated: Service) -> None:
    path = migrated.rio.subscribe("large", "large.test")
    migrated.emit("large.test", "huge", blob="x" * 1_100_000)
    sent = migrated.emit("large.test", *(str(uuid4()) for _ in range(30)), blob="y" * 100_000)
    wait_until(lambda: {one.id for one in migrated.rio.sink.to(path)} == set(sent), what="the small ones")
    ((_, refusal),) = wait_until(lambda: len(migrated.rows()) == 1 and migrated.rows(), what="the huge one")
    assert str(refusal).startswith("4")


def test_second_relay_stands_by_and_takes_over(migrated: Service) -> None:
    rio = migrated.rio
    path = rio.subscribe("standby", "standby.test")
    second, url = rio.relay({"shop": rio.postgres.url(migrated.database, "relay")})
    with running(second):
        wait_until(lambda: httpx.get(url + "/health/ready").status_code == 200, what="the second relay")
        migrated.relay.kill()
        (event_id,) = migrated.emit("standby.test", "a")
        wait_until(lambda: [one.id for one in rio.sink.to(path)] == [event_id], what="the take-over")


def test_old_inbox_rows_are_pruned_however_many(migrated: Service) -> None:
    migrated.relay.end()
    migrated.rio.postgres.execute(
        migrated.database,
        "INSERT INTO inbox SELECT '/t', n, now() - interval '8 days' FROM generate_series(1, 30000) AS n;"
        "INSERT INTO inbox VALUES ('/t', 'new', now())",
    )
    (event_id,) = migrated.emit("pruned.test", "a")
    path = migrated.rio.subscribe("pruned", "pruned.test")
    migrated.relay.start()
    query = "SELECT count(*), max(id) FILTER (WHERE received_at > now() - interval '1 day') FROM inbox"
    wait_until(
        lambda: migrated.rio.postgres.execute(migrated.database, query) == [(1, "new")], what="a pruned inbox"
    )
    wait_until(lambda: [one.id for one in migrated.rio.sink.to(path)] == [event_id], what="the event")


@pytest.mark.parametrize(
    "time", ["infinity", "-infinity", "12026-01-01 00:00:00+00", "0044-03-15 00:00:00+00 BC"]
)
def test_a_time_that_no_event_can_have_stops_its_subject_alone(migrated: Service, time: str) -> None:
    path = migrated.rio.subscribe("timed", "timed.test")
    with psycopg.connect(migrated.rio.postgres.url(migrated.database)) as connection:
        insert = """
            INSERT INTO outbox (id, type, source, subject, data, time)
            VALUES (gen_random_uuid(), 'timed.test', '/shop', 'bad', '{}', %s)
        """
        connection.execute(insert, [time])
    migrated.emit("timed.test", "bad")
    (free,) = migrated.emit("timed.test", "free")
    wait_until(lambda: free in {one.id for one in migrated.rio.sink.to(path)}, what="the free subject")
    refused, behind = wait_until(lambda: len(migrated.rows()) == 2 and migrated.rows(), what="two rows")
    assert "time" in str(refused[1])
    assert behind[1] is None
    assert gauge(migrated, "relay_blocked_rows", 2.0)
    assert gauge(migrated, "measurement_up", 1.0, "measurement", "outbox-shop")


def gauge(service: Service, name: str, value: float, label: str = "database", of: str = "shop") -> bool:
    """Wait until a gauge of the relay's has a value."""
    line = f'{name}{{{label}="{of}"}} {value}'
    wait_until(lambda: line in httpx.get(service.health_url + "/metrics").text, what=line)
    return True


def test_a_row_that_cannot_be_read_stops_its_subject_alone(service: Service) -> None:
    rio = service.rio
    rio.postgres.execute("postgres", f"DROP DATABASE {service.database} WITH (FORCE)")
    create = f"CREATE DATABASE {service.database} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    rio.postgres.execute("postgres", f"{create} TEMPLATE template0")
    rio.postgres.execute(service.database, outbox.SCHEMA)
    path = rio.subscribe("readable", "readable.test")
    insert = """
        INSERT INTO outbox (id, type, source, subject, data)
        SELECT gen_random_uuid(), 'readable.test', '/shop', subject, '{}'
        FROM unnest(ARRAY[convert_from('\\xff', 'SQL_ASCII'), 'free']) AS subject
    """
    rio.postgres.execute(service.database, insert)
    wait_until(lambda: len(rio.sink.to(path)) == 1, what="the free subject")
    query = "SELECT refusal LIKE '%cannot be read%' FROM outbox"
    assert rio.postgres.execute(service.database, query) == [(True,)]


def test_an_old_row_is_seen_behind_one_from_the_future(migrated: Service) -> None:
    migrated.rio.api.kill()
    try:
        migrated.rio.postgres.execute(
            migrated.database,
            """
            INSERT INTO outbox (id, type, source, subject, data, time)
            SELECT gen_random_uuid(), 'a.b', '/shop', time::text, '{}', time::timestamptz
            FROM unnest(ARRAY['infinity', '9000-01-01', '2020-01-01']) AS time
            """,
        )
        query = 'relay_outbox_oldest_seconds{database="shop"} '
        wait_until(
            lambda: any(
                line.startswith(query) and float(line.split()[1]) > 86400
                for line in httpx.get(migrated.health_url + "/metrics").text.splitlines()
            ),
            what="the old row's age",
        )
    finally:
        migrated.rio.postgres.execute(migrated.database, "DELETE FROM outbox")
        migrated.rio.api.start()
        migrated.rio.wait_ready()


def test_gauges_say_so_when_they_cannot_be_read(migrated: Service) -> None:
    postgres = migrated.rio.postgres
    assert gauge(migrated, "measurement_up", 1.0, "measurement", "outbox-shop")
    postgres.kill()
    try:
        assert gauge(migrated, "measurement_up", 0.0, "measurement", "outbox-shop")
        for name in ("relay_outbox_rows", "relay_outbox_oldest_seconds", "relay_blocked_rows"):
            assert f'{name}{{database="shop"}} NaN' in httpx.get(migrated.health_url + "/metrics").text
    finally:
        postgres.start()
    assert gauge(migrated, "measurement_up", 1.0, "measurement", "outbox-shop")
    assert gauge(migrated, "relay_outbox_rows", 0.0)
    migrated.rio.wait_ready()


@pytest.mark.parametrize(
    "form", [lambda: "3", lambda: formatdate(time.time() + 4, usegmt=True)], ids=["s", "date"]
)
def test_it_is_silent_for_as_long_as_rio_asks(rio: Rio, form: Callable[[], str]) -> None:
    asked: list[float] = []

    class Overloaded(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(time.monotonic())
            self.send_response(503)
            if len(asked) == 1:
                self.send_header("Retry-After", form())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Overloaded)
    Thread(target=server.serve_forever, daemon=True).start()
    database = f"service_{uuid4().hex[:8]}"
    rio.postgres.execute("postgres", f"CREATE DATABASE {database}")
    rio.postgres.execute(database, outbox.SCHEMA)
    process, url = rio.relay(
        {"shop": rio.postgres.url(database, "relay")}, f"http://127.0.0.1:{server.server_port}"
    )
    try:
        with running(process):
            Service(rio, database, process, url).emit("overloaded.test", "a")
            wait_until(lambda: len(asked) > 1, what="another try")
    finally:
        server.shutdown()
        server.server_close()
    assert asked[1] - asked[0] >= 2.9


def test_a_refusal_names_service_manifest_and_field(migrated: Service) -> None:
    schema = {"properties": {"n": {"type": "integer"}, "order_id": {"format": "uuid"}}}
    assert migrated.rio.client.put("/schemas/named.test", json=schema).status_code == 201
    migrated.emit("named.test", "a", order_id="x")
    ((_, refusal),) = wait_until(
        lambda: (rows := migrated.rows()) and rows[0][1] is not None and rows, what="the refusal"
    )
    for part in ("shop emits named.test", "services/shop/service.yaml", "#/data/order_id"):
        assert part in str(refusal)
    assert migrated.rio.client.delete("/schemas/named.test").status_code == 204
