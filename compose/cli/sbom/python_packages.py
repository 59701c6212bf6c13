"""Python packages that an instance imports: what requirements/runtime.txt locks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from compose.cli.sbom import licences
from compose.cli.sbom.component import Component
from compose.cli.setup import venv

_CLASSIFIER = "License :: "
_LONGEST_NAME = 100  # what is longer is the licence's text


def components(root: Path) -> Iterator[Component]:
    """A component for each package; licences are those that the packages in this environment state."""
    for name, version in venv.locked(venv.lock(root)).items():
        yield Component("pypi", "", name, version, _licence(name))


def _licence(name: str) -> str:
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""  # locked for another kind of machine
    if "License-Expression" in about:
        return about["License-Expression"]
    found = [line for line in about.get_all("Classifier", []) if line.startswith(_CLASSIFIER)]
    named = [line.rpartition(" :: ")[2] for line in found if line.count(" :: ") > 1]
    if named:
        return licences.of_names(named, "OR")
    text = " ".join(about.get_all("License", []))
    return licences.of_name(text) if len(text) < _LONGEST_NAME else licences.of_text(text)
