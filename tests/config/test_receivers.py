"""Alerts arrive at every kind of receiver that compose/platform.yaml can name, by the real Alertmanager."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest

from compose.cli import alertmanager
from compose.cli.layout import Layout
from compose.cli.notifications import Notifications, Receiver, Watchdog, write_secrets
from compose.cli.site import Site
from compose.cli.toolbox import Toolbox
from tests.config.programs import ROOT, Program
from tests.config.test_inhibition import CAUSES
from tests.conftest import eventually
from tests.ports import free_port
from tests.receivers import MailServer, Webhook

pytestmark = pytest.mark.config

CONSOLE = "http://127.0.0.1:3000"
RUNBOOK = f"{CONSOLE}/alerts?alert=HopDown"
DASHBOARD = f"{CONSOLE}/d/nextphase-service?var-service=orders"
TRACES = f"{CONSOLE}/traces?service=orders"
SUMMARY = "orders is down"
DESCRIPTION = "Prometheus has reached 0 of 2 processes of orders for 30 s."
SECRETS = {"key": "routing-key-c0ffee", "token": "bearer-c0ffee", "password": "password-c0ffee"}
SECONDS = 60.0


@dataclass
class Running:
    """An Alertmanager with all receivers, and what they are."""

    url: str
    webhook: Webhook
    mails: MailServer
    program: Program
    configuration: Path


def notifications(folder: Path, webhook: Webhook, mails: MailServer) -> Notifications:
    files = {name: folder / name for name in (*SECRETS, "slack")}
    for name, secret in SECRETS.items():
        files[name].write_text(f"{secret}\n")
    files["slack"].write_text(f"{webhook.url}slack\n")
    email = {
        "to": ["ops@example.net", "oncall@example.net"],
        "from": "alerts@example.net",
        "smarthost": mails.address,
        "username": "alerts",
        "password_file": str(files["password"]),
        "require_tls": False,
    }
    token = str(files["token"])
    pagerduty = {"routing_key_file": str(files["key"]), "url": f"{webhook.url}pagerduty"}
    return Notifications(
        (
            Receiver("mail", "email", email),
            Receiver("chat", "slack", {"url_file": str(files["slack"]), "channel": "#shop"}),
            Receiver("on-call", "pagerduty", pagerduty, ("critical",)),
            Receiver("tickets", "webhook", {"url": f"{webhook.url}hook", "credentials_file": token}),
        ),
        Watchdog(f"{webhook.url}watchdog", token, every_seconds=10),
    )


@pytest.fixture
def running(toolbox: Toolbox, tmp_path: Path) -> Iterator[Running]:
    with Webhook() as webhook, MailServer(SECRETS["password"]) as mails:
        named = notifications(tmp_path, webhook, mails)
        site = Site.native(Layout(tmp_path, "shop", 0))
        write_secrets(Path(site.secrets), named)
        found = alertmanager.files(ROOT, site, named)
        for name, text in found.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        configuration = tmp_path / alertmanager.FILE
        port = free_port()
        command: list[str | Path] = [
            toolbox.alertmanager,
            f"--config.file={configuration}",
            f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        url = f"http://127.0.0.1:{port}"
        program = Program(command, {}, f"{url}/-/ready", tmp_path / "alertmanager.log")
        program.start()
        try:
            yield Running(url, webhook, mails, program, configuration)
        finally:
            program.kill()


def post(running: Running, name: str, severity: str, **labels: str) -> None:
    annotations = {
        "summary": SUMMARY,
        "description": DESCRIPTION,
        "runbook_url": RUNBOOK,
        "dashboard_url": DASHBOARD,
        "traces_url": TRACES,
    }
    alert = {"labels": {"alertname": name, "severity": severity, **labels}, "annotations": annotations}
    post_all(running, [alert])


def post_all(running: Running, alerts: Sequence[Mapping[str, Any]]) -> None:
    """Raise alerts that do not end during a test, however slow: without `endsAt` they do after a minute."""
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    raised = [{**alert, "endsAt": ends} for alert in alerts]
    url = f"{running.url}/api/v2/alerts"
    httpx.post(url, json=raised, timeout=10, trust_env=False).raise_for_status()


def first(running: Running, path: str) -> Any:
    def look() -> Any:
        assert running.webhook.at(path), f"nothing was sent to {path}:\n{running.program.tail()}"
        return running.webhook.at(path)[0]

    return eventually(look, SECONDS)


def first_mail(running: Running) -> Message:
    def look() -> Message:
        assert running.mails.mails, f"no mail was sent:\n{running.program.tail()}"
        return running.mails.mails[0]

    return eventually(look, SECONDS)


def test_amtool_takes_the_configuration(running: Running, toolbox: Toolbox) -> None:
    command = [toolbox.amtool, "check-config", running.configuration]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_a_critical_alert_arrives_everywhere(running: Running) -> None:
    post(running, "HopDown", "critical", service="orders")
    title = "[FIRING] HopDown of orders"

    hook = first(running, "/hook")
    assert hook.headers["authorization"] == f"Bearer {SECRETS['token']}"
    (alert,) = hook.body["alerts"]
    assert (alert["annotations"]["summary"], alert["annotations"]["runbook_url"]) == (SUMMARY, RUNBOOK)

    slack = first(running, "/slack").body
    (attachment,) = slack["attachments"]
    assert (slack["channel"], slack["username"]) == ("#shop", "nextphase shop")
    assert (attachment["title"], attachment["title_link"]) == (title, RUNBOOK)

    incident = first(running, "/pagerduty").body
    assert incident["routing_key"] == SECRETS["key"]
    assert incident["event_action"] == "trigger"
    assert (incident["client"], incident["client_url"]) == ("nextphase shop", RUNBOOK)
    payload = incident["payload"]
    assert (payload["severity"], payload["component"]) == ("critical", "orders")
    assert payload["summary"] == f"{title} (shop)"
    assert [link["href"] for link in incident["links"]] == [RUNBOOK, DASHBOARD]

    mail = first_mail(running)
    assert mail["Subject"] == f"{title} (shop)"
    assert set(running.mails.recipients) == {"ops@example.net", "oncall@example.net"}
    (part,) = (one for one in mail.walk() if one.get_content_type() == "text/plain")
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)

    for text in (attachment["text"], payload["custom_details"]["alerts"], body.decode()):
        for expected in (f"{SUMMARY}. {DESCRIPTION}", RUNBOOK, DASHBOARD, TRACES, "critical, firing"):
            assert expected in text


def test_only_receivers_of_a_severity_are_told_of_it(running: Running) -> None:
    post(running, "HighLatency", "warning", service="orders")
    first(running, "/slack")
    first(running, "/hook")
    first_mail(running)
    assert not running.webhook.at("/pagerduty")


@pytest.mark.parametrize("name", ["a service", "PostgreSQL"])
def test_a_cause_and_all_that_follows_of_it_are_one_notification(running: Running, name: str) -> None:
    cause, symptoms = CAUSES[name]
    post_all(running, [{"labels": {"severity": "critical", **labels}} for labels in (cause, *symptoms)])
    first(running, "/pagerduty")
    post(running, "RuleFailing", "critical")  # it comes when all that was raised before could have come

    def look() -> None:
        told = [one.body["payload"]["summary"] for one in running.webhook.at("/pagerduty")]
        title = f"[FIRING] {cause['alertname']} of {cause['service']} (shop)"
        assert told == [title, "[FIRING] RuleFailing (shop)"]

    eventually(look, SECONDS)


def test_the_watchdog_arrives_again_and_again_at_its_receiver_alone(running: Running) -> None:
    post(running, "Watchdog", "none")

    def look() -> None:
        assert len(running.webhook.at("/watchdog")) >= 3, running.program.tail()

    eventually(look, 120.0)
    assert {one.path for one in running.webhook.posted} == {"/watchdog"}
    assert not running.mails.mails


def test_no_secret_is_in_the_configuration_or_the_log(running: Running, toolbox: Toolbox) -> None:
    post(running, "HopDown", "critical", service="orders")
    first(running, "/pagerduty")
    status = httpx.get(f"{running.url}/api/v2/status", timeout=10, trust_env=False).text
    texts = (running.configuration.read_text(), running.program.log.read_text(), status)
    for secret in (*SECRETS.values(), f"{running.webhook.url}slack"):
        assert not any(secret in text for text in texts)


def test_without_receivers_the_configuration_is_the_checkouts() -> None:
    text = (ROOT / alertmanager.SOURCE / "alertmanager.yml").read_text()
    assert alertmanager.configuration(text, Site.containers("shop"), Notifications()) == text
