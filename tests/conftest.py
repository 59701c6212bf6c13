"""The live instance that end-to-end tests run against: its own ports, its own state, torn down after."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from compose.cli import tokens
from compose.cli.layout import Layout
from compose.cli.secrets import Secrets
from compose.cli.supervisor import Supervisor
from compose.cli.telemetry import Telemetry
from compose.cli.toolbox import Toolbox
from compose.cli.traffic import TOKEN_MINUTES, Traffic

ROOT = Path(__file__).parents[1]
INSTANCE = "test"
T = TypeVar("T")


def nextphase(*arguments: str, timeout_seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the one command against the tests' instance, as a user would."""
    command = [sys.executable, str(ROOT / "nextphase"), *arguments, "--instance", INSTANCE]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_seconds, cwd=ROOT, check=False
    )


@dataclass(frozen=True)
class Stack:
    """A running instance and the ways to look into it."""

    layout: Layout
    supervisor: Supervisor
    telemetry: Telemetry

    @property
    def edge(self) -> str:
        return f"http://{self.layout.address('edge-nginx')}"

    def bearer(self, subject: str, *scopes: str) -> dict[str, str]:
        """The Authorization header of a request by `subject`, with these scopes or the usual ones."""
        key = Path(Secrets(self.layout.secrets).signing_key)
        return tokens.bearer(key, subject, scopes, TOKEN_MINUTES)


def copy_checkout(folder: Path) -> None:
    """Copy this checkout into `folder`, as it is on disk, but for what git ignores."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def eventually(look: Callable[[], T], within_seconds: float = 30.0, every_seconds: float = 0.25) -> T:
    """Call `look` until it no longer raises AssertionError; its last failure is the test's failure."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            return look()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(every_seconds)


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    return Toolbox.locate(ROOT)


@pytest.fixture(scope="package")  # of `tests/`: taken down before what a worker does after its tests
def stack() -> Iterator[Stack]:
    nextphase("down", "--purge")
    up = nextphase("up", timeout_seconds=900)
    assert up.returncode == 0, f"up failed:\n{up.stdout}\n{up.stderr}"
    layout = Layout.open(ROOT, INSTANCE)
    yield Stack(layout, Supervisor(layout), Telemetry(layout))
    down = nextphase("down", "--purge")
    assert down.returncode == 0, f"down failed:\n{down.stdout}\n{down.stderr}"


@pytest_asyncio.fixture
async def traffic(stack: Stack) -> AsyncIterator[Traffic]:
    async with Traffic.of(stack.layout) as client:
        yield client


@pytest.fixture
def sku(stack: Stack, request: pytest.FixtureRequest) -> str:
    """A stock item of the test's own, 1000 on hand."""
    name = f"t{time.time_ns():x}"

    async def make() -> None:
        async with Traffic.of(stack.layout) as client:
            await client.put_stock(name, 1000)

    asyncio.run(make())
    return name
