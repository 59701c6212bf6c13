"""Load by wrk: many connections, each sending its next request when it has the last one's answer."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SCRIPTS = Path(__file__).parent / "load"
_REPORT = re.compile(r"REPORT (\d+) (\d+) (\d+) (\d+) (\d+)")


class LoadFailed(Exception):
    """wrk did not run, or its requests were not answered as they should."""


@dataclass(frozen=True)
class Load:
    """The result of a run of wrk. Latencies in milliseconds."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def load(url: str, script: str, *, connections: int, seconds: float, arguments: tuple[str, ...] = ()) -> Load:
    """Run a script of `load/` against a URL. Raises LoadFailed when a request fails or is refused."""
    answer = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"),
            *("-s", str(_SCRIPTS / script), url, "--", *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    found = _REPORT.search(answer.stdout)
    if answer.returncode or not found:
        raise LoadFailed(f"wrk: {answer.stdout}{answer.stderr}")
    requests, microseconds, failed, p50, p99 = map(int, found.groups())
    if failed or not requests:
        raise LoadFailed(f"{failed} of {requests} requests to {url} failed:\n{answer.stdout}")
    return Load(requests, microseconds / 1e6, failed, p50 / 1000, p99 / 1000)
