"""Who reaches whom, tried from inside every container's network: those in a common network, nothing else."""

import json
import re
import socket

import pytest

from tests.containers import network
from tests.containers.composition import Composition, Container

pytestmark = pytest.mark.containers

#: Each connects to every address that it is given on its input, and prints those that answered.
PROBE = """
import asyncio, json, sys

async def answers(host, port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 3)
    except (OSError, asyncio.TimeoutError):
        return None
    writer.close()
    return host, port

async def main():
    found = await asyncio.gather(*(answers(*each) for each in json.load(sys.stdin)))
    print(json.dumps([each for each in found if each]))

asyncio.run(main())
"""
#: Networks in which the engine has an address of its own, for the ports that it publishes there.
PUBLISHED = {"public", "pages"}

Address = tuple[str, int]


@pytest.fixture(scope="module")
def running(composition: Composition) -> list[Container]:
    return [each for each in composition.containers() if each.process]


def listening(container: Container) -> set[int]:
    """The ports that it listens on for others."""
    shown = container.inside(["ss", "--listening", "--tcp", "--numeric", "--no-header"]).stdout
    found = (line.split()[3].rpartition(":") for line in shown.splitlines())
    return {int(port) for host, _, port in found if not re.match(r"127\.|\[::1\]", host)}


def reached(container: Container, addresses: set[Address]) -> set[Address]:
    """Those of the addresses that a program in the container's network is answered at."""
    answer = container.inside(["python3", "-c", PROBE], json.dumps(sorted(addresses))).stdout
    return {(host, port) for host, port in json.loads(answer)}


def test_a_container_reaches_those_that_it_shares_a_network_with_and_no_others(
    running: list[Container],
) -> None:
    ports = {container.name: listening(container) for container in running}
    assert sum(map(len, ports.values())) >= 30
    addresses = {
        (host, port): (container.name, shared)
        for container in running
        for shared, host in container.addresses.items()
        for port in ports[container.name]
    }
    for container in running:
        others = {address for address, (name, _) in addresses.items() if name != container.name}
        allowed = {address for address in others if addresses[address][1] in container.addresses}
        found = reached(container, others)
        assert {addresses[each] for each in found - allowed} == set(), f"{container.name} reaches too much"
        assert {addresses[each] for each in allowed - found} == set(), f"{container.name} reaches too little"


def test_no_service_shares_a_network_with_another_nor_with_what_it_does_not_call(
    running: list[Container],
) -> None:
    known = {container.service: set(container.addresses) for container in running}
    hidden = {
        "rabbitmq",
        "gateway",
        "loki",
        "jaeger",
        "alertmanager",
        "edge-nginx",
        "relay",
        "rio-dispatcher",
    }
    services = {"accounts", "orders", "inventory", "notifications"}
    for service in services:
        for other in (services | hidden) - {service}:
            assert not known[service] & known[other], f"{service} shares a network with {other}"


def gateways(composition: Composition) -> dict[str, str]:
    """The address of the engine's side of each network, whether it is there or not."""
    names = composition.engine.docker(
        "network", "ls", "--quiet", "--filter", "label=com.docker.compose.project"
    )
    details = json.loads(composition.engine.docker("network", "inspect", *names.stdout.split()).stdout)
    return {
        each["Labels"]["com.docker.compose.network"]: each["IPAM"]["Config"][0]["Gateway"] for each in details
    }


def test_the_machine_is_reached_from_published_networks_only(
    composition: Composition, running: list[Container]
) -> None:
    of_networks = gateways(composition)
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        machine = {(host, port) for host in [*of_networks.values(), network.THERE]}
        for container in running:
            if not PUBLISHED & container.addresses.keys():
                assert reached(container, machine) == set(), container.name


def test_nothing_reaches_the_outside(composition: Composition, running: list[Container]) -> None:
    """Which is the other side of the engine's own network here. The engine itself does reach it."""
    with composition.engine.outside.submit(socket.create_server, (network.HERE, 0)).result() as server:
        address = server.getsockname()
        socket.create_connection(address, 5).close()
        for container in running:
            assert reached(container, {address}) == set(), container.name
