"""The page Rio, compared with what Rio itself says."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from compose.cli.rio import Rio
from tests.conftest import Stack, eventually, nextphase
from tests.console.conftest import DESKTOP, PHONE
from tests.console.operating import DIGITS, EMAIL, DeadLetters, NewPage, confirm, dead_letters, operate

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TABS = (
    "topology",
    "events",
    "subscriptions",
    "tail",
    "deliveries",
    "dead-letters",
    "replays",
    "scheduled",
)


@pytest.fixture(scope="module")
def rio(stack: Stack) -> Rio:
    return Rio(stack.layout)


@pytest.fixture(scope="module")
def letters(stack: Stack, order_trace: str) -> Iterator[DeadLetters]:
    """Dead letters, on an instance that some orders have gone through."""
    with dead_letters(stack, 3) as made:
        yield made


def cells(row: Locator) -> list[str]:
    return [text.strip() for text in row.locator("th, td").all_inner_texts()]


def test_the_topology_is_what_rio_says(page: Page, console: str, rio: Rio, letters: DeadLetters) -> None:
    page.goto(f"{console}/rio")
    expect(page.locator("[data-node]").first).to_be_visible()

    def same() -> None:
        said = rio.get("/topology")
        drawn = page.evaluate(
            "() => [...document.querySelectorAll('[data-node]')].map((one) => one.dataset.node)"
        )
        assert sorted(drawn) == sorted(node["id"] for node in said["nodes"])
        flows = {
            f"{edge['from']}>{edge['to']}": edge["seen"]
            for edge in said["edges"]
            if edge["seen"] and edge["declared"]
        }
        labels = page.evaluate(
            "() => [...document.querySelectorAll('[data-edge]')].map((one) => [one.dataset.edge,"
            " one.querySelector('text').textContent])"
        )
        assert {edge: int(text) for edge, text in labels if edge in flows} == flows

    eventually(same, 60)
    undeclared = page.locator(f'[data-edge="emitter:/operator>type:{letters.type}"]')
    expect(undeclared).to_contain_text("undeclared")


def test_what_a_type_sets_off(page: Page, console: str, rio: Rio) -> None:
    page.goto(f"{console}/rio/topology")
    page.get_by_label("Set off by").select_option("order.placed")
    expect(page).to_have_url(re.compile("type=order.placed"))
    said = rio.get("/topology", type="order.placed")
    expect(page.locator("[data-node]")).to_have_count(len(said["nodes"]))
    assert len(said["nodes"]) < len(rio.get("/topology")["nodes"])


def test_event_types_have_their_schemas_and_rates(page: Page, console: str, stack: Stack, rio: Rio) -> None:
    page.goto(f"{console}/rio/events?type=order.placed")
    for schema in rio.get("/schemas")["items"]:
        expect(page.locator(f'tr[id="{schema["type"]}"]').get_by_text("JSON Schema")).to_be_visible()
    row = page.locator('tr[id="order.placed"]')
    shown = row.locator("pre").inner_text()
    (schema,) = (one for one in rio.get("/schemas")["items"] if one["type"] == "order.placed")
    assert page.evaluate("(text) => JSON.parse(text)", shown) == schema["schema"]

    def rate() -> None:
        page.get_by_role("button", name="Refresh").click()
        text = row.locator("[data-rate]").inner_text()
        number, unit = re.fullmatch(r"([\d.]+)/(s|min)", text).groups()  # type: ignore[union-attr]
        shown = float(number) / (60 if unit == "min" else 1)
        accepted = 'rio_events_accepted_total{type="order.placed"}'
        grown = f"sum(({accepted} unless {accepted} offset 5m) or increase({accepted}[5m])) / 300"
        (sample,) = stack.telemetry.metric(grown)
        assert shown == pytest.approx(sample[1], rel=0.2)

    nextphase("demo", "--orders", "4")
    eventually(rate, 60)


def test_subscriptions_show_backlog_age_circuit_and_attempts(
    page: Page, console: str, stack: Stack, rio: Rio, letters: DeadLetters
) -> None:
    rio.post(f"/subscriptions/{letters.subscription}/pause", {"reason": "a test"})
    try:
        page.goto(f"{console}/rio/subscriptions")
        for one in rio.get("/subscriptions")["items"]:
            row = page.locator(f'[data-subscription="{one["id"]}"]')
            expect(row).to_contain_text(one["status"])
            for type_ in one["types"]:
                expect(row).to_contain_text(type_)
        row = page.locator(f'[data-subscription="{letters.subscription}"]')

        def waiting() -> None:
            # Until the dispatcher knows of the pause, an event is delivered all the same.
            assert nextphase("emit", letters.type, "{}").returncode == 0
            page.get_by_role("button", name="Refresh").click()
            assert row.locator('[data-cell="backlog"]').inner_text().split()[:1] > ["0"]
            assert row.locator('[data-cell="circuit"]').inner_text() in ("closed", "half open", "open")
            assert row.locator('[data-cell="oldest"]').inner_text().endswith((" s", " min"))
            assert row.locator('[data-cell="dead"]').inner_text() == str(len(letters.all()))

        eventually(waiting, 120)
    finally:
        rio.post(f"/subscriptions/{letters.subscription}/resume")
    row.get_by_role("link", name=letters.subscription).click()
    view = page.get_by_role("region", name=f"Subscription {letters.subscription}")
    said = rio.get("/deliveries", subscription=letters.subscription, limit=10)["items"]
    expect(view.locator("[data-delivery]").first).to_be_visible()
    expect(view).to_contain_text(f"/{letters.subscription}/events")
    assert view.locator("[data-delivery]").count() >= min(6, len(said))


def test_deliveries_are_rios(page: Page, console: str, rio: Rio, letters: DeadLetters) -> None:
    said = rio.get("/deliveries", subscription=letters.subscription, outcome="retry")["items"]
    assert said
    page.goto(f"{console}/rio/deliveries?subscription={letters.subscription}&outcome=retry")
    for one in said:
        row = page.locator(f'[data-delivery="{one["id"]}"]')
        expect(row).to_contain_text(one["event_type"])
        expect(row).to_contain_text(one["event_id"])
        expect(row).to_contain_text(one["reason"])
        assert f"/trace/{one['trace_id']}" in row.get_by_role("link", name="trace").get_attribute("href")  # type: ignore[operator]
    page.get_by_label("Outcome").select_option("delivered")
    expect(page.get_by_text("No attempt was recorded")).to_be_visible()


def test_a_dead_letter_has_every_attempt_and_no_payload(
    page: Page, console: str, rio: Rio, letters: DeadLetters
) -> None:
    page.goto(f"{console}/rio/dead-letters?subscription={letters.subscription}")
    expect(page.locator("[data-letter]")).to_have_count(len(letters.all()))
    letter = rio.get(f"/dead-letters/{letters.ids[-1]}")
    page.locator(f'[data-letter="{letter["id"]}"]').get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=f"Dead letter {letter['id']}")).to_be_visible()
    attempts = page.get_by_role("group", name="Attempts").locator("tbody tr")
    expect(attempts).to_have_count(len(letter["history"]))
    for row, attempt in zip(attempts.all(), letter["history"], strict=True):
        expect(row).to_contain_text(attempt["reason"])
        href = row.get_by_role("link", name="trace").get_attribute("href") or ""
        assert href.startswith(f"/trace/{attempt['trace_id']}?span={attempt['span_id']}")
    expect(page.get_by_text(letter["reason"]).first).to_be_visible()
    event = page.locator('[data-part="event"]')
    for name, value in letter["event"].items():
        if name not in ("data", "data_base64"):
            expect(event).to_contain_text(str(value))
    expect(event).to_contain_text("data hidden")
    assert EMAIL not in page.content()


def test_a_payload_is_shown_in_operate_mode_with_every_digit(
    page: Page, console: str, letters: DeadLetters
) -> None:
    operate(page)
    page.goto(f"{console}/rio/dead-letters/{letters.ids[-1]}")
    payload = page.locator('[data-part="event"] pre')
    expect(payload).to_contain_text(EMAIL)
    expect(payload).to_contain_text(DIGITS)
    page.get_by_role("button", name="Leave").click()
    expect(page.locator('[data-part="event"]')).to_contain_text("data hidden")
    assert EMAIL not in page.content()


def test_nothing_can_be_done_without_operate_mode(page: Page, console: str, letters: DeadLetters) -> None:
    for path in ("dead-letters", f"dead-letters/{letters.ids[-1]}", "subscriptions", "deliveries"):
        page.goto(f"{console}/rio/{path}")
        shown = page.locator("main").locator("td, th, dd").filter(has_text=letters.subscription)
        expect(shown.first).to_be_visible()
        for name in ("Replay", "Discard", "Pause", "Resume", "Redeliver"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)


def test_a_dead_letter_is_replayed(page: Page, console: str, letters: DeadLetters) -> None:
    operate(page)
    letter = letters.ids[0]
    page.goto(f"{console}/rio/dead-letters?subscription={letters.subscription}")
    page.locator(f'[data-letter="{letter}"]').get_by_role("button", name="Replay").click()
    expect(page.get_by_role("dialog")).to_contain_text(letters.type)
    confirm(page, "Replay")
    expect(page.get_by_role("status")).to_contain_text(f"Dead letter {letter} is delivered")
    expect(page.locator(f'[data-letter="{letter}"]')).to_have_count(0)

    def dies_again() -> None:
        ids = [one["id"] for one in letters.all()]
        assert letter not in ids
        assert max(ids) > max(letters.ids)

    eventually(dies_again, 60)


def test_chosen_dead_letters_are_discarded(page: Page, console: str, letters: DeadLetters) -> None:
    operate(page)
    chosen = letters.ids[1]
    page.goto(f"{console}/rio/dead-letters?subscription={letters.subscription}")
    page.get_by_label(f"Choose dead letter {chosen}").check()
    page.get_by_role("button", name="Discard 1").click()
    confirm(page, "Discard 1")
    expect(page.locator(f'[data-letter="{chosen}"]')).to_have_count(0)
    assert chosen not in [one["id"] for one in letters.all()]


def test_an_event_is_delivered_again(page: Page, console: str, rio: Rio, letters: DeadLetters) -> None:
    operate(page)
    page.goto(f"{console}/rio/deliveries?subscription=notifications&outcome=delivered")
    row = page.locator("[data-delivery]").first
    number = int(row.get_attribute("data-delivery") or "")
    event = rio.get(f"/deliveries/{number}")["event_id"]
    row.get_by_role("button", name="Redeliver").click()
    with page.expect_response("**/redeliver") as answered:
        confirm(page, "Redeliver")
    redelivery = answered.value.json()
    assert redelivery["origin"] == "event-log"
    page.goto(f"{console}/rio/replays")
    replay = page.locator(f'[data-replay="{redelivery["replay"]}"]')
    expect(replay).to_contain_text("done")
    expect(replay).to_contain_text(event)


def test_past_events_are_replayed(page: Page, console: str, rio: Rio, letters: DeadLetters) -> None:
    operate(page)
    page.goto(f"{console}/rio/subscriptions")
    row = page.locator(f'[data-subscription="{letters.subscription}"]')
    row.get_by_role("button", name="Replay").click()
    page.get_by_role("dialog").get_by_label("Accepted in the last").select_option("15m")
    with page.expect_response("**/api/operate/rio/replays") as answered:
        confirm(page, "Replay")
    number = answered.value.json()["id"]
    page.goto(f"{console}/rio/replays")
    expect(page.locator(f'[data-replay="{number}"]')).to_contain_text("done")
    (said,) = (one for one in rio.get("/replays")["items"] if one["id"] == number)
    assert said["replayed"] >= len(letters.ids)


def test_the_tail_is_live(page: Page, console: str, letters: DeadLetters) -> None:
    page.goto(f"{console}/rio/tail?type={letters.type}")
    expect(page.get_by_role("status")).to_contain_text("live")
    emit(letters, "first")
    line = page.locator(".tail li").filter(has_text="first")
    expect(line).to_contain_text(letters.type)
    line.locator("summary").click()
    expect(line).to_contain_text("data hidden")
    assert EMAIL not in page.content()
    trace = line.get_by_role("link", name="trace").get_attribute("href") or ""
    assert re.search(r"/trace/[0-9a-f]{32}", trace)
    page.get_by_role("button", name="Pause").click()
    emit(letters, "second")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("status")).to_contain_text("live")
    emit(letters, "third")
    expect(page.locator(".tail li").filter(has_text="third")).to_be_visible()
    expect(page.locator(".tail li").filter(has_text="second")).to_have_count(0)


def test_the_tail_shows_data_in_operate_mode(page: Page, console: str, letters: DeadLetters) -> None:
    operate(page)
    page.goto(f"{console}/rio/tail?type={letters.type}")
    expect(page.locator("main").get_by_role("status")).to_contain_text("live")
    emit(letters, "shown")
    expect(page.locator(".tail li").filter(has_text="shown")).to_contain_text(EMAIL)


def emit(letters: DeadLetters, subject: str) -> None:
    done = nextphase("emit", letters.type, f'{{"email": "{EMAIL}"}}', "--subject", subject)
    assert done.returncode == 0, done.stderr


def test_scheduled_events_are_listed(page: Page, console: str, rio: Rio, letters: DeadLetters) -> None:
    done = nextphase("emit", letters.type, "{}", "--after", "3000")
    event = done.stdout.strip()
    try:
        page.goto(f"{console}/rio/scheduled")
        expect(page.get_by_role("row").filter(has_text=event)).to_contain_text(letters.type)
    finally:
        for one in rio.get("/scheduled")["items"]:
            if one["event"]["id"] == event:
                rio.delete(f"/scheduled/{one['id']}")


@pytest.mark.parametrize("look", [{}, {"viewport": PHONE, "color_scheme": "light"}])
def test_every_tab_can_be_used_by_everybody(
    new_page: NewPage,
    console: str,
    letters: DeadLetters,
    inaccessible: Callable[[Page], list[str]],
    screenshot: Callable[[Page, str], Any],
    look: dict[str, Any],
) -> None:
    page = new_page(**look)
    operate(page)
    width = look.get("viewport", DESKTOP)["width"]
    for tab in (*TABS, f"dead-letters/{letters.ids[-1]}", f"subscriptions?id={letters.subscription}"):
        page.goto(f"{console}/rio/{tab}")
        expect(page.get_by_role("heading", name="Rio")).to_be_visible()
        page.wait_for_load_state("networkidle") if tab != "tail" else None
        screenshot(page, f"rio {tab} {width}")
        assert inaccessible(page) == [], tab
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
