"""The commands that documents show are run, against a live instance."""

import base64
import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import yaml
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook

from broker.client.webhook import BadSignature
from compose.cli.errors import Failure
from compose.cli.layout import PORTS
from compose.cli.rio import Relay, Rio
from compose.cli.secrets import OPERATOR, Secrets
from tests.conftest import INSTANCE, ROOT, Stack, eventually, nextphase
from tests.documents import DOCUMENTS, Block, blocks

pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.timeout(300)]

ELSEWHERE = {
    "./nextphase up": "the fixture `stack`",
    "./nextphase down": "the fixture `stack`",
    "./nextphase test": "this run",
    "./nextphase bench": "tests/bench",
    "./nextphase containers": "tests/e2e/test_add_a_service.py",
    "./nextphase drill stop-service": "tests/faults/test_drills.py",
    "./nextphase drill all": "tests/faults/test_drills.py, by -m long",
    "./nextphase logs shipping": "tests/e2e/test_add_a_service.py",
    "docker compose": "tests/config/test_containers.py, as far as it goes without an engine",
    "git pull": "changes the checkout",
    "cd requirements": "changes the locked requirements",
    "uv pip compile": "changes the locked requirements",
    "python -m gateway --mock": "gateway/tests/test_process.py",
    "mkdir": "tests/e2e/test_add_a_service.py",
    "cp": "tests/e2e/test_add_a_service.py",
}
"""Commands that are not run here, and where they are run, or why they cannot be."""

REFUSING = "operator-documents"
"""A subscription whose sink refuses every event for good."""

ENDLESS = (" -f", "./nextphase tail")
PROGRAMS = ("./nextphase", "curl", "token=", "python -m", *ELSEWHERE)
#: How `alerts silence` says that what it made is ended.
ENDS = re.compile(r"silence --end ([0-9a-f]{8}-[0-9a-f-]{27})")
ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)")


@dataclass(frozen=True)
class Command:
    """One command of a document, its continuation lines joined."""

    block: Block
    text: str

    def __str__(self) -> str:
        return f"{self.block}: {self.text}"


def commands() -> Iterator[Command]:
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.language in ("", "sh", "console"):
                yield from _commands(block)


def _commands(block: Block) -> Iterator[Command]:
    lines = block.text.replace("\\\n", " ").splitlines()
    shown = [line[2:] for line in lines if line.startswith("$ ")] or lines
    for line in shown:
        text = re.sub(r"\s+#.*", "", line).strip()
        if text.startswith(PROGRAMS):
            yield Command(block, text)


RUN = [command for command in commands() if not command.text.startswith(tuple(ELSEWHERE))]


@pytest.fixture(scope="module")
def environment(stack: Stack) -> dict[str, str]:
    token = Path(Secrets(stack.layout.secrets).sender(OPERATOR)).read_text().strip()
    return {**os.environ, "NEXTPHASE_INSTANCE": INSTANCE, "NO_COLOR": "1", "token": token}


@pytest.fixture(scope="module")
def trace_id(stack: Stack) -> str:
    """The trace of an order."""
    done = nextphase("demo", "--orders", "4", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["orders"][0]["trace_id"])


@pytest.fixture
def dead_letter(stack: Stack) -> Iterator[Callable[[], int]]:
    """Makes a dead letter: an event posted where it is no account, and refused for good. Gives its number."""
    rio = Rio(stack.layout)

    def make() -> int:
        subscription = {"types": ["documents.refused"], "sink": "/accounts"}
        rio.ask("PUT", f"/subscriptions/{REFUSING}", body=subscription)
        event = rio.post("/event/documents/emit/refused", {"of": str(uuid.uuid4())})

        def look() -> int:
            letters = rio.get("/dead-letters", subscription=REFUSING)["items"]
            numbers = [letter["id"] for letter in letters if letter["event"]["id"] == event["id"]]
            assert numbers
            return int(numbers[0])

        return eventually(look)

    yield make
    with suppress(Failure):  # most commands make none
        rio.delete(f"/subscriptions/{REFUSING}")
    for letter in rio.get("/dead-letters", subscription=REFUSING)["items"]:  # they are an alert
        rio.delete(f"/dead-letters/{letter['id']}")


@pytest.fixture
def refused_event(stack: Stack) -> Iterator[Callable[[], int]]:
    """Makes an event in the outbox of orders that Rio refuses. Gives its number."""
    passwords = Secrets(stack.layout.secrets).pgpass("orders")
    address = f"host=127.0.0.1 port={stack.layout.port('postgres')} user=orders dbname=orders"

    def ask(query: str) -> list[tuple[int]]:
        with psycopg.connect(f"{address} passfile={passwords}") as connection:
            return connection.execute(query).fetchall()

    def make() -> int:
        ((position,),) = ask(
            "INSERT INTO outbox (id, type, source, subject, data) VALUES "
            "(gen_random_uuid(), 'documents.refused', '/orders', gen_random_uuid(), '{}') RETURNING position"
        )

        def look() -> int:
            page = Relay(stack.layout).get("/outbox", service="orders", limit=500)
            assert position in [item["position"] for item in page["items"]]
            return position

        return eventually(look)

    yield make
    ask("DELETE FROM outbox WHERE type = 'documents.refused' RETURNING position")  # they are an alert


