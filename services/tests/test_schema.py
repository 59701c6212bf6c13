"""Outbox and inbox are the same in every service: the relay reads them all."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.client.outbox import SCHEMA
from services.tests.manifest import ROOT, Manifest
from services.tests.postgres import Databases, Rows

MIGRATED = [each.name for each in Manifest.all() if each.is_python and each.migrate]

COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_name IN ('outbox', 'inbox') ORDER BY 1, ordinal_position
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename IN ('outbox', 'inbox') ORDER BY 1"
TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
GRANTS = """
    SELECT table_name, privilege_type FROM information_schema.role_table_grants
    WHERE grantee = 'relay' ORDER BY 1, 2
"""


def shape(rows: Rows) -> list[Any]:
    return [rows(query) for query in (COLUMNS, INDEXES, TRIGGERS, GRANTS)]


@pytest.fixture(scope="module")
def meant(databases: Databases) -> list[Any]:
    rows = databases.empty("schema")
    rows(SCHEMA)
    return shape(rows)


@pytest.mark.parametrize("service", MIGRATED)
def test_is_what_the_broker_means(databases: Databases, meant: list[Any], service: str) -> None:
    assert shape(databases.of(service)) == meant


@pytest.mark.example
def test_is_what_the_broker_means_in_inventory_too(databases: Databases, meant: list[Any]) -> None:
    rows = databases.empty("flyway")
    for migration in _flyway_migrations():
        rows(migration.read_text(encoding="utf-8"))
    assert shape(rows) == meant


def _flyway_migrations() -> list[Path]:
    folder = ROOT / "services" / "inventory" / "src" / "main" / "resources" / "db" / "migration"
    migrations = sorted(folder.glob("V*.sql"), key=lambda path: int(path.name[1:].split("__")[0]))
    assert migrations
    return migrations


@pytest.mark.parametrize("service", MIGRATED)
def test_wakes_the_relay(databases: Databases, service: str) -> None:
    rows = databases.of(service)
    with psycopg.connect(rows.url, autocommit=True) as listener:
        listener.execute("LISTEN outbox")
        rows(
            "INSERT INTO outbox (id, type, source, subject, data)"
            " VALUES (gen_random_uuid(), 'a.b', '/tests', '1', '{}')"
        )
        assert [notice.channel for notice in listener.notifies(timeout=5, stop_after=1)] == ["outbox"]
    rows("TRUNCATE outbox")
