"""The composition of containers: the native instance with other addresses, and nothing that only it has.

No container engine is needed here (tests/containers/ has one): files are read by the programs that read them
in the containers, and what a container is started with is compared with the process of the native instance.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
import yaml

from compose.cli import composition as composition_file
from compose.cli import containers, environment, hops, nginx, rabbitmq, routes, tokens
from compose.cli.catalog import Catalog
from compose.cli.generate import generate_for_containers
from compose.cli.layout import Layout
from compose.cli.platform import Platform
from compose.cli.process import DONE, HEALTHY, STARTED, Process
from compose.cli.processes import Processes
from compose.cli.secrets import SUPERUSER, Secrets
from compose.cli.setup import console
from compose.cli.site import Site
from compose.cli.stores import Stores
from compose.cli.tests import checkout
from compose.cli.toolbox import Toolbox
from gateway.draining import DRAIN_SECONDS, GRACE_SECONDS
from gateway.limits import LIMITS
from observability import Telemetry
from tests.config.programs import OBSERVABILITY, ROOT, collector_command, jaeger_command, loki_command
from tests.config.test_prometheus import run
from tests.conftest import eventually
from tests.ports import free_port

pytestmark = pytest.mark.config

FILE = ROOT / "compose/docker-compose.yaml"
CLUSTER = ROOT / "compose/docker-compose.cluster.yaml"
IMAGES = ROOT / "compose/images"
DOCKERFILES = sorted(IMAGES.glob("*.Dockerfile"))
SITE = Site.containers(containers.INSTANCE)
CATALOG = Catalog.load(ROOT)
PLATFORM = Platform.load(ROOT)
#: Native processes that run inside other containers: RabbitMQ's image starts its port mapper itself, and
#: files are rotated where nginx can be told so.
INSIDE = {"epmd", "logrotate"}
#: Native processes for which there is no container: folders of the stores are bounded on this machine only.
NOT_HERE = {"disk-limits"}
#: What the words of Jaeger natively begin with, before Jaeger's own: it bounds its folder at a start.
BOUNDED = ("python", "-m", "compose.disk_limits.jaeger_generations", "folder")
#: Containers that no native process stands for.
ONLY_HERE = {"setup", "grafana"}
#: Images whose entry point is their program.
ENTRY = {"collector", "jaeger", "loki", "prometheus", "alertmanager"}
#: Started otherwise than natively, by way of their images.
OWN_WORDS = {"postgres", "rabbitmq"}
CONDITIONS = {
    STARTED: "service_started",
    HEALTHY: "service_healthy",
    DONE: "service_completed_successfully",
}
CHECKOUT = "/srv/nextphase"

Container = Mapping[str, Any]


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    """The file as docker-compose understands it, anchors resolved."""
    done = subprocess.run(
        ["docker-compose", "-f", FILE, "--profile", "console", "config"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


@pytest.fixture(scope="module")
def found(composition: dict[str, Any]) -> dict[str, Container]:
    services: dict[str, Container] = composition["services"]
    return services


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout(Path("/checkout"), "default", 0)


@pytest.fixture(scope="module")
def native(layout: Layout) -> dict[str, Process]:
    names = {name: Path(name) for name in Toolbox.__dataclass_fields__}
    toolbox = Toolbox(**(names | {"postgres_bin": Path("")}))
    found = Processes(CATALOG, layout, PLATFORM, toolbox, Stores.own(Site.native(layout)))
    return {process.name: process for process in found.all()}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that `setup` writes, with their owner unchanged."""
    folder = tmp_path_factory.mktemp("volumes")
    generate_for_containers(CATALOG, ROOT, folder, containers.INSTANCE)
    return folder


def words(container: Container) -> list[str]:
    return [word.replace("$$", "$") for word in container.get("command") or []]


def variables(container: Container) -> dict[str, str]:
    return {name: str(value) for name, value in (container.get("environment") or {}).items()}


def mounts(container: Container) -> dict[str, str]:
    """Target -> source of every volume."""
    return {target: source for source, target, _ in (entry.split(":") for entry in container["volumes"])}


def seconds(duration: str) -> float:
    amounts = re.findall(r"(\d+)([ms])", duration)
    return sum(float(amount) * {"m": 60, "s": 1}[unit] for amount, unit in amounts)


# --- made from the catalog


def test_the_file_is_made_from_the_catalog_as_it_is() -> None:
    assert FILE.read_text() == composition_file.render(ROOT), "run ./nextphase containers"