def here(stack: Stack, text: str) -> str:
    """`text` with the tests' instance in the place of the default one."""
    known = set(PORTS.values())

    def shifted(found: re.Match[str]) -> str:
        port = int(found[1])
        return f"127.0.0.1:{stack.layout.shifted(port) if port in known else port}"

    return ADDRESS.sub(shifted, text).replace(".nextphase/default/", f"{stack.layout.state}/")


def run(text: str, environment: dict[str, str], seconds: int) -> subprocess.CompletedProcess[str]:
    """Run `text` in bash; SIGINT ends it after `seconds`, as Ctrl-C does."""
    return subprocess.run(
        ["timeout", "--preserve-status", "--signal=INT", str(seconds), "bash", "-c", text],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=False,
    )


@pytest.mark.parametrize("command", RUN, ids=str)
def test_command(
    stack: Stack,
    environment: dict[str, str],
    trace_id: str,
    dead_letter: Callable[[], int],
    refused_event: Callable[[], int],
    command: Command,
) -> None:
    text = re.sub(r"\b[0-9a-f]{32}\b|(?<=trace )ID\b", trace_id, here(stack, command.text))
    text = text.replace("ACCOUNT_ID", str(uuid.uuid4()))
    if re.search(r"\bdead \w+ 17\b", text):
        text = text.replace(" 17", f" {dead_letter()}")
    if re.search(r"\boutbox \w+ orders 41\b", text):
        text = text.replace(" 41", f" {refused_event()}")
    if re.search(r"^\./nextphase .* warehouse\b", text):
        dead_letter()
        text = text.replace("warehouse", REFUSING)
    if text.endswith("silence --end ID"):
        text = text.replace("ID", silence())
    if text.startswith("curl "):
        text = text.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)
    if any(mark in text for mark in ENDLESS):
        done = run(f"exec {text}", environment, 10)
        assert done.returncode == 130, f"{text}\n{done.stdout}\n{done.stderr}"
    elif '"sink": "https://' in text:  # its host does not exist; all else is right
        assert '"title": "The sink does not agree"' in run(text, environment, 120).stdout
    else:
        done = run(text, environment, 120)
        # As grep's does, their exit code says whether there was anything.
        right = (0, 1) if re.match(r"\./nextphase (find|alerts|map|slo)\b(?! silence)", text) else (0,)
        assert done.returncode in right, f"{text}\n{done.stdout}\n{done.stderr}"
        if made := ENDS.search(done.stdout):
            assert nextphase("alerts", "silence", "--end", made[1]).returncode == 0


def silence() -> str:
    """The id of a new silence of an alert that does not fire."""
    options = ("--service", "orders", "--for", "1m", "--comment", "new disk")
    done = nextphase("alerts", "silence", "HopDown", *options)
    made = ENDS.search(done.stdout)
    assert made, done.stdout + done.stderr
    return made[1]


def test_python_that_emits(
    stack: Stack, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = here(stack, _python("rio.emit(")).replace("TOKEN", environment["token"])
    exec(compile(code, "docs/rio.md", "exec"), {})
    assert capsys.readouterr().out == ""  # it prints the events that were refused


def test_python_that_verifies_a_delivery() -> None:
    code = _python("webhook.verify(")
    key = "whsec_" + base64.b64encode(b"k" * 32).decode()
    now = datetime.now(UTC)
    body = "{}"
    headers = {
        "webhook-id": "1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(key).sign("1", now, body),
    }
    exec(compile(code, "docs/rio.md", "exec"), {"headers": headers, "body": body.encode(), "secret": key})
    with pytest.raises(BadSignature):
        exec(compile(code, "docs/rio.md", "exec"), {"headers": headers, "body": b"[]", "secret": key})


def test_subscriptions_of_a_manifest_are_what_its_schema_says() -> None:
    (text,) = (
        block.text
        for block in blocks(ROOT / "docs/rio.md")
        if block.language == "yaml" and block.text.startswith("subscriptions:")
    )
    schema = json.loads((ROOT / "services/service.schema.json").read_text())
    subscriptions = {**schema["properties"]["subscriptions"], "$defs": schema["$defs"]}
    Draft202012Validator(subscriptions).validate(yaml.safe_load(text)["subscriptions"])


def test_every_shell_block_is_run_or_said_where() -> None:
    silent = [
        str(block)
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language in ("sh", "console") and not list(_commands(block))
    ]
    assert not silent


def _python(calls: str) -> str:
    """The one block of Python in docs/rio.md that has this call."""
    (text,) = (
        block.text
        for block in blocks(ROOT / "docs/rio.md")
        if block.language == "python" and calls in block.text
    )
    return text
