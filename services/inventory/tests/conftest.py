"""The packaged service as a process of its own, before a real PostgreSQL."""

import contextlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import yaml

from services.inventory.tests.peer import Peer, eventually
from services.tests.postgres import Databases, Postgres, Rows
from tests.ports import free_port

SERVICE = Path(__file__).parents[1]
ROOT = SERVICE.parents[1]
START_SECONDS = 240


class Inventory:
    """A running service: its HTTP client, its database, and what it told its peer."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, rows: Rows, peer: Peer) -> None:
        self.process = process
        self.url = url
        self.query = rows
        self.peer = peer
        self.http = httpx.Client(base_url=url, timeout=15)

    def put_stock(self, on_hand: int) -> str:
        """A new sku with that much on hand."""
        sku = f"sku-{uuid.uuid4().hex[:12]}"
        assert self.http.put(f"/inventory/stock/{sku}", json={"on_hand": on_hand}).status_code == 201
        return sku

    def place(
        self, lines: Mapping[str, int], *, order: str | None = None, event: str | None = None, **headers: str
    ) -> str:
        """Deliver an order.placed event; returns the order's id."""
        order = order or str(uuid.uuid4())
        answer = self.deliver_order(order, lines, event or str(uuid.uuid4()), headers)
        assert answer.status_code == 204, answer.text
        return order

    def deliver_order(
        self, order: str, lines: Mapping[str, int], event: str, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Deliver an order.placed event with the id `event`."""
        data = {
            "order_id": order,
            "account_id": str(uuid.uuid4()),
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()],
        }
        return self.deliver(data, id=event, headers=headers)

    def deliver(
        self, data: Any, *, id: str, type: str = "order.placed", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Deliver an event in structured mode."""
        event = {"specversion": "1.0", "id": id, "source": "/orders", "type": type, "data": data}
        content_type = {"Content-Type": "application/cloudevents+json"}
        return self.http.post(
            "/inventory/events", content=json.dumps(event), headers={**content_type, **(headers or {})}
        )


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((SERVICE / "service.yaml").read_text())
    return document


@pytest.fixture(scope="session")
def jar(manifest: dict[str, Any]) -> Path:
    """The packaged service; packaged now if it is not."""
    jar = SERVICE / "target" / "inventory.jar"
    if not jar.exists():
        subprocess.run(manifest["build"], check=True, cwd=ROOT, timeout=600)
    return jar


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A cluster of this folder's own: one of its tests stops it."""
    with Postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def rows(postgres: Postgres) -> Rows:
    """An empty database: the service migrates it by itself."""
    return Databases(postgres).empty("inventory")


@pytest.fixture(scope="session")
def inventory(
    jar: Path, manifest: dict[str, Any], rows: Rows, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Inventory]:
    """The service, ready, as its manifest starts it."""
    with (
        (tmp_path_factory.mktemp("inventory") / "log").open("wb") as log,
        running(manifest, rows, log) as service,
    ):
        yield service


@contextlib.contextmanager
def running(manifest: dict[str, Any], rows: Rows, output: IO[bytes]) -> Iterator[Inventory]:
    """The packaged service, ready; its peer is there from the beginning.

    output: where stdout and stderr go.
    """
    peer = Peer()
    port = free_port()
    environment = {
        **os.environ,
        **manifest["environment"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": rows.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": peer.url,
        "FLUENT_ADDRESS": peer.fluent_address,
        "COLLECTOR_HEALTH_URL": f"{peer.url}/",
        "NEXTPHASE_INSTANCE": "tests",
        "SERVICE_INSTANCE_ID": "inventory-1",
        "SERVICE_VERSION": "2.1",
        "OTEL_RESOURCE_ATTRIBUTES": "team=stock%2C%20west,service.instance.id=x,service.version=3",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-team=stock",
    }
    process = subprocess.Popen(
        manifest["command"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
    )
    service = Inventory(process, f"http://127.0.0.1:{port}", rows, peer)
    try:
        eventually(lambda: _is_ready(service), START_SECONDS)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()
        service.http.close()
        peer.close()
    assert process.returncode == 128 + signal.SIGTERM, "it does not stop when asked to"


def _is_ready(service: Inventory) -> bool:
    assert service.process.poll() is None, "the service ended at start"
    try:
        return service.http.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False
