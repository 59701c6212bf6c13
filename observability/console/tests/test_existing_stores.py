"""Headers that an existing store requires, and a file of headers that cannot be read."""

import json
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from observability.configuration.errors import ConfigurationError
from observability.console.settings import Settings
from observability.console.tests import consoles
from observability.console.tests.consoles import VIEWER, Console

CREDENTIALS = "Bearer of-the-team"


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that reads an existing Loki and Alertmanager, and no Jaeger."""
    folder = tmp_path_factory.mktemp("existing")
    file = folder / "headers.json"
    file.write_text(json.dumps({"Authorization": CREDENTIALS, "X-Scope-OrgID": "team"}) + "\n")
    asked = {"loki": str(file), "alertmanager": str(file)}
    with consoles.console(folder, without=["jaeger"], store_headers_files=asked) as started:
        yield started


def test_a_store_is_sent_what_it_asks_for_and_no_other_is(existing: Console) -> None:
    existing.stores.answer("GET", "/loki/loki/api/v1/labels", {"status": "success", "data": []})
    existing.stores.answer("GET", "/prometheus/api/v1/rules", {"status": "success", "data": {}})
    assert existing.get("/api/loki/labels?start=1000&end=2000").is_success
    assert existing.get("/api/prometheus/rules").is_success
    sent = {asked.path.split("/")[1]: asked.headers for asked in existing.stores.asked}
    assert (sent["loki"]["authorization"], sent["loki"]["x-scope-orgid"]) == (CREDENTIALS, "team")
    assert "authorization" not in sent["prometheus"]


def test_a_change_is_sent_it_too(existing: Console) -> None:
    silence = {
        "matchers": [{"name": "alertname", "value": "HopDown"}],
        "duration_seconds": 600,
        "comment": "of a test",
    }
    existing.stores.answer("POST", "/alertmanager/api/v2/silences", {"silenceID": "1"})
    assert existing.operate().is_success
    answered = existing.ask("POST", "/api/operate/alertmanager/silences", silence)
    (asked,) = [one for one in existing.stores.asked if one.path == "/alertmanager/api/v2/silences"]
    assert asked.headers["authorization"] == CREDENTIALS, answered.text


def test_a_store_that_cannot_be_read_says_so(existing: Console) -> None:
    answer = existing.get("/api/jaeger/services")
    assert answer.status_code == 502
    assert "names none that can be read" in answer.json()["detail"]
    assert VIEWER not in answer.text


def test_headers_that_are_none_are_refused_and_not_shown(existing: Console, tmp_path: Path) -> None:
    settings = Settings.model_validate_json((existing.folder / "console.json").read_text())
    (tmp_path / "headers.json").write_text('["Bearer of-the-team"]')
    wrong = settings.model_copy(update={"store_headers_files": {"loki": tmp_path / "headers.json"}})
    with pytest.raises(ConfigurationError, match="is not an object of headers") as refused:
        wrong.store_headers()
    assert "of-the-team" not in "".join(traceback.format_exception(refused.value))
