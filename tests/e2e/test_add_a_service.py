"""A copy of the platform with the service of docs/add-a-service.md in it, exactly as it stands there."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli.layout import Layout
from compose.cli.traffic import Traffic
from tests.conftest import ROOT, copy_checkout
from tests.documents import Block, blocks

pytestmark = [pytest.mark.stack, pytest.mark.example, pytest.mark.timeout(900)]

DOCUMENT = ROOT / "docs/add-a-service.md"
PLATFORM_TESTS = (
    "tests/config/test_containers.py",
    "tests/config/test_rio.py",
    "services/tests/test_schema.py",
)


def nextphase(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "nextphase"), *arguments, "--instance", "shipping"]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=checkout, check=False)


def put(checkout: Path, block: Block) -> None:
    """Do what a reader does with a block: write a file, run commands, extend the routes."""
    if block.file:
        file = checkout / block.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    elif block.language == "yaml":
        with (checkout / "gateway/routes.yaml").open("a") as routes:
            routes.write("\n" + block.text)
    elif "./nextphase" not in block.text:
        subprocess.run(["sh", "-euc", block.text], cwd=checkout, timeout=60, check=True)


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """The copy, in a folder that every user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="nextphase-checkout-"))
    folder.chmod(0o755)
    copy_checkout(folder)
    for block in blocks(DOCUMENT):
        put(folder, block)
    yield folder
    shutil.rmtree(folder)


def test_it_takes_part_from_the_first_order(checkout: Path) -> None:
    try:
        up = nextphase(checkout, "up")
        assert up.returncode == 0, up.stdout + up.stderr
        asyncio.run(parcel_is_sent(Layout.open(checkout, "shipping")))
    finally:
        down = nextphase(checkout, "down", "--purge")
    assert down.returncode == 0, down.stderr


async def parcel_is_sent(layout: Layout) -> None:
    async with Traffic.of(layout) as traffic:
        await traffic.put_stock("tea", 10)
        account = await traffic.create_account("Ada", "ada@example.com")
        order = await traffic.place_order(account, {"tea": 1})
        assert (await traffic.settled(order, 60)).state == "confirmed"
        deadline = asyncio.get_running_loop().time() + 60
        while (await traffic.request("GET", f"/v1/parcels/{order.order_id}")).json() != {"parcels": 1}:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.2)


def test_the_platforms_tests_know_it_and_do_not_miss_an_example(checkout: Path) -> None:
    shutil.rmtree(checkout / "services/notifications")
    for command in (["nextphase", "containers"], ["-m", "pytest", "-q", "-m", "not stack", *PLATFORM_TESTS]):
        done = subprocess.run(
            [sys.executable, *command], cwd=checkout, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "shipping" in (checkout / "compose/docker-compose.yaml").read_text()
    assert "notifications" not in (checkout / "compose/docker-compose.yaml").read_text()
