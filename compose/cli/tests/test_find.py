"""`nextphase find` with what the stores of an instance answered once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compose.cli import trace_search
from compose.cli.commands import find
from compose.cli.errors import UsageError
from compose.cli.links import Links
from compose.cli.main import parse
from compose.cli.tests.recorded import Recorded, recorded

#: Before all that was recorded.
SINCE = "2026-01-01T00:00:00Z"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as found:
        found.replay("jaeger", "/api/traces", "jaeger-traces.json")
        found.replay("jaeger", "/api/services", "jaeger-services.json")
        found.replay("jaeger", "/api/operations", "jaeger-operations.json")
        found.replay("loki", "/loki/api/v1/query_range", "loki-lines.json")
        yield found


@pytest.fixture
def run(stores: Recorded, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its exit code and what it printed to both."""

    def command(*words: str) -> tuple[int, str, str]:
        code = find.run(stores.layout, parse(["find", "--since", SINCE, *words]))
        return code, *capsys.readouterr()

    return command


def asked(stores: Recorded, store: str = "jaeger") -> dict[str, str]:
    """The parameters of the last search."""
    *_, last = [one for one in stores.asked if one.store == store and "limit" in one.parameters]
    return last.parameters


def test_a_table_that_fits_a_terminal(run: Run, stores: Recorded) -> None:
    code, out, told = run()
    assert (code, told) == (0, "")
    table, _, after = out.partition("\n\n")
    lines = table.splitlines()
    assert all(len(line) <= 80 for line in lines)
    # The date is there from the next day on.
    assert [" ".join(line.replace(" 11-29 ", " ").split()) for line in lines[:5]] == [
        "trace at operation status ms ✗",
        "06522375b364b2d90ea64dca3e440532 21:03:03 GET 404 1.0 0",
        "03d19a896f84e39d99014bd5d7fac8e8 21:03:02 GET /v1/stock/{sku} 404 147 1",
        "87555e8bb3fa05e59214179a79c8a28c 21:03:02 GET /v1/stock 200 87 0",
        "2043e6263dfc7ed61eff2562d4a14a4f 21:03:02 GET /v1/me/orders 401 2.0 0",
    ]
    assert after.splitlines() == [
        "5 traces since 2026-01-01 00:00:00",
        "Next: ./nextphase trace 06522375b364b2d90ea64dca3e440532",
        f"  or: {Links.of(stores.layout).trace('06522375b364b2d90ea64dca3e440532')}",
    ]


def test_json_has_all_of_it(run: Run, stores: Recorded) -> None:
    code, out, _ = run("--json")
    document = json.loads(out)
    assert code == 0
    assert document["looked_back_to"] == "2026-01-01T00:00:00+00:00"
    assert document["traces"][1] == {
        "trace_id": "03d19a896f84e39d99014bd5d7fac8e8",
        "start": "2026-11-29T21:03:02.994000+00:00",
        "hop": "edge-nginx",
        "operation": "GET /v1/stock/{sku}",
        "status": 404,
        "seconds": 0.146999,
        "spans": 6,
        "failed_spans": 1,
        "url": Links.of(stores.layout).trace("03d19a896f84e39d99014bd5d7fac8e8"),
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["slowest", "--limit", "2"], ["03d19a89", "87555e8b"]),
        (["errors"], ["03d19a89"]),
        (["--status", "401"], ["2043e626"]),
        (["--status", "4xx"], ["06522375", "03d19a89", "2043e626"]),
        (["--no-demo"], ["06522375", "03d19a89", "87555e8b", "2043e626"]),
        (["--hop", "inventory", "--route", "/inventory/stock"], ["87555e8b"]),
        (["--min", "20ms", "--max", "100ms"], ["87555e8b", "d58ed5e0"]),
    ],
)
def test_what_is_found(run: Run, words: list[str], expected: list[str]) -> None:
    traces = json.loads(run(*words, "--json")[1])["traces"]
    assert [trace["trace_id"][:8] for trace in traces] == expected


def test_traces_whose_spans_are_gone_are_told(run: Run, stores: Recorded) -> None:
    code, out, _ = run("--text", "order placed")
    assert code == 0
    rows = out.splitlines()[1:3]
    assert {row[:32] for row in rows} == {
        "06e941b4059b063822adb1b7cc98f293",
        "ea6e6785a242a349e1de5f6651bf2c2c",
    }
    assert "their spans are not stored" in out
    assert asked(stores, "loki")["query"] == (
        '{service_name=~".+"} |~ "(?i)order\\\\ placed" | trace_id!="" | keep trace_id, service_name'
    )


def test_colours_are_for_terminals(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in run()[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[31m" in run()[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in run()[1]


def test_nothing_found_is_told_and_fails(stores: Recorded, run: Run) -> None:
    stores.answer("jaeger", "/api/traces", b'{"data": []}')
    assert run() == (1, "", "No trace that began since 2026-01-01 00:00:00 fits.\n")
    code, out, _ = run("--json")
    assert (code, json.loads(out)["traces"]) == (1, [])


def test_a_mistyped_route_is_told_what_it_is_close_to(stores: Recorded, run: Run) -> None:
    stores.answer("jaeger", "/api/traces", b'{"data": []}')
    assert "did you mean '/v1/orders'" in run("--route", "/v1/order")[2]
    assert "did you mean 'POST /v1/orders'" in run("--route", "POST /v1/order")[2]
    assert "did you mean" not in run("--route", "/v1/orders")[2]


def test_a_mistyped_hop_is_wrong_usage(run: Run) -> None:
    with pytest.raises(UsageError, match="'order' is no hop; did you mean 'orders'"):
        run("--hop", "order")


def test_a_hop_that_is_in_the_catalog_no_more_is_searched(stores: Recorded, run: Run) -> None:
    stores.answer("jaeger", "/api/services", b'{"data": ["parcels"]}')
    stores.answer("jaeger", "/api/traces", b'{"data": []}')
    run("--hop", "parcels")
    assert asked(stores)["service"] == "parcels"


@pytest.mark.parametrize(("store", "words"), [("jaeger", ()), ("loki", ("--text", "order placed"))])
def test_a_store_that_is_down_is_told_with_what_to_do(
    stores: Recorded, run: Run, store: str, words: tuple[str, ...]
) -> None:
    stores.stop(store)
    code, out, told = run(*words)
    assert (code, out) == (1, "")
    assert told.startswith(f"{store} does not answer at http://{stores.layout.address(store)}/")
    assert "./nextphase status" in told


def test_an_answer_that_is_no_json_is_told(stores: Recorded, run: Run) -> None:
    stores.answer("jaeger", "/api/traces", b"<html>Log in</html>")
    code, _, told = run()
    assert code == 1
    assert "jaeger answered with something else than JSON" in told


def test_a_search_that_does_not_end_is_told(
    stores: Recorded, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_search, "_MAX_PAGES", 1)
    code, _, told = run("--limit", "1", "--status", "599")
    assert code == 1
    assert "Looked back to " in told
    assert "--since" in told


def test_without_a_jaeger_lines_are_found(stores: Recorded, run: Run) -> None:
    file = stores.layout.root / "compose/platform.yaml"
    settings = file.read_text().partition("\ntelemetry:")[0]
    file.write_text(f"{settings}\ntelemetry:\n  otlp: {{url: 'http://127.0.0.1:9'}}\n")
    code, out, told = run("--text", "order placed", "--json")
    assert (code, told) == (0, "")
    assert {trace["spans"] for trace in json.loads(out)["traces"]} == {0}
    code, _, told = run()
    assert code == 1
    assert "compose/platform.yaml names no jaeger" in told
