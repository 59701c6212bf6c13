"""Each benchmark runs, measures every variant, and says so in JSON. How fast is not a test's business."""

import json
import shutil
import subprocess
import sys

import pytest

from compose.cli.setup.tools import LURA, binary
from tests.bench import edge, gateway, rio
from tests.bench.peers.platform import EVERYTHING, OFF, SAMPLED
from tests.conftest import ROOT, Stack


def quick(what: str, *options: str, timeout_seconds: float = 280) -> dict[str, dict[str, float]]:
    """The medians of a quick run by figure and variant, and parts of breakdowns by title and variant."""
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed: ./nextphase test does")
    answer = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{what}", "--quick", "--json", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    document = json.loads(answer.stdout)
    figures = {
        figure["title"]: {name: found["median"] for name, found in figure["variants"].items()}
        for figure in document["figures"]
    }
    parts = {
        f"{breakdown['title']}: {part}": values
        for breakdown in document["breakdowns"]
        for part, values in breakdown["parts"].items()
    }
    return figures | parts


@pytest.mark.timeout(300)
def test_rio() -> None:
    figures = quick("rio")
    emitted = figures["single events, each confirmed, traced"]
    assert set(emitted) == {"rio", "flask + celery", "flask + celery, confirmed"}
    assert set(figures["deliveries, traced and logged"]) == {"rio", "celery + requests"}
    assert f"emit to delivered at {rio.RATE} events/s, p99" in figures
    assert all(value > 0 for value in [*emitted.values(), *figures["deliveries, traced and logged"].values()])


@pytest.mark.timeout(300)
def test_gateway() -> None:
    if not binary(ROOT, LURA).exists():
        pytest.skip("Lura is not built: ./nextphase test does")
    figures = quick("gateway")
    served = figures["three parts, 32 connections"]
    assert set(served) == {
        gateway.OURS,
        gateway.OURS_PLAIN,
        gateway.STOCK,
        gateway.OTHER_STOCK,
        gateway.LURA_TRACED,
        gateway.LURA_PLAIN,
    }
    assert all(value > 0 for value in served.values())


def test_http_server() -> None:
    figures = quick("http_server")
    assert set(figures) == {"GET", "POST, 300 bytes"}
    assert all(value > 0 for served in figures.values() for value in served.values())


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_console(stack: Stack) -> None:
    figures = quick("console", "--instance", stack.layout.instance)
    assert set(figures["first paint"]) == {"console", "smallest page"}
    assert figures["questions asked twice"] == {"console": 0.0}
    drawn = next(
        found for title, found in figures.items() if title.endswith("from the first question until drawn")
    )
    assert set(drawn) == {"console", "stores alone"}
    assert all(value > 0 for value in drawn.values())


@pytest.mark.long
@pytest.mark.stack
@pytest.mark.timeout(1800)
def test_telemetry() -> None:
    figures = quick("telemetry", timeout_seconds=1700)
    everything, sampled = figures["orders, everything stored"], figures["orders, a tenth of traces stored"]
    assert set(everything) == {EVERYTHING, OFF}
    assert set(sampled) == {SAMPLED, OFF}
    assert all(value > 0 for value in [*everything.values(), *sampled.values()])
    assert figures["processor time of an order: gateway"][OFF] > 0
    assert set(figures["processor time of an order: collector"]) == {EVERYTHING, SAMPLED}
    assert figures["disk of an order: jaeger"][OFF] == 0
    assert figures["collector at 5,000 spans/s: spans dropped"] == {EVERYTHING: 0, SAMPLED: 0}
    assert set(figures["edge nginx, 32 connections"]) == {edge.OURS, edge.LINES, edge.NEITHER}