def test_another_catalog_has_its_own_containers(tmp_path: Path) -> None:
    checkout.make(tmp_path)
    shutil.copy(ROOT / composition_file.TEMPLATE, tmp_path / composition_file.TEMPLATE)
    (tmp_path / composition_file.FILE).write_text(composition_file.render(tmp_path))
    command = ["docker-compose", "-f", tmp_path / composition_file.FILE, "config"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)
    services = {"accounts", "accounts-migrate", "mails", "mails-2"}
    of_examples = {
        name for service in CATALOG for name in [*service.instance_names, f"{service.name}-migrate"]
    }
    assert (
        made["services"].keys() - services
        == yaml.safe_load(FILE.read_text())["services"].keys() - of_examples
    )
    assert made["services"]["accounts"]["environment"]["GREETING"] == "costs $$5 {{ each }}"
    assert {"accounts", "mails"} <= made["services"]["postgres"]["networks"].keys() <= made["networks"].keys()


# --- the same as the native instance


def test_every_process_has_its_container_and_every_container_its_process(
    found: dict[str, Container], native: dict[str, Process]
) -> None:
    assert native.keys() - INSIDE - NOT_HERE == found.keys() - ONLY_HERE


def test_words_are_the_native_ones(
    found: dict[str, Container], native: dict[str, Process], layout: Layout
) -> None:
    folders = {
        str(layout.config): str(SITE.config),
        str(layout.data / "prometheus"): "/prometheus",
        str(layout.data / "alertmanager"): "/alertmanager",
        str(layout.logs): str(SITE.logs),
        str(layout.run): str(SITE.run),
        f"{layout.root}/observability": f"{SITE.config}/observability",
        str(layout.root): CHECKOUT,
        "127.0.0.1": SITE.bind,
    }
    for name, process in native.items():
        if name in INSIDE | NOT_HERE | OWN_WORDS:
            continue
        expected = list(process.command[len(BOUNDED) :] if name == "jaeger" else process.command)
        expected = expected[1:] if name in ENTRY else expected
        for here, there in folders.items():
            expected = [word.replace(here, there) for word in expected]
        assert words(found[name]) == expected, name


def expected_environment() -> dict[str, dict[str, str]]:
    expected = {
        "gateway": environment.gateway(SITE, PLATFORM),
        "relay": environment.relay(SITE, PLATFORM),
        "console": environment.console(SITE, PLATFORM),
        "databases": environment.databases(SITE),
        "collector": environment.collector(SITE, PLATFORM, Stores.own(SITE)),
        "jaeger": environment.jaeger(SITE, PLATFORM),
        "loki": environment.loki(SITE, PLATFORM),
        "prometheus": environment.prometheus(SITE),
    }
    expected |= {"rio-api": environment.rio(SITE, PLATFORM, "rio-api")}
    expected |= {
        name: environment.rio(SITE, PLATFORM, name, hops.rio_file(number))
        for number, name in enumerate(PLATFORM.rio.dispatcher_names)
    }
    for service in CATALOG:
        for number, name in enumerate(service.instance_names):
            expected[name] = environment.service(SITE, PLATFORM, service, number)
        if service.migrate:
            expected[f"{service.name}-migrate"] = environment.service(SITE, PLATFORM, service, 0)
    return expected


def test_environment_is_the_generated_one(found: dict[str, Container]) -> None:
    expected = expected_environment()
    with_own = OWN_WORDS | {"grafana"}
    assert {name: variables(found[name]) for name in found.keys() - with_own} == {
        name: expected.get(name, {}) for name in found.keys() - with_own
    }


def test_images_set_what_every_native_process_is_started_with() -> None:
    text = (IMAGES / "python.Dockerfile").read_text()
    for setting in ("LANG=C.UTF-8", "PYTHONUNBUFFERED=1", "MALLOC_ARENA_MAX=2", f"PYTHONPATH={CHECKOUT}"):
        assert setting in text
    for service in CATALOG:
        if service.container.dockerfile:
            assert "MALLOC_ARENA_MAX=2" in (ROOT / service.container.dockerfile).read_text()


