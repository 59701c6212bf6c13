"""A small checkout to generate from: the platform's own schemas and templates, two imagined services."""

from __future__ import annotations

import shutil
from pathlib import Path

from compose.cli import alertmanager, catalog, platform, routes, slos
from compose.cli.toolbox import Toolbox

ROOT = Path(__file__).parents[3]

ACCOUNTS = """\
name: accounts
description: People
framework: flask
port: 8300
command: [python, -m, accounts]
migrate: [python, -m, accounts.migrate]
environment: {GREETING: "costs $5 {{ each }}"}
database: true
timeout_seconds: 5
emits: [account.created]
subscriptions: []
"""

MAILS = """\
name: mails
description: Letters
framework: spring-boot
port: 8310
instances: 2
command: [java, -jar, mails.jar]
database: true
timeout_seconds: 2.5
emits: []
subscriptions:
  - {type: account.created, path: /mails/events}
"""


def make(root: Path, **manifests: str) -> Path:
    """Fills `root`; manifests: text of each service's manifest, instead of the two above."""
    for file in (
        *(catalog.SCHEMA, platform.SCHEMA, platform.FILE, slos.SCHEMA, slos.FILE),
        *(routes.SCHEMA, routes.FILE),
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, root / file)
    shutil.copytree(ROOT / alertmanager.SOURCE, root / alertmanager.SOURCE)
    shutil.copytree(ROOT / "compose/rabbitmq", root / "compose/rabbitmq")
    shutil.copytree(ROOT / "compose/nginx", root / "compose/nginx", ignore=shutil.ignore_patterns("tests"))
    rules = root / "observability/prometheus/rules"
    rules.mkdir(parents=True)
    (rules.parent / "prometheus.yml").write_text("rule_files: [rules/*.yml]\n")
    (rules / "some.yml").write_text("groups: []\n")
    for name, text in (manifests or {"accounts": ACCOUNTS, "mails": MAILS}).items():
        (root / "services" / name).mkdir(parents=True)
        (root / "services" / name / "service.yaml").write_text(text)
    return root


def toolbox() -> Toolbox:
    """Programs by names that need not exist."""
    return Toolbox(**{name: Path("/tools") / name for name in Toolbox.__dataclass_fields__})
