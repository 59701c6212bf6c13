"""One document out of several services' answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.upstream import Answer, UpstreamError


@dataclass(frozen=True, slots=True)
class Document:
    """A composed document: each part's JSON under its name, null where there is none, and what is missing."""

    parts: Mapping[str, Any]
    errors: list[dict[str, Any]]

    @property
    def complete(self) -> bool:
        """Whether every part came; a part that its service does not know (404) is not missing, it is null."""
        return not self.errors

    def body(self) -> dict[str, Any]:
        return {**self.parts, "errors": self.errors} if self.errors else dict(self.parts)


def compose(
    outcomes: Mapping[str, Answer | UpstreamError], flatten: Mapping[str, str] | None = None
) -> Document:
    """Merge the outcomes under their names.

    Parameters:
        flatten: part name -> field, for parts whose document only wraps the one field that is wanted.
    """
    parts: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []
    for name, outcome in outcomes.items():
        parts[name] = None
        try:
            parts[name] = _part(outcome, (flatten or {}).get(name))
        except UpstreamError as error:
            errors.append({"part": name, "status": error.status, "cause": str(error)})
    return Document(parts, errors)


def _part(outcome: Answer | UpstreamError, field: str | None) -> Any:
    if isinstance(outcome, UpstreamError):
        raise outcome
    if outcome.status == 404:
        return None
    if not outcome.ok:
        raise UpstreamError(outcome.service, 502, f"the service answered {outcome.status}")
    document = outcome.json()
    if field is None:
        return document
    if not isinstance(document, dict) or field not in document:
        raise UpstreamError(outcome.service, 502, f"the answer has no {field}")
    return document[field]