def test_rabbitmq_reads_the_generated_files(found: dict[str, Container]) -> None:
    own, generated = variables(found["rabbitmq"]), rabbitmq.environment(SITE)
    names = (
        "RABBITMQ_NODENAME",
        "RABBITMQ_CONFIG_FILE",
        "RABBITMQ_ADVANCED_CONFIG_FILE",
        "RABBITMQ_ENABLED_PLUGINS_FILE",
    )
    assert {name: own[name] for name in names} == {name: generated[name] for name in names}
    assert own["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] in generated["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]


def test_postgres_is_made_as_natively(found: dict[str, Container]) -> None:
    (script,) = words(found["postgres"])
    source = (ROOT / "compose/cli/postgres.py").read_text()
    options = set(re.findall(r"--[a-z][a-z-]+(?:=[\w.-]+)?", source)) - {"--pgdata", "--username", "--pwfile"}
    assert len(options) >= 5
    assert options <= set(script.split())
    assert f"--username={SUPERUSER} " in script
    assert f"--pwfile={Secrets(SITE.secrets).password('postgres')}" in script
    assert f"config_file={SITE.config}/postgres/postgresql.conf" in script


def test_who_waits_for_whom(found: dict[str, Container], native: dict[str, Process]) -> None:
    for name in found.keys() - ONLY_HERE:
        expected = {
            other: CONDITIONS[how] for other, how in native[name].after.items() if other not in INSIDE
        }
        waits = {other: how["condition"] for other, how in found[name]["depends_on"].items()}
        assert waits.pop("setup", None) == CONDITIONS[DONE] or name == "databases"
        assert waits == expected, name


def test_stopped_as_natively(found: dict[str, Container], native: dict[str, Process]) -> None:
    for name in found.keys() - ONLY_HERE:
        container, process = found[name], native[name]
        assert container.get("stop_signal", "SIGTERM") == process.stop_signal.name, name
        assert seconds(container.get("stop_grace_period", "10s")) == process.stop_seconds, name
        assert container["restart"] == ("no" if process.one_shot else "unless-stopped"), name


def test_the_gateway_is_not_killed_while_it_drains(native: dict[str, Process]) -> None:
    telemetry_seconds = signature(Telemetry.shutdown).parameters["timeout_seconds"].default
    needed = GRACE_SECONDS + DRAIN_SECONDS + 2 * LIMITS.linger_seconds + telemetry_seconds
    assert native["gateway"].stop_seconds > needed


def test_health_is_asked_where_the_native_instance_asks(
    found: dict[str, Container], native: dict[str, Process]
) -> None:
    without_a_shell = {"collector", "loki"}
    assert {name for name in found if "healthcheck" not in found[name]} == {
        *without_a_shell,
        "setup",
        *(name for name in native if native[name].one_shot),
    }
    for name, process in native.items():
        if name in found and name not in without_a_shell and process.ready and process.ready.http:
            address, path = process.ready.http
            asked = " ".join(found[name]["healthcheck"]["test"])
            assert f" {address.port} {path}" in asked or f"http://{address}{path}" in asked, name


def test_what_is_built_natively_is_built_alike_in_its_image() -> None:
    for service in CATALOG:
        assert bool(service.build) == bool(service.container.dockerfile), service.name
        if service.container.dockerfile:
            text = (ROOT / service.container.dockerfile).read_text()
            assert " ".join(service.build or ()) in text
            named = json.dumps([*service.command, *service.environment.values()])
            built = set(re.findall(rf"services/{service.name}/target", named))
            assert built <= set(re.findall(r"services/\w+/target", text))


# --- what only containers have


def test_images_are_pinned(found: dict[str, Container]) -> None:
    files = "\n".join(path.read_text() for path in DOCKERFILES)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", files, re.MULTILINE))
    images = set(re.findall(r"^FROM (\S+)", files, re.MULTILINE)) - stages
    images |= {container["image"] for container in found.values()}
    for image in images:
        assert re.search(r":v?\d+\.\d+(\.\d+|-)", image), image


def test_each_image_of_ours_is_built_once(found: dict[str, Container]) -> None:
    """Several that build the same would build it one after the other, and be made anew where it differs."""
    built = [container["image"] for container in found.values() if "build" in container]
    ours = {container["image"] for container in found.values() if container["image"].startswith("nextphase/")}
    assert sorted(built) == sorted(ours)
    for container in found.values():
        if build := container.get("build"):
            file = Path(build["context"]) / build["dockerfile"]
            target = build.get("target")
            assert not target or re.search(rf"^FROM \S+ AS {target}$", file.read_text(), re.MULTILINE)


