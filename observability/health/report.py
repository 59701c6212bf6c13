"""The results of health checks, one by one and together."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

MEDIA_TYPE = "application/health+json"

#: What a check measured, as members of the health document: `observedValue` and `observedUnit`, say.
Observed = Mapping[str, str | float | None]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    name: str
    critical: bool
    failure: str | None
    seconds: float
    observed: Observed = dataclass_field(default_factory=dict)

    @property
    def status(self) -> str:
        if self.failure is None:
            return "pass"
        return "fail" if self.critical else "warn"

    def document(self) -> dict[str, Any]:
        document = {"status": self.status, "duration_ms": round(self.seconds * 1000, 1), **self.observed}
        return document if self.failure is None else document | {"detail": self.failure}


@dataclass(frozen=True, slots=True)
class Report:
    """The results of all checks at one time."""

    service: str
    instance: str
    results: tuple[CheckResult, ...] = ()

    @property
    def status(self) -> str:
        found = {result.status for result in self.results}
        return next((status for status in ("fail", "warn") if status in found), "pass")

    @property
    def ready(self) -> bool:
        return self.status != "fail"

    def encode(self) -> bytes:
        """The document of the health answer, `application/health+json`."""
        document = {"status": self.status, "service": self.service, "instance": self.instance}
        checks = {result.name: result.document() for result in self.results}
        return json.dumps(document | {"checks": checks}).encode()
