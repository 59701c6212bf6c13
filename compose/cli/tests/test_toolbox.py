"""Programs found, versions respected, and what is missing named."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.cli.errors import Failure
from compose.cli.setup import programs
from compose.cli.toolbox import Toolbox

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(Failure) as raised:
        Toolbox.locate(ROOT)
    assert "jaeger, loki, otelcol, process_compose" in raised.value.message
    assert "./nextphase up" in raised.value.text()


def _jdk(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin/javac").touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def test_java_home_comes_first_when_it_is_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_jdk(tmp_path / "new", "21.0.2")))
    assert programs.jdk() == tmp_path / "new"


def test_an_old_java_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_jdk(tmp_path / "old", "11.0.2")))
    assert programs.jdk() != tmp_path / "old"


def test_programs_are_found_where_only_root_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "/usr/sbin" in programs.SEARCH_PATH.split(":")
    assert programs.find("nextphase-has-no-such-program") is None
