"""Images of minimal Debian systems, which the stand-ins are built on."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from compose.cli import cache
from tests.containers.debian import KEYRING, mirror
from tests.containers.engine import Engine

RELEASES = {"standin/debian": "bookworm", "standin/debian-newer": "forky"}
_SECONDS = 900


def make(engine: Engine) -> None:
    """Makes those that are not there yet."""
    for name, release in RELEASES.items():
        tag = f"{name}:{cache.digest([Path(__file__)], release)}"
        if engine.docker("image", "inspect", tag, check=False).returncode != 0:
            _make(engine, release, tag)
        engine.docker("tag", tag, name)


def _make(engine: Engine, release: str, tag: str) -> None:
    environment = dict(engine.environment)
    with tempfile.TemporaryDirectory(prefix="nextphase-base-") as folder:
        _debootstrap(environment, release, Path(folder))
        archive = ["tar", "--numeric-owner", "-C", folder, "-c", "."]
        with subprocess.Popen(archive, stdout=subprocess.PIPE) as tar:
            importing = ["docker", "import", "-", tag]
            subprocess.run(importing, stdin=tar.stdout, env=environment, check=True, timeout=_SECONDS)


def _debootstrap(environment: dict[str, str], release: str, folder: Path) -> None:
    """A minimal system that gets packages as this machine does and trusts the same authorities."""
    options = ["--variant=minbase", "--include=ca-certificates,netbase", f"--keyring={KEYRING}"]
    done = subprocess.run(
        ["debootstrap", *options, release, folder, mirror()],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    local = Path("usr/local/share/ca-certificates")
    shutil.copytree("/" / local, folder / local, dirs_exist_ok=True)
    subprocess.run(["chroot", folder, "update-ca-certificates"], capture_output=True, check=True, timeout=120)
    (folder / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    settings = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, check=True, timeout=60)
    (folder / "etc/apt/apt.conf.d/90machine").write_bytes(settings.stdout)
    # As in official images: indices of packages are not kept.
    (folder / "etc/apt/apt.conf.d/docker-clean").write_text(
        'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache ""; APT::Keep-Downloaded-Packages "false";\n'
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n'
    )
    for archive in (folder / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()
