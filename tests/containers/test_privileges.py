"""Privileges of each container, as the engine and the kernel see them: no more than its work needs."""

import json
import subprocess
from pathlib import Path

import pytest

from compose.cli import containers
from compose.cli.catalog import Catalog
from compose.cli.platform import Platform
from compose.cli.site import Site
from tests.conftest import ROOT
from tests.containers.composition import Composition, Container

pytestmark = pytest.mark.containers

SECRETS = Path(Site.containers(containers.INSTANCE).secrets)
#: Files that the engine writes for a container; they belong to root.
FROM_THE_ENGINE = {"/etc/resolv.conf", "/etc/hostname", "/etc/hosts"}


@pytest.fixture(scope="module")
def running(composition: Composition) -> list[Container]:
    found = [each for each in composition.containers() if each.process]
    assert len(found) >= 15
    return found


def status(container: Container) -> dict[str, str]:
    """The kernel's account of its first process."""
    lines = Path(f"/proc/{container.process}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_each_runs_as_its_own_user_without_capabilities(running: list[Container]) -> None:
    users = containers.users(Catalog.load(ROOT), Platform.load(ROOT).rio.dispatcher_names)
    for container in running:
        found = status(container)
        assert {*found["Uid"].split()} == {str(users[container.service])}, container.name
        assert users[container.service] > 0
        assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert found["NoNewPrivs"] == "1", container.name
        assert found["Seccomp"] == "2", container.name


def test_each_root_file_system_is_read_only(running: list[Container]) -> None:
    """A container can write only to a volume of its own, or to a small file system in memory."""
    for container in running:
        mounts = [line.split() for line in Path(f"/proc/{container.process}/mounts").read_text().splitlines()]
        for _, folder, kind, options, *_ in mounts:
            writable = "rw" in options.split(",")
            own = {each["Destination"] for each in container.details["Mounts"] if each["RW"]}
            if writable and kind not in {"proc", "sysfs", "mqueue", "devpts"}:
                assert kind == "tmpfs" or folder in own | FROM_THE_ENGINE, (container.name, folder)
        assert [options.split(",")[0] for _, folder, _, options, *_ in mounts if folder == "/"] == ["ro"]


def test_limits_are_the_engines(running: list[Container]) -> None:
    for container in running:
        limits = container.details["HostConfig"]
        assert limits["Memory"] > 0, container.name
        assert limits["MemorySwap"] == limits["Memory"], container.name
        assert limits["PidsLimit"] == 512, container.name


def test_no_container_was_killed_for_its_memory_or_restarted(running: list[Container]) -> None:
    for container in running:
        assert not container.details["State"]["OOMKilled"], container.name
        assert container.details["RestartCount"] == 0, container.name


#: Which files may be read in a container's file system (the first argument) by a user (the second).
READABLE = """
import json, os, sys

folder, user, *paths = sys.argv[1:]
os.chroot(folder)
os.setgroups([])
os.setgid(int(user))
os.setuid(int(user))
print(json.dumps([path for path in paths if os.access(path, os.R_OK)]))
"""


def test_a_secret_is_read_by_its_reader_alone(composition: Composition, running: list[Container]) -> None:
    volume = composition.volume("secrets")
    readers = {
        str(SECRETS / path.relative_to(volume)): reader
        for path, reader in containers.readers(Catalog.load(ROOT), volume).items()
    }
    assert len(readers) >= 20
    for container in running:
        mounted = {Path(each["Destination"]) for each in container.details["Mounts"]}
        user = container.details["Config"]["User"].split(":")[0]
        expected = [path for path, reader in readers.items() if str(reader) == user and SECRETS in mounted]
        command = ["python3", "-c", READABLE, f"/proc/{container.process}/root", user, *readers]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert json.loads(tried.stdout) == expected, container.name
