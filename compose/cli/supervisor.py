"""The supervisor of an instance: process-compose, spoken to over its unix socket. Standard library only.

What it says of its processes is taken as it is; what it gets wrong is worked around here and nowhere else:
its own restart may forget the new process, and its shutdown says nothing about what escaped it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

from compose.cli import proc
from compose.cli.errors import Failure, tail
from compose.cli.files import write
from compose.cli.layout import Layout
from compose.cli.setup.programs import SEARCH_PATH
from compose.cli.wrong_port import WrongPorts, given_port

MARK = "NEXTPHASE_STATE"
"""Variable in the environment of everything a supervisor starts: the instance's state folder."""

_KEPT = ("HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "XDG_CACHE_HOME", "JAVA_HOME")
_CALL_SECONDS = 10.0
_START_SECONDS = 15.0
_STOP_SECONDS = 90.0  # the longest shutdown of a process, RabbitMQ's, with room
_ESCAPED_SECONDS = 5.0
_KILL_SECONDS = 15.0  # for PostgreSQL and RabbitMQ to write down what they have
_POLL_SECONDS = 0.1
_AT_ONCE = 16
_ALWAYS = 1  # process-compose's number for the restart policy
_RESTARTS = 5  # within one start: it will not become ready

READY, DONE, NOT_READY, WAITING, RESTARTING = "ready", "done", "not ready", "waiting", "restarting"
RUNNING, STOPPING, STOPPED, FAILED = "running", "stopping", "stopped", "failed"
_ENDED = (DONE, STOPPED, FAILED)


@dataclass(frozen=True)
class Process:
    """A process as the supervisor sees it.

    state: one of READY, NOT_READY, RUNNING and DONE (of one that has to run only once), WAITING (for another
    process), RESTARTING, STOPPING, STOPPED, FAILED. pid: 0 while it does not run.
    restarts: how often it had to be started again. exit_code: of the last time it ended. age_seconds: since
    its start. was_skipped: it failed only because another did.
    """

    name: str
    state: str
    pid: int
    restarts: int
    exit_code: int
    age_seconds: float
    was_skipped: bool

    @property
    def is_right(self) -> bool:
        """Whether it is as it should be in an instance that is up."""
        return self.state in (READY, DONE)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Busy(Failure):
    """The supervisor runs and does not answer in time: it stops all processes, or so does the machine."""


class Refused(Exception):
    """The supervisor answered that it cannot do what was asked."""


class Supervisor:
    """Starts, asks and stops the supervisor of the instance at `layout`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._socket = layout.supervisor_socket
        self.log = layout.logs / "supervisor.log"

    # ---- the supervisor itself

    def is_running(self) -> bool:
        """Whether it answers. A socket that a killed one left behind does not."""
        try:
            self._call("GET", "/live")
        except OSError:
            return False
        return True

    def start(self, program: Path) -> None:
        """Starts `program`, process-compose, detached, with the processes of `layout.processes_file`.

        Raises Failure when it does not come up. Returns at once when it runs already.
        """
        if self.is_running():
            return
        command = [str(program), "--config", str(self._layout.processes_file)]
        command += ["--unix-socket", str(self._socket), "--log-file", str(self.log)]
        command += ["--tui=false", "--ordered-shutdown", "--keep-project", "--disable-dotenv"]
        # It is never asked for memory and processor time: to sum them up it reads all of /proc for each
        # process and its children, every second in which it is asked for anything.
        command += ["--slow-ref-rate", "24h"]
        # Detached: a closed terminal, or its Ctrl-C, is none of its business.
        answer = subprocess.run(
            [*command, "--detached"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._layout.root,
            env=self._environment(),
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )
        if answer.returncode != 0:
            raise Failure("the supervisor did not start", tail=answer.stdout.splitlines()[-15:], log=self.log)
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_running():
            if time.monotonic() > deadline:
                raise Failure("the supervisor does not answer", tail=tail(self.log), log=self.log)
            time.sleep(_POLL_SECONDS)

    def stop(self, note: Callable[[str], None] = lambda text: None) -> list[str]:
        """Stops every process, each after those that depend on it, and the supervisor; waits for their end.

        Also ends what is left of an instance whose supervisor was killed. Returns what had to be killed
        because it did not end when asked.
        """
        before = self.everything()
        if self.is_running():
            note("asking every process to stop")
            leaders = {process.pid for process in self.list()}
            asking = Thread(target=self._ask_to_stop, daemon=True)
            asking.start()
            _await_end([p for p in before if p.pid in leaders], _STOP_SECONDS)
            # It ends with its processes, unless something that escaped them still holds their output.
            _await_end([p for p in before if _is_supervisor(p.pid)], _ESCAPED_SECONDS)
        # What was there before and what was started meanwhile: nothing may stay.
        left = {p for p in (*before, *self.everything()) if p.is_alive}
        killed: list[str] = []
        for signum in (signal.SIGTERM, signal.SIGKILL):
            left = {p for p in left if p.is_alive}
            if left and signum == signal.SIGKILL:
                killed = sorted(f"{p.pid} {proc.command_line(p.pid)[:60]}" for p in left)
            for process in left:
                note(f"ending {len(left)} left behind")
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(process.pid, signum)
            _await_end(left, _KILL_SECONDS)
        stubborn = [p for p in left if p.is_alive]
        if stubborn:
            pids = ", ".join(str(p.pid) for p in stubborn)
            raise Failure(f"these processes of the instance could not be ended: {pids}")
        self._socket.unlink(missing_ok=True)
        return killed

    def _ask_to_stop(self) -> None:
        # Its answer comes when all have stopped, or the connection ends with the supervisor.
        with contextlib.suppress(OSError, http.client.HTTPException, Refused):
            self._call("POST", "/project/stop", timeout_seconds=_STOP_SECONDS)

    def everything(self) -> list[proc.Process]:
        """All that runs of this instance: whatever was started by a supervisor of it, and what that started.

        Known by the mark in its environment, so that it is found even when its supervisor was killed.
        """
        table = proc.Table()
        state = str(self._layout.state)
        found: dict[int, proc.Process] = {}
        for process in table:
            if process.pid not in found and self._is_ours(process.pid, state):
                found |= {member.pid: member for member in table.tree(process.pid)}
        return list(found.values())

    @staticmethod
    def _is_ours(pid: int, state: str) -> bool:
        if proc.environment(pid).get(MARK) == state:
            return True
        # nginx writes its title over its environment; the title names its configuration.
        title = proc.command_line(pid)
        return title.startswith("nginx: master process") and f"{state}/" in title

    @property
    def pid(self) -> int:
        """Process id of the supervisor; 0 when it does not run."""
        return next((p.pid for p in self.everything() if _is_supervisor(p.pid)), 0)

    @property
    def program(self) -> Path | None:
        """The program that the supervisor runs; None when it does not run. The path of one that was replaced
        since then ends with ` (deleted)`."""
        pid = self.pid
        return proc.program(pid) if pid else None

    def _environment(self) -> dict[str, str]:
        """The environment that processes inherit: a few chosen variables of the caller's shell, no others."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {"LANG": "C.UTF-8", **kept, "PATH": SEARCH_PATH, MARK: str(self._layout.state)}

    # ---- its processes

    def list(self) -> list[Process]:
        """Every process, sorted by name; none when the supervisor does not run.

        Raises Busy when it does not answer.
        """
        try:
            answer = self._call("GET", "/processes")
        except TimeoutError:
            raise Busy("the supervisor is busy, maybe stopping the instance", log=self.log) from None
        except OSError:
            return []
        found = (self._corrected(_process(state)) for state in answer["data"])
        return sorted(found, key=lambda process: process.name)

    def _corrected(self, process: Process) -> Process:
        """The process with what its state alone does not tell."""
        if process.state in _ENDED and self._is_tracked(process.name):
            # It was started again, and keeps its old state until it runs: it waits for another.
            return replace(process, state=WAITING)
        if process.state in _ALWAYS_STATES and not self._runs_once(process.name):
            return replace(process, state=_ALWAYS_STATES[process.state])
        return process

    def _runs_once(self, name: str) -> bool:
        definition = self._call("GET", f"/process/info/{quote(name)}")
        return bool(definition["RestartPolicy"]["Restart"] != _ALWAYS)

    def get(self, name: str) -> Process | None:
        """The process `name`, None when there is none."""
        return next((process for process in self.list() if process.name == name), None)

    def start_process(self, name: str) -> None:
        """Starts a process; does nothing when it runs. Does not wait until it is ready."""
        if not self._is_tracked(name):
            self._must("POST", f"/process/start/{quote(name)}")

    def stop_process(self, name: str) -> None:
        """Stops a process and returns when it has ended; does nothing when it does not run."""
        if self._is_tracked(name):
            # Between the question and this request it may have ended by itself.
            with contextlib.suppress(Refused):
                self._call("PATCH", f"/process/stop/{quote(name)}", timeout_seconds=_STOP_SECONDS)
        for _ in _until(_STOP_SECONDS, f"{name} does not stop"):
            if not self._is_tracked(name):
                return

    def stop_processes(self, names: Iterable[str]) -> None:
        """Stops several processes at the same time; returns when all have ended."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(self.stop_process, names):
                pass  # an exception of one is raised here

    def restart_process(self, name: str) -> None:
        """Stops a process, if it runs, and starts it. Does not wait until it is ready."""
        self.stop_process(name)
        self.start_process(name)

    def reload_process(self, name: str) -> None:
        """Has a process read its configuration again: sends it SIGHUP."""
        process = self.get(name)
        if process is None or process.pid == 0:
            raise Failure(f"{name} does not run")
        os.kill(process.pid, signal.SIGHUP)

    def define(self, document: str, changed: Iterable[str]) -> None:
        """Makes `document` the processes file and has the supervisor take it up; starts no process.

        changed: the processes that are defined differently, or no more; they are stopped first.
        """
        self.stop_processes(changed)
        write(self._layout.processes_file, document)
        self._must("POST", "/project/configuration", timeout_seconds=_STOP_SECONDS)

    def start_in_order(
        self,
        after: Mapping[str, Mapping[str, bool]],
        timeout_seconds: float,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Starts processes, each when those it comes after are there; returns when all are ready or done.

        after: by process, those it comes after, and whether these have to be ready or done, not just started.
        Those that are not started here have to run already. Raises Failure when one fails, or is late.
        """
        left = set(after)
        wanted = sorted(left)
        deadline = time.monotonic() + timeout_seconds
        begun = {process.name: process.restarts for process in self._list_by(deadline)}
        while left:
            found = {process.name: process for process in self._list_by(deadline)}
            self._refuse_failed([found[name] for name in wanted if name in found and name not in left], begun)
            for name in sorted(left):
                needed = {other for other, ready in after[name].items() if ready}
                if not left & after[name].keys() and all(
                    found[other].is_right for other in needed if other in found
                ):
                    self.start_process(name)
                    left.discard(name)
            if time.monotonic() > deadline:
                raise self._late(sorted(left), timeout_seconds)
            if left:
                note(f"starting {', '.join(sorted(left))}")
            time.sleep(_POLL_SECONDS)
        self.wait_until_right(wanted, max(0.0, deadline - time.monotonic()), note)

    def wait_until_right(
        self, names: Iterable[str], timeout_seconds: float, note: Callable[[str], None] = lambda text: None
    ) -> None:
        """Returns when every process of `names` is ready or done; raises Failure when one fails, listens on
        another port than it was given, or is late.

        note: told again and again what is waited for.
        """
        wanted = set(names)
        deadline = time.monotonic() + timeout_seconds
        before = {process.name: process.restarts for process in self._list_by(deadline)}
        ports = WrongPorts(self._given_ports(wanted))
        while True:
            processes = [process for process in self._list_by(deadline) if process.name in wanted]
            self._refuse_failed(processes, before)
            waiting = sorted(wanted - {process.name for process in processes if process.is_right})
            if not waiting:
                return
            misplaced = ports.look({each.name: each.pid for each in processes if each.name in waiting})
            if misplaced:
                raise Failure(
                    misplaced, advice="A service listens where HOST and PORT of its environment say."
                )
            if time.monotonic() > deadline:
                raise self._late(waiting, timeout_seconds)
            note(f"{len(wanted) - len(waiting)} of {len(wanted)}, waiting for {', '.join(waiting)}")
            time.sleep(_POLL_SECONDS)

    def _given_ports(self, names: Iterable[str]) -> dict[str, int]:
        """The port that each process has as PORT in its environment, for those that have one."""
        given: dict[str, int] = {}
        for name in names:
            with contextlib.suppress(OSError, Refused):  # too busy to say: the check goes without this one
                definition = self._call("GET", f"/process/info/{quote(name)}")
                port = given_port(definition["Environment"] or ())
                given |= {} if port is None else {name: port}
        return given

    def _list_by(self, deadline: float) -> Sequence[Process]:
        """Every process; asks a busy supervisor again until the deadline."""
        while True:
            try:
                return self.list()
            except Busy:
                if time.monotonic() > deadline:
                    raise

    def _late(self, waiting: Sequence[str], timeout_seconds: float) -> Failure:
        log = self._layout.logs / f"{waiting[0]}.log"
        late = f"not ready after {timeout_seconds:.0f} s: {', '.join(waiting)}"
        return Failure(late, tail=tail(log), log=log)

    def _refuse_failed(self, processes: Iterable[Process], restarts_before: Mapping[str, int]) -> None:
        failed = [each for each in processes if _has_failed(each, restarts_before.get(each.name, 0))]
        if failed:
            raise self._failure(failed)

    def _failure(self, failed: Sequence[Process]) -> Failure:
        causes = [process for process in failed if not process.was_skipped] or failed
        log = self._layout.logs / f"{causes[0].name}.log"
        names = ", ".join(f"{process.name} (exit code {process.exit_code})" for process in causes)
        return Failure(f"did not start: {names}", tail=tail(log), log=log)

    def _is_tracked(self, name: str) -> bool:
        """Whether the supervisor counts the process as running: then it can be stopped, else started.

        Its list of states says so too early: the one answer that tells is this one's refusal.
        """
        try:
            self._call("GET", f"/process/ports/{quote(name)}")
        except Refused as refusal:
            if "is not running" not in str(refusal):
                raise Failure(f"{name}: {refusal}") from refusal
            return False
        return True

    def _must(self, method: str, path: str, timeout_seconds: float = _CALL_SECONDS) -> None:
        try:
            self._call(method, path, timeout_seconds)
        except Refused as refusal:
            raise Failure(f"the supervisor refused: {refusal}", log=self.log) from refusal

    def _call(self, method: str, path: str, timeout_seconds: float = _CALL_SECONDS) -> Any:
        """One request; raises Refused for an answer that is no success, OSError when nothing answers."""
        connection = _UnixConnection(self._socket, timeout_seconds)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            body = response.read()
        try:
            content = json.loads(body) if body else {}
        except ValueError:
            content = {}
        if response.status != http.HTTPStatus.OK:
            raise Refused(content.get("error") or f"{method} {path}: {response.status} {body[:200]!r}")
        return content


def _process(state: Mapping[str, Any]) -> Process:
    running = bool(state["is_running"])
    return Process(
        name=state["name"],
        state=_state(state),
        pid=int(state["pid"]) if running else 0,
        restarts=int(state["restarts"]),
        exit_code=int(state["exit_code"]),
        age_seconds=int(state["age"]) / 1e9 if running else 0.0,
        was_skipped=state["status"] == "Skipped",
    )


def _state(state: Mapping[str, Any]) -> str:
    status = state["status"]
    if status in _STATES:
        return _STATES[status]
    if status == "Running":
        if not state["has_ready_probe"]:
            return RUNNING
        return READY if state["is_ready"] == "Ready" else NOT_READY
    if status == "Completed":
        code = state["exit_code"]
        # Anything else than these two came of itself: the supervisor has ended it when asked.
        return DONE if code == 0 else STOPPED if code in _SIGNALLED else FAILED
    return NOT_READY


_STATES = {
    "Pending": WAITING,
    "Restarting": RESTARTING,
    "Terminating": STOPPING,
    "Disabled": STOPPED,
    "Error": FAILED,
    "Skipped": FAILED,
}
_ALWAYS_STATES = {RUNNING: READY, DONE: STOPPED}  # what these are of a process that is to run for good
_SIGNALLED = (-1, 128 + signal.SIGTERM, 128 + signal.SIGINT)  # how Go and shells tell of a signal


def _has_failed(process: Process, restarts_before: int) -> bool:
    if process.is_right:
        return False
    return process.state == FAILED or process.restarts - restarts_before >= _RESTARTS


def _is_supervisor(pid: int) -> bool:
    return "--unix-socket" in proc.command_line(pid) and "process-compose" in proc.command_line(pid)


def _await_end(processes: Iterable[proc.Process], timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while any(process.is_alive for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _until(timeout_seconds: float, late: str) -> Iterator[None]:
    """Turns of a loop that waits; raises Failure, saying `late`, when they have taken too long."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(_POLL_SECONDS)
    raise Failure(late)