def test_published_ports_are_on_loopback(found: dict[str, Container]) -> None:
    published = {name: container["ports"] for name, container in found.items() if "ports" in container}
    addresses = {"edge-nginx": SITE.listen("edge-nginx").port, "jaeger": SITE.listen("jaeger").port}
    addresses["grafana"] = 3000
    expected = {name: [f"127.0.0.1:{port}:{port}/tcp"] for name, port in addresses.items()}
    assert published == expected | {"console": ["127.0.0.1:3001:3000/tcp"]}


def test_the_console_runs_only_where_it_is_asked_for(found: dict[str, Container], volumes: Path) -> None:
    assert {name: each["profiles"] for name, each in found.items() if "profiles" in each} == {
        "console": ["console"]
    }
    settings = json.loads((volumes / "config/console.json").read_text())
    published = found["console"]["ports"][0].partition("/")[0].rpartition(":")[0]
    assert published in settings["hosts"]


def test_the_consoles_image_has_what_its_settings_name(volumes: Path) -> None:
    settings = json.loads((volumes / "config/console.json").read_text())
    text = (IMAGES / "python.Dockerfile").read_text()
    assert f"COPY --from=web /src/{console.OUTPUT} bundle\n" in text
    assert settings["bundle"] == f"{CHECKOUT}/bundle"
    assert settings["dashboards"] == f"{CHECKOUT}/dashboards/generated"
    assert "COPY docs/operate.md docs/operate.md\n" in text, "the runbook, where it is in a checkout"
    assert f"npm {' '.join(console._INSTALL)}" in text
    assert f"npm {' '.join(console._BUILD)}" in text


def test_setup_has_the_routes_that_it_reads() -> None:
    (setup,) = re.findall(r" AS setup\n(.*?)\nFROM ", (IMAGES / "python.Dockerfile").read_text(), re.DOTALL)
    assert f"COPY {routes.FILE} {routes.SCHEMA} gateway/\n" in setup


def test_no_network_holds_two_services_and_what_is_internal_is(composition: dict[str, Any]) -> None:
    owners = {
        name: service.name
        for service in CATALOG
        for name in [*service.instance_names, f"{service.name}-migrate"]
    }
    members: dict[str, set[str]] = {}
    for name, container in composition["services"].items():
        for network in container.get("networks") or {}:
            members.setdefault(network, set()).add(name)
    assert members.keys() == composition["networks"].keys()
    for network, names in members.items():
        services = {owners[name] for name in names if name in owners}
        assert len(services) <= 1, network
        if services:
            assert names - owners.keys() == {
                "services-nginx",
                "rio-api",
                "postgres",
                "collector",
                "prometheus",
            }
            assert "gateway" not in names
    published = {
        network for network, options in composition["networks"].items() if not options.get("internal")
    }
    assert published == {"public", "pages"}
    for network, options in composition["networks"].items():
        option = "enable_ip_masquerade" if network in published else "inhibit_ipv4"
        no_way_out = {f"com.docker.network.bridge.{option}": "false" if network in published else "true"}
        assert options["driver_opts"] == no_way_out, network
    assert members["public"] == {"edge-nginx"}
    assert members["pages"] == {"grafana", "jaeger", "console"}


def test_everybody_can_be_reached_by_whom_they_need(composition: dict[str, Any]) -> None:
    """Whom an environment or a generated file names is on a network of the reader's."""
    networks = {name: set(each.get("networks") or {}) for name, each in composition["services"].items()}
    needed = {
        "edge-nginx": {"gateway"},
        "gateway": {"services-nginx"},
        "services-nginx": {name for service in CATALOG for name in service.instance_names},
        "rio-api": {"rabbitmq", "postgres"},
        "rio-dispatcher": {"rabbitmq", "postgres", "services-nginx"},
        "relay": {"rio-api", "postgres"},
        "prometheus": {"alertmanager", "rabbitmq", "jaeger", "loki", "gateway", "relay"}
        | {"rio-api", "rio-dispatcher", "collector", *(n for s in CATALOG for n in s.instance_names)},
        "grafana": {"prometheus", "loki", "jaeger", "alertmanager"},
        "console": {"prometheus", "loki", "jaeger", "alertmanager", "rio-api", "edge-nginx", "collector"},
    }
    for name, container in composition["services"].items():
        text = " ".join(variables(container).values())
        hosts = set(re.findall(r"(?:^|[\s/@])([a-z][a-z-]+):\d+", text)) & networks.keys()
        for host in hosts | needed.get(name, set()):
            assert networks[name] & networks[host] or name == host, f"{name} does not reach {host}"


