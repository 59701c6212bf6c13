"""Flows in PostgreSQL and in a live Rio: late, broken, after restarts, under redelivery and skewed clocks."""

import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from opentelemetry import trace
from prometheus_client import CollectorRegistry

from broker.measurement import Measurements
from broker.rio import tracing
from broker.rio.flow_metrics import FlowMetrics
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.jobs.flow_report import FlowReport
from broker.rio.jobs.flow_watch import FlowWatch, ReadLog
from broker.rio.model.event import Event, make_event
from broker.rio.model.flow_judgement import Judgement
from broker.rio.model.message import Message
from broker.rio.settings import FlowRule
from broker.rio.store.database import Database
from broker.rio.store.flow_noters import FlowNoters
from broker.rio.store.flows import Flow, Flows, Judge
from broker.tests.servers import Postgres, Rio, wait_until

RULE = {
    "name": "order",
    "begins": "order.placed",
    "steps": [
        {"types": ["stock.reserved", "stock.rejected"], "within_seconds": 30},
        {"types": ["order.confirmed", "order.cancelled"], "within_seconds": 60},
    ],
    "broken_after_seconds": 900,
}
EMITTERS = {"orders": ["order.placed", "order.confirmed", "order.cancelled"], "inventory": ["stock.reserved"]}
TRACEPARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def event(type_: str, subject: str) -> Event:
    # By its sender's clock it is from another year: only when Rio accepted it counts.
    attributes = {"id": str(uuid4()), "source": "/tests", "type": type_, "subject": subject}
    return make_event({**attributes, "time": "2001-01-01T00:00:00Z"}, None, b"")


class VirtualFlows(Flows):
    """Flows by a clock that the test sets."""

    clock = datetime(2026, 1, 1, tzinfo=UTC)

    async def now(self) -> datetime:
        return self.clock


class Cluster:
    """A table of flows, and API processes that share it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.flows = VirtualFlows(database)
        self.log: list[Message] = []
        """What the event log has."""
        self.read_log: ReadLog = self._read_log

    def _read_log(self, since: datetime, until: datetime) -> Iterable[Message]:
        return [one for one in self.log if one.accepted_at >= since.timestamp()]

    def process(self) -> "Api":
        return Api(self)

    def passes(self, seconds: float) -> None:
        self.flows.clock += timedelta(seconds=seconds)

    async def states(self, *, is_stuck: bool = False) -> list[tuple[str, int | None, bool]]:
        found = await self.flows.unfinished(None, is_stuck, 100)
        return [(flow.subject, flow.step, flow.is_overdue) for flow in found]


class Api:
    """The watch of an API process."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.notes = FlowNotes()
        self.notes.follow([FlowRule.model_validate(RULE)], EMITTERS)
        self.registry = CollectorRegistry()
        metrics = FlowMetrics(self.registry)
        metrics.expect(self.notes.rules.values(), self.notes.emitters)
        report = FlowReport(self.notes, metrics, Measurements(self.registry))
        noters = FlowNoters(cluster.database)
        self.watch = FlowWatch(self.notes, cluster.flows, noters, report, cluster.read_log)

    def accept(self, type_: str, subject: str, skew: float = 0.0) -> None:
        """Accept an event; `skew`: by how many seconds the process's clock is ahead."""
        accepted, at = event(type_, subject), self.cluster.flows.clock.timestamp() + skew
        self.cluster.log.append(Message(accepted, {"traceparent": TRACEPARENT}, at))
        parent = tracing.parent_of({"traceparent": TRACEPARENT})
        assert parent is not None
        with trace.use_span(trace.NonRecordingSpan(parent)):
            self.notes.accepted(accepted)

    def value(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, {"flow": "order", **labels})

    def ended(self, outcome: str, step: str = "", service: str = "") -> float | None:
        return self.value("rio_flows_total", outcome=outcome, step=step, service=service)


RESERVED = {"step": "stock.reserved or stock.rejected", "service": "inventory"}
DECIDED = {"step": "order.confirmed or order.cancelled", "service": "orders"}


@pytest.fixture
async def cluster(postgres: Postgres) -> AsyncIterator[Cluster]:
    name = f"flows_{uuid4().hex[:8]}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    database = Database(postgres.url(name))
    await database.open()
    await database.migrate()
    yield Cluster(database)
    await database.close()


@pytest.fixture
async def api(cluster: Cluster) -> Api:
    api = cluster.process()
    await api.watch.join()
    return api


async def test_a_flow_in_time_is_complete(cluster: Cluster, api: Api) -> None:
    assert api.ended("complete") == 0
    for type_ in ("order.placed", "stock.reserved", "order.confirmed"):
        api.accept(type_, "1")
        cluster.passes(10)
        await api.watch.turn()
    assert await cluster.states() == []
    assert api.ended("complete") == 1
    assert api.value("rio_flow_duration_seconds_count") == 1
    assert api.value("rio_flow_duration_seconds_sum") == pytest.approx(20, abs=5)


