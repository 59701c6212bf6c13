"""The lines of every part of an instance: all reach Loki, as observability/logs/schema.yaml has them."""

import re
from pathlib import Path

import pytest

from compose.cli.printable import printable
from compose.cli.telemetry import LogLine
from compose.cli.traffic import Traffic
from observability.masking import mask
from tests.conftest import Stack, eventually
from tests.log_schema import DURATION, SCHEMA

pytestmark = pytest.mark.stack

TYPES = {
    "level": "|".join(SCHEMA["levels"]),
    "integer": r"\d+",
    "number": r"-?\d+(\.\d+)?(e[+-]?\d+)?",
    "text": r"(?s).*",
    "32 hex digits": "[0-9a-f]{32}",
    "16 hex digits": "[0-9a-f]{16}",
}
ALWAYS = {name for name, field in SCHEMA["fields"].items() if field["of"] == "every line"}
#: Where the words of a line are in the files that are no JSON, and in the others.
NGINX_WORDS = r"^\S+ \S+ \[\w+\] \d+#\d+: (?:\*\d+ )?(.+?)(?:, request: .*)?$"
WORDS = {
    "edge-error": NGINX_WORDS,
    "services-error": NGINX_WORDS,
    "postgres": r"^.+ UTC .+ (?:LOG|WARNING|ERROR|FATAL|PANIC):  (.+)$",
    "rabbitmq": r"^\S+ \S+ \[\w+\] <\S+> (.+)$",
    "supervisor": r"^\S+ \S+ [A-Z]{3} (.+)$",
}
JSON_WORDS = r'"(?:msg|message)":"([^"\\]+)"'
FROM_FILES = {name: part["from"] for name, part in SCHEMA["parts"].items() if part["from"] != "fluent"}


async def test_every_hop_sends_its_lines(stack: Stack, traffic: Traffic, sku: str) -> None:
    account = await traffic.create_account("Ada Lovelace", "ada@example.com")
    placed = await traffic.place_order(account, {sku: 1})
    await traffic.settled(placed, within_seconds=60)

    def look() -> None:
        for name in SCHEMA["parts"].keys() - FROM_FILES.keys():
            assert lines_of(stack, name), f"{name} has no line"
        assert any(line.labels.get("logger") == "nginx.access" for line in lines_of(stack, "edge-nginx"))

    eventually(look, within_seconds=60)


@pytest.mark.parametrize("part", FROM_FILES)
def test_every_line_of_a_file_reaches_loki(stack: Stack, part: str) -> None:
    """Of PostgreSQL, whose record is a message and the statement it is about, every message."""
    wanted = {text for name in FROM_FILES[part] for text in written(stack.layout.logs / name)}

    def look() -> None:
        stored = "\n".join(line.message for line in lines_of(stack, part))
        assert {text for text in wanted if text not in stored} == set()

    eventually(look, within_seconds=60)


def written(path: Path) -> set[str]:
    """The words of each line of a file, as they are stored: masked, and without what steers a terminal."""
    text = re.sub(r"\x1b\[\d+m", "", path.read_text())
    found = re.findall(WORDS.get(path.stem, JSON_WORDS), text, re.MULTILINE)
    return {printable(mask(words.strip())) for words in found}


def test_every_line_is_as_the_schema_has_it(stack: Stack) -> None:
    for name in SCHEMA["parts"]:
        for line in lines_of(stack, name):
            assert faults_of(line) == [], f"{name}: {line}"


def test_streams_have_the_labels_of_the_schema(stack: Stack) -> None:
    answer = stack.telemetry.client.get(stack.telemetry.stores.loki, "/loki/api/v1/labels")
    assert set(answer["data"]) == SCHEMA["labels"].keys()


def lines_of(stack: Stack, part: str) -> list[LogLine]:
    return stack.telemetry.logs(f'{{service_name="{part}"}}')


def faults_of(line: LogLine) -> list[str]:
    faults = [f"{name} is missing" for name in sorted(ALWAYS - line.labels.keys())]
    for name, value in line.labels.items():
        described = SCHEMA["fields"].get(name)
        if described and not re.fullmatch(TYPES[described["type"]], value):
            faults.append(f"{name}: {value!r} is no {described['type']}")
        is_number = re.fullmatch(TYPES["number"], value)
        if is_number and DURATION.search(name) and not name.endswith(SCHEMA["duration_suffix"]):
            faults.append(f"{name}: a duration in another unit")
    if SCHEMA["levels"].get(line.level) != int(line.labels.get("severity_number", "0")):
        faults.append(f"{line.level} is not {line.labels.get('severity_number')}")
    if line.labels.get("level") != line.level:
        faults.append(f"level {line.labels.get('level')} beside {line.level}")
    return faults