def test_each_container_is_a_user_without_privileges(found: dict[str, Container]) -> None:
    users = containers.users(CATALOG, PLATFORM.rio.dispatcher_names)
    assert users.keys() == found.keys() - {"setup"}
    for name, container in found.items():
        assert container["cap_drop"] == ["ALL"], name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        assert container["memswap_limit"] == container["mem_limit"], name
        assert container["read_only"], name
        sizes = [re.search(r":size=(\d+)m(,|$)", folder) for folder in container["tmpfs"]]
        assert all(size and int(size[1]) <= 64 for size in sizes), name
        if name != "setup":
            assert container["user"].split(":")[0] == str(users[name]), name
            assert "cap_add" not in container, name


def test_a_secret_is_a_file_that_its_user_alone_reads(found: dict[str, Container], volumes: Path) -> None:
    files = {path for path in (volumes / "secrets").rglob("*") if path.is_file()}
    owners = containers.readers(CATALOG, volumes / "secrets")
    assert owners.keys() == files
    users = containers.users(CATALOG)
    secrets = Path(str(SITE.secrets))
    named = {
        (name, path)
        for name, container in found.items()
        for value in [*variables(container).values(), *words(container)]
        for path in re.findall(rf"{SITE.secrets}/[\w/.]+", value)
    }
    assert named
    for name, path in named:
        assert owners[volumes / "secrets" / Path(path).relative_to(secrets)] == users[name], (name, path)
        assert str(SITE.secrets) in mounts(found[name]), name
    mounted = {name for name, container in found.items() if str(SITE.secrets) in mounts(container)}
    assert mounted.isdisjoint({"edge-nginx", "rabbitmq", "prometheus", "grafana"})


def test_no_secret_stands_in_the_file(volumes: Path) -> None:
    text = FILE.read_text()
    files = [path for path in (volumes / "secrets").rglob("*") if path.is_file()]
    assert not any(secret in text for path in files for secret in re.findall(r"[\w-]{40,}", path.read_text()))
    shown = rf"(?i)^ +\w*(password|token|secret)\w*: +(?!['\"]?{SITE.secrets})\S"
    assert not re.search(shown, text, re.MULTILINE)


def test_volumes_are_prepared_by_setup(composition: dict[str, Any]) -> None:
    own = set(mounts(composition["services"]["setup"]).values())
    assert own == composition["volumes"].keys()
    for name, container in composition["services"].items():
        for target, source in mounts(container).items():
            assert source in own, f"{name}: {target} is mounted from the checkout, which others may not read"


def test_what_containers_read_of_the_checkout_is_in_the_volume(
    composition: dict[str, Any], volumes: Path
) -> None:
    named = {
        path
        for container in composition["services"].values()
        for value in [*variables(container).values(), *words(container)]
        for path in re.findall(rf"{SITE.config}/((?:observability|dashboards)/[\w/.-]+)", value)
    }
    assert len(named) == 5
    for path in named:
        assert (volumes / "config" / path).exists(), path
    provider = yaml.safe_load(
        (volumes / "config/dashboards/provisioning/dashboards/nextphase.yaml").read_text()
    )
    dashboards = Path(provider["providers"][0]["options"]["path"]).relative_to(SITE.config)
    copied = {path.name for path in (volumes / "config" / dashboards).iterdir()}
    assert copied == {path.name for path in (ROOT / "dashboards/generated").iterdir()}


def test_setup_copies_dashboards_anew_and_removes_those_that_are_gone(volumes: Path) -> None:
    gone = volumes / "config/dashboards/generated/gone.json"
    gone.write_text("{}")
    assert gone in generate_for_containers(CATALOG, ROOT, volumes, containers.INSTANCE)
    assert not gone.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_setup_gives_each_file_to_its_reader_and_leaves_it_so(
    found: dict[str, Container], tmp_path: Path
) -> None:
    for target in mounts(found["setup"]):
        (tmp_path / Path(target).relative_to("/volumes")).mkdir(parents=True)

    def state() -> dict[str, tuple[int, int, int]]:
        paths = [*tmp_path.rglob("*")]
        return {
            str(path): (path.stat().st_uid, path.stat().st_mode, path.stat().st_mtime_ns) for path in paths
        }

    assert containers.main([str(tmp_path)]) == 0
    first = state()
    assert containers.main([str(tmp_path)]) == 0
    assert state() == first
    users = containers.users(CATALOG)
    for path, user in containers.readers(CATALOG, tmp_path / "secrets").items():
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (user, 0o600), path
    assert (tmp_path / "config" / rabbitmq.DEFINITIONS).stat().st_uid == users["rabbitmq"]
    assert (tmp_path / "config/prometheus/rules").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "data/loki").stat().st_uid == users["loki"]


