"""Rio reads the configuration that is generated for it."""

import json
from pathlib import Path

import pytest

from broker.rio.settings import Catalog as DeclaredCatalog
from broker.rio.settings import SenderEntry, Settings
from broker.tests.servers import RABBITMQ_ADVANCED
from compose.cli import hops, rabbitmq, secrets
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.secrets import OPERATOR, RELAY, VIEWER
from compose.cli.site import Site
from tests.config.programs import ROOT

pytestmark = pytest.mark.config

CATALOG = Catalog.load(ROOT)
PLATFORM = Platform.load(ROOT)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    layout = Layout(tmp_path, "default", 0)
    secrets.ensure(layout.secrets, CATALOG)
    file = tmp_path / "rio.json"
    file.write_text(hops.rio(PLATFORM, Site.native(layout)))
    monkeypatch.setenv("RIO_CONFIG", str(file))
    return Settings.from_env("RIO_CONFIG")


@pytest.fixture
def declared(tmp_path: Path) -> DeclaredCatalog:
    file = tmp_path / "rio-catalog.json"
    file.write_text(hops.rio_catalog(CATALOG))
    return DeclaredCatalog.load(file)


def test_rio_takes_it_and_finds_its_secrets(settings: Settings, declared: DeclaredCatalog) -> None:
    assert settings.webhook_key_file
    tokens = json.loads(settings.senders_file.read_text())
    assert tokens.keys() == declared.senders.keys()
    for file in (settings.webhook_key_file, settings.credential_file, settings.amqp_password_file):
        assert len(file.read_text().strip()) >= 43


def test_rio_takes_the_flow_rules(declared: DeclaredCatalog) -> None:
    rules = {rule.name: rule for service in CATALOG for rule in service.flows}
    assert {rule.name for rule in declared.flows} == rules.keys() > set()
    for rule in declared.flows:
        assert [step.types for step in rule.steps] == [list(step.types) for step in rules[rule.name].steps]


def test_a_sender_has_the_rights_its_manifest_says(declared: DeclaredCatalog) -> None:
    for service in CATALOG:
        entry = declared.senders[service.name]
        assert entry.types == list(service.emits)
        assert set(entry.reads) == {subscription.type for subscription in service.subscriptions}
        assert not any((entry.admin, entry.relays, entry.egress, entry.sources))
    relay = declared.senders[RELAY]
    assert (relay.types, relay.reads, relay.relays, relay.admin) == ([], [], True, False)
    assert (declared.senders[OPERATOR].types, declared.senders[OPERATOR].admin) == (["#"], True)
    assert declared.senders[VIEWER] == SenderEntry(viewer=True)


def test_what_is_declared_of_the_flow(declared: DeclaredCatalog) -> None:
    assert declared.emitters == {service.name: list(service.emits) for service in CATALOG if service.emits}
    assert declared.schemas.keys() == {emitted for service in CATALOG for emitted in service.schemas}
    types = {(one.owner, type_, one.sink) for one in declared.subscriptions for type_ in one.types}
    assert types == {
        (service.name, one.type, one.path) for service in CATALOG for one in service.subscriptions
    }


def test_retention_is_the_platforms(settings: Settings) -> None:
    assert settings.deduplication_seconds == PLATFORM.rio.deduplication_hours * 3600
    assert settings.event_log.megabytes == PLATFORM.rio.event_log.megabytes
    assert settings.dead_letters.age_seconds == PLATFORM.rio.dead_letters.hours * 3600
    assert settings.deliveries.rows == PLATFORM.rio.deliveries.rows


def test_rios_tests_run_on_a_rabbitmq_configured_like_an_instances() -> None:
    assert rabbitmq.ADVANCED == RABBITMQ_ADVANCED
