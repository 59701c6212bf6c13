"""The engine, and the composition running on it, as an instance that tests look into."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli.layout import DEFAULT
from compose.cli.supervisor import Supervisor
from compose.cli.telemetry import Telemetry
from tests.conftest import ROOT, Stack, copy_checkout
from tests.containers import engine as engines
from tests.containers import standins
from tests.containers.composition import Composition, ContainerLayout
from tests.containers.engine import Engine
from tests.containers.forwarding import forwarded
from tests.containers.programs import Programs

#: Parts that no port is published of, by their names in the layout; all are in a network with the collector.
FORWARDED = {
    "loki": "loki",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "rio-api": "rio-api",
    "gateway-metrics": "gateway",
}
#: Where an engine takes addresses from that is told nothing else.
ENGINE_NETWORKS = ("172.16.0.0/12", "192.168.0.0/16")
#: The first test of a run waits for stand-ins and images, which take long where nothing is cached.
_TEST_SECONDS = 5400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests on the engine more time than others have."""
    for item in items:
        if item.get_closest_marker("containers"):
            item.add_marker(pytest.mark.timeout(_TEST_SECONDS))


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with engines.running(Programs.unpacked()) as started:
        standins.make(started)
        yield started


@pytest.fixture(scope="session")
def strict_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a user with umask 077 has it, who trusts the callers on the engine's machine.

    The edge sees these at the engine's address in the network of the published port, not on loopback.
    """
    root = tmp_path_factory.mktemp("checkout")
    copy_checkout(root)
    settings = root / "compose/platform.yaml"
    trusting = settings.read_text().replace("trusted: [", f"trusted: [{', '.join(ENGINE_NETWORKS)}, ")
    settings.write_text(trusting)
    for path in root.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    return root


@pytest.fixture(scope="session")
def composition(engine: Engine, strict_checkout: Path) -> Iterator[Composition]:
    composition = Composition(engine, strict_checkout)
    composition.down()
    composition.up()
    yield composition
    composition.down()


@pytest.fixture(scope="session")
def stack(composition: Composition) -> Iterator[Stack]:
    """The composition at the addresses of a native instance `default`, which this network has none of."""
    layout = ContainerLayout(ROOT, DEFAULT, 0, composition.volume("secrets"))
    collector = composition.container("collector")
    targets = {}
    for part, service in FORWARDED.items():
        addresses = composition.container(service).addresses
        shared = next(name for name in addresses if name in collector.addresses)
        targets[layout.port(part)] = (addresses[shared], layout.port(part))
    with forwarded(targets, collector.process):
        yield Stack(layout, Supervisor(layout), Telemetry(layout))
