"""The engine's programs, unpacked once into the cache: Docker and what it calls, and debootstrap."""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from compose.cli import cache
from tests.containers.debian import Release

ENGINE_RELEASE = "trixie"  # Docker 26.1 with Compose 2.26, whose programs run on an older glibc, too
ENGINE = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "tini", "debootstrap")
OWN_RELEASE = "bookworm"  # what is linked with the machine's own libraries
OWN = (
    "runc",
    "iptables",
    "libip4tc2",
    "libip6tc2",
    "libxtables12",
    "libnetfilter-conntrack3",
    "libnfnetlink0",
    "libnftnl11",
    "libmnl0",
)
_WAIT_SECONDS = 1800


@dataclass(frozen=True)
class Programs:
    """A folder of unpacked packages."""

    root: Path

    @classmethod
    def unpacked(cls) -> "Programs":
        """Those in the cache; they are fetched when they are not there."""
        root = cache.home() / f"engine-{cache.digest([], *ENGINE, ENGINE_RELEASE, *OWN, OWN_RELEASE)}"
        with cache.locked(root, print, _WAIT_SECONDS):
            if not root.exists():
                half_made = root.with_name(f"{root.name}.partial")
                shutil.rmtree(half_made, ignore_errors=True)
                Release(ENGINE_RELEASE, half_made / "apt" / ENGINE_RELEASE).unpack(ENGINE, half_made)
                Release(OWN_RELEASE, half_made / "apt" / OWN_RELEASE).unpack(OWN, half_made)
                shutil.rmtree(half_made / "apt")
                _link_alternatives(half_made)
                half_made.replace(root)
        return cls(root)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which the programs find each other and their libraries."""
        libraries = self.root / f"usr/lib/{platform.machine()}-linux-gnu"
        return {
            "PATH": f"{self.root}/usr/bin:{self.root}/usr/sbin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "LD_LIBRARY_PATH": str(libraries),
            "XTABLES_LIBDIR": str(libraries / "xtables"),
            "DEBOOTSTRAP_DIR": str(self.root / "usr/share/debootstrap"),
        }

    @property
    def plugins(self) -> Path:
        """Where Docker's command line finds Compose and Buildx."""
        return self.root / "usr/libexec/docker/cli-plugins"


def _link_alternatives(root: Path) -> None:
    """Makes the links that Debian's alternatives would: the engine calls `iptables`."""
    for name in ("iptables", "ip6tables"):
        for suffix in ("", "-save", "-restore"):
            (root / "usr/sbin" / f"{name}{suffix}").symlink_to(f"{name}-legacy{suffix}")
