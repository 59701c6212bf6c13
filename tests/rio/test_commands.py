"""The commands that speak to Rio, against the real one."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from broker.client import webhook
from broker.tests.servers import Delivered, Rio, Sink, wait_until
from compose.cli.errors import Failure
from compose.cli.layout import PORTS, Layout
from compose.cli.main import COMMANDS, parse
from compose.cli.rio import Rio as Operated
from compose.cli.secrets import OPERATOR, Secrets

ROOT = Path(__file__).parents[2]

Run = Callable[..., str]


@pytest.fixture
def layout(rio: Rio, tmp_path: Path) -> Layout:
    """An instance whose Rio is the one of the tests."""
    found = Layout(tmp_path, "default", rio.api_port - PORTS["rio-api"])
    token = Path(Secrets(found.secrets).sender(OPERATOR))
    token.parent.mkdir(parents=True)
    token.write_text("t-tests\n")
    return found


@pytest.fixture
def nextphase(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives what it printed."""

    def run(*words: str, code: int = 0) -> str:
        args = parse(words)
        assert args.command in COMMANDS
        module = import_module(f"compose.cli.commands.{args.command}")
        assert module.run(layout, args) == code
        return capsys.readouterr().out

    return run


def _state(nextphase: Run, replay: int) -> str:
    listed = json.loads(nextphase("rio", "replay", "--json"))["items"]
    return {one["id"]: str(one["state"]) for one in listed}[replay]


def deliveries(sink: Sink, path: str, event_id: str) -> list[Delivered]:
    return [delivered for delivered in sink.to(path) if delivered.headers["ce-id"] == event_id]


def subscribe(rio: Rio, name: str, types: list[str]) -> None:
    document = {"types": types, "sink": f"/{name}/events"}
    assert rio.client.put(f"/subscriptions/{name}", json=document).status_code in (200, 201)


def test_emit_gives_the_id_and_the_event_is_delivered(nextphase: Run, rio: Rio, sink: Sink) -> None:
    subscribe(rio, "command-emit", ["command.emit"])
    answer = json.loads(nextphase("emit", "command.emit", '{"n": 1}', "--subject", "s", "--json"))
    assert len(answer["trace_id"]) == 32
    found = wait_until(lambda: deliveries(sink, "/command-emit/events", answer["id"]))
    assert json.loads(found[0].body) == {"n": 1}


def test_the_same_event_is_emitted_once(
    nextphase: Run, rio: Rio, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(rio, "command-once", ["command.once"])
    event_id = str(uuid4())
    for n in (1, 2):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f'{{"n": {n}}}'))
        assert nextphase("emit", "command.once", "-", "--id", event_id) == f"{event_id}\n"
    last = json.loads(nextphase("emit", "command.once", "{}", "--json"))["id"]
    wait_until(lambda: deliveries(sink, "/command-once/events", last))
    (delivered,) = deliveries(sink, "/command-once/events", event_id)
    assert json.loads(delivered.body) == {"n": 1}


def test_emit_says_what_is_wrong(nextphase: Run) -> None:
    with pytest.raises(Failure, match="the data is no JSON"):
        nextphase("emit", "command.emit", "{")
    with pytest.raises(Failure, match="Rio refuses: 400 Not a CloudEvent") as refused:
        nextphase("emit", "not a type", "{}")
    assert any("#/type" in line for line in refused.value.tail)


def test_subscriptions_are_listed_paused_and_resumed(nextphase: Run, rio: Rio) -> None:
    subscribe(rio, "command-list", ["command.list"])
    assert "command-list" in nextphase("rio", "subscriptions")
    assert nextphase("rio", "subscriptions", "pause", "command-list") == "command-list is paused\n"
    shown = json.loads(nextphase("rio", "subscriptions", "show", "command-list"))
    assert (shown["status"], shown["types"]) == ("paused", ["command.list"])
    nextphase("rio", "subscriptions", "resume", "command-list")
    listed = json.loads(nextphase("rio", "subscriptions", "--json"))["items"]
    assert {item["id"]: item["status"] for item in listed}["command-list"] == "active"
    nextphase("rio", "subscriptions", "remove", "command-list")
    with pytest.raises(Failure, match="404 Subscription not found"):
        nextphase("rio", "subscriptions", "show", "command-list")
    with pytest.raises(Failure, match="which subscription"):
        nextphase("rio", "subscriptions", "pause")


