"""Debian packages of any release, unpacked into a folder: nothing is installed on the machine."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SECONDS = 600


def mirror() -> str:
    """The mirror that this machine's own packages come from."""
    found = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert found, "apt knows no mirror of Debian's"
    return found[0]


@dataclass(frozen=True)
class Release:
    """One release, with lists of its packages in `folder`, apart from the machine's own."""

    name: str
    folder: Path

    def unpack(self, packages: Sequence[str], target: Path) -> None:
        """Downloads `packages`, without what they depend on, and unpacks them below `target`."""
        downloads = self.folder / "downloads"
        for folder in (downloads, self.folder / "lists/partial", self.folder / "cache/archives/partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._apt("update")
        self._apt("download", *packages, cwd=downloads)
        for archive in sorted(downloads.glob("*.deb")):
            subprocess.run(["dpkg", "-x", archive, target], check=True, timeout=_SECONDS)
            archive.unlink()

    def _apt(self, *arguments: str, cwd: Path | None = None) -> None:
        sources = self.folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {self.name} main\n")
        options: Mapping[str, Path | str] = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/nonexistent",
            "Dir::State::lists": self.folder / "lists",
            "Dir::Cache": self.folder / "cache",
            "APT::Sandbox::User": "root",  # the folder is the caller's
        }
        settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        subprocess.run(
            ["apt-get", "-q", *settings, *arguments],
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            check=True,
            timeout=_SECONDS,
        )
