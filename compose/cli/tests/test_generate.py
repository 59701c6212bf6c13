"""Everything under `config/`: complete, stable, free of secrets; for containers only addresses differ."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.cli import deployments, environment, rabbitmq
from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.generate import generate_for_containers, plan
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.stores import Stores
from compose.cli.tests import checkout

ROOT = Path(__file__).parents[3]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(checkout.make(tmp_path))


def run(layout: Layout) -> set[str]:
    changed = plan(Catalog.load(layout.root), layout, checkout.toolbox()).write()
    return {str(path.relative_to(layout.config)) for path in changed}


def test_a_second_time_changes_nothing(layout: Layout) -> None:
    first = run(layout)
    assert "gateway-spare.json" in first
    assert first == {str(p.relative_to(layout.config)) for p in layout.config.rglob("*") if p.is_file()}
    assert run(layout) == set()


def test_a_new_instance_of_a_service_reaches_everybody_who_has_to_know(layout: Layout) -> None:
    run(layout)
    manifest = layout.root / "services/mails/service.yaml"
    manifest.write_text(manifest.read_text().replace("instances: 2", "instances: 3"))
    assert run(layout) == {
        "catalog.json",
        "nginx/services.conf",
        "prometheus/targets/hops.json",
    }
    assert "server 127.0.0.1:8312 " in (layout.config / "nginx/services.conf").read_text()


def test_more_instances_than_postgresql_has_connections_for_are_refused(layout: Layout) -> None:
    manifest = layout.root / "services/mails/service.yaml"
    text = manifest.read_text()
    for number, port in enumerate(range(8320, 8360, 10)):
        name = f"mails{chr(97 + number)}"
        (layout.root / "services" / name).mkdir()
        more = text.replace("name: mails", f"name: {name}").replace("/mails/", f"/{name}/")
        more = more.replace("8310", str(port)).replace("instances: 2", "instances: 10")
        (layout.root / "services" / name / "service.yaml").write_text(more)
    with pytest.raises(Failure, match="connections"):
        run(layout)


def test_a_rule_that_is_gone_goes(layout: Layout) -> None:
    run(layout)
    (layout.root / "observability/prometheus/rules/some.yml").unlink()
    assert run(layout) == {"prometheus/rules/some.yml"}
    assert not (layout.config / "prometheus/rules/some.yml").exists()


def test_what_queries_are_kept_from_outlives_the_folder_of_temporary_files(layout: Layout) -> None:
    run(layout)
    named = Path(json.loads((layout.config / "disk-limits.json").read_text())["loki_overrides"])
    assert environment.loki(Site.native(layout), Platform.load(layout.root))["LOKI_OVERRIDES"] == str(named)
    named.write_text("# Chunks are removed up to: 7.0\n")
    shutil.rmtree(layout.run)
    run(Layout.open(layout.root))
    assert named.read_text() == "# Chunks are removed up to: 7.0\n"


def test_no_secret_leaves_its_folder(layout: Layout) -> None:
    run(layout)
    files = [path for path in layout.secrets.rglob("*") if path.is_file()]
    secrets = {word for path in files for word in re.findall(r"[\w-]{40,}", path.read_text())}
    assert len(secrets) >= 10
    for path in layout.config.rglob("*"):
        if path.is_file():
            assert not any(secret in path.read_text() for secret in secrets), path


def test_targets_name_every_process_once(layout: Layout) -> None:
    run(layout)
    groups = json.loads((layout.config / "prometheus/targets/hops.json").read_text())
    found = {group["labels"]["instance"]: group["targets"] for group in groups}
    assert len(found) == len(groups)
    assert found["mails-2"] == ["127.0.0.1:8311"]
    assert found["gateway-1"] == ["127.0.0.1:8150"]
    assert {group["labels"]["job"] for group in groups} == {"hop"}
    assert found.keys() >= {"rio-api", "rio-dispatcher", "relay", "console", "accounts-1", "mails-1"}


def test_rabbitmq_knows_rios_password_by_its_hash(layout: Layout) -> None:
    run(layout)
    file = layout.config / rabbitmq.DEFINITIONS
    assert file.stat().st_mode & 0o777 == 0o600
    (user,) = json.loads(file.read_text())["users"]
    raw = base64.b64decode(user["password_hash"])
    password = (layout.secrets / "rabbitmq").read_bytes().strip()
    assert raw[4:] == hashlib.sha256(raw[:4] + password).digest()


def test_the_files_the_hops_read(layout: Layout) -> None:
    run(layout)
    gateway = json.loads((layout.config / "gateway.json").read_text())
    assert gateway["services"] == {"accounts": {"timeout_seconds": 5}, "mails": {"timeout_seconds": 2.5}}
    assert len(gateway["ports"]) == len(gateway["metrics_ports"])
    relay = json.loads((layout.config / "relay.json").read_text())
    assert relay["databases"][1] == {"name": "mails", "url": "postgresql://relay@127.0.0.1:5433/mails"}
    rio = json.loads((layout.config / "rio.json").read_text())
    assert rio["amqp_url"] == "amqp://rio@127.0.0.1:5673//"
    for name in ("amqp_password_file", "credential_file", "senders_file", "webhook_key_file"):
        assert Path(rio[name]).is_file()


def test_what_nginx_writes_waits_for_the_collector_as_long_as_its_queues_do(layout: Layout) -> None:
    run(layout)
    rules = (layout.config / "logrotate.conf").read_text()
    [megabytes], [kept] = re.findall(r"size (\d+)M", rules), re.findall(r"rotate (\d+)", rules)
    collector = yaml.safe_load((ROOT / "observability/collector/collector.yaml").read_text())
    queues = {
        exporter["sending_queue"]["queue_size"]
        for exporter in collector["exporters"].values()
        if "sending_queue" in exporter
    }
    assert queues == {"${env:COLLECTOR_QUEUE_BYTES}"}
    site, platform = Site.native(layout), Platform.load(layout.root)
    queue = environment.collector(site, platform, Stores.own(site))["COLLECTOR_QUEUE_BYTES"]
    assert int(megabytes) * 1024**2 * int(kept) >= int(queue)


def test_bodies_that_the_edge_lets_through_reach_the_services(layout: Layout) -> None:
    file = layout.root / "compose/platform.yaml"
    file.write_text(file.read_text().replace("body_bytes: 1048576", "body_bytes: 9000000"))
    run(layout)
    assert "client_max_body_size 9000000;" in (layout.config / "nginx/edge.conf").read_text()
    (most,) = re.findall(r"client_max_body_size (\d+);", (layout.config / "nginx/services.conf").read_text())
    assert int(most) == 9000000 * 4 // 3 + 128 * 1024


def test_the_console_reads_what_there_is(layout: Layout) -> None:
    run(layout)
    console = json.loads((layout.config / "console.json").read_text())
    assert (console["host"], console["port"]) == ("127.0.0.1", 3000)
    assert console["hosts"] == ["127.0.0.1:3000", "localhost:3000"]
    assert console["stores"]["rio"] == "http://127.0.0.1:8200"
    assert console["stores"]["gateway"] == "http://127.0.0.1:8080"
    assert console["supervisor_socket"] == str(layout.supervisor_socket)
    assert console["deployments_file"] == str(deployments.path(layout))
    assert console["show_payloads"] is False
    for name in ("rio_token_file", "operator_token_file", "catalog_file"):
        assert Path(console[name]).is_file()
    assert console["operate_folder"] == str(layout.secrets / "operate")


def test_payloads_are_shown_where_the_platforms_settings_say_so(layout: Layout) -> None:
    settings = layout.root / "compose/platform.yaml"
    settings.write_text(settings.read_text().replace("show_payloads: false", "show_payloads: true"))
    run(layout)
    assert json.loads((layout.config / "console.json").read_text())["show_payloads"] is True


def subscribed(layout: Layout, *subscriptions: str) -> dict[str, dict[str, Any]]:
    """The subscriptions of the service `mails` by id, when its manifest has these."""
    manifest = layout.root / "services/mails/service.yaml"
    head = manifest.read_text().partition("subscriptions:")[0]
    lines = "\n".join(f"  - {subscription}" for subscription in subscriptions)
    manifest.write_text(f"{head}subscriptions:\n{lines}\n")
    accounts = layout.root / "services/accounts/service.yaml"
    emits = "emits: [account.created, account.closed, account.lost]"
    accounts.write_text(accounts.read_text().replace("emits: [account.created]", emits))
    run(layout)
    declared = json.loads((layout.config / "rio-catalog.json").read_text())["subscriptions"]
    found = {one["id"]: one for one in declared}
    assert len(found) == len(declared)
    return found


def test_subscriptions_of_one_path_and_policy_are_one(layout: Layout) -> None:
    found = subscribed(
        layout,
        "{type: account.created, path: /mails/events}",
        "{type: account.closed, path: /mails/events}",
        "{type: account.lost, path: /mails/events, config: {ordered: true}}",
        "{type: account.lost, path: /mails/lost/events}",
    )
    assert {id_: (one["owner"], one["types"], one["sink"]) for id_, one in found.items()} == {
        "mails": ("mails", ["account.created", "account.closed"], "/mails/events"),
        "mails-ordered": ("mails", ["account.lost"], "/mails/events"),
        "mails-lost-events": ("mails", ["account.lost"], "/mails/lost/events"),
    }
    assert found["mails-ordered"]["config"] == {"ordered": True}


def test_an_id_stays_with_its_path_when_others_come_and_go(layout: Layout) -> None:
    kept = "{type: account.lost, path: /mails/b}"
    (before,) = (id_ for id_, one in subscribed(layout, kept).items() if one["sink"] == "/mails/b")
    others = ["{type: account.created, path: /mails/a}", "{type: account.closed, path: /mails/events}"]
    found = subscribed(layout, *others, kept)
    assert found[before]["sink"] == "/mails/b"


def test_ids_differ_where_the_paths_words_do_not(layout: Layout) -> None:
    found = subscribed(
        layout,
        "{type: account.created, path: /mails/a/b}",
        "{type: account.closed, path: /mails/a-b}",
        "{type: account.lost, path: /mails/a/b, filters: [{exact: {source: /accounts}}]}",
        f"{{type: account.created, path: /mails/{'x' * 150}}}",
    )
    assert len(found) == 4
    assert all(len(id_) <= 100 for id_ in found)


def test_every_dispatcher_has_its_port_and_is_scraped(layout: Layout) -> None:
    settings = layout.root / "compose/platform.yaml"
    settings.write_text(settings.read_text().replace("dispatchers: 1", "dispatchers: 2"))
    run(layout)
    first, second = (
        json.loads((layout.config / name).read_text()) for name in ("rio.json", "rio-dispatcher-2.json")
    )
    assert (first["dispatcher"]["port"], second["dispatcher"]["port"]) == (8210, 8211)
    assert first | {"dispatcher": None} == second | {"dispatcher": None}
    groups = json.loads((layout.config / "prometheus/targets/hops.json").read_text())
    targets = {group["labels"]["instance"]: group["targets"] for group in groups}
    assert targets["rio-dispatcher-2"] == ["127.0.0.1:8211"]


def test_containers_get_the_same_files_with_other_addresses(layout: Layout, tmp_path: Path) -> None:
    native = {name for name in run(layout) if "-spare" not in name} - {"disk-limits.json"}
    catalog = Catalog.load(layout.root)
    folder = tmp_path / "containers"
    changed = generate_for_containers(catalog, layout.root, folder, "default")
    written = {str(path.relative_to(folder / "config")) for path in changed}
    assert written == native | {"nginx/banned.conf", "rabbitmq/cluster.conf"}
    for path in changed - {folder / "config/console.json"}:
        assert not re.search(r"127\.0\.0\.1\b", path.read_text()) or path.name == "banned.conf"
        assert str(layout.root) not in path.read_text()
    console = json.loads((folder / "config/console.json").read_text())
    assert (console["host"], console["port"]) == ("0.0.0.0", 3000)
    assert console["hosts"] == ["127.0.0.1:3001", "localhost:3001"]  # as a browser on the machine names it
    assert console["stores"]["loki"] == "http://loki:3100"
    assert console["supervisor_socket"] is None
    targets = (folder / "config/prometheus/targets/hops.json").read_text()
    assert "console" not in targets, "it runs only with the profile console"
    assert "server mails-2:8311 resolve " in (folder / "config/nginx/services.conf").read_text()
    assert generate_for_containers(catalog, layout.root, folder, "default") == set()
