"""The bill of what this checkout runs, held against CycloneDX's schema and against what was built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

from compose.cli.main import ROOT
from compose.cli.sbom import (
    document,
    go_programs,
    java_libraries,
    licences,
    npm_packages,
    python_packages,
    system_programs,
)
from compose.cli.sbom.component import Component
from compose.cli.setup import tools, venv

REQUIRED = {"nginx", "rabbitmq-server", "prometheus", "prometheus-alertmanager", "logrotate"}


@pytest.fixture(scope="module")
def components() -> list[Component]:
    return document.collect(ROOT)


@pytest.fixture(scope="module")
def bill(components: list[Component]) -> Any:
    return json.loads(document.render(components))


@pytest.mark.config
def test_it_is_valid_by_the_schema(components: list[Component]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.render(components)) is None


@pytest.mark.config
def test_it_is_the_same_however_the_components_were_found(components: list[Component]) -> None:
    assert document.render(components) == document.render(reversed(components))


@pytest.mark.config
def test_every_package_url_is_canonical(components: list[Component]) -> None:
    urls = [component.purl for component in components]
    assert [url for url in urls if PackageURL.from_string(url).to_string() != url] == []


@pytest.mark.config
def test_every_licence_is_one_of_spdx(components: list[Component]) -> None:
    spdx = get_spdx_licensing()
    stated = {component.licence for component in components if licences.is_expression(component.licence)}
    assert "Apache-2.0" in stated
    assert {
        licence: spdx.validate(licence).errors for licence in stated if spdx.validate(licence).errors
    } == {}


@pytest.mark.config
def test_every_part_has_a_version_and_what_is_linked_a_place(bill: Any) -> None:
    assert [part["name"] for part in bill["components"] if not part.get("version")] == []
    known = {part["bom-ref"] for part in bill["components"]}
    depended = {purl for each in bill["dependencies"] for purl in each["dependsOn"]}
    assert depended == known
    assert [tool.name for tool in tools.TOOLS if not any(tool.name in name for name in _programs(bill))] == []


@pytest.mark.parametrize(
    ("name", "printed", "purl"),
    [
        ("Python", "Python 3.12.1", "pkg:generic/python@3.12.1"),
        ("OpenJDK", "openjdk 21.0.9 2025-10-21 LTS", "pkg:generic/openjdk@21.0.9"),
        ("Python", "", "pkg:generic/python"),
        ("nginx", "", "pkg:generic/nginx"),
    ],
)
def test_a_program_of_no_package_is_asked_for_its_version(
    tmp_path: Path, name: str, printed: str, purl: str
) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{printed}'\n")
    program.chmod(0o700)
    assert system_programs._component(name, program, "").purl == purl


def _programs(bill: Any) -> list[str]:
    return [part["name"] for part in bill["components"] if part["type"] == "application"]


@pytest.mark.config
def test_it_has_every_program_of_the_machine(bill: Any) -> None:
    packages = _programs(bill)
    assert set(packages) >= REQUIRED
    assert any(name.startswith("postgresql-") for name in packages)


def test_it_has_every_locked_python_package_with_its_licence() -> None:
    found = list(python_packages.components(ROOT))
    assert {each.name: each.version for each in found} == venv.locked(venv.lock(ROOT))
    assert [each.name for each in found if not each.licence] == []


def test_it_has_the_consoles_packages_and_none_of_its_tests() -> None:
    found = {each.name: each.licence for each in npm_packages.components(ROOT)}
    assert found == {"preact": "MIT", "uplot": "MIT", "esbuild": "MIT"}


@pytest.mark.config
def test_a_program_has_its_modules() -> None:
    program = tools.binary(ROOT, tools.PROCESS_COMPOSE)
    *linked, whole = go_programs.components(program, "process-compose", "0", "Apache-2.0")
    assert whole.purl.startswith("pkg:golang/github.com/f1bonacc1/process-compose@v1.")
    assert whole.is_program
    pinned = dict(tools._PIN.findall((ROOT / "compose/tools/process-compose/go.mod").read_text()))
    assert pinned["github.com/f1bonacc1/process-compose"] == whole.version
    sums = (ROOT / "compose/tools/process-compose/go.sum").read_text().lower()
    assert [each for each in linked if f"{each.namespace}/{each.name} {each.version} " not in sums] == []
    assert list(whole.parts) == sorted(each.purl for each in linked)


def test_a_program_that_is_not_gos_says_no_modules(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF" + bytes(4096))
    with pytest.raises(go_programs.NoModules):
        list(go_programs.components(program, "program", "1", "MIT"))


@pytest.mark.config
@pytest.mark.example
def test_it_has_every_library_of_a_java_service() -> None:
    found = list(java_libraries.components(ROOT, Path.home() / ".m2/repository"))
    jars = {f"{each.name}-{each.version}.jar" for each in found}
    built = {jar.name for jar in (ROOT / "services/inventory/target/lib").glob("*.jar")}
    assert built
    assert built <= jars
    assert "opentelemetry-javaagent" in {each.name for each in found}
    assert [each.purl for each in found if not each.licence] == []


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("The Apache Software License, Version 2.0", "Apache-2.0"),
        ("BSD License", "BSD-3-Clause"),
        ("MIT", "MIT"),
        ("BSD-2-Clause", "BSD-2-Clause"),
        ("Eclipse Public License v2.0", "EPL-2.0"),
        ("GPL2 w/ CPE", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("A licence of ours", "A licence of ours"),
    ],
)
def test_a_licence_is_known_by_its_name(name: str, expression: str) -> None:
    assert licences.of_name(name) == expression


def test_a_licence_is_known_by_its_text() -> None:
    assert licences.of_text((ROOT / "LICENSE").read_text()) == "Apache-2.0"
    mozilla = "Mozilla Public License, version 2.0 … the GNU Affero General Public License, Version 3.0"
    assert licences.of_text(mozilla) == "MPL-2.0"
    assert licences.of_text("Pay us.") == ""
