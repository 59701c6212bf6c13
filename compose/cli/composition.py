"""The composition of containers, compose/docker-compose.yaml, from its template and the catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from compose.cli import containers, environment
from compose.cli.catalog import Catalog, Service
from compose.cli.platform import Platform
from compose.cli.site import Site
from compose.cli.version import version

FILE = Path("compose/docker-compose.yaml")
TEMPLATE = FILE.with_name(f"{FILE.name}.j2")
_NOTE = f"Made from {TEMPLATE.name} and services/*/service.yaml by ./nextphase containers: change those."


def render(root: Path) -> str:
    """The composition as the catalog and the platform's settings of the checkout `root` have it.

    Raises:
        Refused: one of the two has faults.
    """
    catalog, platform = Catalog.load(root), Platform.load(root)
    templates = Environment(  # noqa: S701 - not HTML
        loader=FileSystemLoader(root / TEMPLATE.parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"words": _words, "variables": _variables}
    users = containers.users(catalog)
    return templates.get_template(TEMPLATE.name).render(
        generated=_NOTE,
        platform=platform,
        version=version(),
        services=[_service(platform, service, users[service.name]) for service in catalog],
    )


def _service(platform: Platform, service: Service, user: int) -> dict[str, Any]:
    site = Site.containers(containers.INSTANCE)
    return {
        "name": service.name,
        "user": user,
        "command": service.command,
        "migrate": service.migrate,
        "database": service.database,
        "dockerfile": service.container.dockerfile,
        "memory_mib": service.container.memory_mib,
        "instances": [
            {
                "name": name,
                "port": service.ports[number],
                "environment": environment.service(site, platform, service, number),
            }
            for number, name in enumerate(service.instance_names)
        ],
    }


def _words(command: Sequence[str]) -> str:
    """A command as a list of YAML, in which docker compose expands nothing."""
    return json.dumps(command, ensure_ascii=False).replace("$", "$$")


def _variables(variables: Mapping[str, str]) -> str:
    """Variables as the lines of a mapping of YAML, in which docker compose expands nothing."""
    lines = (f"      {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in variables.items())
    return "\n".join(lines).replace("$", "$$")
