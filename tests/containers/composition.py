"""The composition on the engine: built, brought up, looked into from its own networks, taken down."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.cli.layout import Layout
from tests.conftest import eventually
from tests.containers.engine import Engine

PROJECT = "nextphase"
FILE = Path("compose/docker-compose.yaml")
CLUSTER = FILE.with_name("docker-compose.cluster.yaml")
OVERRIDE = Path(__file__).parent / "override.yaml"
_BUILD_SECONDS = 1800
_HEALTHY_SECONDS = 300


@dataclass(frozen=True)
class Container:
    """A container, as the engine describes it."""

    service: str
    details: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.details["Name"]).removeprefix("/")

    @property
    def process(self) -> int:
        """The process id of its first process, as this machine sees it."""
        return int(self.details["State"]["Pid"])

    @property
    def is_right(self) -> bool:
        """Whether it does what it is there for: it runs and is healthy, or has done its work and ended."""
        state = self.details["State"]
        if state["Status"] == "exited":
            once = self.details["HostConfig"]["RestartPolicy"]["Name"] == "no"
            return bool(once and state["ExitCode"] == 0)
        health = state.get("Health", {}).get("Status", "healthy")
        return bool(state["Status"] == "running" and health == "healthy")

    @property
    def addresses(self) -> dict[str, str]:
        """Its address in each of its networks, by their names in the composition."""
        networks = self.details["NetworkSettings"]["Networks"]
        return {name.removeprefix(f"{PROJECT}_"): each["IPAddress"] for name, each in networks.items()}

    def inside(self, command: Sequence[str | Path], text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a program of this machine in the container's network."""
        return subprocess.run(
            ["nsenter", "--net", f"--target={self.process}", *command],
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )


@dataclass(frozen=True)
class Composition:
    """The composition of the checkout `root`; overlays: files of it over docker-compose.yaml."""

    engine: Engine
    root: Path
    overlays: Sequence[Path] = ()

    def compose(self, *arguments: str, timeout_seconds: float = 300) -> str:
        """Runs `docker compose` and returns what it printed."""
        files = [*(self.root / file for file in (FILE, *self.overlays)), OVERRIDE]
        chosen = [word for file in files for word in ("--file", str(file))]
        command = ["compose", "--project-name", PROJECT, *chosen, "--profile", "console", *arguments]
        return self.engine.docker(*command, timeout_seconds=timeout_seconds).stdout

    def up(self, *arguments: str) -> None:
        """Builds and starts it, and waits until every container is right."""
        self.compose("up", "--build", "--detach", *arguments, timeout_seconds=_BUILD_SECONDS)
        eventually(self.assert_right, within_seconds=_HEALTHY_SECONDS, every_seconds=1)

    def down(self) -> None:
        """Ends it and removes containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "30")

    def assert_right(self) -> None:
        """Every container runs and is healthy, or has done its work."""
        assert [each.name for each in self.containers() if not each.is_right] == []

    def containers(self) -> list[Container]:
        """Every container there is, in the order of their names."""
        ids = self.compose("ps", "--all", "--quiet").split()
        details = json.loads(self.engine.docker("inspect", *ids).stdout)
        found = [Container(each["Config"]["Labels"]["com.docker.compose.service"], each) for each in details]
        return sorted(found, key=lambda container: container.name)

    def container(self, service: str) -> Container:
        """The first container of a service."""
        return next(each for each in self.containers() if each.service == service)

    def volume(self, name: str) -> Path:
        """Where a volume lies on this machine."""
        details = json.loads(self.engine.docker("volume", "inspect", f"{PROJECT}_{name}").stdout)
        return Path(details[0]["Mountpoint"])


@dataclass(frozen=True)
class ContainerLayout(Layout):
    """The composition as commands and tests see an instance: the ports of `default`, secrets in a volume."""

    volume: Path

    @property
    def secrets(self) -> Path:
        return self.volume
