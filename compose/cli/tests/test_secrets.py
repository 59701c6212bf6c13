"""Credentials: made once, closed to others, complete when the catalog grows."""

from __future__ import annotations

import json
from pathlib import Path

from compose.cli import secrets
from compose.cli.catalog import Catalog
from compose.cli.secrets import Secrets
from compose.cli.tests import checkout


def contents(folder: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_made_once_and_kept(tmp_path: Path) -> None:
    catalog = Catalog.load(checkout.make(tmp_path))
    folder = tmp_path / "secrets"
    secrets.ensure(folder, catalog)
    first = contents(folder)
    secrets.ensure(folder, catalog)
    assert contents(folder) == first


def test_closed_to_others_even_after_somebody_opened_them(tmp_path: Path) -> None:
    catalog = Catalog.load(checkout.make(tmp_path))
    folder = tmp_path / "secrets"
    secrets.ensure(folder, catalog)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)
    folder.chmod(0o755)
    secrets.ensure(folder, catalog)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_what_is_made(tmp_path: Path) -> None:
    catalog = Catalog.load(checkout.make(tmp_path))
    folder = tmp_path / "secrets"
    secrets.ensure(folder, catalog)
    names = Secrets(folder)
    senders = json.loads(Path(names.senders).read_text())
    assert sorted(senders) == ["accounts", "mails", "operator", "relay", "viewer"]
    assert Path(names.sender("mails")).read_text().strip() == senders["mails"]
    for role in ("accounts", "mails", "relay", "rio", "monitor", "postgres"):
        password = Path(names.password(role)).read_text().strip()
        assert Path(names.pgpass(role)).read_text() == f"*:*:*:{role}:{password}\n"
    gateway = Path(names.credential("gateway")).read_text().strip()
    assert f'"{gateway}" gateway;\n' in Path(names.callers).read_text()
    bare = [text for path, text in contents(folder).items() if path.parent.name in ("senders", "postgres")]
    assert len(set(bare)) == len(bare) == 11
    assert all(len(text.strip()) >= 43 for text in bare)  # 256 bits


def test_a_new_service_gets_its_own_and_nothing_else_changes(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    secrets.ensure(folder, Catalog(Catalog.load(checkout.make(tmp_path)).services[:1]))
    first = contents(folder)
    secrets.ensure(folder, Catalog.load(tmp_path))
    then = contents(folder)
    assert {path.name for path in then.keys() - first.keys()} == {"mails"}
    assert {path.name for path in first if then[path] != first[path]} == {"senders.json"}
