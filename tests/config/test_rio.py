"""What is generated for Rio is what Rio reads."""

import json
from pathlib import Path

import pytest

from broker.rio.settings import Settings
from compose.cli import hops, secrets
from compose.cli.catalog import Catalog
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.secrets import OPERATOR, RELAY
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
    file.write_text(hops.rio(CATALOG, PLATFORM, Site.native(layout)))
    monkeypatch.setenv("RIO_CONFIG", str(file))
    return Settings.from_env("RIO_CONFIG")


def test_rio_takes_it_and_finds_its_secrets(settings: Settings) -> None:
    assert settings.webhook_key_file
    tokens = json.loads(settings.senders_file.read_text())
    assert tokens.keys() == (settings.senders or {}).keys()
    for file in (settings.webhook_key_file, settings.credential_file, settings.amqp_password_file):
        assert len(file.read_text().strip()) >= 43


def test_who_may_emit_what(settings: Settings) -> None:
    senders = settings.senders or {}
    for service in CATALOG:
        assert senders[service.name].types == list(service.emits)
        assert not senders[service.name].admin
    assert sorted(senders[RELAY].types) == sorted(emitted for service in CATALOG for emitted in service.emits)
    assert (senders[OPERATOR].types, senders[OPERATOR].admin) == (["#"], True)


def test_what_is_declared_of_the_flow(settings: Settings) -> None:
    assert settings.emitters == {service.name: list(service.emits) for service in CATALOG if service.emits}
    assert settings.schemas.keys() == {emitted for service in CATALOG for emitted in service.schemas}
    owners = {subscription.id: subscription.owner for subscription in settings.subscriptions}
    assert owners == {service.name: service.name for service in CATALOG if service.subscriptions}


def test_retention_is_the_platforms(settings: Settings) -> None:
    assert settings.deduplication_seconds == PLATFORM.rio.deduplication_hours * 3600
    assert settings.event_log.megabytes == PLATFORM.rio.event_log.megabytes
    assert settings.dead_letters.age_seconds == PLATFORM.rio.dead_letters.hours * 3600
    assert settings.deliveries.rows == PLATFORM.rio.deliveries.rows
