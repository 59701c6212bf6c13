"""How an instance is started, and how a running one gets to what is planned without an outage.

What runs is remembered as fingerprints; what differs is changed in an order in which nothing is missed:

1. databases and migrations; if one fails, everything else goes on as it was,
2. services that are no longer there are taken out of gateway and services nginx, and stopped,
3. relay, Rio, services and gateway, one after another; each group of processes is *replaced*: a spare is
   started and has to become ready, then requests go to it while each process is stopped and started,
4. stores and telemetry. Those that can read their files again do so; PostgreSQL and RabbitMQ are restarted
   only where their own programs, arguments or environment changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from compose.cli import files, hints, hops, nginx, processes
from compose.cli.errors import Failure
from compose.cli.fingerprints import RELOADING, Fingerprint, Fingerprints, remember, remembered
from compose.cli.generate import Plan
from compose.cli.platform import DISPATCHER
from compose.cli.process import STARTED
from compose.cli.processes import spare_of
from compose.cli.routing import Routing, address_of
from compose.cli.supervisor import FAILED, READY, STOPPED, Supervisor

Note = Callable[[str], None]
Definition = Mapping[str, Any]

_READY_SECONDS = 180.0
_GATEWAY = "gateway"
_STORES = ("postgres", "epmd", "rabbitmq")


@dataclass(frozen=True)
class Group:
    """Processes that do the same work, so that some of them can do it while another is replaced.

    route: has those who send requests send them to these processes; None where they need no telling.
    """

    name: str
    processes: Sequence[str]
    route: Callable[[Sequence[str]], None] | None = None


def fingerprints(plan: Plan) -> dict[str, Fingerprint]:
    """The fingerprint of every planned process."""
    return _fingerprints(plan).take()


def pending(plan: Plan) -> set[str]:
    """The processes that are not running as planned."""
    before, now = remembered(plan.layout), fingerprints(plan)
    return {name for name in now if before.get(name) != now[name]}


def start(supervisor: Supervisor, program: Path, plan: Plan) -> None:
    """Starts the supervisor of an instance that does not run. program: process-compose."""
    plan.write()
    layout = plan.layout
    files.write(layout.processes_file, processes.document(layout, plan.processes))
    # Remembered first: an interruption must not leave an instance of which it is unknown what it runs with.
    remember(layout, fingerprints(plan))
    supervisor.start(program)


def start_processes(supervisor: Supervisor, plan: Plan, note: Note) -> None:
    """Starts every process of an instance whose supervisor was just started; returns when all are ready."""
    supervisor.start_in_order(_after(plan.processes), _READY_SECONDS, note)


def apply(supervisor: Supervisor, program: Path, plan: Plan, note: Note) -> list[str]:
    """Brings a running instance to what is planned, touching only what differs or does not run.

    Returns what was done, one line a process. Raises Failure; what was not replaced by then goes on as it
    was, and the next call goes on from there.
    """
    if not remembered(plan.layout):
        supervisor.stop(note)
        start(supervisor, program, plan)
        start_processes(supervisor, plan, note)
        return ["everything restarted: it is unknown what the instance ran with"]
    change = Change(supervisor, plan, note)
    change.migrate()
    change.remove_services()
    for group in change.groups():
        if group.name == "rio-api":
            change.publish_catalog()
        change.replace(group)
    change.finish()
    return change.done


def restart(supervisor: Supervisor, plan: Plan, name: str, note: Note) -> list[str]:
    """Replaces the processes of a hop, a service or another part by new ones, as they are planned now.

    Returns what was done, one line a process; raises Failure.
    """
    change = Change(supervisor, plan, note)
    group = next((group for group in change.groups() if name in (group.name, *group.processes)), None)
    if group is not None:
        only = None if name == group.name else name
        change.replace(group, renew=lambda process: only in (None, process))
    elif name in plan.processes:
        change.renew(name)
    else:
        known = sorted({*plan.processes, *(group.name for group in change.groups())})
        raise Failure(
            f"there is no process {name!r}{hints.suggestion(name, known)}",
            advice=f"There are: {', '.join(known)}",
        )
    change.remember_routing()
    return change.done


class Change:
    """One change of a running instance, step by step.

    done: what was done so far, a line a process.
    """

    def __init__(self, supervisor: Supervisor, plan: Plan, note: Note) -> None:
        self.done: list[str] = []
        self._supervisor = supervisor
        self._plan = plan
        self._note = note
        self._prints = _fingerprints(plan)
        self._before = remembered(plan.layout)
        self._now = self._prints.take()
        self._current: dict[str, Definition] = dict(processes.read(plan.layout))
        ready = {name for name, state in self._states().items() if state == READY}
        settled = {name for name, before in self._before.items() if before.reloaded}
        self._routing = Routing(plan, supervisor, self._current, ready, settled)

    def groups(self) -> list[Group]:
        """Every group, in the order in which they are replaced."""
        dispatchers = self._plan.platform.rio.dispatcher_names
        own = [Group("relay", ["relay"]), Group("rio-api", ["rio-api"]), Group(DISPATCHER, dispatchers)]
        services = [
            Group(service.name, service.instance_names, partial(self._route_service, service.name))
            for service in self._plan.catalog
        ]
        return [*own, *services, self._gateway]

    @property
    def _gateway(self) -> Group:
        return Group(_GATEWAY, [_GATEWAY], self._route_gateway)

    # --- steps

    def migrate(self) -> None:
        """Runs what has to run once and is new, changed or failed: databases, migrations."""
        states = self._states()
        names = [
            name
            for name, definition in self._plan.processes.items()
            if _runs_once(definition) and (self._differs(name) or states.get(name) in (FAILED, STOPPED))
        ]
        if not names:
            return
        reasons = {name: self._reason(name, states) for name in names}
        try:
            self._put(names)
        except Failure as failure:
            raise _goes_on("everything else goes on as it was", failure) from failure
        self.done += [f"{name} ran: {reasons[name]}" for name in names]

    def remove_services(self) -> None:
        """Stops the instances of services that are no longer in the catalog, once nothing is sent to them."""
        gone = self._gone_services()
        if not gone:
            return
        self.replace(self._gateway)  # with routes that need them no more
        self._reload_gateway()
        self._mark_routing(nginx.SERVICES)
        self._routing.without(gone)
        self._supervisor.stop_processes(name for name in self._current if name.partition("-")[0] in gone)

    def publish_catalog(self) -> None:
        """Writes Rio's part of the catalog, which Rio watches: before services need what is new in it, and
        after the outboxes of those that are gone were shipped."""
        if hops.RIO_CATALOG in self._plan.files and self._plan.write([hops.RIO_CATALOG]):
            self.done.append("rio takes up the catalog: its types, senders or subscriptions changed")

    def replace(self, group: Group, renew: Callable[[str], bool] = lambda name: False) -> None:
        """Brings the processes of a group to what is planned, new ones ready before old ones stop.

        renew: whether a process is replaced even if it is as planned.
        """
        states = self._states()
        spare = spare_of(group.name)
        here = [name for name in self._current if re.fullmatch(rf"{group.name}(-\d+)?", name)]
        serving = [name for name in here if states.get(name) == READY]
        stale = [
            name for name in group.processes if name in serving and (self._is_stale(name) or renew(name))
        ]
        reasons = {name: self._reason(name, states) for name in group.processes}
        missing = [
            name
            for name in group.processes
            if name not in serving
            and (self._is_stale(name) or renew(name) or states.get(name) in (None, STOPPED, FAILED))
        ]
        surplus = [name for name in here if name not in group.processes]
        if not (stale or missing or surplus or spare in self._current):
            return
        if stale and states.get(spare) != READY:
            self._start_spare(group)
        self._put(missing)
        serving += missing
        for name in stale:
            self._route(group, [*(other for other in serving if other != name), spare])
            self._note(f"replacing {name}")
            try:
                self._put([name])
            except Failure as failure:
                raise _goes_on(f"{spare} does its work", failure) from failure
        self._route(group, group.processes)
        self._forget([*surplus, spare])
        self.done += [
            f"{name} {'added' if name not in here else 'started'}: {reasons[name]}" for name in missing
        ]
        self.done += [f"{name} replaced: {reasons[name]}" for name in stale]
        self.done += [f"{name} removed" for name in surplus]

    def renew(self, name: str) -> None:
        """Stops and starts a process that has no spare; both nginx get new workers instead."""
        if name in (nginx.EDGE, nginx.SERVICES):
            self._routing.finish(name)
            self._remember([name])
            self.done.append(f"{name} reloaded: its workers are new")
        else:
            self._put([name])
            self.done.append(f"{name} restarted: asked for")

    def remember_routing(self) -> None:
        """Notes which nginx already has its planned configuration."""
        for name in (nginx.SERVICES, nginx.EDGE):
            if name in self._before and not self._is_stale(name) and self._routing.as_planned(name):
                self._remember([name])

    def finish(self) -> None:
        """Brings everything else to what is planned: nginx, stores, telemetry; drops what is gone."""
        gone = [name for name in self._current if name not in self._plan.processes]
        self._reload_gateway()
        for name in (nginx.SERVICES, nginx.EDGE):
            if name in self._before and not self._is_stale(name):
                self._finish_routing(name)
        grouped = {name for group in self.groups() for name in group.processes}
        rest = [
            name
            for name, definition in self._plan.processes.items()
            if name not in grouped and not _runs_once(definition)
        ]
        self._plan.write()
        for name in self._in_order(sorted(rest, key=lambda name: name not in _STORES)):
            self._bring_up_to_date(name)
        self._detach(set(gone))
        self._forget(gone)
        self.done += [f"{name} removed" for name in gone if not name.endswith("-spare")]

    def _detach(self, gone: Set[str]) -> None:
        """Restarts what still comes after a process that is about to be gone: the supervisor takes no
        definition that names one it does not know."""
        for name, definition in list(self._current.items()):
            missing = definition.get("depends_on", {}).keys() & gone
            if name not in gone and missing:
                self._put([name])
                self.done.append(f"{name} restarted: {', '.join(sorted(missing))} no longer there")

    def _in_order(self, names: Sequence[str]) -> Iterable[str]:
        """The same processes, each behind those it comes after: the supervisor has to know these first."""
        after = {name: self._plan.processes[name].get("x-after", {}) for name in names}
        return TopologicalSorter({name: after[name].keys() & after.keys() for name in names}).static_order()

    # --- parts of steps

    def _reload_gateway(self) -> None:
        if self._differs(_GATEWAY):
            self._write_files(_GATEWAY)
            self._supervisor.reload_process(_GATEWAY)
            self._remember([_GATEWAY])
            self.done.append(f"{_GATEWAY} reloaded: its routes or services changed")

    def _finish_routing(self, name: str) -> None:
        if self._differs(name) or not self._routing.as_planned(name):
            self._note(f"reloading {name}")
            self._routing.finish(name)
            self.done.append(f"{name} reloaded: its files changed")
        self._remember([name])

    def _bring_up_to_date(self, name: str) -> None:
        states = self._states()
        idle = states.get(name) in (None, STOPPED, FAILED)
        if not idle and not self._differs(name):
            return
        reason = self._reason(name, states)
        if idle or self._is_stale(name) or name not in RELOADING:
            self._note(f"starting {name}")
            what = "restarted" if name in self._before else "added"
            self._put([name])
            self.done.append(f"{name} {what}: {reason}")
        else:
            self._note(f"reloading {name}")
            self._supervisor.reload_process(name)
            self._remember([name])
            self.done.append(f"{name} reloaded: its files changed")

    def _start_spare(self, group: Group) -> None:
        spare = spare_of(group.name)
        self._forget([spare])  # one that was left behind and is not ready
        self._note(f"starting {spare}")
        definition = self._plan.spares[spare]
        self._plan.write(self._named_files(definition))
        try:
            self._define({spare: definition})
            self._start([spare])
        except Failure as failure:
            self._forget([spare])
            raise _goes_on(f"{group.name} goes on as it was", failure) from failure

    def _put(self, names: Sequence[str]) -> None:
        """Has processes run as planned: stops those that run, starts them, waits until they are ready."""
        if not names:
            return
        for name in names:
            self._write_files(name)
        self._supervisor.stop_processes(names)
        self._define({name: self._plan.processes[name] for name in names})
        self._start(names)
        self._remember(names)

    def _start(self, names: Iterable[str]) -> None:
        after = _after({name: self._current[name] for name in names})
        self._supervisor.start_in_order(after, _READY_SECONDS, self._note)

    def _define(self, definitions: Mapping[str, Definition]) -> None:
        changed = [name for name in definitions if self._current.get(name) != definitions[name]]
        if changed:
            self._current |= definitions
            known = [name for name in changed if name in self._states()]
            self._supervisor.define(processes.document(self._plan.layout, self._current), known)

    def _forget(self, names: Iterable[str]) -> None:
        """Stops processes and has the supervisor know them no more."""
        known = [name for name in names if self._current.pop(name, None) is not None]
        if known:
            self._supervisor.define(processes.document(self._plan.layout, self._current), known)
        for name in known:
            self._before.pop(name, None)
        remember(self._plan.layout, self._before)

    def _route(self, group: Group, names: Sequence[str]) -> None:
        if group.route is not None:
            self._note(f"sending requests to {', '.join(names)}")
            group.route(names)

    def _mark_routing(self, name: str) -> None:
        """Notes that an nginx is about to have another configuration than the planned one: if this is
        interrupted, the next change reloads it."""
        if name in self._before and self._before[name].reloaded:
            self._before[name] = replace(self._before[name], reloaded="")
            remember(self._plan.layout, self._before)

    def _route_service(self, service: str, names: Sequence[str]) -> None:
        self._mark_routing(nginx.SERVICES)
        self._routing.to_service(service, [address_of(self._current[name]) for name in names])

    def _route_gateway(self, names: Sequence[str]) -> None:
        self._mark_routing(nginx.EDGE)
        spare = hops.spare_gateways(self._plan.platform)
        planned = range(self._plan.platform.gateway_processes)
        self._routing.to_gateways(
            [number for name in names for number in (planned if name == _GATEWAY else spare)]
        )

    # --- what is, and what is to be

    def _states(self) -> dict[str, str]:
        return {process.name: process.state for process in self._supervisor.list()}

    def _gone_services(self) -> list[str]:
        """Services that have processes here and are no longer in the catalog."""
        found = {name.partition("-")[0] for name in self._current if _is_of_service(self._current[name])}
        return sorted(found - {service.name for service in self._plan.catalog})

    def _differs(self, name: str) -> bool:
        return self._before.get(name) != self._now[name]

    def _is_stale(self, name: str) -> bool:
        before = self._before.get(name)
        return before is None or self._now[name].needs_a_new_process(before)

    def _reason(self, name: str, states: Mapping[str, str]) -> str:
        before, now = self._before.get(name), self._now[name]
        if before is None:
            return "it is new"
        if before.definition != now.definition:
            return f"its {'definition' if self._has_same_program(name) else 'program'} changed"
        if before.files != now.files:
            return "what it reads changed"
        if states.get(name) in (STOPPED, FAILED):
            return "it did not run"
        return "asked for"

    def _has_same_program(self, name: str) -> bool:
        current, planned = self._current.get(name, {}), self._plan.processes[name]
        return bool(current.get("x-program") == planned["x-program"])

    def _write_files(self, name: str) -> None:
        self._plan.write(self._named_files(self._plan.processes[name]))

    def _named_files(self, definition: Definition) -> list[str]:
        config = self._plan.layout.config
        found = self._prints.named_files(definition)
        names = [str(path.relative_to(config)) for path in found if path in self._prints.files]
        return [name for name in names if name != hops.RIO_CATALOG]  # see publish_catalog

    def _remember(self, names: Iterable[str]) -> None:
        self._before |= {name: self._now[name] for name in names}
        remember(self._plan.layout, self._before)


def _fingerprints(plan: Plan) -> Fingerprints:
    files = {plan.layout.config / name: text for name, text in plan.files.items()}
    return Fingerprints(plan.layout, plan.processes, files)


def _after(definitions: Mapping[str, Definition]) -> dict[str, dict[str, bool]]:
    """The processes that each process starts after, and whether they have to be ready or done by then."""
    return {
        name: {other: how != STARTED for other, how in definition.get("x-after", {}).items()}
        for name, definition in definitions.items()
    }


def _runs_once(definition: Definition) -> bool:
    return bool(definition["availability"]["restart"] != "always")


def _is_of_service(definition: Definition) -> bool:
    return any(entry.startswith("PORT=") for entry in definition["environment"])


def _goes_on(what: str, failure: Failure) -> Failure:
    message = f"{failure.message}; {what}"
    return Failure(message, tail=failure.tail, log=failure.log, advice=failure.advice)
