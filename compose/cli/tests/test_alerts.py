"""`nextphase alerts` with what the stores of an instance answered once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compose.cli.commands import alerts
from compose.cli.errors import Failure, UsageError
from compose.cli.links import Links
from compose.cli.main import parse
from compose.cli.tests.recorded import Recorded, recorded

SILENCE = "0c5a7bbc-6d0f-4a55-9c5a-6f2f0d1a4e11"
NO_RULES = b'{"status": "success", "data": {"groups": []}}'

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as found:
        found.replay("prometheus", "/api/v1/rules", "prometheus-rules.json")
        found.replay("alertmanager", "/api/v2/alerts", "alertmanager-alerts.json")
        found.replay("alertmanager", "/api/v2/silences", "alertmanager-silences.json")
        yield found


@pytest.fixture
def run(stores: Recorded, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command; its exit code and what it printed to both."""

    def command(*words: str) -> tuple[int, str, str]:
        code = alerts.run(stores.layout, parse(["alerts", *words]))
        return code, *capsys.readouterr()

    return command


def watchdog(**more: Any) -> dict[str, Any]:
    """The alert that Alertmanager always has."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    alert = {"labels": {"alertname": "Watchdog", "severity": "none"}, "annotations": {}, "status": status}
    return {**alert, "startsAt": "2026-11-29T20:00:00.000Z", "fingerprint": "f0", **more}


def only(stores: Recorded, *received: dict[str, Any]) -> None:
    """Have Alertmanager alone know of alerts: these and the Watchdog."""
    stores.answer("prometheus", "/api/v1/rules", NO_RULES)
    stores.answer("alertmanager", "/api/v2/alerts", json.dumps([watchdog(), *received]).encode())


def test_what_fires_is_told_with_what_to_do(stores: Recorded, run: Run) -> None:
    code, out, told = run()
    assert (code, told) == (1, "")
    head, firing, *_ = out.split("\n\n")
    assert head == "1 firing, 1 pending, 1 silenced, 5 inhibited"
    lines = firing.splitlines()
    assert re.fullmatch(r"  since {9}2026-11-29 21:05:50, \w+ ago", lines.pop(1))
    assert lines == [
        "firing  HopDown  critical, culprit notifications",
        "  why           notifications is down. Prometheus has reached no process of",
        "                notifications for 30 s.",
        "  do            `status`, then its `logs`; `up` starts what is not running. Of",
        "                an nginx: its error log in `.nextphase/<instance>/logs/nginx/`.",
        "  runbook       docs/operate.md#hopdown",
        f"  alert         {Links.of(stores.layout).alerts('HopDown')}",
        "  dashboard     http://127.0.0.1:5000/d/nextphase-service?var-service=notifications",
    ]


def test_what_is_not_told_to_anybody_says_why(run: Run) -> None:
    *_, silenced, _, _, _, _, inhibited = run()[1].split("\n\n")
    assert silenced.startswith("silenced  HighErrorRatio")
    assert "until 2026-11-29 22:07:39 by root (nextphase): known since" in silenced
    end = "./nextphase alerts silence --end 2106cbfb-f049-4479-ad23-89fe1bdb98c0"
    assert f"  end it        {end}" in silenced.splitlines()
    assert inhibited.startswith("inhibited  RioCircuitOpen")
    assert "  inhibited by  HopDown of notifications" in inhibited.splitlines()


def test_json_has_all_of_it(stores: Recorded, run: Run) -> None:
    code, out, _ = run("--json")
    document = json.loads(out)
    assert code == 1
    assert document["unknown"] == []
    found = {(alert["standing"], alert["name"]) for alert in document["alerts"]}
    assert found == {
        ("firing", "HopDown"),
        ("pending", "RioRetrying"),
        ("silenced", "HighErrorRatio"),
        ("inhibited", "GatewayCircuitOpen"),
        ("inhibited", "DependencyFailing"),
        ("inhibited", "GatewayPartialAnswers"),
        ("inhibited", "RioCircuitOpen"),
    }
    _, pending, silenced, *_ = document["alerts"]
    assert pending["since"] == "2026-11-29T21:06:57.802249+00:00"
    assert 0.861 < pending["value"] < 0.8612
    assert silenced["labels"]["service"] == "services-nginx"
    assert silenced["culprit"] == "notifications"
    assert silenced["inhibited_by"] == [{"name": "HopDown", "service": "notifications"}]
    assert silenced["silences"] == [
        {
            "id": "2106cbfb-f049-4479-ad23-89fe1bdb98c0",
            "ends_at": "2026-11-29T22:07:39.397000+00:00",
            "created_by": "root (nextphase)",
            "comment": "known since Monday",
        }
    ]
    assert silenced["steps"].startswith("`find --status 5xx`")
    assert silenced["alert_url"] == Links.of(stores.layout).alerts("HighErrorRatio")


def test_nothing_that_fires_is_no_failure(stores: Recorded, run: Run) -> None:
    only(stores)
    assert run() == (0, "nothing firing\n", "")
    code, out, _ = run("--json")
    assert (code, json.loads(out)) == (0, {"alerts": [], "unknown": []})


def test_alerting_that_is_broken_is_a_failure(stores: Recorded, run: Run) -> None:
    stores.answer("prometheus", "/api/v1/rules", NO_RULES)
    stores.answer("alertmanager", "/api/v2/alerts", b"[]")
    code, out, told = run()
    assert code == 1
    assert out == "nothing firing, as far as is known\n"
    assert "no alert Watchdog" in told


@pytest.mark.parametrize("store", ["prometheus", "alertmanager"])
def test_a_store_that_is_down_is_told_beside_what_the_other_knows(
    stores: Recorded, run: Run, store: str
) -> None:
    stores.stop(store)
    code, out, told = run()
    assert code == 1
    assert "HopDown" in out
    assert told.startswith(f"{store} does not answer at http://{stores.layout.address(store)}/")
    assert "./nextphase status" in told
    assert told.count("does not answer") == 1
    (unknown,) = json.loads(run("--json")[1])["unknown"]
    assert unknown == told.strip()


def test_what_steers_a_terminal_is_made_visible(stores: Recorded, run: Run) -> None:
    labels = {"alertname": "HopDown", "severity": "critical", "service": "or\x1b[2Jders"}
    only(stores, watchdog(labels=labels, annotations={"summary": "[red]\x1b]0;x\x07"}, fingerprint="f1"))
    _, out, _ = run()
    assert "\x1b" not in out
    assert "or\\x1b[2Jders" in out
    assert "[red]\\x1b]0;x\\x07" in out


def test_alerts_of_other_instances_are_not_shown(stores: Recorded, run: Run) -> None:
    """Where an existing Alertmanager has those of several, and of other systems."""
    url = f"http://{stores.layout.address('alertmanager')}"
    file = stores.layout.root / "compose/platform.yaml"
    settings = file.read_text().partition("\ntelemetry:")[0]
    file.write_text(f"{settings}\ntelemetry:\n  alertmanager: {{url: '{url}'}}\n")
    mine, others = (
        {"alertname": "HopDown", "service": "orders", "deployment_environment_name": name}
        for name in ("default", "another")
    )
    foreign = {"alertname": "DiskFull", "service": "orders"}
    unlabelled = {"alertname": "RioBacklog", "service": "orders"}
    received = [
        watchdog(labels=labels, fingerprint=str(number))
        for number, labels in enumerate((mine, others, foreign, unlabelled))
    ]
    only(stores, *received)
    shown = json.loads(run("--json")[1])["alerts"]
    assert [alert["name"] for alert in shown] == ["HopDown", "RioBacklog"]
    assert shown[0]["labels"]["deployment_environment_name"] == "default"


def test_where_no_alertmanager_is_named_that_is_told(stores: Recorded, run: Run) -> None:
    url = f"http://{stores.layout.address('prometheus')}"
    file = stores.layout.root / "compose/platform.yaml"
    settings = file.read_text().partition("\ntelemetry:")[0]
    prometheus = f"prometheus: {{url: '{url}', remote_write_url: '{url}/api/v1/write'}}"
    file.write_text(f"{settings}\ntelemetry:\n  {prometheus}\n")
    stores.answer("prometheus", "/api/v1/rules", NO_RULES)
    code, _, told = run()
    assert code == 0
    assert "What is silenced or inhibited is not known" in told
    code, _, told = run("silence", "HopDown", "--for", "1h", "--comment", "why")
    assert code == 1
    assert "names no alertmanager" in told


def test_a_silence_is_asked_for_and_how_to_end_it_is_told(stores: Recorded, run: Run) -> None:
    answer = json.dumps({"silenceID": SILENCE}).encode()
    stores.answer("alertmanager", "/api/v2/silences", answer, method="POST")
    before = datetime.now(UTC)
    code, out, told = run(
        "silence", "HopDown", "--service", "accounts", "--for", "90m", "--comment", "new disk"
    )
    assert (code, told) == (0, "")
    assert f"./nextphase alerts silence --end {SILENCE}" in out.splitlines()[1]
    (posted,) = [one for one in stores.asked if one.method == "POST"]
    document = json.loads(posted.body)
    begins, ends = (datetime.fromisoformat(document[name]) for name in ("startsAt", "endsAt"))
    assert before <= begins <= datetime.now(UTC)
    assert ends - begins == timedelta(minutes=90)
    assert document["createdBy"].endswith(" (nextphase)")
    assert document["comment"] == "new disk"
    matchers = {matcher["name"]: matcher["value"] for matcher in document["matchers"]}
    assert matchers == {"alertname": "HopDown", "service": "accounts"}
    assert all(matcher["isEqual"] and not matcher["isRegex"] for matcher in document["matchers"])
    _, out, _ = run("silence", "HopDown", "--for", "90m", "--comment", "new disk", "--json")
    assert json.loads(out)["id"] == SILENCE


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["HopDwn"], "'HopDwn' is no alert; did you mean 'HopDown'"),
        (["HopDown", "--service", "acounts"], "no service or hop; did you mean 'accounts'"),
        (["HopDown", "--service", "postgress"], "did you mean 'postgres'"),
    ],
)
def test_what_nothing_is_called_is_wrong_usage(run: Run, words: list[str], meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        run("silence", *words, "--for", "1h", "--comment", "why")
    assert meant in raised.value.message


def test_a_silence_is_ended(stores: Recorded, run: Run) -> None:
    path = f"/api/v2/silence/{SILENCE}"
    silence = {
        "id": SILENCE,
        "comment": "new disk",
        "createdBy": "ada",
        "endsAt": "2026-11-29T20:00:00.000Z",
        "status": {"state": "active"},
    }
    with pytest.raises(Failure, match="there is no silence"):
        run("silence", "--end", SILENCE)
    stores.answer("alertmanager", path, json.dumps(silence).encode())
    stores.answer("alertmanager", path, b"", method="DELETE")
    code, out, _ = run("silence", "--end", SILENCE.upper())
    assert (code, out) == (0, f"silence {SILENCE} is ended (new disk)\n")
    assert stores.asked[-1].method == "DELETE"
    stores.answer("alertmanager", path, json.dumps(silence | {"status": {"state": "expired"}}).encode())
    with pytest.raises(Failure, match="has ended already, at 2026-11-29 20:00:00 UTC"):
        run("silence", "--end", SILENCE)


def test_a_silence_that_alertmanager_refuses_is_told(stores: Recorded, run: Run) -> None:
    stores.answer("alertmanager", "/api/v2/silences", b'"too many"', method="POST", status=400)
    code, _, told = run("silence", "HopDown", "--for", "1h", "--comment", "why")
    assert code == 1
    assert 'alertmanager answered 400: "too many"' in told
