"""`nextphase loglevel` with a running instance: every process of a hop follows, in Python and in Java."""

import pytest

from tests.conftest import Stack, eventually, nextphase

pytestmark = pytest.mark.stack

LOGGER = "probe.levels"


@pytest.mark.parametrize("hop", ["orders", "inventory", "gateway"])
def test_every_process_of_a_hop_changes_a_level_and_goes_back(stack: Stack, hop: str) -> None:
    changed = nextphase("loglevel", hop, LOGGER, "debug", "--for", "5s")
    assert changed.returncode == 0, changed.stderr
    assert f"{hop}: {LOGGER} from debug up" in changed.stdout
    query = f'{{service_name="{hop}"}} |= `log level changed` | changed_logger="{LOGGER}"'

    def look() -> None:
        told: dict[str, list[str]] = {}
        for line in reversed(stack.telemetry.logs(query)):
            told.setdefault(line.labels["service_instance_id"], []).append(line.labels["changed_to"])
        assert told
        assert all(sorted(levels) == ["debug", "default"] for levels in told.values())

    eventually(look, within_seconds=60)
    assert nextphase("loglevel", hop).stdout == "every logger has the level that its hop starts with\n"
