"""Which Debian packages are missing, and who may install them how."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from compose.cli.errors import Failure
from compose.cli.setup import packages
from compose.cli.setup.packages import SCRIPT, Packages, Requirement, by_hand, installation, missing

ABSENT = Requirement("nextphase-has-no-such-package", lambda: False)
PRESENT = Requirement("coreutils", lambda: True)


def test_root_runs_the_script_itself() -> None:
    assert installation(["nginx", "maven"], root=True, sudo=False) == ["sh", str(SCRIPT), "nginx", "maven"]


def test_sudo_never_asks_in_the_middle() -> None:
    command = installation(["nginx"], root=False, sudo=True)
    assert command == ["sudo", "-n", "sh", str(SCRIPT), "nginx"]


def test_nobody_else_may() -> None:
    assert installation(["nginx"], root=False, sudo=False) is None


def test_the_command_by_hand_is_one_that_a_shell_reads_back() -> None:
    words = shlex.split(by_hand(["nginx", "maven"]))
    assert words[:2] == ["su", "-c"]
    assert shlex.split(words[2]) == ["sh", str(SCRIPT), "nginx", "maven"]


def test_only_what_is_not_found_is_missing() -> None:
    assert missing([PRESENT, ABSENT]) == [ABSENT.package]


def test_without_root_or_sudo_the_exact_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(packages, "_may_sudo", lambda: False)
    monkeypatch.setattr(packages.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(Failure) as raised:
        Packages([ABSENT]).prepare()
    assert by_hand([ABSENT.package]) in raised.value.text()


def test_a_machine_without_apt_is_told_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    with pytest.raises(Failure, match=ABSENT.package):
        Packages([ABSENT]).prepare()


def test_the_script_is_sound() -> None:
    subprocess.run(["sh", "-n", str(SCRIPT)], check=True)


def test_the_script_says_what_it_needs() -> None:
    answer = subprocess.run(["sh", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert answer.returncode in (1, 2)  # not root, or no packages named
    assert "install_packages.sh" in answer.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="puts a policy in place of the machine's: needs root")
@pytest.mark.parametrize("own", [None, "#!/bin/sh\nexit 104\n"])
def test_the_script_keeps_services_down_and_puts_everything_back(tmp_path: Path, own: str | None) -> None:
    """With an apt-get that only looks around, in a file system of its own: the machine is not touched."""
    root = tmp_path / "root"
    policy = root / "usr/sbin/policy-rc.d"
    for folder in ("usr/sbin", "run/lock", "etc", "var/lib/apt/lists", "bin", "tmp"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if own:
        policy.write_text(own)
    seen = tmp_path / "seen"
    script = tmp_path / "script.sh"
    text = SCRIPT.read_text()
    for path in ("/usr/sbin/policy-rc.d", "/etc/postgresql-common", "/run/lock/", "/var/lib/apt/lists"):
        text = text.replace(path, f"{root}{path}")
    text = text.replace("\nPATH=", f"\nPATH={tmp_path}/bin:")
    script.write_text(text)
    (tmp_path / "bin").mkdir()
    clusters = root / "etc/postgresql-common/createcluster.d/nextphase.conf"
    for name, content in {
        "apt-get": f'case "$*" in *" install "*) cat {policy} {clusters} >>{seen}; exit 100;; esac',
        "dpkg": "true",
        "dpkg-query": "echo base ii",
    }.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{content}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    answer = subprocess.run(["sh", str(script), "nginx"], capture_output=True, text=True, check=False)
    assert answer.returncode != 0, "a failed installation is told"
    assert "exit 101" in seen.read_text()
    assert "create_main_cluster = false" in seen.read_text()
    assert (policy.read_text() if policy.exists() else None) == own
    assert not (root / "etc/postgresql-common").exists()
