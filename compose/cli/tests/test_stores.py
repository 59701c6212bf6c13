"""Existing stores in place of ours: what is started, sent and read, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli.catalog import Catalog
from compose.cli.generate import Plan, plan
from compose.cli.layout import Layout
from compose.cli.platform import FILE
from compose.cli.refusal import Refused
from compose.cli.stores import Stores
from compose.cli.tests import checkout

PROMETHEUS = Path("observability/prometheus/prometheus.yml")
TOKEN = "c2VjcmV0LXRva2VuLW9mLXRoZS10ZWFt"
EVERYTHING = """\
telemetry:
  otlp: {url: "https://otlp.example.net/v1-of-us/", headers_file: HEADERS}
  jaeger: {url: "http://jaeger.example.net:16686/jaeger", headers_file: HEADERS}
  loki: {url: "http://loki.example.net:3100", headers_file: HEADERS}
  prometheus:
    url: https://mimir.example.net/prometheus
    remote_write_url: https://mimir.example.net/api/v1/push
    headers_file: PROMETHEUS
  alertmanager: {url: "https://alerts.example.net/am", headers_file: AUTHORIZATION}
  grafana: {url: "https://grafana.example.net"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout, and files of headers as existing stores ask for them."""
    made = checkout.make(tmp_path)
    shutil.copy(checkout.ROOT / PROMETHEUS, made / PROMETHEUS)
    (made / "HEADERS").write_text(f"# of the team\n\nAuthorization: Bearer {TOKEN}\nX-Team: observers\n")
    (made / "PROMETHEUS").write_text(f"Authorization: Basic {TOKEN}\nX-Scope-OrgID: observers\n")
    (made / "AUTHORIZATION").write_text(f"authorization: Bearer {TOKEN}\n")
    return made


def planned(root: Path, telemetry: str = "telemetry: {}\n") -> Plan:
    """The plan of an instance with these settings of its telemetry."""
    text = re.sub(r"^telemetry:.*\n(  .*\n)*", "", (root / FILE).read_text(), flags=re.MULTILINE)
    said = re.sub(r"\b(HEADERS|PROMETHEUS|AUTHORIZATION)\b", rf"{root}/\1", telemetry)
    (root / FILE).write_text(text + said)
    return plan(Catalog.load(root), Layout.open(root), checkout.toolbox())


def environment(made: Plan, process: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in made.processes[process]["environment"])


def prometheus(made: Plan) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(made.files["prometheus/prometheus.yml"])
    return document


def scraped(made: Plan) -> set[str]:
    groups = json.loads(made.files["prometheus/targets/telemetry.json"])
    return {group["labels"]["service"] for group in groups}


def test_without_existing_stores_everything_is_ours(root: Path) -> None:
    made = planned(root)
    assert {"jaeger", "loki", "prometheus", "alertmanager"} <= made.processes.keys()
    assert list(made.stores.differences()) == []
    assert made.stores.existing == []
    assert made.files["prometheus/prometheus.yml"] == (root / PROMETHEUS).read_text()
    collector = environment(made, "collector")
    assert collector["JAEGER_OTLP_URL"] == "http://127.0.0.1:14317"
    assert collector["LOKI_OTLP_URL"] == "http://127.0.0.1:3100/otlp"
    assert collector["LOKI_HEADERS_FILE"] == "/dev/null"
    assert made.stores.prometheus.url == "http://127.0.0.1:9090"


def test_what_has_an_existing_one_in_its_place_is_not_started(root: Path) -> None:
    made = planned(root, EVERYTHING)
    assert made.processes.keys() & {"jaeger", "loki", "alertmanager"} == set()
    assert scraped(made) == {"collector", "collector-spans", "prometheus", "disk-limits"}
    assert made.platform.telemetry.replaced == {"jaeger", "loki", "alertmanager"}
    assert made.processes["collector"].get("depends_on", {}) == {}
    told = list(made.stores.differences())
    assert [line.split(":")[0] for line in told] == [
        "Jaeger is not started",
        "Loki is not started",
        "Prometheus is an agent",
        "no alert rule is evaluated here",
        "Alertmanager is not started",
        "dashboards are in https",
    ]
    assert "read from http://jaeger.example.net:16686/jaeger" in told[0]


def test_the_collector_sends_to_existing_stores_what_they_ask_for(root: Path) -> None:
    made = planned(root, EVERYTHING)
    collector = environment(made, "collector")
    assert collector["JAEGER_OTLP_URL"] == "https://otlp.example.net/v1-of-us"
    assert collector["LOKI_OTLP_URL"] == "http://loki.example.net:3100/otlp"
    for name, store in (("JAEGER", "otlp"), ("LOKI", "loki")):
        assert collector[f"{name}_COMPRESSION"] == "gzip"
        file = made.layout.secrets / f"stores/{store}.json"
        assert collector[f"{name}_HEADERS_FILE"] == str(file)
        assert json.loads(file.read_text()) == {"Authorization": f"Bearer {TOKEN}", "X-Team": "observers"}
        assert file.stat().st_mode & 0o777 == 0o600


def test_an_agent_sends_everything_on_and_evaluates_nothing(root: Path) -> None:
    made = planned(root, EVERYTHING)
    document = prometheus(made)
    assert document.keys() == {"global", "scrape_configs", "remote_write"}
    assert document["global"]["external_labels"] == {"deployment_environment_name": "default"}
    assert document["remote_write"] == [
        {
            "url": "https://mimir.example.net/api/v1/push",
            "send_exemplars": True,
            "authorization": {
                "type": "Basic",
                "credentials_file": str(made.layout.secrets / "stores/prometheus.credentials"),
            },
            "headers": {"X-Scope-OrgID": "observers"},
        }
    ]
    words = made.processes["prometheus"]["entrypoint"]
    assert "--enable-feature=agent" in words
    assert not any("tsdb" in word for word in words)
    credentials = made.layout.secrets / "stores/prometheus.credentials"
    assert (credentials.read_text(), credentials.stat().st_mode & 0o777) == (f"{TOKEN}\n", 0o600)


def test_our_prometheus_tells_an_existing_alertmanager(root: Path) -> None:
    settings = (
        'telemetry:\n  alertmanager: {url: "https://alerts.example.net/am", headers_file: AUTHORIZATION}\n'
    )
    made = planned(root, settings)
    assert "alertmanager" not in made.processes
    assert "loki" in made.processes
    document = prometheus(made)
    assert document["rule_files"] == ["rules/*.yml"]
    assert document["alerting"]["alertmanagers"] == [
        {
            "scheme": "https",
            "static_configs": [{"targets": ["alerts.example.net"]}],
            "path_prefix": "/am",
            "authorization": {
                "type": "Bearer",
                "credentials_file": str(made.layout.secrets / "stores/alertmanager.credentials"),
            },
        }
    ]
    assert document["global"]["external_labels"]["deployment_environment_name"] == "default"
    assert list(made.stores.differences()) == [
        "Alertmanager is not started: alerts are in https://alerts.example.net/am"
    ]


def test_an_otlp_endpoint_alone_can_be_sent_to_and_not_read(root: Path) -> None:
    made = planned(root, 'telemetry:\n  otlp: {url: "http://127.0.0.1:4318"}\n')
    assert made.stores.jaeger.url is None
    (told,) = made.stores.differences()
    assert told == ("Jaeger is not started: spans go to http://127.0.0.1:4318, and cannot be read from here")
    assert [store.url for store in made.stores.existing] == ["http://127.0.0.1:4318"]


def test_with_an_existing_prometheus_alone_nothing_tells_an_alertmanager(root: Path) -> None:
    urls = "{url: http://127.0.0.1:1, remote_write_url: http://127.0.0.1:1/api/v1/write}"
    made = planned(root, f"telemetry:\n  prometheus: {urls}\n")
    assert "alertmanager" not in made.processes
    assert made.stores.alertmanager.url is None


def test_metrics_of_others_are_taken_where_that_is_asked_for(root: Path) -> None:
    option = "--web.enable-remote-write-receiver"
    assert option not in planned(root).processes["prometheus"]["entrypoint"]
    taking = planned(root, "telemetry:\n  accepts_remote_write: true\n")
    assert option in taking.processes["prometheus"]["entrypoint"]


def test_no_header_leaves_the_secrets(root: Path) -> None:
    made = planned(root, EVERYTHING)
    made.write()
    assert TOKEN not in json.dumps([dict(made.files), dict(made.processes)])
    assert TOKEN not in repr(made)
    again = planned(root)
    assert list((again.layout.secrets / "stores").iterdir()) == []


def test_a_changed_header_is_noticed(root: Path) -> None:
    from compose.cli import changes

    before = changes.fingerprints(planned(root, EVERYTHING))
    (root / "HEADERS").write_text("Authorization: Bearer another\n")
    after = changes.fingerprints(planned(root, EVERYTHING))
    assert {name for name in before if before[name] != after[name]} == {"collector", "console"}


def test_containers_have_their_own_stores_whatever_is_named(root: Path, tmp_path: Path) -> None:
    from compose.cli.generate import generate_for_containers

    planned(root, EVERYTHING)
    generate_for_containers(Catalog.load(root), root, tmp_path / "containers", "containers")
    written = tmp_path / "containers/config/prometheus/prometheus.yml"
    assert written.read_text() == (root / PROMETHEUS).read_text()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("otlp: {url: localhost:4318}", "otlp.url: 'localhost:4318' does not match"),
        ('otlp: {url: "http://me:secret@host"}', "otlp.url: 'http://me:secret@host' does not match"),
        (
            'loki: {url: "http://loki:3100/?tenant=1"}',
            "loki.url: 'http://loki:3100/?tenant=1' does not match",
        ),
        ("loki: {}", "loki.url: is missing"),
        ('jaeger: {url: "http://jaeger:16686"}', "'otlp' is a dependency of 'jaeger'"),
        ('prometheus: {url: "http://prometheus:9090"}', "prometheus.remote_write_url: is missing"),
        (
            'tempo: {url: "http://tempo:3200"}',
            "tempo: is unknown; known are accepts_remote_write, alertmanager",
        ),
        ('loki: {url: "http://loki", headers_file: headers}', "headers_file: 'headers' does not match"),
        ('loki: {url: "http://loki", headers_file: /not/there}', "/not/there: No such file or directory"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(root: Path, settings: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        planned(root, f"telemetry:\n  {settings}\n")
    line = (root / FILE).read_text().splitlines().index(f"  {settings}") + 1
    assert re.match(rf"compose/platform.yaml:({line}|{line - 1}): telemetry", str(refused.value))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("store", "content", "said"),
    [
        ("loki", f"Authorization Bearer {TOKEN}", "line 1 is not `Name: value`"),
        ("loki", f"# fine\nX-Key: {TOKEN}\x07", "line 2 is not `Name: value`"),
        ("loki", f"X-Key: {TOKEN}é", "is not ASCII"),
        ("loki", f"X-Key: {TOKEN}\n" * 5000, "is longer than 65536 bytes"),
        ("alertmanager", f"X-Key: {TOKEN}", "line 1: alertmanager can be sent Authorization alone"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused_and_not_shown(
    root: Path, store: str, content: str, said: str
) -> None:
    (root / "HEADERS").write_text(content)
    with pytest.raises(Refused) as refused:
        planned(root, f'telemetry:\n  {store}: {{url: "http://host", headers_file: HEADERS}}\n')
    assert f"telemetry.{store}.headers_file: {root}/HEADERS: " in str(refused.value)
    assert said in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_readers_have_a_url_of_every_store_that_can_be_read(root: Path) -> None:
    stores: Stores = planned(root, EVERYTHING).stores
    assert stores.jaeger.url == "http://jaeger.example.net:16686/jaeger"
    assert stores.loki.url == "http://loki.example.net:3100"
    assert stores.prometheus.url == "https://mimir.example.net/prometheus"
    assert stores.alertmanager.url == "https://alerts.example.net/am"
    assert stores.grafana == "https://grafana.example.net"
    assert stores.loki.headers == {"Authorization": f"Bearer {TOKEN}", "X-Team": "observers"}
