import argparse
import hashlib
import json
import os
import stat
import time
from pathlib import Path

import pytest

from compose.cli import operate


def test_a_token_is_kept_as_its_hash_alone(tmp_path: Path) -> None:
    folder = tmp_path / "operate"
    begun = time.time()
    made = operate.grant(folder, 600)
    (file,) = folder.iterdir()
    assert file.name == f"{hashlib.sha256(made.token.encode()).hexdigest()}.json"
    assert made.token not in file.read_text()
    assert len(made.token) >= 43  # 256 bits
    terms = json.loads(file.read_text())
    assert terms["session_seconds"] == 600
    assert begun + operate.TOKEN_SECONDS <= terms["expires_at"] <= time.time() + operate.TOKEN_SECONDS


def test_nobody_else_reads_grants(tmp_path: Path) -> None:
    folder = tmp_path / "operate"
    operate.grant(folder, 600)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_every_token_is_another(tmp_path: Path) -> None:
    assert len({operate.grant(tmp_path, 1).token for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("behind", "expected"), [("ada", "ada (root)"), ("", "root"), ("a b\n", "root"), (None, "root")]
)
def test_the_user_behind_sudo_is_named(
    monkeypatch: pytest.MonkeyPatch, behind: str | None, expected: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_USER", raising=False)
    if behind is not None:
        monkeypatch.setenv("SUDO_USER", behind)
    assert operate.user() == expected


def test_sudo_user_says_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setenv("SUDO_USER", "root")
    assert operate.user() == "54321"


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("30m", 1800), ("8h", 28800), ("480m", 28800)])
def test_durations(text: str, seconds: int) -> None:
    assert operate.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "9h", "481m", "1d", "5", "-1m", "1.5h", "1h30m", "999999999s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 1s to 8h"):
        operate.duration(text)
