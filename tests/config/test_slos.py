"""The rules of the objectives in promtool, and `nextphase slo` with a real Prometheus."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from compose.cli import slos
from compose.cli.commands import slo as command
from compose.cli.layout import Layout
from compose.cli.main import parse
from compose.cli.toolbox import Toolbox
from tests.config.backfilled import ROOT, backfilled
from tests.config.test_prometheus import run

pytestmark = pytest.mark.config

Run = Callable[..., tuple[int, str]]


def requests(name: str, route: str, **labels: str) -> str:
    """A series of the gateway's metric."""
    own = {"service": "gateway", "http_request_method": "GET", "http_route": route, **labels}
    matchers = ",".join(f'{label}="{value}"' for label, value in own.items())
    return f"http_server_request_duration_seconds_{name}{{{matchers}}}"


def test_the_events_are_counted(toolbox: Toolbox, tmp_path: Path) -> None:
    """Of a request a second 1 in 100 is a 503, and 2 in 100 take more than 250 ms; of another route none."""
    (tmp_path / "slo-events.yml").write_text(slos.rules(slos.load(ROOT)))
    run(toolbox.promtool, "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "slo-events.yml")
    series = {
        requests("count", "/v1/stock", http_response_status_code="200"): "0+4.95x200",
        requests("count", "/v1/stock", http_response_status_code="503"): "0+0.05x200",
        requests("bucket", "/v1/stock", http_response_status_code="200", le="0.25"): "0+4.9x200",
        requests("count", "/v1/stock/{sku}", http_response_status_code="200"): "0+5x200",
    }
    bad = {"stock-availability": 0.01, "stock-latency": 0.02, "stock-item-availability": 0}
    wanted = [{"labels": f'{{slo="{name}"}}', "value": value} for name, value in bad.items()]
    names = "|".join(bad)
    expression = f'round(sum by (slo) (slo:bad_events:rate1m{{slo=~"{names}"}}), 0.001)'
    case = {
        "interval": "5s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": "10m", "exp_samples": wanted}],
    }
    cases = {"rule_files": ["slo-events.yml"], "evaluation_interval": "30s", "tests": [case]}
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases))
    run(toolbox.promtool, "test", "rules", tmp_path / "cases.yml")


def test_the_first_burst_of_failures_uses_up_budget(toolbox: Toolbox, tmp_path: Path) -> None:
    """Their series begin with them, as is known of a process that was scraped before without them, and of a
    new one. Where Prometheus has not looked for some minutes, it is not known when the failures were."""
    (tmp_path / "slo-events.yml").write_text(slos.rules(slos.load(ROOT)))
    failures = {"http_response_status_code": "503"}
    scraped, began, unseen = ({"instance": f"gateway-{number}"} for number in (1, 2, 3))
    series = {
        requests("count", "/v1/stock", http_response_status_code="200", **scraped): "0+5x120",
        requests("count", "/v1/stock", **failures, **scraped): "_x60 30x60",
        requests("count", "/v1/stock/{sku}", **failures, **began): "_x60 20x60",
        requests("count", "/v1/me/orders", **failures, **unseen): "7x20 stale _x38 7x60",
        'up{instance="gateway-1"}': "1x120",
        'up{instance="gateway-2"}': "_x60 1x60",
        'process_start_time_seconds{instance="gateway-2"}': "_x60 297x60",
        'up{instance="gateway-3"}': "1x20 0x38 1x60",
        'process_start_time_seconds{instance="gateway-3"}': "-1000x20 _x38 -1000x60",
    }
    case = {
        "interval": "5s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": "sum by (slo) (round(sum_over_time(slo:bad_events:rate1m[9m]) * 30, 0.001)) > 0",
                "eval_time": "9m",
                "exp_samples": [
                    {"labels": '{slo="stock-availability"}', "value": 30},
                    {"labels": '{slo="stock-item-availability"}', "value": 20},
                ],
            }
        ],
    }
    cases = {"rule_files": ["slo-events.yml"], "evaluation_interval": "30s", "tests": [case]}
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases))
    run(toolbox.promtool, "test", "rules", tmp_path / "cases.yml")


def samples(now: int) -> Iterator[str]:
    """A moment ago one objective was kept and one missed; of the others there is nothing."""
    for record, kept, missed in (
        ("slo:error_ratio:3d", 0.0005, 0.02),
        ("slo:error_ratio:1h", 0.002, 0.0),
        ("slo:budget_left:ratio", 0.5, -1.0),
    ):
        yield f"# TYPE {record} gauge"
        for name, value in (("order-availability", kept), ("order-latency", missed)):
            yield f'{record}{{slo="{name}",service="gateway"}} {value} {now - 20}'


@pytest.fixture(scope="module")
def layout(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    folder = tmp_path_factory.mktemp("prometheus")
    with backfilled(toolbox, folder, samples(int(time.time()))) as found:
        for file in (slos.FILE, slos.SCHEMA):
            shutil.copy(ROOT / file, folder / file)
        yield found


@pytest.fixture
def run_command(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its exit code and what it printed."""

    def command_line(*words: str) -> tuple[int, str]:
        code = command.run(layout, parse(["slo", *words]))
        return code, capsys.readouterr().out

    return command_line


def test_what_is_left_of_the_budgets_is_told(run_command: Run) -> None:
    code, out = run_command("--json")
    objectives = {one["name"]: one for one in json.loads(out)["objectives"]}
    assert code == 1  # one is missed
    assert list(objectives) == [one.name for one in slos.load(ROOT)]
    kept, missed, unknown = (
        objectives[name] for name in ("order-availability", "order-latency", "stock-latency")
    )
    assert (kept["target"], kept["good"], kept["budget_left"]) == (0.999, 0.9995, 0.5)
    assert round(kept["burn"], 6) == 2
    assert (missed["good"], missed["budget_left"], missed["burn"]) == (0.98, -1, 0)
    assert (unknown["good"], unknown["budget_left"], unknown["burn"]) == (None, None, None)


def test_the_objectives_are_shown_to_people(run_command: Run) -> None:
    code, out = run_command()
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert code == 1
    assert lines["order-availability"] == ["99.9", "%", "99.95", "%", "50", "%", "2.0x"]
    assert lines["order-latency"] == ["99", "%", "98.00", "%", "-100", "%", "0.0x"]
    assert lines["stock-latency"] == ["99", "%"]
    assert all(len(line) <= 80 for line in out.splitlines())
