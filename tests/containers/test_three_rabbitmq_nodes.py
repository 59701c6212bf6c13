"""The overlay with three RabbitMQ nodes: they form a cluster, and orders go on when one of them is killed.

Runs after the other modules, whose composition it ends.
"""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli.layout import DEFAULT
from compose.cli.traffic import Traffic
from tests.conftest import ROOT, eventually
from tests.containers.composition import CLUSTER, Composition, ContainerLayout

pytestmark = [pytest.mark.containers, pytest.mark.example]

NODES = ("rabbitmq", "rabbitmq-2", "rabbitmq-3")


@pytest.fixture(scope="module")
def cluster(composition: Composition, strict_checkout: Path) -> Iterator[Composition]:
    composition.down()
    cluster = Composition(composition.engine, strict_checkout, [CLUSTER])
    cluster.up()
    yield cluster
    cluster.down()


def running_nodes(cluster: Composition, asked: str) -> set[str]:
    """The nodes that one of them sees."""
    command = ["rabbitmqctl", "--quiet", "cluster_status", "--formatter", "json"]
    status = json.loads(cluster.compose("exec", "-T", asked, *command))
    return {node.partition("@")[2] for node in status["running_nodes"]}


async def order_state(cluster: Composition) -> str:
    """The final state of a new order."""
    sku = f"t{secrets.token_hex(6)}"
    async with Traffic.of(ContainerLayout(ROOT, DEFAULT, 0, cluster.volume("secrets"))) as traffic:
        await traffic.put_stock(sku, 10)
        account = await traffic.create_account("Ada Lovelace", "ada@example.com")
        placed = await traffic.place_order(account, {sku: 1})
        return (await traffic.settled(placed, within_seconds=120)).state


async def test_three_nodes_are_one_cluster_that_carries_orders(cluster: Composition) -> None:
    assert running_nodes(cluster, "rabbitmq") == {"rabbitmq-1", "rabbitmq-2", "rabbitmq-3"}
    assert await order_state(cluster) == "confirmed"


async def test_each_node_may_be_killed(cluster: Composition) -> None:
    for node in NODES:
        cluster.compose("kill", "--signal", "KILL", node)
        assert await order_state(cluster) == "confirmed", f"without {node}"
        cluster.compose("start", node)

        def joined(node: str = node) -> None:
            cluster.assert_right()
            assert len(running_nodes(cluster, node)) == len(NODES)

        eventually(joined, within_seconds=120, every_seconds=1)
