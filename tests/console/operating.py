"""Fixtures of operate mode: a browser that may act, and dead letters to act on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, expect

from compose.cli.rio import Rio
from tests.conftest import Stack, eventually, nextphase

expect.set_options(timeout=30_000)  # on a machine that does much else

NewPage = Callable[..., Page]
"""Opens a page in a browser context of its own."""
DIGITS = "1.00000000000000000001"
"""A number that no float holds."""
EMAIL = "ada.operates@example.com"


def operate_address(session: str = "10m") -> str:
    """An address that opens operate mode once."""
    done = nextphase("console", "--operate", "--for", session)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def operate(page: Page, session: str = "10m") -> None:
    """Bring the browser of a page into operate mode."""
    page.goto(operate_address(session))
    expect(page.get_by_role("region", name="Operate mode")).to_be_visible()


def confirm(page: Page, label: str) -> None:
    """Say yes to the question that is asked."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=label, exact=True).click()
    expect(dialog).to_have_count(0)


@dataclass(frozen=True)
class DeadLetters:
    """A subscription whose receiver is not there, and the dead letters that it has.

    Attributes:
        subscription, type: what the tests' events are sent to, and of which type they are.
        ids: of the dead letters, oldest first.
    """

    rio: Rio
    subscription: str
    type: str
    ids: tuple[int, ...]

    def all(self) -> list[dict[str, Any]]:
        """The dead letters of the subscription as Rio has them, newest first."""
        found: list[dict[str, Any]] = self.rio.get("/dead-letters", subscription=self.subscription)["items"]
        return found

    def status(self) -> str:
        """Whether the subscription is active or paused."""
        return str(self.rio.get(f"/subscriptions/{self.subscription}")["status"])


@contextmanager
def dead_letters(stack: Stack, count: int) -> Iterator[DeadLetters]:
    """Have events given up, and take everything away afterwards."""
    rio, name = Rio(stack.layout), f"console-{uuid4().hex[:8]}"
    type_ = f"console.{name.removeprefix('console-')}"
    retry = {"max_attempts": 2, "first_seconds": 0.1, "cap_seconds": 0.1}
    subscription = {"types": [type_], "sink": f"/{name}/events", "config": {"retry": retry}}
    rio.ask("PUT", f"/subscriptions/{name}", body=subscription)
    try:
        for number in range(count):
            data = f'{{"n": {DIGITS}, "email": "{EMAIL}"}}'
            done = nextphase("emit", type_, data, "--subject", f"s{number}")
            assert done.returncode == 0, done.stderr
        letters = DeadLetters(rio, name, type_, ())

        def ids() -> tuple[int, ...]:
            found = tuple(one["id"] for one in reversed(letters.all()))
            assert len(found) == count
            return found

        yield DeadLetters(rio, name, type_, eventually(ids, 60))
    finally:
        rio.post("/dead-letters/discard", {"filter": {"subscription": name}})
        rio.delete(f"/subscriptions/{name}")
