"""Java libraries of services that are built by Maven: the jars beside the service's own."""

from __future__ import annotations

import filecmp
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as xml

from compose.cli.catalog import Catalog
from compose.cli.errors import Failure
from compose.cli.hints import set_up
from compose.cli.sbom import licences
from compose.cli.sbom.component import Component

_POM = "{http://maven.apache.org/POM/4.0.0}"
_MAX_PARENTS = 10


def components(root: Path, repository: Path) -> Iterator[Component]:
    """A component for each jar that a built service has and Maven's `repository` knows.

    Raises Failure where a service with a pom.xml is not built.
    """
    known = _by_artifact(repository)
    for service in Catalog.load(root):
        folder = root / "services" / service.name
        if not (folder / "pom.xml").exists():
            continue
        jars = sorted((folder / "target").glob("*.jar")) + sorted((folder / "target/lib").glob("*.jar"))
        if not jars:
            raise Failure(f"service {service.name} is not built", advice=f"Run {set_up()}")
        found = (_origin(jar, known) for jar in jars)
        yield from (_component(jar, repository) for jar in found if jar is not None)


def _by_artifact(repository: Path) -> Mapping[str, list[Path]]:
    """The repository's jars by artifact; its folders are <group>/<artifact>/<version>/."""
    found: dict[str, list[Path]] = defaultdict(list)
    for jar in repository.rglob("*.jar"):
        found[jar.parents[1].name].append(jar)
    return found


def _origin(jar: Path, known: Mapping[str, list[Path]]) -> Path | None:
    """The same jar in the repository, None for one of the service's own."""
    stem = jar.stem
    while stem:
        for candidate in sorted(known.get(stem, ())):
            if filecmp.cmp(jar, candidate, shallow=False):
                return candidate
        stem = stem.rpartition("-")[0]
    return None


def _component(jar: Path, repository: Path) -> Component:
    artifact, version = jar.parents[1].name, jar.parent.name
    group = ".".join(jar.parents[2].relative_to(repository).parts)
    licence = licences.of_names(_licences(group, artifact, version, repository), "OR")
    return Component("maven", group, artifact, version, licence)


def _licences(group: str, artifact: str, version: str, repository: Path) -> list[str]:
    """Names of licences in the artifact's pom, else in that of the nearest parent that has some."""
    for _ in range(_MAX_PARENTS):
        file = repository.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.pom")
        if not file.exists():
            return []
        pom = xml.fromstring(file.read_bytes())  # noqa: S314 - Maven has read it, and compared its hash
        if names := [each.findtext(f"{_POM}name", "").strip() for each in pom.iter(f"{_POM}license")]:
            return names
        parent = pom.find(f"{_POM}parent")
        if parent is None:
            return []
        group, artifact, version = (
            parent.findtext(f"{_POM}{tag}", "").strip() for tag in ("groupId", "artifactId", "version")
        )
    return []
