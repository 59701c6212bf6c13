"""A component of the bill and its package URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from compose.cli.sbom import licences


@dataclass(frozen=True, order=True)
class Component:
    """One package or program.

    kind: its type of package URL, such as `pypi`. namespace: what its name is unique in, such as a Java
    group; empty where its kind has none. licence: an SPDX expression, else the words of its makers; empty
    where it states none. parts: package URLs of what is linked into it.
    """

    kind: str
    namespace: str
    name: str
    version: str
    licence: str = ""
    is_program: bool = False
    qualifiers: str = ""
    parts: tuple[str, ...] = field(default=(), compare=False)

    @property
    def purl(self) -> str:
        """As https://github.com/package-url/purl-spec has it; versions are escaped, qualifiers are not."""
        space = "".join(f"{quote(each, safe='')}/" for each in self.namespace.split("/") if each)
        version = f"@{quote(self.version, safe=':')}" if self.version else ""
        qualifiers = f"?{self.qualifiers}" if self.qualifiers else ""
        return f"pkg:{self.kind}/{space}{quote(self.name, safe='')}{version}{qualifiers}"

    def document(self) -> dict[str, Any]:
        """The component as CycloneDX has it."""
        found: dict[str, Any] = {
            "type": "application" if self.is_program else "library",
            "bom-ref": self.purl,
            "name": f"{self.namespace}/{self.name}" if self.kind == "golang" else self.name,
            "purl": self.purl,
        }
        if self.kind == "maven":
            found["group"] = self.namespace
        if self.version:
            found["version"] = self.version
        if self.licence:
            found["licenses"] = [_licence(self.licence)]
        return found


def _licence(text: str) -> dict[str, Any]:
    return {"expression": text} if licences.is_expression(text) else {"license": {"name": text}}
