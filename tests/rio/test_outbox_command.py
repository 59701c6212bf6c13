"""`nextphase outbox`, against a real relay and database."""

import json
from pathlib import Path

import pytest

from broker.tests.servers import wait_until
from broker.tests.test_relay import Service, migrated, service
from compose.cli.commands import outbox
from compose.cli.errors import Failure
from compose.cli.layout import PORTS, Layout
from compose.cli.main import parse
from compose.cli.secrets import Secrets

__all__ = ["migrated", "service"]


@pytest.fixture
def layout(migrated: Service, tmp_path: Path) -> Layout:
    """An instance whose relay is the one of the tests."""
    port = int(migrated.health_url.rpartition(":")[2])
    found = Layout(tmp_path, "default", port - PORTS["relay"])
    token = Path(Secrets(found.secrets).relay_operator)
    token.parent.mkdir(parents=True)
    token.write_text("t-operator\n")
    return found


def test_refused_events_are_listed_shown_retried_and_discarded(
    layout: Layout, migrated: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    def nextphase(*words: str, code: int = 0) -> str:
        assert outbox.run(layout, parse(["outbox", *words])) == code
        return capsys.readouterr().out

    assert nextphase() == "none\n"
    migrated.emit("not a type", "one", "two")
    wait_until(lambda: all(refusal for _, refusal in migrated.rows()), what="the refusals")
    first, second = json.loads(nextphase("list", "--json"))["items"]
    table = nextphase("list", "shop")
    for column in ("shop", "not a type", "one", "two"):
        assert column in table
    number = str(first["position"])
    shown = json.loads(nextphase("show", "shop", number))
    assert (shown["subject"], shown["data"]) == ("one", {"n": 0})
    assert nextphase("retry", "shop", number) == f"event {number} of shop is shipped again\n"
    assert json.loads(nextphase("retry", "shop", "--all", "--json"))["service"] == "shop"
    wait_until(lambda: all(refusal for _, refusal in migrated.rows()), what="the refusals again")
    for row in (first, second):
        assert "is discarded" in nextphase("discard", "shop", str(row["position"]))
    assert migrated.rows() == []
    with pytest.raises(Failure, match="no refused row at position"):
        nextphase("discard", "shop", number)
    for words in (["show", "shop"], ["retry"], ["discard", "shop", "--all"], ["retry", "shop", "1", "--all"]):
        with pytest.raises(Failure):
            nextphase(*words)


def test_an_outbox_that_cannot_be_read_is_named(
    layout: Layout, migrated: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    migrated.rio.postgres.execute(migrated.database, "DROP TABLE outbox")
    assert outbox.run(layout, parse(["outbox"])) == 1
    assert "nextphase: shop: there is no outbox" in capsys.readouterr().err
