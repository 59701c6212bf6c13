"""A second `up` touches only what is no longer as planned, and without a gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from compose.cli import changes
from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.generate import Plan, plan
from compose.cli.layout import Layout
from compose.cli.process import DONE, STARTED, Process
from compose.cli.supervisor import Supervisor
from compose.cli.tests import checkout
from compose.cli.tests.tiny import once, process_compose, waits

pytestmark = pytest.mark.config

HOPS = ("gateway", "relay", "rio-api", "rio-dispatcher")


class Instance:
    """A running instance of processes that only wait, whose plan can be changed."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.supervisor = Supervisor(layout)
        self._plan = replace(plan(Catalog(()), layout, checkout.toolbox()), catalog=Catalog(()))
        self.notes: list[str] = []

    def planned(self, *processes: Process, **files: str) -> Plan:
        """The plan of these processes and of the hops that are not among them."""
        named = {process.name for process in processes}
        everything = [*(waits(name) for name in HOPS if name not in named), *processes]
        spares = [replace(self._of(process), name=f"{process.name}-spare") for process in everything]
        return replace(
            self._plan,
            files=files,
            processes=self._documents(everything),
            spares=self._documents(spares),
        )

    def start(self, *processes: Process) -> None:
        planned = self.planned(*processes)
        changes.start(self.supervisor, process_compose(), planned)
        changes.start_processes(self.supervisor, planned, lambda note: None)

    def change(self, *processes: Process, **files: str) -> list[str]:
        return changes.apply(
            self.supervisor, process_compose(), self.planned(*processes, **files), self.notes.append
        )

    def restart(self, name: str, *processes: Process) -> list[str]:
        return changes.restart(self.supervisor, self.planned(*processes), name, self.notes.append)

    def pids(self) -> dict[str, int]:
        return {process.name: process.pid for process in self.supervisor.list()}

    @staticmethod
    def _of(process: Process) -> Process:
        # The file that tells readiness is the spare's own.
        words = [
            word.replace(f"{process.name}.there", f"{process.name}-spare.there") for word in process.command
        ]
        ready = waits(f"{process.name}-spare").ready
        return replace(process, command=words, ready=ready)

    def _documents(self, processes: Sequence[Process]) -> dict[str, dict[str, object]]:
        return {each.name: each.document(self.layout.logs, self.layout.root) for each in processes}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    found = Instance(Layout.open(checkout.make(tmp_path)))
    yield found
    found.supervisor.stop()


def test_nothing_changed_nothing_done(instance: Instance) -> None:
    processes = waits("one"), once("migrate", "echo x >>migrated")
    instance.start(*processes)
    before = instance.pids()
    assert instance.change(*processes) == []
    assert instance.pids() == before
    assert (instance.layout.root / "migrated").read_text() == "x\n"


def test_a_hop_is_replaced_only_once_another_is_ready(instance: Instance) -> None:
    instance.start()
    before = instance.pids()
    new = waits("relay", does="test -e .nextphase/default/run/relay-spare.there && touch overlapped")
    assert instance.change(new) == ["relay replaced: its definition changed"]
    after = instance.pids()
    assert after["relay"] not in (before["relay"], 0)
    assert {name: after[name] for name in after if name != "relay"} == {
        name: before[name] for name in before if name != "relay"
    }
    assert (instance.layout.root / "overlapped").exists()


def test_what_never_becomes_ready_takes_no_place(instance: Instance) -> None:
    instance.start()
    before = instance.pids()
    with pytest.raises(Failure, match=r"relay-spare.*relay goes on as it was") as raised:
        instance.change(waits("relay", does="echo this is broken; exit 3"))
    assert "this is broken" in raised.value.text()
    assert instance.pids() == before
    assert instance.change() == []


def test_more_and_fewer_dispatchers(instance: Instance) -> None:
    instance.start()
    before = instance.pids()
    two = replace(instance._plan.platform.rio, dispatchers=2)
    one = instance._plan
    instance._plan = replace(one, platform=replace(one.platform, rio=two))
    assert instance.change(waits("rio-dispatcher-2")) == ["rio-dispatcher-2 added: it is new"]
    assert instance.pids()["rio-dispatcher"] == before["rio-dispatcher"]
    instance._plan = one
    assert instance.change() == ["rio-dispatcher-2 removed"]
    assert instance.pids() == before


