"""The public routes as the gateway is told them: gateway/routes.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compose.cli.refusal import Refused
from observability.configuration.yaml_document import Document

FILE = Path("gateway/routes.yaml")
SCHEMA = Path("gateway/routes.schema.json")
_MAX_BYTES = 1024 * 1024  # the gateway reads no longer one


def load(root: Path) -> Sequence[Mapping[str, Any]]:
    """The routes of the checkout `root` as written. What a schema cannot say, the gateway alone checks.

    Raises Refused, with every fault, where the file does not follow its schema.
    """
    document = Document.read(root / FILE, str(FILE), max_bytes=_MAX_BYTES)
    if not document.faults:
        document.check(json.loads((root / SCHEMA).read_text()))
    if document.faults:
        raise Refused(document.faults)
    routes: Sequence[Mapping[str, Any]] = document.content["routes"]
    return routes