async def test_a_late_flow_is_overdue_first_and_told_in_its_trace(
    cluster: Cluster, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    traces = set[int]()
    caplog.handler.addFilter(
        lambda _: bool(traces.add(trace.get_current_span().get_span_context().trace_id)) or True
    )
    api.accept("order.placed", "1")
    await api.watch.turn()
    cluster.passes(36)
    await api.watch.turn()
    await api.watch.turn()
    await api.watch.measure()
    assert await cluster.states(is_stuck=True) == [("1", 0, True)]
    assert api.value("rio_flows_overdue", **RESERVED) == 1
    api.accept("stock.rejected", "1")
    api.accept("order.cancelled", "1")
    await api.watch.turn()
    await api.watch.measure()
    assert await cluster.states() == []
    assert api.ended("late", **RESERVED) == 1
    assert api.ended("late", **DECIDED) == 0
    assert api.value("rio_flows_overdue", **RESERVED) == 0
    told = [record for record in caplog.records if record.name.endswith("flow_report")]
    assert [record.message for record in told] == ["flow overdue", "flow late"]
    assert all(record.__dict__["subject"] == "1" for record in told)
    assert int("ab" * 16, 16) in traces


async def test_a_broken_flow_is_counted_once_and_known_until_it_ends(cluster: Cluster, api: Api) -> None:
    api.accept("order.placed", "1")
    api.accept("stock.reserved", "1")
    await api.watch.turn()
    cluster.passes(1000)
    await api.watch.turn()
    assert api.ended("broken", **DECIDED) == 1
    assert await cluster.states(is_stuck=True) == [("1", 1, False)]
    api.accept("order.confirmed", "1")
    await api.watch.turn()
    assert await cluster.states() == []
    assert api.ended("broken", **DECIDED) == 1
    assert api.ended("late", **DECIDED) == 0


async def test_an_event_that_comes_again_opens_no_flow(cluster: Cluster, api: Api) -> None:
    for _ in range(2):
        for type_ in ("order.placed", "stock.reserved", "order.confirmed"):
            api.accept(type_, "1")
            api.accept(type_, "1")
        await api.watch.turn()
    assert await cluster.states() == []
    assert api.ended("complete") == 1


async def test_two_processes_see_parts_of_a_flow_in_any_order(cluster: Cluster, api: Api) -> None:
    other = cluster.process()
    await other.watch.join()
    other.accept("order.confirmed", "1")
    await other.watch.turn()
    assert await cluster.states() == []
    api.accept("order.placed", "1")
    await api.watch.turn()
    assert await cluster.states() == [("1", 0, False)]
    other.accept("stock.reserved", "1")
    await other.watch.turn()
    assert (api.ended("complete"), other.ended("complete")) == (0, 1)


async def test_clocks_of_processes_do_not_matter(cluster: Cluster, api: Api) -> None:
    """An hour ahead and an hour behind."""
    other = cluster.process()
    await other.watch.join()
    api.accept("order.placed", "1", skew=3600)
    await api.watch.turn()
    other.accept("stock.reserved", "1", skew=-3600)
    await other.watch.turn()
    cluster.passes(20)
    api.accept("order.confirmed", "1", skew=3600)
    await api.watch.turn()
    assert api.ended("complete") == 1


async def test_what_a_process_did_not_write_before_it_died_is_read_from_the_log(
    cluster: Cluster, api: Api
) -> None:
    dead = cluster.process()
    await dead.watch.join()
    dead.accept("order.placed", "1")
    dead.accept("order.placed", "2")
    await dead.watch.turn()
    dead.accept("stock.reserved", "1")
    dead.accept("order.confirmed", "1")
    cluster.passes(20)
    await api.watch.turn()
    assert await cluster.states() == [("2", 0, False)]
    assert api.ended("complete") == 1
    cluster.passes(20)
    await api.watch.turn()
    assert await cluster.states() == [("2", 0, True)]
    assert api.ended("complete") == 1


async def test_a_process_that_stalls_and_dies_later_loses_nothing(cluster: Cluster, api: Api) -> None:
    """Another process took it for dead before it accepted its last events."""
    stalled = cluster.process()
    await stalled.watch.join()
    cluster.passes(20)
    await api.watch.turn()
    stalled.accept("order.placed", "1")
    cluster.passes(60)
    await api.watch.turn()
    assert await cluster.states() == [("1", 0, True)]


async def test_a_process_is_known_again_before_it_notes_on(
    cluster: Cluster, api: Api, postgres: Postgres
) -> None:
    """It was silent for so long that it was forgotten, and dies while it writes its notes."""
    stalled = cluster.process()
    await stalled.watch.join()
    cluster.passes(3600)
    await api.watch.turn()
    assert len(await cluster.database.fetch("SELECT * FROM flow_noters", {})) == 1
    stalled.accept("order.placed", "1")
    name = await cluster.database.fetch("SELECT current_database() AS name", {})
    with psycopg.connect(postgres.url(name[0]["name"])) as blocking:
        blocking.execute("LOCK TABLE flows IN EXCLUSIVE MODE")
        with pytest.raises(psycopg.OperationalError):
            await stalled.watch.turn()
    cluster.passes(20)
    await api.watch.turn()
    assert await cluster.states() == [("1", 0, False)]


async def test_notes_are_written_while_the_log_is_read(cluster: Cluster) -> None:
    await cluster.process().watch.join()
    noted, results = threading.Event(), []

    class TellingFlows(VirtualFlows):
        """Flows that tell when some were noted."""

        async def note(
            self, flows: Sequence[Flow], judge: Judge, now: datetime
        ) -> list[tuple[Flow, Judgement]]:
            judged = await super().note(flows, judge, now)
            noted.set()
            return judged

    def read_log(*_: datetime) -> Iterable[Message]:
        reader.accept("order.placed", "1")
        results.append(noted.wait(60))
        return []

    cluster.read_log = read_log
    cluster.flows = TellingFlows(cluster.database)
    reader = cluster.process()
    cluster.passes(20)
    await reader.watch.join()
    await reader.watch.turn()
    assert results == [True]


async def test_the_log_is_read_in_parts_and_flows_are_judged_by_all_of_it(cluster: Cluster) -> None:
    """Each flow has its first event in a part, and its last one in a later part."""
    await cluster.process().watch.join()
    flows, held, most = 2000, 0, 0
    at = cluster.flows.clock.timestamp()

    def read_log(*_: datetime) -> Iterable[Message]:
        nonlocal held, most
        for place, type_ in enumerate(("order.placed", "stock.reserved", "order.confirmed")):
            for number in range(flows):
                held += 1
                most = max(most, held)
                yield Message(event(type_, str(number)), {}, at + 10 * place)

    class CountedFlows(VirtualFlows):
        """Flows that tell how many events were read before they were noted."""

        async def note(
            self, noted: Sequence[Flow], judge: Judge, now: datetime
        ) -> list[tuple[Flow, Judgement]]:
            nonlocal held
            held = 0
            return await super().note(noted, judge, now)

    cluster.read_log = read_log
    cluster.flows = CountedFlows(cluster.database)
    cluster.passes(3600)
    reader = cluster.process()
    await reader.watch.join()
    await reader.watch.turn()
    assert most < flows
    assert reader.ended("complete") == flows
    assert reader.ended("broken", **DECIDED) == 0


async def test_an_overdue_flow_is_told_once_though_its_events_are_read_again(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    dead, other = cluster.process(), cluster.process()
    await dead.watch.join()
    dead.accept("order.placed", "1")
    await dead.watch.turn()
    cluster.passes(36)
    await dead.watch.turn()
    assert await cluster.states() == [("1", 0, True)]
    cluster.passes(20)
    await other.watch.join()
    await other.watch.turn()
    assert await cluster.states() == [("1", 0, True)]
    assert [record.message for record in caplog.records].count("flow overdue") == 1


async def test_a_flow_is_judged_after_a_restart_by_when_its_events_came(cluster: Cluster, api: Api) -> None:
    """All of Rio is away for an hour; the last event came before that, in time."""
    api.accept("order.placed", "1")
    api.accept("stock.reserved", "1")
    await api.watch.turn()
    api.accept("order.confirmed", "1")
    cluster.passes(3600)
    restarted = cluster.process()
    await restarted.watch.join()
    await restarted.watch.turn()
    assert restarted.ended("complete") == 1
    assert restarted.ended("broken", **DECIDED) == 0


async def test_notes_that_cannot_be_written_are_read_from_the_log(
    cluster: Cluster, api: Api, postgres: Postgres
) -> None:
    api.accept("order.placed", "1")
    name = await cluster.database.fetch("SELECT current_database() AS name", {})
    with psycopg.connect(postgres.url(name[0]["name"])) as blocking:
        blocking.execute("LOCK TABLE flows IN EXCLUSIVE MODE")
        with pytest.raises(psycopg.OperationalError):
            await api.watch.turn()
    api.accept("stock.reserved", "1")
    await api.watch.turn()
    assert await cluster.states() == [("1", 1, False)]
    cluster.passes(36)
    api.accept("order.confirmed", "1")
    await api.watch.turn()
    assert api.ended("complete") == 1


async def test_a_process_that_leaves_leaves_nothing_to_look_for(cluster: Cluster, api: Api) -> None:
    leaving = cluster.process()
    await leaving.watch.join()
    leaving.accept("order.placed", "1")
    await leaving.watch.leave()
    assert await cluster.states() == [("1", 0, False)]
    assert len(await cluster.database.fetch("SELECT * FROM flow_noters", {})) == 1


async def test_flows_of_a_rule_that_is_gone_are_forgotten(cluster: Cluster, api: Api) -> None:
    api.accept("order.placed", "1")
    await api.watch.turn()
    api.notes.follow([], {})
    cluster.passes(36)
    await api.watch.turn()
    assert await cluster.states() == []


async def test_any_subject_can_be_kept(cluster: Cluster, api: Api) -> None:
    subjects = ["\0", "\ud800", "x" * 10_000, '"{},\\', "\N{SNOWMAN}"]
    for subject in subjects:
        api.notes.accepted(Event({"type": "order.placed", "subject": subject}, None, b""))
    api.notes.accepted(Event({"type": "order.placed"}, None, b""))
    await api.watch.turn()
    assert len(await cluster.states()) == len(subjects)


async def test_many_flows_are_noted_and_judged_in_turns(cluster: Cluster, api: Api) -> None:
    for number in range(2500):
        api.accept("order.placed", str(number))
    await api.watch.turn()
    cluster.passes(1000)
    await api.watch.turn()
    assert api.ended("broken", **RESERVED) == 2500


def test_a_flow_has_the_id_of_its_trace() -> None:
    assert Flow("order", "1", [], TRACEPARENT, None, None, is_overdue=False).trace_id == "ab" * 16
    assert Flow("order", "1", [], None, None, None, is_overdue=False).trace_id is None


# --- in a live Rio


def rule(**changes: Any) -> dict[str, Any]:
    """A rule with types of its own."""
    steps = [{"types": ["flows.held", "flows.refused"], "within_seconds": 3000}]
    return {"name": "stall", "begins": "flows.begun", "steps": steps, "broken_after_seconds": 4000, **changes}


def listed(rio: Rio, **query: Any) -> list[dict[str, Any]]:
    answer = rio.client.get("/flows", params={"flow": "stall", **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_accepted_events_make_flows(rio: Rio) -> None:
    subject = str(uuid4())
    with rio.catalog(flows=[rule()], emitters={"stall": ["flows.begun", "flows.held"]}):
        answer = rio.emit("flows.begun", str(uuid4()), subject=subject)
        assert answer.status_code == 202
        found = wait_until(lambda: [one for one in listed(rio) if one["subject"] == subject], what="the flow")
        (flow,) = found
        assert (flow["flow"], flow["state"], flow["waits_for"]) == (
            "stall",
            "open",
            ["flows.held", "flows.refused"],
        )
        assert len(flow["trace_id"]) == 32
        begun, due = (datetime.fromisoformat(flow[name]) for name in ("begun_at", "due_at"))
        assert due - begun == timedelta(seconds=3000)
        assert listed(rio, stuck=True) == []
        rio.emit("flows.held", str(uuid4()), subject=subject)
        wait_until(lambda: subject not in {one["subject"] for one in listed(rio)}, what="the end of the flow")


def test_a_replay_opens_no_flow(rio: Rio) -> None:
    subject, event_id = str(uuid4()), str(uuid4())
    sink = rio.subscribe("flow-replays", "flows.begun")
    with rio.catalog(flows=[rule()], emitters={"stall": ["flows.begun"]}):
        rio.emit("flows.begun", event_id, subject=subject)
        rio.emit("flows.held", str(uuid4()), subject=subject)
        wait_until(lambda: [one for one in rio.sink.to(sink) if one.id == event_id], what="the delivery")
        since = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        assert rio.client.post("/replays", json={"subscription": "flow-replays", "from": since}).is_success
        wait_until(
            lambda: len([one for one in rio.sink.to(sink) if one.id == event_id]) > 1, what="the replay"
        )
        after = str(uuid4())
        rio.emit("flows.begun", str(uuid4()), subject=after)
        wait_until(lambda: after in {one["subject"] for one in listed(rio)}, what="a later flow")
        assert subject not in {one["subject"] for one in listed(rio)}


def test_a_flow_survives_a_process_that_dies_before_it_noted_it(rio: Rio) -> None:
    subject = str(uuid4())
    with rio.catalog(flows=[rule()], emitters={"stall": ["flows.begun"]}):
        with psycopg.connect(rio.postgres.url("rio")) as blocking:
            blocking.execute("LOCK TABLE flows IN EXCLUSIVE MODE")
            assert rio.emit("flows.begun", str(uuid4()), subject=subject).status_code == 202
            rio.api.kill()
        rio.api.start()
        rio.wait_ready()
        wait_until(lambda: subject in {one["subject"] for one in listed(rio)}, what="the flow")
