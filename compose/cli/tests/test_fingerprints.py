"""Fingerprints of processes, and changes for which SIGHUP is enough."""

from __future__ import annotations

import sys
from pathlib import Path

import grimp
import pytest

from compose.cli.fingerprints import Fingerprints, remember, remembered
from compose.cli.layout import Layout
from compose.cli.process import STARTED, Process

ROOT = Path(__file__).parents[3]
#: What hops that are no services run.
PROGRAMS = {
    "gateway": "gateway",
    "rio-api": "broker.rio",
    "relay": "broker.outbox_relay",
    "console": "observability.console",
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path)


def taken(layout: Layout, *processes: Process, **files: str) -> Fingerprints:
    definitions = {process.name: process.document(layout.logs, layout.root) for process in processes}
    return Fingerprints(layout, definitions, {layout.config / name: text for name, text in files.items()})


def changed(prints: Fingerprints, change: Path, content: str = "changed") -> set[str]:
    """Names of the processes that a change of a file concerns."""
    before = prints.take()
    change.parent.mkdir(parents=True, exist_ok=True)
    change.write_text(content)
    after = prints.take()
    return {name for name in before if before[name] != after[name]}


def test_a_process_reads_what_its_definition_names_and_what_that_names(layout: Layout) -> None:
    secret = layout.secrets / "token"
    config, other = layout.config / "rio.json", layout.config / "relay.json"
    secret.write_text("one")
    config.write_text(f'{{"token_file": "{secret}"}}')
    other.write_text("{}")
    prints = taken(
        layout,
        Process("rio", "", ["true"], {"RIO_CONFIG": str(config)}),
        Process("relay", "", ["true"], {"RELAY_CONFIG": str(other)}),
    )
    assert changed(prints, secret) == {"rio"}
    assert changed(prints, other) == {"relay"}


def test_rio_is_not_replaced_for_a_catalog_that_it_watches(layout: Layout) -> None:
    config, catalog = layout.config / "rio.json", layout.config / "rio-catalog.json"
    tokens = layout.secrets / "senders.json"
    for file in (catalog, tokens):
        file.write_text("{}")
    config.write_text(f'{{"catalog_file": "{catalog}", "senders_file": "{tokens}"}}')
    prints = taken(layout, Process("rio", "", ["true"], {"RIO_CONFIG": str(config)}))
    assert changed(prints, catalog) == set()
    assert changed(prints, tokens) == set()
    assert changed(prints, config, "{}") == {"rio"}


def test_what_is_planned_counts_and_not_what_is_written(layout: Layout) -> None:
    config = layout.config / "rio.json"
    config.write_text("old")
    rio = Process("rio", "", ["true"], {"RIO_CONFIG": str(config)})
    prints = taken(layout, rio, **{"rio.json": "new"})
    assert changed(prints, config) == set()
    assert prints.take() == taken(layout, rio, **{"rio.json": "new"}).take()
    assert prints.take() != taken(layout, rio, **{"rio.json": "newer"}).take()


def test_unnamed_files_beside_a_named_one_count_and_data_does_not(layout: Layout) -> None:
    folder = layout.config / "prometheus"
    (folder / "rules").mkdir(parents=True)
    (folder / "prometheus.yml").write_text("{}")
    (folder / "rules/alerts.yml").write_text("{}")
    data = layout.data / "wal"
    data.write_text("")
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage={data}"]
    prints = taken(layout, Process("prometheus", "", command))
    assert changed(prints, folder / "rules/alerts.yml") == {"prometheus"}
    assert changed(prints, data) == set()


def test_a_python_hop_runs_its_code_and_what_all_share(layout: Layout) -> None:
    prints = taken(
        layout,
        Process("gateway", "", ["/venv/bin/python", "-m", "gateway"]),
        Process("rio-api", "", ["/venv/bin/python", "-m", "broker.rio"]),
        Process("accounts", "", ["/venv/bin/python", "-m", "gunicorn", "services.accounts.app:create_app()"]),
        Process("nginx", "", ["nginx", "-g", "gateway"]),
    )
    root = layout.root
    assert changed(prints, root / "gateway/module.py") == {"gateway"}
    assert changed(prints, root / "gateway/routes.schema.json") == {"gateway"}
    assert changed(prints, root / "broker/rio/store/migrations/0001.sql") == {"rio-api"}
    assert changed(prints, root / "services/accounts/alembic.ini") == {"accounts"}
    assert changed(prints, root / "observability/module.py") == {"gateway", "rio-api", "accounts"}
    assert changed(prints, root / "broker/client/outbox.py") == {"rio-api", "accounts"}
    assert changed(prints, root / "services/orders/module.py") == set()
    assert changed(prints, root / "services/accounts/tests/module.py") == set()
    assert changed(prints, root / "services/accounts/service.yaml") == set()


