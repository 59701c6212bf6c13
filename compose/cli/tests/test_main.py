"""The command line as people use it: in a process of its own, under the Python at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout on a machine where nothing has been set up: the command, and what names the tools."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(ROOT / "compose", folder / "compose", ignore=ignored)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    for file in ("nextphase", "pyproject.toml"):
        shutil.copy(ROOT / file, folder)
    return folder


def nextphase(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "NEXTPHASE_INSTANCE"}
    return subprocess.run(
        [sys.executable, str(checkout / "nextphase"), *arguments],
        capture_output=True,
        text=True,
        env={**inherited, "XDG_CACHE_HOME": str(checkout / "cache"), **environment},
        cwd="/",
        timeout=60,
        check=False,
    )


def test_help_tells_every_command(checkout: Path) -> None:
    answer = nextphase(checkout, "--help")
    assert answer.returncode == 0
    commands = (
        "up",
        "down",
        "status",
        "logs",
        "demo",
        "trace",
        "find",
        "alerts",
        "emit",
        "tail",
        "rio",
        "outbox",
        "doctor",
        "test",
    )
    for command in commands:
        assert re.search(rf"^    {command} ", answer.stdout, re.MULTILINE)
        own = nextphase(checkout, command, "--help")
        assert own.returncode == 0
        assert "--instance NAME" in own.stdout


def test_help_tells_how_a_token_is_used(checkout: Path) -> None:
    told = " ".join(nextphase(checkout, "token", "--help").stdout.split())
    assert "(orders:read)" in told
    assert "$(./nextphase token --subject ID)" in told
    assert "/v1/me/orders" in told
    assert "--scope stock:write" in told


def test_no_command_shows_the_help(checkout: Path) -> None:
    answer = nextphase(checkout)
    assert answer.returncode == 2
    assert "./nextphase up" in answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["up", "--nonsense"],
        ["up", "extra"],
        ["status", "--inst", "x"],
        ["logs"],
        ["logs", "gateway", "-n", "0"],
        ["demo", "--orders", "many"],
        ["demo", "--orders", "3", "--for", "1m"],
        ["demo", "--orders", "3", "--rate", "2"],
        ["demo", "--for", "1m", "--forever"],
        ["demo", "--for", "10"],
        ["demo", "--for", "0s"],
        ["demo", "--rate", "0"],
        ["demo", "--rate", "nan"],
        ["demo", "--rate", "501"],
        ["demo", "--failing", "2%"],
        ["demo", "--forever", "--failing", "0.02"],
        ["demo", "--forever", "--failing", "101%"],
        ["demo", "--forever", "--failing", "60%", "--slow", "50%"],
        ["trace"],
        ["find", "sloest"],
        ["find", "--status", "600"],
        ["find", "--status", "5x"],
        ["find", "--min", "2"],
        ["find", "--min", "2s", "--max", "1s"],
        ["find", "--limit", "501"],
        ["find", "--since", "soon"],
        ["find", "--since", "2999-01-01T00:00:00Z"],
        ["find", "--text", " "],
        ["find", "--text", "a\x1b[2J"],
        ["alerts", "nonsense"],
        ["alerts", "silence"],
        ["alerts", "silence", "HopDown", "--for", "1h"],
        ["alerts", "silence", "HopDown", "--for", "8d", "--comment", "why"],
        ["alerts", "silence", "HopDown", "--for", "1h", "--comment", ""],
        ["alerts", "silence", "--for", "1h", "--comment", "why"],
        ["alerts", "silence", "--end", "nonsense"],
        ["alerts", "silence", "HopDown", "--end", "0c5a7bbc-6d0f-4a55-9c5a-6f2f0d1a4e11"],
        ["open", "nonsense"],
        ["open", "map", "--since", "soon"],
        ["emit", "order.placed"],
        ["emit", "order.placed", "{}", "--after", "-1"],
        ["emit", "order.placed", "{}", "--after", "nan"],
        ["rio"],
        ["rio", "nonsense"],
        ["rio", "dead", "bury"],
        ["rio", "dead", "replay", "x"],
        ["rio", "dead", "--limit", "501"],
        ["rio", "deliveries", "--since", "yesterday"],
        ["rio", "replay", "orders", "--from", "2026-01-31T12:00:00"],
        ["rio", "topology", "--format", "png"],
        ["outbox", "bury"],
        ["outbox", "retry", "orders", "x"],
        ["up", "--instance", "Upper"],
        ["up", "--instance", "../escape"],
        ["up", "--instance", "a" * 21],
        ["--instance", "", "up"],
    ],
)
def test_wrong_usage(checkout: Path, arguments: list[str]) -> None:
    answer = nextphase(checkout, *arguments)
    assert answer.returncode == 2
    assert "usage: nextphase" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (checkout / ".nextphase").exists()


def test_a_wrong_instance_in_the_environment_is_wrong_usage(checkout: Path) -> None:
    assert nextphase(checkout, "status", NEXTPHASE_INSTANCE="Not One").returncode == 2


@pytest.mark.parametrize(
    "command",
    [
        ["down"],
        ["status"],
        ["logs", "x"],
        ["demo"],
        ["trace", "0" * 32],
        ["find"],
        ["alerts"],
        ["alerts", "silence", "HopDown", "--for", "1h", "--comment", "why"],
        ["emit", "order.placed", "{}"],
        ["tail"],
        ["rio", "topology"],
        ["outbox"],
    ],
)
def test_what_needs_an_instance_says_how_to_get_one(checkout: Path, command: list[str]) -> None:
    answer = nextphase(checkout, *command, "--instance", "other")
    assert answer.returncode == 1
    assert "there is no instance 'other' here" in answer.stderr
    assert "./nextphase up --instance other" in answer.stderr
    assert not (checkout / ".nextphase").exists()


def test_what_needs_a_set_up_machine_says_so(checkout: Path) -> None:
    (checkout / ".nextphase/default").mkdir(parents=True)
    (checkout / ".nextphase/default/instance.json").write_text('{"offset": 0}')
    answer = nextphase(checkout, "status")
    assert answer.returncode == 1
    assert "not set up" in answer.stderr
    assert "Run ./nextphase up" in answer.stderr


def test_doctor_works_before_anything_is_installed(checkout: Path) -> None:
    answer = nextphase(checkout, "doctor")
    assert answer.returncode == 1
    assert "WRONG tool jaeger: not built" in answer.stdout
    findings = json.loads(nextphase(checkout, "doctor", "--json").stdout)
    wrong = {finding["check"] for finding in findings if not finding["right"]}
    assert {"Python packages", "tool loki"} <= wrong
    assert all(finding["advice"] for finding in findings if not finding["right"])
    assert not (checkout / ".nextphase").exists()


def test_down_of_what_does_not_run_is_no_error_and_purge_removes_it(checkout: Path) -> None:
    state = checkout / ".nextphase/default"
    state.mkdir(parents=True)
    (state / "instance.json").write_text('{"offset": 0}')
    assert nextphase(checkout, "down").returncode == 0
    assert state.exists()
    answer = nextphase(checkout, "down", "--purge")
    assert answer.returncode == 0
    assert not state.exists()


def test_logs_shows_the_last_lines_and_names_what_there_is(checkout: Path) -> None:
    state = checkout / ".nextphase/default"
    (state / "logs/nginx").mkdir(parents=True)
    (state / "instance.json").write_text('{"offset": 0}')
    (state / "logs/gateway.log").write_text("".join(f"line {number}\n" for number in range(10)))
    (state / "logs/nginx/edge-access.json").write_text("{}\n")
    assert nextphase(checkout, "logs", "gateway", "-n", "2").stdout == "line 8\nline 9\n"
    assert nextphase(checkout, "logs", "nginx/edge-access.json").stdout == "{}\n"
    answer = nextphase(checkout, "logs", "../../etc/passwd")
    assert answer.returncode == 1
    assert "There are: edge-nginx, gateway, nginx/edge-access.json" in answer.stderr


def test_one_name_shows_the_logs_of_all_that_belongs_to_it_in_the_order_of_time(checkout: Path) -> None:
    state = checkout / ".nextphase/default"
    (state / "logs/nginx").mkdir(parents=True)
    (state / "config").mkdir()
    (state / "instance.json").write_text('{"offset": 0}')

    def line(second: int) -> str:
        return f'{{"time":"2026-11-29T10:00:{second:02d}.000Z","message":"at {second}"}}\n'

    for name, text in {
        "orders-1.log": line(1) + "  its second line\n" + line(4),
        "orders-2.log": line(2) + line(3),
        "orders-migrate.log": "migrated\n",
        "rio-api.log": line(1),
        "rio-dispatcher.log": line(2),
        "nginx/edge-access.json": line(5),
        "nginx/edge-error.log": "2026/11/29 10:00:04 [warn] late\n",
        "nginx/edge-spans.json": "{}\n",
    }.items():
        (state / "logs" / name).write_text(text)
    silent = "".join(f"    log_location: {state}/logs/{name}.log\n" for name in ("edge-nginx", "logrotate"))
    (state / "config/process-compose.yaml").write_text(silent)

    def shown(*arguments: str) -> list[str]:
        answer = nextphase(checkout, "logs", *arguments)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()

    assert [each.partition(" | ")[0] for each in shown("orders")] == [
        "orders-1",
        "orders-1",
        "orders-2",
        "orders-2",
        "orders-1",
    ]
    assert shown("orders", "-n", "2") == [f"orders-2 | {line(3)}".strip(), f"orders-1 | {line(4)}".strip()]
    assert shown("orders-2", "-n", "1") == [line(3).strip()]
    assert shown("orders-migrate") == ["migrated"]
    assert [each.partition(" | ")[0] for each in shown("rio")] == ["rio-api", "rio-dispatcher"]
    assert [each.partition(" | ")[0] for each in shown("edge-nginx")] == [
        "edge-error.log",
        "edge-access.json",
    ]
    silent_answer = nextphase(checkout, "logs", "logrotate")
    assert (silent_answer.returncode, silent_answer.stdout) == (0, "")
    assert "logrotate has written nothing" in silent_answer.stderr
    mistyped = nextphase(checkout, "logs", "ordres")
    assert mistyped.returncode == 1
    assert "there is no log 'ordres'; did you mean 'orders'" in mistyped.stderr


def test_logs_follows_through_a_rotation_until_interrupted(checkout: Path) -> None:
    state = checkout / ".nextphase/default"
    (state / "logs").mkdir(parents=True)
    (state / "instance.json").write_text('{"offset": 0}')
    log = state / "logs/gateway.log"
    log.write_text("before\n")
    command = [sys.executable, "-u", str(checkout / "nextphase"), "logs", "gateway", "-f"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        assert follower.stdout.readline() == "before\n"
        with log.open("a") as file:
            file.write("added\n")
        assert follower.stdout.readline() == "added\n"
        log.rename(log.with_name("gateway-2026.log"))
        log.write_text("rotated\n")
        assert follower.stdout.readline() == "rotated\n"
        follower.send_signal(2)
        try:
            assert follower.wait(10) == 130
        finally:
            follower.kill()


def test_an_unexpected_error_is_one_line_and_a_file(checkout: Path) -> None:
    (checkout / ".nextphase").mkdir()
    (checkout / "compose/cli/commands/doctor.py").write_text("def run(root, args):\n    1 / 0\n")
    answer = nextphase(checkout, "doctor")
    assert answer.returncode == 1
    assert "unexpected ZeroDivisionError" in answer.stderr
    assert "Traceback" not in answer.stderr
    trace = Path(answer.stderr.splitlines()[-1].removeprefix("The stack trace is in "))
    assert "ZeroDivisionError" in trace.read_text()


def test_a_reader_that_leaves_is_no_error_message(checkout: Path) -> None:
    code = f"{sys.executable} {checkout}/nextphase doctor | head -0; echo ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in answer.stderr
    assert "Exception" not in answer.stderr


def test_everything_after_test_goes_to_pytest() -> None:
    from compose.cli.main import parse

    args = parse(["test", "-m", "not stack", "--instance", "ci", "-k", "name", "gateway", "-x"])
    assert args.instance == "ci"
    assert args.pytest == ["-m", "not stack", "-k", "name", "gateway", "-x"]
    assert parse(["test", "--", "-q"]).pytest == ["-q"]
    assert not args.containers
    args = parse(["test", "--containers", "-x"])
    assert (args.containers, args.pytest) == (True, ["-x"])


def test_the_instance_may_be_named_before_or_after_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from compose.cli.main import parse

    monkeypatch.setenv("NEXTPHASE_INSTANCE", "mine")
    assert parse(["status"]).instance == "mine"
    assert parse(["--instance", "one", "status"]).instance == "one"
    assert parse(["status", "--instance", "two"]).instance == "two"
    monkeypatch.delenv("NEXTPHASE_INSTANCE")
    assert parse(["status"]).instance == "default"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("open logs --since 6h orders", {"what": "logs", "name": "orders", "since": "6h"}),
        ("open --print logs --since 6h orders", {"what": "logs", "name": "orders", "print_only": True}),
        ("open --since 6h", {"what": "home", "name": None}),
        ("logs -n 5 orders -f", {"name": "orders", "lines": 5, "follow": True}),
        ("emit order.placed --subject s {}", {"type": "order.placed", "data": "{}", "subject": "s"}),
        ("emit order.placed --subject s -1", {"type": "order.placed", "data": "-1"}),
        ("emit --subject s -- order.placed --1", {"type": "order.placed", "data": "--1"}),
        ("tail --json order.*", {"type": "order.*", "json": True}),
        ("outbox retry --all orders", {"action": "retry", "service": "orders", "all": True, "positions": []}),
        ("outbox --limit 5", {"action": "list", "service": None, "positions": []}),
        ("outbox retry orders --instance a 41 42", {"service": "orders", "positions": [41, 42]}),
        ("rio dead replay --json 17 18", {"action": "replay", "ids": [17, 18], "json": True}),
        ("rio dead --all replay", {"action": "replay", "ids": [], "all": True}),
        ("rio dead --json", {"action": "list", "ids": []}),
        ("rio deliveries show --json 3", {"action": "show", "id": 3}),
        ("rio subscriptions --json pause mails", {"action": "pause", "id": "mails"}),
        ("rio replay --from 2026-01-31T12:00:00Z mails", {"subscription": "mails"}),
        ("find --since 2h slowest --json", {"what": "slowest", "json": True}),
        ("find --min 250ms", {"what": "last", "least": 250_000, "limit": 20, "json": False}),
        ("alerts --json", {"action": None, "json": True}),
        ("alerts --json silence --for 1h HopDown --comment why", {"name": "HopDown", "json": True}),
        ("alerts silence --json HopDown --for 1h --comment why", {"seconds": 3600, "json": True}),
        ("alerts --instance a silence HopDown --for 1h --comment why", {"instance": "a", "json": False}),
        ("bench --quick rio", {"what": "rio", "quick": True}),
    ],
)
def test_options_may_stand_between_what_a_command_is_about(
    arguments: str, expected: dict[str, object]
) -> None:
    from compose.cli.main import parse

    assert vars(parse(arguments.split())).items() >= expected.items()


def test_the_version_is_the_projects(checkout: Path) -> None:
    assert re.fullmatch(r"nextphase \d+\.\d+\.\d+\n", nextphase(checkout, "--version").stdout)


def test_help_names_what_the_commands_have_in_common(checkout: Path) -> None:
    told = nextphase(checkout, "--help").stdout
    assert all(option in told for option in ("--instance NAME", "--json", "--version", "NO_COLOR"))


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["statsu"], "'status'"),
        (["rio", "topologi"], "'topology'"),
        (["find", "slowst"], "'slowest'"),
        (["find", "--rout", "/v1/orders"], "'--route'"),
        (["open", "logs", "--sinc=6h"], "'--since'"),
        (["alerts", "silense"], "'silence'"),
        (["down", "--prge"], "'--purge'"),
        (["demo", "--ordrs", "3"], "'--orders'"),
    ],
)
def test_a_mistyped_word_is_told_what_it_is_close_to(
    checkout: Path, arguments: list[str], meant: str
) -> None:
    answer = nextphase(checkout, *arguments)
    assert answer.returncode == 2
    assert f"did you mean {meant}" in answer.stderr


def test_a_mistyped_instance_is_told_what_it_is_close_to(checkout: Path) -> None:
    (checkout / ".nextphase/staging").mkdir(parents=True)
    (checkout / ".nextphase/staging/instance.json").write_text('{"offset": 1000}')
    assert "did you mean 'staging'?" in nextphase(checkout, "status", "--instance", "stagign").stderr


def test_a_hint_keeps_the_instance(checkout: Path) -> None:
    (checkout / ".nextphase/other").mkdir(parents=True)
    (checkout / ".nextphase/other/instance.json").write_text('{"offset": 1000}')
    for arguments, environment in ((["--instance", "other"], {}), ([], {"NEXTPHASE_INSTANCE": "other"})):
        answer = nextphase(checkout, "status", *arguments, **environment)
        assert "Run ./nextphase up --instance other" in answer.stderr
