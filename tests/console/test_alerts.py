"""The page of alerts shows what Prometheus and Alertmanager have, and what the runbook says."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Stack, eventually, nextphase

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

_WATCHDOG = "Watchdog"


def rules(stack: Stack) -> list[Any]:
    """The alert rules, as Prometheus has them now."""
    answer = httpx.get(
        f"http://{stack.layout.address('prometheus')}/api/v1/rules?type=alert", trust_env=False
    )
    return [rule for group in answer.json()["data"]["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module", autouse=True)
def watched(stack: Stack) -> None:
    """Alertmanager has the alert that always fires."""

    def look() -> None:
        assert any(alert["labels"]["alertname"] == _WATCHDOG for alert in alerts(stack))

    eventually(look, 60.0)


def alerts(stack: Stack) -> Any:
    answer = httpx.get(f"http://{stack.layout.address('alertmanager')}/api/v2/alerts", trust_env=False)
    return answer.raise_for_status().json()


@pytest.fixture
def silence(stack: Stack) -> Iterator[str]:
    """The Watchdog is silenced; the comment that says why."""
    base = f"http://{stack.layout.address('alertmanager')}/api/v2"
    now, comment = datetime.now(UTC), "<b>planned</b> work"
    document = {
        "matchers": [{"name": "alertname", "value": _WATCHDOG, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "ada",
        "comment": comment,
    }
    made = httpx.post(f"{base}/silences", json=document, trust_env=False).raise_for_status().json()

    def look() -> None:
        (alert,) = [each for each in alerts(stack) if each["labels"]["alertname"] == _WATCHDOG]
        assert alert["status"]["silencedBy"]

    eventually(look)
    yield comment
    httpx.delete(f"{base}/silence/{made['silenceID']}", trust_env=False).raise_for_status()


def test_every_rule_is_there(page: Page, console: str, stack: Stack) -> None:
    page.goto(f"{console}/alerts")
    expect(page.locator("tr[data-rule]")).to_have_count(len(rules(stack)))
    for rule in rules(stack):
        expect(page.locator(f'tr[data-rule="{rule["name"]}"]')).to_contain_text(rule["query"])

    def look() -> None:  # a state may change between the page's answer and ours
        shown = {
            row.get_attribute("data-rule"): row.locator("td").first.inner_text()
            for row in page.locator("tr[data-rule]").all()
        }
        words = {"inactive": "quiet"}
        assert shown == {rule["name"]: words.get(rule["state"], rule["state"]) for rule in rules(stack)}

    eventually(look, 60.0)


def test_what_fires_says_since_when_and_what_to_do(page: Page, console: str, stack: Stack) -> None:
    page.goto(f"{console}/alerts")
    card = page.get_by_role("region", name="Firing").locator(f'[data-alert="{_WATCHDOG}"]')
    expect(card).to_contain_text("Alerts get through")
    expect(card).to_contain_text("its absence is the alarm: alerting itself is down")
    (known,) = [alert for alert in alerts(stack) if alert["labels"]["alertname"] == _WATCHDOG]
    shown = datetime.fromisoformat(str(card.locator("time").get_attribute("datetime")))
    assert shown == datetime.fromisoformat(known["startsAt"])


def test_what_is_silenced_says_why(page: Page, console: str, silence: str) -> None:
    page.goto(f"{console}/alerts")
    card = page.get_by_role("region", name="Silenced").locator(f'[data-alert="{_WATCHDOG}"]')
    expect(card).to_contain_text("Silenced by ada until")
    expect(card).to_contain_text(silence)
    expect(card).to_contain_text(f'alertname="{_WATCHDOG}"')
    firing = page.get_by_role("region", name="Firing").locator(f'[data-alert="{_WATCHDOG}"]')
    expect(firing).to_have_count(0)


def test_a_rule_has_its_value_its_runbook_and_its_history(page: Page, console: str) -> None:
    page.goto(f"{console}/alerts?alert={_WATCHDOG}&from=now-15m&to=now")
    details = page.get_by_role("region", name=_WATCHDOG, exact=True)
    expect(details).to_contain_text("Always fires.")
    expect(details).to_contain_text("docs/operate.md#watchdog")
    expect(details.locator(".rule-expression")).to_have_text("vector(1)")
    expect(details.get_by_role("group", name=f"{_WATCHDOG} over time")).to_be_visible()
    expect(details.locator(f'[data-history="{_WATCHDOG}"]')).to_contain_text("goes on")


def test_the_value_is_drawn_where_the_alert_is_quiet(page: Page, console: str) -> None:
    page.goto(f"{console}/alerts?alert=HopDown&from=now-15m&to=now")
    details = page.get_by_role("region", name="HopDown", exact=True)
    expect(details).to_contain_text("the alert's condition is == 0")
    expect(details.get_by_role("group", name="HopDown over time")).to_be_visible()
    expect(details.locator(".legend")).to_contain_text("service=gateway")


def test_sections_of_the_runbook_lead_to_others(page: Page, console: str) -> None:
    page.goto(f"{console}/alerts?alert=OutboxBlocked")
    page.get_by_role("button", name="Mend that and retry them").click()
    expect(page.get_by_role("region", name="OutboxBlocked", exact=True)).to_contain_text(
        "./nextphase outbox retry orders 41"
    )


def test_without_alertmanager_rules_and_history_are_shown(page: Page, console: str) -> None:
    page.route("**/api/alertmanager/**", lambda route: route.fulfill(status=502, json={"title": "away"}))
    page.goto(f"{console}/alerts")
    expect(page.get_by_role("alert").first).to_contain_text("away")
    expect(page.get_by_role("region", name="Firing").locator(f'[data-alert="{_WATCHDOG}"]')).to_be_visible()
    expect(page.locator(f'tr[data-history="{_WATCHDOG}"]')).to_be_visible()


def test_it_can_be_read_by_everyone(
    page: Page, console: str, inaccessible: Callable[[Page], list[str]]
) -> None:
    page.goto(f"{console}/alerts?alert={_WATCHDOG}")
    expect(page.locator("tr[data-rule]").first).to_be_visible()
    expect(page.locator(f'tr[data-history="{_WATCHDOG}"]').first).to_be_visible()
    assert inaccessible(page) == []


def test_an_alert_is_silenced_in_operate_mode_and_no_more(page: Page, console: str, stack: Stack) -> None:
    page.goto(f"{console}/alerts")
    firing = page.get_by_role("region", name="Firing").locator(f'[data-alert="{_WATCHDOG}"]')
    expect(firing).to_be_visible()
    expect(page.get_by_role("button", name="Silence")).to_have_count(0)

    done = nextphase("console", "--operate", "--for", "10m")
    (token,) = re.findall(r"/operate(#\S+)", done.stdout)
    page.goto(f"{console}/operate{token}")
    expect(page.get_by_role("region", name="Operate mode")).to_be_visible()

    page.get_by_role("link", name="alerts", exact=True).click()
    firing.get_by_role("button", name="Silence").click()
    dialog = page.get_by_role("dialog", name=f"Silence {_WATCHDOG}?")
    expect(dialog.get_by_role("button", name="Silence")).to_be_disabled()
    dialog.get_by_label("Why").fill("tried in a test")
    dialog.get_by_role("button", name="Silence").click()
    expect(dialog).to_have_count(0)
    silenced = page.get_by_role("region", name="Silenced").locator(f'[data-alert="{_WATCHDOG}"]')
    expect(silenced).to_contain_text("tried in a test", timeout=60_000)
    (known,) = [alert for alert in alerts(stack) if alert["labels"]["alertname"] == _WATCHDOG]
    assert known["status"]["silencedBy"]

    silenced.get_by_role("button", name="End silence").click()
    page.get_by_role("dialog").get_by_role("button", name="End silence").click()
    expect(firing).to_be_visible(timeout=60_000)
