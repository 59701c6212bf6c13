"""A service's manifest, as far as tests need it."""

import json
from pathlib import Path
from typing import Any, Self

import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parent.parent.parent


class Manifest:
    """services/<name>/service.yaml"""

    def __init__(self, document: dict[str, Any]) -> None:
        self.name: str = document["name"]
        self.command: list[str] = document["command"]
        self.database: bool = document["database"]
        self.migrate: list[str] = document.get("migrate", [])
        self.environment: dict[str, str] = document.get("environment", {})
        self.emits: dict[str, str] = {
            each["type"]: each["schema"] for each in document["emits"] if "schema" in each
        }
        self.subscriptions: dict[str, str] = {
            each["type"]: each["path"] for each in document["subscriptions"]
        }

    def check(self, event_type: str, data: Any) -> None:
        """Raise ValidationError when data is not what the type's schema says."""
        schema = json.loads(
            (ROOT / "services" / self.name / self.emits[event_type]).read_text(encoding="utf-8")
        )
        Draft202012Validator(schema).validate(data)

    @property
    def is_python(self) -> bool:
        """Whether the platform's own Python runs it."""
        return self.command[0] == "python"

    @classmethod
    def all(cls) -> list[Self]:
        """Every service of the catalog, sorted by name."""
        return [cls.of(file.parent.name) for file in sorted(ROOT.glob("services/*/service.yaml"))]

    @classmethod
    def of(cls, service: str) -> Self:
        return cls(yaml.safe_load((ROOT / "services" / service / "service.yaml").read_text(encoding="utf-8")))
