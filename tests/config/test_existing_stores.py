"""Collector and Prometheus with what existing stores ask of clients, and what Jaeger shows a browser."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from compose.cli.layout import PORTS, Layout
from compose.cli.prometheus import SOURCE, configuration
from compose.cli.site import Site
from compose.cli.stores import Store, Stores
from compose.cli.telemetry import Telemetry
from compose.cli.toolbox import Toolbox
from tests.config.programs import ROOT, environment, jaeger_program, running_pipeline
from tests.config.test_pipeline import log_record, new_trace_id, send_logs
from tests.conftest import eventually

pytestmark = pytest.mark.config

TENANT = {"X-Scope-OrgID": "observers"}


def test_the_collector_sends_what_a_store_asks_for(toolbox: Toolbox, tmp_path: Path) -> None:
    """Loki refuses requests without a tenant here, as a Loki does that several teams share."""
    headers = tmp_path / "loki.json"
    headers.write_text(json.dumps(TENANT) + "\n")
    variables = {"LOKI_HEADERS_FILE": str(headers), "LOKI_COMPRESSION": "gzip"}
    with running_pipeline(toolbox, tmp_path, variables, ["-auth.enabled=true"]) as pipeline:
        trace_id = new_trace_id()
        send_logs(pipeline, [log_record("orders", "hello", trace_id=trace_id)])
        url = f"http://127.0.0.1:{pipeline.environment['LOKI_HTTP_PORT']}/loki/api/v1/query_range"
        query = {"query": f'{{service_name="orders"}} | trace_id="{trace_id}"'}

        def look() -> None:
            answer = httpx.get(url, params=query, headers=TENANT, timeout=10, trust_env=False)
            (stream,) = answer.raise_for_status().json()["data"]["result"]
            assert [line for _, line in stream["values"]] == ["hello"]

        eventually(look)
        assert httpx.get(url, params=query, timeout=10, trust_env=False).status_code == 401


@pytest.mark.parametrize("agent", [True, False], ids=["agent", "alertmanager"])
def test_prometheus_takes_what_leads_to_existing_stores(
    toolbox: Toolbox, tmp_path: Path, agent: bool
) -> None:
    layout = Layout.open(tmp_path)
    site = Site.native(layout)
    store = Store("prometheus", "https://store.example.net/am", is_ours=False, headers=TENANT)
    secret = Store("alertmanager", store.url, is_ours=False, headers={"authorization": "Bearer abc"})
    own = Stores.own(site)
    stores = Stores(
        own.spans,
        own.lines,
        store if agent else None,
        own.jaeger,
        own.loki,
        store if agent else own.prometheus,
        secret,
    )
    folder = tmp_path / "prometheus"
    shutil.copytree(ROOT / SOURCE / "rules", folder / "rules")
    (layout.secrets / "stores").mkdir()
    (layout.secrets / "stores/alertmanager.credentials").write_text("abc\n")
    text = configuration((ROOT / SOURCE / "prometheus.yml").read_text(), site, stores)
    (folder / "prometheus.yml").write_text(text)
    assert ("rule_files" in yaml.safe_load(text)) is not agent
    command = [toolbox.promtool, "check", "config", *(["--agent"] if agent else [])]
    done = subprocess.run(
        [*command, folder / "prometheus.yml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("has_page", [True, False])
def test_whether_jaeger_has_a_page_is_asked_of_it(toolbox: Toolbox, tmp_path: Path, has_page: bool) -> None:
    """A Jaeger that is built from its module has none; one with the page's files serves them."""
    variables = environment(tmp_path)
    options: list[str] = []
    if has_page:
        page = '<html><head><base href="/"></head><body><div id="jaeger-ui-root"></div></body></html>'
        (tmp_path / "index.html").write_text(page)
        options = [f"--set=extensions.jaeger_query.ui.assets_path={tmp_path}"]
    elif toolbox.jaeger.parent.name.partition("-")[0] != "jaeger":
        pytest.skip("this Jaeger was not built here")
    jaeger = jaeger_program(toolbox, tmp_path, variables, options)
    port = int(variables["JAEGER_QUERY_HTTP"].rpartition(":")[2])
    try:
        jaeger.start()
        assert Telemetry(Layout(ROOT, "test", port - PORTS["jaeger"])).has_trace_page() is has_page
    finally:
        jaeger.kill()
