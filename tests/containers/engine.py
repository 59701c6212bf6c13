"""Docker's daemon, in a network namespace of its own and with its state in the cache."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from compose.cli import cache
from tests.conftest import eventually
from tests.containers import network
from tests.containers.programs import Programs

_START_SECONDS = 60
_STOP_SECONDS = 60


@dataclass(frozen=True)
class Engine:
    """A running daemon. environment: what Docker's command line needs to speak with it. outside: runs
    functions outside of the daemon's network."""

    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"
    outside: Executor

    def docker(
        self, *arguments: str | Path, timeout_seconds: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs `docker` and returns what it printed; fails with that where it fails and `check` is set."""
        done = subprocess.run(
            ["docker", *arguments],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
        if check:
            assert done.returncode == 0, (
                f"docker {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}"
            )
        return done


@contextlib.contextmanager
def running(programs: Programs) -> Iterator[Engine]:
    """A daemon; images and volumes stay in the cache when it has ended, containers do not.

    The calling thread is in the engine's network namespace meanwhile.
    """
    state = (cache.home() / "engine").resolve()
    state.mkdir(parents=True, exist_ok=True)
    with (
        network.namespace(programs.environment) as outside,
        tempfile.TemporaryDirectory(prefix="nextphase-engine-") as folder,
    ):
        engine = _start(programs, state, Path(folder), outside)
        try:
            yield engine
        finally:
            engine.process.send_signal(signal.SIGTERM)
            engine.process.wait(_STOP_SECONDS)


def _start(programs: Programs, state: Path, folder: Path, outside: Executor) -> Engine:
    settings = {"cliPluginsExtraDirs": [str(programs.plugins)]}
    (folder / "config.json").write_text(json.dumps(settings))
    environment = {
        **os.environ,
        **programs.environment,
        "DOCKER_HOST": f"unix://{folder}/docker.sock",
        "DOCKER_CONFIG": str(folder),
    }
    command = [
        *("setpriv", "--pdeathsig", "TERM"),  # it does not outlive a run that is killed
        "dockerd",
        f"--data-root={state}/data",
        f"--exec-root={folder}/exec",
        f"--host=unix://{folder}/docker.sock",
        f"--pidfile={folder}/dockerd.pid",
    ]
    with (state / "dockerd.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    engine = Engine(environment, process, outside)

    def answers() -> None:
        assert process.poll() is None, f"the daemon has ended: see {state}/dockerd.log"
        assert engine.docker("info", check=False).returncode == 0, "the daemon does not answer"

    eventually(answers, within_seconds=_START_SECONDS)
    return engine
