"""The bill as a document of CycloneDX 1.6 in JSON, the same for the same components."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from compose.cli.sbom import (
    go_programs,
    java_libraries,
    licences,
    npm_packages,
    python_packages,
    system_programs,
)
from compose.cli.sbom.component import Component
from compose.cli.setup import tools
from compose.cli.toolbox import Toolbox
from compose.cli.version import version

_NAMESPACE = uuid.UUID("9a0b6d52-51f7-5a0a-8b0d-3f2b7c1e6a4d")
_NOTICED = {"otelcol": "opentelemetry collector"}


def collect(root: Path) -> list[Component]:
    """Everything that an instance of the checkout `root` runs; raises Failure where that is not set up."""
    toolbox, noticed = Toolbox.locate(root), licences.noticed(root)
    found = [
        *python_packages.components(root),
        *npm_packages.components(root),
        *java_libraries.components(root, Path.home() / ".m2/repository"),
        *system_programs.components(toolbox, noticed),
    ]
    for tool in tools.TOOLS:
        program: Path = getattr(toolbox, tool.name.replace("-", "_"))
        found += _tool(program, tool.name, noticed[_NOTICED.get(tool.name, tool.name)])
    return found


def _tool(program: Path, name: str, licence: str) -> list[Component]:
    try:
        return list(go_programs.components(program, name, version(), licence))
    except go_programs.NoModules:  # one that the machine has, stripped of it
        return [Component("generic", "", name, "", licence, is_program=True)]


def render(components: Iterable[Component]) -> str:
    """The document: no time, and a serial number made of its content."""
    unique = {component.purl: component for component in components}
    ordered = [unique[purl] for purl in sorted(unique)]
    own = Component("generic", "", "nextphase", version(), "Apache-2.0", is_program=True)
    linked = {part for component in ordered for part in component.parts}
    content: dict[str, Any] = {
        "metadata": {"component": own.document()},
        "components": [component.document() for component in ordered],
        "dependencies": [
            _dependency(own.purl, [purl for purl in sorted(unique) if purl not in linked]),
            *(_dependency(component.purl, component.parts) for component in ordered),
        ],
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(content, sort_keys=True))
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **content,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _dependency(purl: str, parts: Iterable[str]) -> dict[str, Any]:
    return {"ref": purl, "dependsOn": list(parts)}