def test_what_is_given_up_is_found_and_sent_again(
    nextphase: Run, rio: Rio, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(rio, "command-dead", ["command.dead"])
    monkeypatch.setattr(sink, "answer", lambda delivered: 422)
    event_id = json.loads(nextphase("emit", "command.dead", "{}", "--json"))["id"]

    def letters() -> list[dict[str, Any]]:
        listed = nextphase("rio", "dead", "--subscription", "command-dead", "--since", "1h", "--json")
        found: list[dict[str, Any]] = json.loads(listed)["items"]
        return found

    (letter,) = wait_until(letters)
    assert letter["event"]["id"] == event_id
    assert event_id in nextphase("rio", "dead", "--subscription", "command-dead")
    assert json.loads(nextphase("rio", "dead", "show", str(letter["id"])))["status"] == 422
    attempts = wait_until(
        lambda: json.loads(nextphase("rio", "deliveries", "--event", event_id, "--json"))["items"]
    )
    assert attempts[0]["outcome"] == "dead"
    assert "command-dead" in nextphase("rio", "deliveries", "--outcome", "dead")
    monkeypatch.undo()
    with pytest.raises(Failure, match="either numbers of dead letters, or --all"):
        nextphase("rio", "dead", "replay")
    told = nextphase("rio", "dead", "replay", "--all", "--subscription", "command-dead")
    assert told == "1 replayed\n"
    assert letters() == []
    assert nextphase("rio", "dead", "discard", "--all", "--subscription", "command-dead") == "0 discarded\n"


def test_a_delivered_event_is_shown_and_sent_again(nextphase: Run, rio: Rio, sink: Sink) -> None:
    subscribe(rio, "command-again", ["command.again"])
    event_id = json.loads(nextphase("emit", "command.again", "{}", "--json"))["id"]
    (attempt,) = wait_until(
        lambda: json.loads(nextphase("rio", "deliveries", "--event", event_id, "--json"))["items"]
    )
    number = str(attempt["id"])
    assert json.loads(nextphase("rio", "deliveries", "show", number))["status"] == 204
    told = nextphase("rio", "deliveries", "redeliver", number)
    assert told == f"event {event_id} is on its way to command-again again\n"
    wait_until(lambda: len(deliveries(sink, "/command-again/events", event_id)) == 2)


def test_a_sink_that_is_gone_is_found_among_the_attempts(
    nextphase: Run, rio: Rio, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(rio, "command-gone", ["command.gone"])
    monkeypatch.setattr(sink, "answer", lambda delivered: 410)
    event_id = json.loads(nextphase("emit", "command.gone", "{}", "--json"))["id"]
    wait_until(lambda: event_id in nextphase("rio", "deliveries", "--outcome", "gone", "--json"))
    assert json.loads(nextphase("rio", "subscriptions", "show", "command-gone"))["status"] == "paused"
    monkeypatch.undo()
    assert nextphase("rio", "subscriptions", "resume", "command-gone") == "command-gone is active\n"
    wait_until(lambda: len(deliveries(sink, "/command-gone/events", event_id)) == 2)


def test_dead_letters_are_replayed_and_discarded_by_number(
    nextphase: Run, rio: Rio, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(rio, "command-letters", ["command.letters"])
    monkeypatch.setattr(sink, "answer", lambda delivered: 422)
    for _ in range(2):
        nextphase("emit", "command.letters", "{}")

    def numbers() -> list[str]:
        listed = json.loads(nextphase("rio", "dead", "--subscription", "command-letters", "--json"))
        return [str(letter["id"]) for letter in listed["items"]]

    newer, older = wait_until(lambda: len(found := numbers()) == 2 and found)
    monkeypatch.undo()
    assert nextphase("rio", "dead", "replay", older) == "1 replayed\n"
    assert nextphase("rio", "dead", "discard", newer) == "1 discarded\n"
    assert numbers() == []
    wait_until(lambda: len(sink.to("/command-letters/events")) == 3)


def test_an_event_for_later_waits(nextphase: Run, rio: Rio, sink: Sink) -> None:
    subscribe(rio, "command-later", ["command.later"])
    soon = json.loads(nextphase("emit", "command.later", "{}", "--after", "1.5", "--json"))["id"]
    late = json.loads(nextphase("emit", "command.later", "{}", "--after", "3600", "--json"))["id"]
    wait_until(lambda: deliveries(sink, "/command-later/events", soon))
    waiting = rio.client.get("/scheduled").json()["items"]
    assert [one["event"]["id"] for one in waiting if one["event"]["type"] == "command.later"] == [late]


def test_a_secret_is_shown_and_rotated(nextphase: Run, rio: Rio, sink: Sink) -> None:
    subscribe(rio, "command-secret", ["command.secret"])
    first = json.loads(nextphase("rio", "subscriptions", "secret", "command-secret"))["secret"]
    second = json.loads(nextphase("rio", "subscriptions", "rotate", "command-secret"))["secret"]
    assert json.loads(nextphase("rio", "subscriptions", "secret", "command-secret"))["secret"] == second
    assert first != second

    def signed() -> bool:
        event_id = json.loads(nextphase("emit", "command.secret", "{}", "--json"))["id"]
        (delivered,) = wait_until(lambda: deliveries(sink, "/command-secret/events", event_id))
        try:
            for secret in (first, second):
                webhook.verify(delivered.headers, delivered.body, [secret])
        except webhook.BadSignature:
            return False  # the dispatcher has not heard of the new secret yet
        return True

    wait_until(signed, what="both signatures")


def test_past_events_are_sent_again(nextphase: Run, rio: Rio, sink: Sink) -> None:
    subscribe(rio, "command-replay", ["command.replay"])
    with pytest.raises(Failure, match="from when on"):
        nextphase("rio", "replay", "command-replay")
    event_id = json.loads(nextphase("emit", "command.replay", "{}", "--json"))["id"]
    path = "/command-replay/events"
    wait_until(lambda: deliveries(sink, path, event_id))
    order = json.loads(nextphase("rio", "replay", "command-replay", "--from", "5m", "--json"))
    wait_until(lambda: len(deliveries(sink, path, event_id)) > 1)
    assert f"{order['id']}" in nextphase("rio", "replay")
    number = str(order["id"])
    wait_until(lambda: _state(nextphase, order["id"]) == "done")
    nextphase("rio", "replay", "--cancel", number)
    assert _state(nextphase, order["id"]) == "done"  # what has ended stays as it is
    with pytest.raises(Failure, match="404 Replay not found"):
        nextphase("rio", "replay", "--cancel", "999999")


def test_the_topology_is_a_tree_or_a_drawing(nextphase: Run, rio: Rio) -> None:
    subscribe(rio, "command-topology", ["command.topology"])
    text = nextphase("rio", "topology", "--type", "command.topology")
    assert text.index("command.topology") < text.index("command-topology") < text.index("/events")
    assert nextphase("rio", "topology", "--format", "dot").startswith("digraph")
    assert "flowchart" in nextphase("rio", "topology", "--format", "mermaid")
    assert json.loads(nextphase("rio", "topology", "--json"))["nodes"]


def test_tail_shows_events_as_they_pass_until_interrupted(layout: Layout, nextphase: Run) -> None:
    code = (
        "import sys; from pathlib import Path; from compose.cli.layout import Layout;"
        "from compose.cli.main import parse; from compose.cli.commands import tail;"
        f"sys.exit(tail.run(Layout(Path({str(layout.root)!r}), 'default', {layout.offset}),"
        " parse(['tail', 'command.*', '--json'])))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True, env={**os.environ}
    ) as watcher:
        assert watcher.stdout is not None
        os.set_blocking(watcher.stdout.fileno(), False)

        def seen() -> str:
            nextphase("emit", "command.tail", '{"n": 7}')
            return watcher.stdout.readline() if watcher.stdout else ""

        told = json.loads(wait_until(seen))
        assert (told["event"]["type"], told["event"]["data"]) == ("command.tail", {"n": 7})
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(10) == 130


def test_rio_away_is_said_with_what_to_do(layout: Layout) -> None:
    away = Layout(layout.root, "default", 9 - PORTS["rio-api"])  # nobody listens on the discard port
    with pytest.raises(Failure, match="does not answer") as failed:
        Operated(away).get("/subscriptions")
    assert "./nextphase status" in (failed.value.advice or "")


def test_without_a_token_the_instance_is_to_be_set_up(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="the operator's token cannot be read"):
        Operated(Layout(tmp_path, "default", 0))


def test_a_service_that_registers_again_leaves_what_it_does_not_say(nextphase: Run, rio: Rio) -> None:
    filters = [{"exact": {"subject": "7"}}]
    document = {"types": ["command.kept"], "sink": "/command-kept/events", "filters": filters}
    rio.client.put("/subscriptions/command-kept", json={**document, "config": {"ordered": True}})
    subscribe(rio, "command-kept", ["command.kept", "command.more"])
    shown = json.loads(nextphase("rio", "subscriptions", "show", "command-kept"))
    assert shown["types"] == ["command.kept", "command.more"]
    assert (shown["filters"], shown["config"]["ordered"]) == (filters, True)
