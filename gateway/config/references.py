"""References of the file of routes, such as `{path.order_id}`: each has to name something that is there."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from gateway.aggregation.expressions import Condition, Reference, Text
from gateway.config.route import DEFAULT_AUTH, Auth
from gateway.config.template import Template
from observability.configuration.yaml_document import Document, Field

T = TypeVar("T")


class References:
    """Reads texts with references, and notes what is wrong with them."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def text(self, text: str, where: Field) -> Text | None:
        """A text with references; None, and a fault, where it cannot be read."""
        return self.read(lambda: Text.of(text), where)

    def read(self, read: Callable[[], T], where: Field) -> T | None:
        """The result of `read`; None if it raises, with the fault noted."""
        try:
            return read()
        except (ValueError, IndexError) as error:
            self._document.fault(where, str(error))
            return None

    def check(
        self,
        references: Iterable[Reference],
        declared: Mapping[str, Any],
        template: Template,
        parts: tuple[str, ...],
        where: Field,
    ) -> bool:
        """Whether every reference names something that the route has.

        Parameters:
            parts: names of the route's parts, which they may refer to.
        """
        faults = [fault for each in references if (fault := _unknown(each, declared, template, parts))]
        for fault in faults:
            self._document.fault(where, fault)
        return not faults

    def check_always_there(
        self,
        references: Iterable[Reference],
        condition: Condition | None,
        declared: Mapping[str, Any],
        where: Field,
    ) -> None:
        """Refuse what a call cannot do without and not every caller has, unless the condition asks for it."""
        for each in references:
            asked_for = condition is not None and condition.reference == each and not condition.holds({})
            if not asked_for and (fault := _missing(each, declared)):
                self._document.fault(where, fault)


def auth_of(declared: Mapping[str, Any]) -> Auth:
    """The authentication that a route requires."""
    auth: Auth = declared.get("auth", DEFAULT_AUTH)
    return auth


def _missing(reference: Reference, declared: Mapping[str, Any]) -> str | None:
    """Why a reference may lead to nothing: the caller need not say the value."""
    if reference.root == "caller" and auth_of(declared) != "required":
        return f"not every caller has a {reference}: it needs `auth: required`, or `when: {reference}`"
    if reference.root == "query":
        parameter = declared["parameters"][reference.members[0]]
        if not parameter.get("required") and "default" not in parameter:
            return f"{reference} may be absent: it needs `required: true`, a default, or `when: {reference}`"
    return None


def _unknown(
    reference: Reference, declared: Mapping[str, Any], template: Template, parts: tuple[str, ...]
) -> str | None:
    """The fault of a reference that leads nowhere; None if it leads somewhere."""
    first = reference.members[0]
    if reference.root == "path":
        return None if first in template.names else f"the path has no parameter {first}"
    if reference.root == "query":
        known = first in declared.get("parameters", {}) and first not in template.names
        return None if known else f"no query parameter {first} is declared"
    if reference.root == "caller":
        return (
            None if reference.members == ("subject",) else f"{reference} is unknown; there is caller.subject"
        )
    if reference.root == "body":
        return None if "body" in declared else "the route declares no body"
    return None if reference.root in parts else f"there is no part {reference.root}"
