"""What a service's manifest says, as far as tests need it."""

from pathlib import Path
from typing import Any, Self

import yaml

ROOT = Path(__file__).parent.parent.parent


class Manifest:
    """services/<name>/service.yaml"""

    def __init__(self, document: dict[str, Any]) -> None:
        self.name: str = document["name"]
        self.command: list[str] = document["command"]
        self.migrate: list[str] = document["migrate"]
        self.environment: dict[str, str] = document["environment"]
        self.emits: list[str] = [each["type"] for each in document["emits"]]
        self.subscriptions: dict[str, str] = {
            each["type"]: each["path"] for each in document["subscriptions"]
        }

    @classmethod
    def of(cls, service: str) -> Self:
        return cls(yaml.safe_load((ROOT / "services" / service / "service.yaml").read_text(encoding="utf-8")))
