"""Who is told of alerts: what is refused, and what Alertmanager is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli import alertmanager
from compose.cli.catalog import Catalog
from compose.cli.generate import Plan, generate_for_containers, plan
from compose.cli.layout import Layout
from compose.cli.platform import FILE, Platform
from compose.cli.refusal import Refused
from compose.cli.tests import checkout

SECRET = "c0ffee-of-the-team"
EVERYTHING = """\
notifications:
  receivers:
    mail:
      severities: [warning]
      email:
        {to: [o@example.net], from: a@example.net, smarthost: "a.net:587", username: a, password_file: SECRET}
    chat: {slack: {url_file: URL, channel: "#shop"}}
    on-call: {severities: [critical], pagerduty: {routing_key_file: SECRET}}
    tickets: {webhook: {url: "https://tickets.example.net/a?team=shop", credentials_file: SECRET}}
  watchdog: {url: "https://alive.example.net/shop", credentials_file: SECRET, every_seconds: 30}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout beside files of secrets."""
    made = checkout.make(tmp_path)
    (made / "SECRET").write_text(f"{SECRET}\n")
    (made / "URL").write_text(f"https://chat.example.net/{SECRET}\n")
    return made


def configure(root: Path, text: str) -> None:
    """Settings with these notifications; SECRET and URL stand for the paths of these files."""
    settings = re.sub(r"^notifications:.*\n(  .*\n)*", "", (root / FILE).read_text(), flags=re.MULTILINE)
    (root / FILE).write_text(settings + re.sub(r"\b(SECRET|URL|NOTHING)\b", rf"{root}/\1", text))


def planned(root: Path, text: str) -> Plan:
    configure(root, text)
    return plan(Catalog.load(root), Layout.open(root), checkout.toolbox())


def receivers(made: Plan) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(made.files[alertmanager.FILE])
    return {receiver.pop("name"): receiver for receiver in document["receivers"]}


def test_alerts_go_where_their_severities_say(root: Path) -> None:
    found = receivers(planned(root, EVERYTHING))
    assert found["page"].keys() == {"slack_configs", "pagerduty_configs", "webhook_configs"}
    assert found["ticket"].keys() == {"email_configs", "slack_configs", "webhook_configs"}
    (watchdog,) = found["watchdog"]["webhook_configs"]
    assert watchdog["url"] == "https://alive.example.net/shop"


def test_secrets_are_in_files_of_the_owner_alone(root: Path) -> None:
    made = planned(root, EVERYTHING)
    folder = made.layout.secrets / "notifications"
    secrets = {path.name: path.read_text() for path in folder.iterdir()}
    url = f"https://chat.example.net/{SECRET}"
    names = ("mail.email", "on-call.pagerduty", "tickets.webhook", "watchdog")
    assert secrets == {**dict.fromkeys(names, SECRET), "chat.slack": url}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not any(SECRET in text for text in made.files.values())
    assert SECRET not in str(made.processes)
    for name in secrets:
        assert str(folder / name) in made.files[alertmanager.FILE]
    planned(root, "notifications: {}\n")
    assert list(folder.iterdir()) == []


def test_containers_send_nothing(root: Path, tmp_path: Path) -> None:
    configure(root, EVERYTHING)
    generate_for_containers(Catalog.load(root), root, tmp_path / "volumes", "containers")
    text = (tmp_path / "volumes/config" / alertmanager.FILE).read_text()
    assert text == (root / alertmanager.SOURCE / "alertmanager.yml").read_text()


RECEIVER = "notifications: {receivers: {one: %s}}\n"
WATCHDOG = "notifications: {watchdog: {url: %s}}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RECEIVER % "{severities: [critical]}", "receivers.one: must name one of email,"),
        (
            RECEIVER % "{slack: {url_file: URL}, webhook: {url: 'http://a'}}",
            "receivers.one: must name one of",
        ),
        (
            RECEIVER % "{sms: {}}",
            "receivers.one.sms: is unknown; known are email, pagerduty, severities, slack,",
        ),
        (RECEIVER % "{severities: [info], slack: {url_file: URL}}", "one.severities.0: 'info' is not one of"),
        (RECEIVER % "{slack: {url_file: SECRET}}", "one.slack.url_file: ROOT/SECRET: does not hold a URL"),
        (RECEIVER % "{slack: {url_file: NOTHING}}", "url_file: ROOT/NOTHING: No such file or directory"),
        (RECEIVER % "{slack: {url: 'https://a'}}", "one.slack.url: is unknown; known are channel, url_file"),
        (RECEIVER % "{pagerduty: {routing_key: abc}}", "one.pagerduty.routing_key: is unknown"),
        (
            RECEIVER % "{webhook: {url: 'http://user:pass@a/'}}",
            "one.webhook.url: 'http://user:pass@a/' does not",
        ),
        (
            RECEIVER % "{email: {to: [a@b], from: a@b, smarthost: 'b:25', username: a}}",
            "one.email: 'password_file' is a dependency of 'username'",
        ),
        ("notifications: {receivers: {One: {webhook: {url: 'http://a'}}}}\n", "receivers.One: the name must"),
        (WATCHDOG % "ftp://a", "notifications.watchdog.url: 'ftp://a' does not match"),
        (WATCHDOG % "'http://a', every_seconds: 1", "every_seconds: 1 is less than the minimum of 10"),
        (WATCHDOG % "'http://a', credentials_file: a", "watchdog.credentials_file: 'a' does not match"),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_line_and_field(
    root: Path, text: str, expected: str
) -> None:
    with pytest.raises(Refused) as refused:
        planned(root, text)
    line = len((root / FILE).read_text().splitlines())
    said = str(refused.value)
    assert said.startswith(f"compose/platform.yaml:{line}: notifications."), said
    assert expected.replace("ROOT", str(root)) in said
    assert SECRET not in said


@pytest.mark.parametrize("content", ["", "two\nlines\n", "x" * 5000])
def test_a_file_that_holds_no_secret_is_refused(root: Path, content: str) -> None:
    (root / "SECRET").write_text(content)
    with pytest.raises(Refused, match="SECRET: does not hold one line"):
        planned(root, RECEIVER % "{pagerduty: {routing_key_file: SECRET}}")


def test_receivers_beside_an_existing_alertmanager_are_refused(root: Path) -> None:
    configure(root, RECEIVER % "{webhook: {url: 'http://a'}}")
    text = (root / FILE).read_text()
    (root / FILE).write_text(text.replace("telemetry: {}", "telemetry: {alertmanager: {url: 'http://b'}}"))
    with pytest.raises(Refused, match="notifications: has no effect"):
        Platform.load(root)