def test_a_failing_migration_leaves_everything_as_it_was(instance: Instance) -> None:
    migrate = once("migrate", "true")
    instance.start(migrate, waits("relay", {"migrate": DONE}))
    before = instance.pids()
    broken = once("migrate", "echo the schema is wrong; exit 4")
    new = waits("relay", {"migrate": DONE}, does="true"), waits("store", does="true")
    with pytest.raises(Failure, match="everything else goes on as it was") as raised:
        instance.change(broken, *new)
    assert "the schema is wrong" in raised.value.text()
    assert instance.pids() == before
    done = instance.change(once("migrate", "touch migrated"), *new)
    assert done == [
        "migrate ran: its definition changed",
        "relay replaced: its definition changed",
        "store added: it is new",
    ]


def test_what_is_gone_is_stopped(instance: Instance) -> None:
    instance.start(waits("store"), waits("other"))
    before = instance.pids()
    assert instance.change(waits("other")) == ["store removed"]
    assert before["store"] not in {process.pid for process in instance.supervisor.everything()}
    assert instance.pids()["other"] == before["other"]


def test_what_has_no_spare_is_restarted_and_nothing_else(instance: Instance) -> None:
    instance.start(waits("jaeger"), waits("loki", {"jaeger": DONE}))
    before = instance.pids()
    assert instance.change(waits("jaeger", does="true"), waits("loki", {"jaeger": DONE})) == [
        "jaeger restarted: its definition changed"
    ]
    after = instance.pids()
    assert after["jaeger"] != before["jaeger"]
    assert after["loki"] == before["loki"]


def test_what_does_not_run_is_started(instance: Instance) -> None:
    instance.start(waits("jaeger"))
    for name in ("jaeger", "relay"):
        instance.supervisor.stop_process(name)
    assert instance.change(waits("jaeger")) == [
        "relay started: it did not run",
        "jaeger restarted: it did not run",
    ]
    assert all(instance.pids().values())


def test_a_reloaded_process_keeps_its_pid(instance: Instance) -> None:
    config = instance.layout.config / "prometheus.yml"
    config.write_text("one")
    reader = waits("prometheus", does=f"trap 'cp {config} seen' HUP")
    instance.start(reader)
    before = instance.pids()
    assert instance.change(reader, **{"prometheus.yml": "two"}) == ["prometheus reloaded: its files changed"]
    assert instance.pids() == before


def test_an_interrupted_change_is_gone_on_with(instance: Instance) -> None:
    instance.start()
    new = waits("relay", does="true")
    change = changes.Change(instance.supervisor, instance.planned(new), lambda note: None)
    group = next(group for group in change.groups() if group.name == "relay")
    change._start_spare(group)  # here it was interrupted, and then something else died
    instance.supervisor.stop_process("relay")
    assert instance.change(new) == ["relay started: its definition changed"]
    assert "relay-spare" not in instance.pids()


def test_restart_replaces_what_is_as_planned(instance: Instance) -> None:
    instance.start(waits("jaeger"))
    before = instance.pids()
    assert instance.restart("relay", waits("jaeger")) == ["relay replaced: asked for"]
    assert instance.restart("jaeger", waits("jaeger")) == ["jaeger restarted: asked for"]
    after = instance.pids()
    assert {name for name in after if after[name] != before[name]} == {"relay", "jaeger"}
    with pytest.raises(Failure, match="there is no process 'jeager'; did you mean 'jaeger'"):
        instance.restart("jeager", waits("jaeger"))


def test_an_instance_of_which_nothing_is_known_is_started_anew(instance: Instance) -> None:
    instance.start()
    before = instance.pids()
    (instance.layout.run / "applied.json").unlink()
    assert instance.change() == ["everything restarted: it is unknown what the instance ran with"]
    assert not {*before.values()} & {*instance.pids().values()}


def test_what_a_process_is_to_wait_for_is_added_before_it_and_removed_after_it(instance: Instance) -> None:
    """An existing store takes the place of ours, or ours that of an existing one."""
    instance.start(waits("collector"), waits("store"))
    before = instance.pids()
    added = instance.change(waits("collector", {"another": STARTED}), waits("another"), waits("store"))
    assert added == ["another added: it is new"]
    changed = waits("collector", {"another": STARTED, "third": STARTED}, does="true")
    added = instance.change(changed, waits("another"), waits("store"), waits("third"))
    assert added == ["third added: it is new", "collector restarted: its definition changed"]
    removed = instance.change(waits("collector", does="true"), waits("store"))
    assert removed == [
        "collector restarted: another, third no longer there",
        "another removed",
        "third removed",
    ]
    after = instance.pids()
    assert after["store"] == before["store"]
    assert after.keys() & {"another", "third"} == set()
    assert after["collector"] != before["collector"]