def test_the_console_is_a_hop_of_its_own(layout: Layout) -> None:
    config = layout.config / "console.json"
    config.write_text(f'{{"catalog_file": "{layout.config}/catalog.json"}}')
    console = ["/venv/bin/python", "-m", "observability.console"]
    prints = taken(
        layout,
        Process("console", "", console, {"CONSOLE_CONFIG": str(config)}),
        Process("gateway", "", ["/venv/bin/python", "-m", "gateway"]),
    )
    code = layout.root / "observability"
    assert changed(prints, code / "console/guard.py") == {"console"}
    assert changed(prints, code / "hop.py") == {"console", "gateway"}
    # Its bundle is in the cache, and its folder there, which the configuration names, is another then.
    assert changed(prints, code / "console/web/src/main.tsx") == set()
    assert changed(prints, code / "console/web/package.json") == set()
    assert changed(prints, layout.config / "catalog.json") == set()
    assert changed(prints, config, '{"bundle": "another"}') == {"console"}


def test_routes_and_services_need_no_new_gateway(layout: Layout) -> None:
    settings = layout.config / "gateway.json"
    words = ["/venv/bin/python", "-m", "gateway"]
    gateway = Process("gateway", "", words, {"GATEWAY_CONFIG": str(settings)})
    routes = layout.root / "gateway/routes.yaml"
    routes.parent.mkdir()
    routes.write_text("one")

    def with_settings(text: str) -> Fingerprints:
        return taken(layout, gateway, **{"gateway.json": text})

    before = with_settings('{"ports": [1], "services": {}}').take()["gateway"]
    more = with_settings('{"ports": [1], "services": {"mails": {}}}').take()["gateway"]
    moved = with_settings('{"ports": [2], "services": {}}').take()["gateway"]
    routes.write_text("two")
    edited = with_settings('{"ports": [1], "services": {}}').take()["gateway"]
    assert more != before
    assert not more.needs_a_new_process(before)
    assert edited != before
    assert not edited.needs_a_new_process(before)
    assert moved.needs_a_new_process(before)


def test_what_comes_before_a_process_is_no_part_of_it(layout: Layout) -> None:
    before = taken(layout, Process("web", "one", ["true"])).take()
    assert taken(layout, Process("web", "two", ["true"], after={"store": STARTED})).take() == before
    assert taken(layout, Process("web", "one", ["false"])).take() != before


def test_what_is_remembered_is_found_again_and_nothing_else(layout: Layout) -> None:
    assert remembered(layout) == {}
    prints = taken(layout, Process("web", "", ["true"])).take()
    remember(layout, prints)
    assert remembered(layout) == prints
    (layout.run / "applied.json").write_text('{"web": {"definition": "of an older version"}}')
    assert remembered(layout) == {}


@pytest.mark.parametrize(
    "name", ["accounts", "orders", "notifications", "gateway", "rio-api", "relay", "console"]
)
def test_a_process_depends_on_every_module_that_it_imports(name: str) -> None:
    layout = Layout(ROOT, "none", 0)
    module = PROGRAMS.get(name, f"services.{name}")
    if not (ROOT / module.replace(".", "/")).exists():
        pytest.skip("about the example services")
    definitions = {name: Process(name, "", [sys.executable, "-m", module]).document(Path("/"), ROOT)}
    imports = grimp.build_graph("broker", "gateway", "observability", "services")
    own = {module, *imports.find_descendants(module)}
    files = [_file(each) for each in own | set().union(*map(imports.find_upstream_modules, own))]
    before = Fingerprints(layout, definitions).take()
    missing = [
        str(file.relative_to(ROOT))
        for file in sorted(files)
        if "tests" not in file.parts and Fingerprints(layout, definitions, {file: "changed"}).take() == before
    ]
    assert missing == []


def _file(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