def test_setup_prints_access_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = Secrets(tmp_path / "secrets")
    tokens.ensure(secrets.signing_key, secrets.jwks)
    keys = jwt.PyJWKSet.from_json(Path(secrets.jwks).read_text())
    for scopes, granted in ([], "orders:read"), (["stock:write"], "stock:write"):
        assert containers.main([str(tmp_path), "token", "ada", *scopes]) == 0
        printed = capsys.readouterr().out.strip()
        claims = jwt.decode(printed, keys.keys[0], ["EdDSA"], audience=tokens.AUDIENCE, issuer=tokens.ISSUER)
        assert (claims["sub"], claims["scope"]) == ("ada", granted)
    assert containers.main([str(tmp_path), "token"]) == 2


# --- a cluster of RabbitMQ nodes


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    command = ["docker-compose", "-f", FILE, "-f", CLUSTER, "config"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_the_nodes_of_a_cluster_are_the_single_one_three_times(
    found: dict[str, Container], cluster: dict[str, Any]
) -> None:
    own = {"hostname", "environment", "networks", "volumes", "depends_on"}
    services = cluster["services"]
    names = ["rabbitmq", "rabbitmq-2", "rabbitmq-3"]
    assert services.keys() - found.keys() == set(names[1:])
    for name in names:
        alike = {key: value for key, value in services[name].items() if key not in own}
        assert alike == {key: value for key, value in found["rabbitmq"].items() if key not in own}
        changed = {"RABBITMQ_NODENAME", "RABBITMQ_CONFIG_FILE", "ERL_EPMD_ADDRESS"}
        node, single = variables(services[name]), variables(found["rabbitmq"])
        assert node.keys() == single.keys()
        assert {key for key in node if node[key] != single[key]} == changed


def test_epmd_of_a_node_starts_and_listens_where_the_others_ask_it(cluster: dict[str, Any]) -> None:
    address = cluster["services"]["rabbitmq"]["environment"]["ERL_EPMD_ADDRESS"]
    own = {"ERL_EPMD_ADDRESS": address, "ERL_EPMD_PORT": str(free_port()), "PATH": os.environ["PATH"]}
    with subprocess.Popen(["epmd"], env=own) as epmd:
        try:

            def asked() -> None:
                assert epmd.poll() is None, "it has ended"
                assert run_quietly(["epmd", "-names"], own)

            eventually(asked)
            listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
            assert f"{0:08X}:{int(own['ERL_EPMD_PORT']):04X}" in listening
        finally:
            epmd.kill()


def run_quietly(command: list[str], own: Mapping[str, str]) -> bool:
    return (
        subprocess.run(command, env=dict(own), capture_output=True, timeout=30, check=False).returncode == 0
    )


def test_the_nodes_find_each_other_and_rio_finds_them_all(cluster: dict[str, Any], volumes: Path) -> None:
    file = Path(cluster["services"]["rabbitmq"]["environment"]["RABBITMQ_CONFIG_FILE"])
    settings = (volumes / "config" / file.relative_to(SITE.config)).read_text()
    assert settings.startswith((volumes / "config/rabbitmq/rabbitmq.conf").read_text())
    configured = re.findall(r"nodes\.\d = rabbit@(\S+)", settings)
    nodes = {name: each for name, each in cluster["services"].items() if name.startswith("rabbitmq")}
    assert [each["hostname"] for each in nodes.values()] == configured
    for name, each in nodes.items():
        assert each["environment"]["RABBITMQ_NODENAME"] == f"rabbit@{each['hostname']}"
        reached = {name, *each["networks"]["rio"]["aliases"]}
        assert {"rabbitmq", each["hostname"]} <= reached
        data = mounts(each)["/var/lib/rabbitmq"]
        assert mounts(cluster["services"]["setup"])[f"/volumes/data/{data}"] == data
    for name in ("rio-api", "rio-dispatcher"):
        awaited = cluster["services"][name]["depends_on"]
        assert {other for other, how in awaited.items() if how["condition"] == "service_healthy"} == set(
            nodes
        )


# --- the files, by the programs that read them


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: str(path.stem))
def test_dockerfiles_are_clean(file: Path) -> None:
    run(Path(sys.executable).parent / "hadolint", file)
    assert file.with_name(f"{file.name}.dockerignore").read_text().splitlines()[1] == "*"
    text = file.read_text()
    assert not re.search(r"(COPY --chmod|RUN --mount|<<)", text), "takes BuildKit, which not every Docker has"
    for path in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in path.split():
            assert (ROOT / source).exists(), source
            assert included(source, file.with_name(f"{file.name}.dockerignore")), source
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


