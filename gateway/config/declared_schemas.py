"""The JSON Schemas of the file of routes: those that it names, and those that stand in routes."""

from typing import Any

from gateway.aggregation.dependencies import cycle_in
from gateway.config import schemas
from observability.configuration.yaml_document import Document, Field


class DeclaredSchemas:
    """Checks schemas as they are read.

    Attributes:
        named: the good ones of the file's `schemas`, by their name.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        declared = document.content.get("schemas", {})
        self._known = {schemas.PREFIX + name for name in declared}
        if "Problem" in declared:
            document.fault(("schemas", "Problem"), "is the gateway's own; choose another name")
        self.named = {name: each for name, each in declared.items() if self.check(each, ("schemas", name))}
        if len(self.named) == len(declared):
            self._check_inclusions(declared)

    def check(self, schema: Any, where: Field) -> bool:
        """Whether the gateway can check values by a schema; if not, its faults are noted."""
        faults = schemas.faults(schema, self._known)
        for fault in faults:
            self._document.fault(where, fault)
        return not faults

    def _check_inclusions(self, declared: dict[str, Any]) -> None:
        includes = {name: list(schemas.included(schema)) for name, schema in declared.items()}
        if cycle := cycle_in(includes):
            self._document.fault(("schemas", cycle[0]), f"includes itself: {' -> '.join(cycle)}")
            return
        name, length = schemas.longest(includes)
        if length > schemas.MAX_INCLUDED:
            fault = f"includes {length} schemas one in another, at most {schemas.MAX_INCLUDED} are allowed"
            self._document.fault(("schemas", name), fault)
