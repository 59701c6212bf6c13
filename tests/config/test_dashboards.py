"""Prometheus understands every PromQL query of the dashboards; Loki is asked in test_pipeline.py."""

from pathlib import Path

import pytest
import yaml

from compose.cli.toolbox import Toolbox
from dashboards.queries import queries
from tests.config.test_prometheus import run

pytestmark = pytest.mark.config


def test_promql(toolbox: Toolbox, tmp_path: Path) -> None:
    expressions = [query.expression for query in queries() if query.datasource == "prometheus"]
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(expressions)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    run(toolbox.promtool, "check", "rules", file)