def included(source: str, ignore: Path) -> bool:
    """Whether the build is sent it, or something in it."""
    named = [line[1:] for line in ignore.read_text().splitlines() if line.startswith("!")]
    return any(f"{source}/".startswith(f"{name}/") or f"{name}/".startswith(f"{source}/") for name in named)


def test_collector(toolbox: Toolbox, tmp_path: Path) -> None:
    binary, *arguments = collector_command(toolbox)
    validate(
        [binary, "validate", *arguments],
        environment.collector(SITE, PLATFORM, Stores.own(SITE)),
        "COLLECTOR_DATA_DIR",
        tmp_path,
    )


def test_jaeger(toolbox: Toolbox, tmp_path: Path) -> None:
    binary, *arguments = jaeger_command(toolbox)
    own = environment.jaeger(SITE, PLATFORM)
    validate([binary, "validate", *arguments], own, "JAEGER_DATA_DIR", tmp_path)


def test_loki(toolbox: Toolbox, tmp_path: Path) -> None:
    own = environment.loki(SITE, PLATFORM)
    validate([*loki_command(toolbox), "-verify-config"], own, "LOKI_DATA_DIR", tmp_path)


def validate(command: list[str | Path], own: dict[str, str], data: str, folder: Path) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, **own, data: str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus(toolbox: Toolbox, volumes: Path) -> None:
    run(toolbox.promtool, "check", "config", volumes / "config/prometheus/prometheus.yml")


def test_alertmanager(toolbox: Toolbox) -> None:
    run(toolbox.amtool, "check-config", OBSERVABILITY / "alertmanager/alertmanager.yml")


@pytest.mark.parametrize("name", [nginx.EDGE, nginx.SERVICES])
def test_nginx(toolbox: Toolbox, volumes: Path, tmp_path: Path, name: str) -> None:
    """By Debian's nginx, which finds no containers and does not know `resolve` yet."""
    file = volumes / "config" / nginx.configuration_file(SITE, name).relative_to(SITE.config)
    text, servers = re.subn(r"server [\w-]+:(\d+) resolve ", r"server 127.0.0.1:\1 ", file.read_text())
    assert servers
    assert f"resolver {SITE.resolver} " in text
    for there, here in ((SITE.config, volumes / "config"), (SITE.secrets, volumes / "secrets")):
        text = text.replace(str(there), str(here))
    for folder in (SITE.run, SITE.logs):
        text = text.replace(str(folder), f"{tmp_path}{folder}")
    for folder in (SITE.nginx_logs, nginx.folder(SITE, name) / "temp"):
        Path(f"{tmp_path}{folder}").mkdir(parents=True)
    (tmp_path / "nginx.conf").write_text(text)
    run(toolbox.nginx, "-t", "-q", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf")


def test_logrotate(toolbox: Toolbox, volumes: Path, tmp_path: Path) -> None:
    run(toolbox.logrotate, "--debug", "--state", tmp_path / "state", volumes / "config/logrotate.conf")


# --- the two scripts


@pytest.fixture
def answering() -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/ready" else 503)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_ready_tells_200_from_everything_else(answering: int) -> None:
    def ready(port: int, path: str) -> bool:
        command = [str(IMAGES / "ready"), str(port), path]
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0

    assert ready(answering, "/health/ready")
    assert not ready(answering, "/other")
    assert not ready(9, "/health/ready")


def test_rotating_becomes_the_program_it_is_given() -> None:
    process = subprocess.Popen([IMAGES / "rotating", "sleep", "60"], start_new_session=True)
    try:
        eventually(lambda: check_name(process.pid, "sleep"), within_seconds=10)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def check_name(pid: int, name: str) -> None:
    assert Path(f"/proc/{pid}/comm").read_text().strip() == name
