"""Which processes both nginx send requests to while others are replaced, and how nginx learns of it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from compose.cli import files, nginx, proc
from compose.cli.errors import Failure
from compose.cli.generate import Plan
from compose.cli.site import Address
from compose.cli.supervisor import Supervisor

_CHECK_SECONDS = 30
_DRAIN_SECONDS = 30.0  # longer than worker_shutdown_timeout: by then nginx itself has ended the old workers
_POLL_SECONDS = 0.05
_SHORT = {nginx.EDGE: "nginx/edge.conf", nginx.SERVICES: "nginx/services.conf"}


class Routing:
    """The upstreams of both nginx of a running instance.

    definitions: the processes as they were started. ready: those of them that are ready: of each service in
    the catalog they serve, its spare included, or, where none is ready, all. settled: the nginx that are
    known to use the configuration that is written.
    """

    def __init__(
        self,
        plan: Plan,
        supervisor: Supervisor,
        definitions: Mapping[str, Mapping[str, Any]],
        ready: Container[str],
        settled: Container[str],
    ) -> None:
        self._plan = plan
        self._supervisor = supervisor
        self._used = {name: self._file(name).read_text() for name in _SHORT if name in settled}
        self._serving: dict[str, Sequence[Address]] = {}
        for service in plan.catalog:
            here = [name for name in definitions if re.fullmatch(rf"{service.name}(-\d+|-spare)?", name)]
            serving = [name for name in here if name in ready] or here
            self._serving[service.name] = [address_of(definitions[name]) for name in serving]

    def to_service(self, name: str, instances: Sequence[Address]) -> None:
        """Has services nginx send the requests of a service to these instances alone.

        Returns when no request that was sent to others is under way any more. Raises Failure.
        """
        self._serving[name] = instances
        self._use_services()

    def without(self, names: Sequence[str]) -> None:
        """Has services nginx refuse requests to services that are no longer in the catalog."""
        for name in names:
            self._serving.pop(name, None)
        self._use_services()

    def to_gateways(self, gateways: Sequence[int]) -> None:
        """Has edge nginx send all requests to these gateway processes (see nginx.edge); as `to_service`."""
        plan = self._plan
        banned = plan.layout.root / nginx.BANNED
        text = nginx.edge(plan.layout.root, plan.platform, plan.site, banned, gateways)
        self._use(nginx.EDGE, text)

    def as_planned(self, name: str) -> bool:
        """Whether the configuration file of an nginx is the one that was planned."""
        return self._file(name).read_text() == self._plan.files[_SHORT[name]]

    def finish(self, name: str) -> None:
        """Has an nginx use its planned configuration."""
        self._use(name, self._plan.files[_SHORT[name]], unchanged=True)

    def _use_services(self) -> None:
        plan = self._plan
        text = nginx.services(plan.layout.root, plan.platform, plan.catalog, plan.site, self._serving)
        self._use(nginx.SERVICES, text)

    def _use(self, name: str, text: str, *, unchanged: bool = False) -> None:
        """unchanged: nginx reads its files again even if this one is as before."""
        if text == self._used.get(name) and not unchanged:
            return
        file = self._file(name)
        before = file.read_text() if file.exists() else None
        files.write(file, text)
        try:
            self._check(name)
        except Failure:
            if before is not None:
                files.write(file, before)
            raise
        reload(self._supervisor, name)
        self._used[name] = text

    def _check(self, name: str) -> None:
        command = [*self._plan.processes[name]["entrypoint"], "-t", "-q"]
        answer = subprocess.run(
            command,
            cwd=self._plan.layout.root,
            capture_output=True,
            text=True,
            timeout=_CHECK_SECONDS,
            check=False,
        )
        if answer.returncode != 0:
            raise Failure(f"{name} refuses its configuration", tail=answer.stderr.splitlines()[-15:])

    def _file(self, name: str) -> Path:
        return self._plan.layout.config / _SHORT[name]


def address_of(definition: Mapping[str, Any]) -> Address:
    """Where the instance of a service listens that was defined so."""
    variables = dict(entry.partition("=")[::2] for entry in definition["environment"])
    return Address(variables["HOST"], int(variables["PORT"]))


def reload(supervisor: Supervisor, name: str) -> None:
    """Has an nginx read its configuration again; returns when its workers of before have ended.

    Until then a request that was read by one of them may still be sent to a server that is no longer
    configured. They end with the last request they have, and after 20 s at the latest.
    """
    process = supervisor.get(name)
    if process is None or not process.pid:
        return  # it reads its configuration when it is started
    before = _workers(process.pid)
    supervisor.reload_process(name)
    deadline = time.monotonic() + _DRAIN_SECONDS
    while _workers(process.pid) & before or not _workers(process.pid):
        if time.monotonic() > deadline:
            raise Failure(f"{name} goes on with the configuration it had", advice="See its error log")
        time.sleep(_POLL_SECONDS)


def _workers(master: int) -> set[proc.Process]:
    return {process for process in proc.Table().tree(master) if process.parent == master}
