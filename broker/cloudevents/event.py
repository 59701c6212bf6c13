"""An event as it was sent, and the error of one that is no CloudEvent."""

from dataclasses import dataclass
from typing import Final

from observability.validation.json_pointer import escape

_SHOWN_NAME: Final = 50


class NotCloudEvent(ValueError):
    """A document, header or body is no CloudEvent.

    Attributes:
        errors: of each fault a JSON pointer and the detail, as in a problem document.
    """

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail)
        self.errors = [{"pointer": "#", "detail": detail}] if errors is None else errors


@dataclass(frozen=True, slots=True)
class Parts:
    """The attributes and data of an event, as it was sent.

    Attributes have a type of CloudEvents' type system; `faults_of` checks the rules of each.
    """

    attributes: dict[str, str]
    """Canonical texts by name, without datacontenttype."""
    content_type: str | None
    data: bytes


def refusal(name: str, detail: str) -> NotCloudEvent:
    """The error of an event with a fault at one attribute."""
    return NotCloudEvent(detail, [fault_at(name, detail)])


def fault_at(name: str, detail: str) -> dict[str, str]:
    """A fault at an attribute, whose name is cut short and escaped for its JSON pointer (RFC 6901)."""
    shown = escape(name[:_SHOWN_NAME].encode(errors="replace").decode())
    return {"pointer": f"#/{shown}", "detail": detail}
