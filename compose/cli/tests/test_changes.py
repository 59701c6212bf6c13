"""What a second `up` touches: only what is no longer as configured."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import changes
from compose.cli.changes import Definitions
from compose.cli.layout import Layout
from compose.cli.process import DONE, HEALTHY, Process
from compose.cli.supervisor import Supervisor
from compose.cli.tests.tiny import once, process_compose, waits, write


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path)


@pytest.fixture
def supervisor(layout: Layout) -> Iterator[Supervisor]:
    found = Supervisor(layout)
    yield found
    found.stop()


def files_changed(before: Definitions, layout: Layout, change: Path, content: str = "changed") -> set[str]:
    """Names of the processes whose files a change concerns."""
    old = before.fingerprints()
    change.write_text(content)
    new = Definitions.read(layout).fingerprints()
    return {name for name in old if old[name] != new[name]}


def test_a_process_reads_what_its_definition_names_and_what_that_names(layout: Layout) -> None:
    secret = layout.secrets / "token"
    config, other = layout.config / "rio.json", layout.config / "relay.json"
    secret.write_text("one")
    config.write_text(f'{{"token_file": "{secret}"}}')
    other.write_text("{}")
    write(
        layout,
        Process("rio", "", ["true"], {"RIO_CONFIG": str(config)}),
        Process("relay", "", ["true"], {"RELAY_CONFIG": str(other)}),
    )
    definitions = Definitions.read(layout)
    assert files_changed(definitions, layout, secret) == {"rio"}
    assert files_changed(definitions, layout, other) == {"relay"}


def test_rio_is_not_restarted_for_a_catalog_that_it_watches(layout: Layout) -> None:
    config, catalog = layout.config / "rio.json", layout.config / "rio-catalog.json"
    tokens = layout.secrets / "senders.json"
    for file in (catalog, tokens):
        file.write_text("{}")
    config.write_text(f'{{"catalog_file": "{catalog}", "senders_file": "{tokens}"}}')
    write(layout, Process("rio", "", ["true"], {"RIO_CONFIG": str(config)}))
    definitions = Definitions.read(layout)
    assert files_changed(definitions, layout, catalog) == set()
    assert files_changed(definitions, layout, tokens) == set()
    assert files_changed(definitions, layout, config, "{}") == {"rio"}


def test_unnamed_files_beside_a_named_one_count_and_data_does_not(layout: Layout) -> None:
    folder = layout.config / "prometheus"
    (folder / "rules").mkdir(parents=True)
    (folder / "prometheus.yml").write_text("{}")
    (folder / "rules/alerts.yml").write_text("{}")
    data = layout.data / "wal"
    data.write_text("")
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage={data}"]
    write(layout, Process("prometheus", "", command))
    definitions = Definitions.read(layout)
    assert files_changed(definitions, layout, folder / "rules/alerts.yml") == {"prometheus"}
    assert files_changed(definitions, layout, data) == set()


def test_a_python_hop_runs_its_code_and_what_all_share(layout: Layout) -> None:
    modules = {
        name: layout.root / name / "module.py"
        for name in (
            "gateway",
            "observability",
            "services/accounts",
            "services/accounts/tests",
            "services/orders",
        )
    }
    for module in modules.values():
        module.parent.mkdir(parents=True)
        module.touch()
    write(
        layout,
        Process("gateway", "", ["/venv/bin/python", "-m", "gateway"]),
        Process("accounts", "", ["/venv/bin/python", "-m", "gunicorn", "services.accounts.app:create_app()"]),
        Process("nginx", "", ["nginx", "-g", "gateway"]),
    )
    definitions = Definitions.read(layout)
    assert files_changed(definitions, layout, modules["gateway"]) == {"gateway"}
    assert files_changed(definitions, layout, modules["services/accounts"]) == {"accounts"}
    assert files_changed(definitions, layout, modules["observability"]) == {
        "gateway",
        "accounts",
    }
    assert files_changed(definitions, layout, modules["services/orders"]) == set()
    assert files_changed(definitions, layout, modules["services/accounts/tests"]) == set()


def test_processes_come_after_what_they_wait_for(layout: Layout) -> None:
    write(layout, waits("c", {"b": HEALTHY}), waits("b", {"a": DONE}), once("a", "true"))
    definitions = Definitions.read(layout)
    assert definitions.in_order() == ["a", "b", "c"]
    assert definitions.awaited_by_any() == {"a", "b"}


class Instance:
    """A running tiny instance whose definitions can be changed."""

    def __init__(self, layout: Layout, supervisor: Supervisor) -> None:
        self.layout = layout
        self.supervisor = supervisor

    def start(self, *processes: Process) -> None:
        write(self.layout, *processes)
        self.supervisor.start(process_compose())
        self.settle()
        changes.remember(self.layout, Definitions.read(self.layout).fingerprints())

    def settle(self) -> None:
        self.supervisor.wait_until_right(Definitions.read(self.layout).processes, 20)

    def change(self, *processes: Process) -> list[str]:
        write(self.layout, *processes)
        definitions = Definitions.read(self.layout)
        done = changes.apply(self.supervisor, process_compose(), definitions, lambda note: None)
        self.settle()
        return done

    def pids(self) -> dict[str, int]:
        return {process.name: process.pid for process in self.supervisor.list()}


@pytest.fixture
def instance(layout: Layout, supervisor: Supervisor) -> Instance:
    return Instance(layout, supervisor)


@pytest.mark.config
def test_nothing_changed_nothing_done(instance: Instance) -> None:
    processes = waits("one"), once("migrate", "echo x >>migrated")
    instance.start(*processes)
    before = instance.pids()
    assert instance.change(*processes) == []
    assert instance.pids() == before
    assert (instance.layout.root / "migrated").read_text() == "x\n"


@pytest.mark.config
def test_only_what_is_defined_differently_is_restarted(instance: Instance) -> None:
    instance.start(waits("one"), waits("two"))
    before = instance.pids()
    done = instance.change(waits("one", does="true"), waits("two"))
    assert done == ["one restarted: its definition changed"]
    after = instance.pids()
    assert after["one"] not in (before["one"], 0)
    assert after["two"] == before["two"]
    # The supervisor has not lost the one it replaced.
    instance.supervisor.restart_process("one")
    instance.settle()


@pytest.mark.config
def test_what_is_new_is_started_and_what_is_gone_is_stopped(instance: Instance) -> None:
    instance.start(waits("one"), waits("two"))
    before = instance.pids()
    done = instance.change(waits("one"), once("migrate", "true"), waits("three", {"migrate": DONE}))
    assert done == ["two removed", "migrate added", "three added"]
    after = instance.pids()
    assert set(after) == {"one", "migrate", "three"}
    assert after["one"] == before["one"]
    assert before["two"] not in {process.pid for process in instance.supervisor.everything()}


@pytest.mark.config
def test_changed_files_restart_in_order(instance: Instance) -> None:
    config = instance.layout.config / "schema.sql"
    config.write_text("one")
    read = f"cat {config} >>order; echo >>order"
    processes = once("migrate", read), waits("service", {"migrate": DONE}), waits("store")
    instance.start(*processes)
    before = instance.pids()
    config.write_text("two")
    assert instance.change(*processes) == ["migrate restarted: what it reads changed"]
    assert (instance.layout.root / "order").read_text().split() == ["one", "two"]
    assert instance.pids() == before


@pytest.mark.config
def test_what_others_wait_for_restarts_everything(instance: Instance) -> None:
    instance.start(waits("store"), waits("service", {"store": HEALTHY}))
    before = instance.pids()
    done = instance.change(waits("store", does="true"), waits("service", {"store": HEALTHY}))
    assert done == ["everything restarted: others wait for store, whose definition changed"]
    after = instance.pids()
    assert not {*before.values()} & {*after.values()}


@pytest.mark.config
def test_what_does_not_run_is_started(instance: Instance) -> None:
    processes = waits("one"), waits("two")
    instance.start(*processes)
    instance.supervisor.stop_process("two")
    before = instance.pids()
    done = instance.change(*processes)
    assert done == ["two restarted: it did not run"]
    assert instance.pids()["one"] == before["one"]
    assert instance.pids()["two"] != 0


@pytest.mark.config
def test_a_reloaded_process_keeps_its_pid(instance: Instance) -> None:
    config = instance.layout.config / "prometheus.yml"
    config.write_text("one")
    reader = waits("prometheus", does=f"trap 'cp {config} seen' HUP")
    instance.start(reader)
    before = instance.pids()
    config.write_text("two")
    done = instance.change(reader)
    assert done == ["prometheus reloaded: its files changed"]
    assert instance.pids() == before


@pytest.mark.config
def test_what_still_waits_is_left_to_wait_and_ends_up_running(instance: Instance) -> None:
    config = instance.layout.config / "service.json"
    config.write_text("one")
    store = waits("store", does="until test -e go; do sleep 0.1; done")
    service = waits("service", {"store": HEALTHY}, does=f"cat {config} >read")
    write(instance.layout, store, service)
    changes.remember(instance.layout, Definitions.read(instance.layout).fingerprints())
    instance.supervisor.start(process_compose())
    config.write_text("two")
    release = threading.Timer(1, (instance.layout.root / "go").touch)
    release.start()
    instance.change(store, service)
    release.join()
    assert (instance.layout.root / "read").read_text() == "two"


@pytest.mark.config
def test_what_the_supervisor_lost_restarts_everything(instance: Instance) -> None:
    store = waits("store", does="until test -e go; do sleep 0.1; done")
    service = waits("service", {"store": HEALTHY})
    write(instance.layout, store, service)
    changes.remember(instance.layout, Definitions.read(instance.layout).fingerprints())
    instance.supervisor.start(process_compose())
    threading.Timer(1, (instance.layout.root / "go").touch).start()
    instance.supervisor.stop_process("service")
    assert instance.change(store, service) == ["everything restarted: the supervisor lost service"]
