"""Where Debian's packages, or the machine, keep their programs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

POSTGRES_MAJOR = 15
JAVA_MAJOR = 17
SEARCH_PATH = os.pathsep.join(
    [
        os.environ.get("PATH", os.defpath),
        "/usr/local/sbin",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/bin",
    ]
)
"""PATH, and what Debian leaves out of other users' PATH."""


def find(name: str) -> Path | None:
    """The program `name`, in PATH or where only root's PATH leads."""
    found = shutil.which(name, path=SEARCH_PATH)
    return Path(found) if found else None


def postgres_bin() -> Path | None:
    """The folder of PostgreSQL's programs: 15 or the next newer one."""
    folders = {
        int(server.parents[1].name): server.parent
        for server in Path("/usr/lib/postgresql").glob("*/bin/postgres")
        if server.parents[1].name.isdigit()
    }
    majors = [major for major in sorted(folders) if major >= POSTGRES_MAJOR]
    return folders[majors[0]] if majors else None


def rabbitmq_server() -> Path | None:
    """RabbitMQ's own start script, not Debian's wrapper (which insists on root and the system's folders)."""
    for script in sorted(Path("/usr/lib/rabbitmq").glob("bin/rabbitmq-server")):
        return script
    return None


def jdk() -> Path | None:
    """The home of a Java development kit of version 17 or newer, JAVA_HOME's first."""
    for home in _jdk_homes():
        if (home / "bin/javac").exists() and _java_major(home) >= JAVA_MAJOR:
            return home
    return None


def _jdk_homes() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    compiler = find("javac")
    if compiler:
        yield compiler.resolve().parents[1]
    yield from sorted(Path("/usr/lib/jvm").glob("*"))


def _java_major(home: Path) -> int:
    try:
        release = (home / "release").read_text()
    except OSError:
        return 0
    found = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    return int(found[1]) if found else 0
