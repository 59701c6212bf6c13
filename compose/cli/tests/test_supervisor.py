"""The supervisor, against the real process-compose."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import proc
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.process import HEALTHY, Probe, Process
from compose.cli.supervisor import DONE, READY, RUNNING, STOPPED, Supervisor
from compose.cli.tests.tiny import STUBBORN, document, launch, once, process_compose, waits, write

pytestmark = pytest.mark.config


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path)


@pytest.fixture
def supervisor(layout: Layout) -> Iterator[Supervisor]:
    found = Supervisor(layout)
    yield found
    found.stop()
    assert found.everything() == []


def states(supervisor: Supervisor) -> dict[str, str]:
    return {process.name: process.state for process in supervisor.list()}


def test_starts_lists_and_stops(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, waits("web"), once("migrate", "true"))
    assert not supervisor.is_running()
    assert supervisor.list() == []
    launch(layout, supervisor)
    supervisor.wait_until_right(["web", "migrate"], 20)
    assert states(supervisor) == {"web": READY, "migrate": DONE}
    web = supervisor.get("web")
    assert web
    assert proc.Table().tree(web.pid)
    assert web.restarts == 0
    running = supervisor.everything()
    assert {web.pid, supervisor.pid} <= {process.pid for process in running}
    assert supervisor.stop() == []
    assert not any(process.is_alive for process in running)
    assert not supervisor.is_running()
    assert not layout.supervisor_socket.exists()


def test_starting_twice_changes_nothing(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, waits("web"))
    supervisor.start(process_compose())
    pid = supervisor.pid
    supervisor.start(process_compose())
    assert supervisor.pid == pid


def test_a_process_is_stopped_started_and_restarted(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, waits("web"), waits("other"))
    launch(layout, supervisor)
    supervisor.wait_until_right(["web", "other"], 20)
    other = supervisor.get("other")
    supervisor.stop_process("web")
    supervisor.stop_process("web")
    assert states(supervisor)["web"] == STOPPED
    supervisor.start_process("web")
    supervisor.start_process("web")
    supervisor.wait_until_right(["web"], 20)
    before = supervisor.get("web")
    supervisor.restart_process("web")
    supervisor.wait_until_right(["web"], 20)
    after = supervisor.get("web")
    assert before
    assert after
    assert after.pid != before.pid
    assert after.pid
    assert other
    assert [process.pid for process in supervisor.list() if process.name == "other"] == [other.pid]


def test_what_does_not_exist_is_a_failure(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, waits("web"))
    supervisor.start(process_compose())
    with pytest.raises(Failure, match="no such process"):
        supervisor.start_process("nothing")
    assert supervisor.get("nothing") is None


def test_a_process_that_fails_is_told_with_what_it_said(layout: Layout, supervisor: Supervisor) -> None:
    bad = once("migrate", "echo the schema is wrong; exit 4")
    write(layout, bad, waits("web", after={"migrate": "process_completed_successfully"}))
    launch(layout, supervisor)
    with pytest.raises(Failure) as raised:
        supervisor.wait_until_right(["web", "migrate"], 60)
    text = raised.value.text()
    assert "migrate (exit code 4)" in text
    assert "web" not in raised.value.message, "what was only skipped is not the cause"
    assert "| the schema is wrong" in text


def test_a_process_that_is_never_ready_is_told(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, waits("web", does="sleep 300"))
    launch(layout, supervisor)
    with pytest.raises(Failure, match="not ready after 1 s: web"):
        supervisor.wait_until_right(["web"], 1)


def test_a_broken_processes_file_is_told(layout: Layout, supervisor: Supervisor) -> None:
    layout.processes_file.write_text("processes: [")
    with pytest.raises(Failure, match="did not start"):
        supervisor.start(process_compose())


def test_a_stale_socket_is_no_supervisor(layout: Layout, supervisor: Supervisor) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(layout.supervisor_socket))
    assert layout.supervisor_socket.exists()
    assert not supervisor.is_running()
    write(layout, waits("web"))
    supervisor.start(process_compose())
    assert supervisor.is_running()


def test_nothing_outlives_a_killed_supervisor(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, waits("web"))
    launch(layout, supervisor)
    supervisor.wait_until_right(["web"], 20)
    web = supervisor.get("web")
    assert web
    os.kill(supervisor.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while supervisor.is_running() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert web.pid in {process.pid for process in supervisor.everything()}
    supervisor.stop()
    assert not proc.Table().tree(web.pid)


def test_what_escapes_and_what_is_deaf_is_ended(layout: Layout, supervisor: Supervisor) -> None:
    escape = f"setsid bash -c '{STUBBORN.replace(chr(39), chr(34))}; sleep 300' & echo $! >escaped"
    write(layout, waits("web", does=escape))
    launch(layout, supervisor)
    supervisor.wait_until_right(["web"], 20)
    escaped = int((layout.root / "escaped").read_text())
    assert proc.Table().tree(escaped)
    killed = supervisor.stop()
    assert any(str(escaped) in text for text in killed)
    assert not proc.Table().tree(escaped)


def test_processes_get_a_clean_environment(
    layout: Layout, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    write(layout, once("show", "env >shown"))
    launch(layout, supervisor)
    supervisor.wait_until_right(["show"], 20)
    shown = (layout.root / "shown").read_text()
    assert "OTEL_TRACES_SAMPLER" not in shown
    assert f"NEXTPHASE_STATE={layout.state}" in shown
    assert "/usr/sbin" in shown


def test_what_runs_once_is_right_only_when_it_is_done(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, once("migrate", "until test -e go; do sleep 0.1; done"))
    launch(layout, supervisor)
    with pytest.raises(Failure, match="not ready after 1 s: migrate"):
        supervisor.wait_until_right(["migrate"], 1)
    assert states(supervisor) == {"migrate": RUNNING}
    (layout.root / "go").touch()
    supervisor.wait_until_right(["migrate"], 20)


def test_a_dependent_waits_for_its_dependency(layout: Layout, supervisor: Supervisor) -> None:
    use = once("use", "test -e .nextphase/default/run/store.there", after={"store": HEALTHY})
    write(layout, waits("store", does="sleep 1"), use)
    supervisor.start(process_compose())
    supervisor.start_in_order({"use": {"store": True}, "store": {}}, 30)
    assert states(supervisor) == {"store": READY, "use": DONE}


def test_what_comes_after_a_failed_one_is_not_started(layout: Layout, supervisor: Supervisor) -> None:
    write(layout, once("migrate", "exit 4"), once("use", "touch used", after={"migrate": HEALTHY}))
    supervisor.start(process_compose())
    with pytest.raises(Failure, match=r"migrate \(exit code 4\)"):
        supervisor.start_in_order({"use": {"migrate": True}, "migrate": {}}, 60)
    assert not (layout.root / "used").exists()


def test_a_changed_definition_is_taken_up_and_nothing_else_touched(
    layout: Layout, supervisor: Supervisor
) -> None:
    write(layout, waits("web"), waits("other"))
    launch(layout, supervisor)
    supervisor.wait_until_right(["web", "other"], 20)
    before = {process.name: process.pid for process in supervisor.list()}
    changed = document(waits("web", does="touch changed"), waits("other"), layout=layout)
    supervisor.define(changed, ["web"])
    assert states(supervisor)["web"] == STOPPED
    supervisor.start_in_order({"web": {"other": True}}, 20)
    assert (layout.root / "changed").exists()
    after = {process.name: process.pid for process in supervisor.list()}
    assert after["other"] == before["other"]
    assert after["web"] != before["web"]


def test_a_service_that_listens_elsewhere_is_told_so_before_its_time_is_up(
    layout: Layout, supervisor: Supervisor
) -> None:
    server = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); time.sleep(600)"
    elsewhere = Process(
        "web",
        "web",
        [sys.executable, "-c", server],
        {"PORT": "9350"},
        Probe(command="false", delay_seconds=0, period_seconds=1),
    )
    write(layout, elsewhere)
    launch(layout, supervisor)
    with pytest.raises(Failure, match=r"^web listens on \d+, expected 9350$"):
        supervisor.wait_until_right(["web"], 60)
