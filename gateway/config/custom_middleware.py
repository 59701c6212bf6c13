"""A team's own middleware: a class that the file of routes names, made with the options that stand there."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.route import CustomMiddleware, Route
from gateway.dotted_name import imported
from gateway.messages import Handler
from observability.configuration.yaml_document import Document, Field


def read_middleware(declared: Mapping[str, Any], where: Field, document: Document) -> CustomMiddleware | None:
    """One entry of `middleware`.

    Parameters:
        where: of the entry in the file.
        document: notes what is wrong with it.

    Returns:
        None if something is.
    """
    try:
        made = _find(declared["use"])
    except ValueError as error:
        document.fault((*where, "use"), str(error))
        return None
    options = _options(made, declared.get("options", {}), (*where, "options"), document)
    if options is None:
        return None
    try:
        wrap: Callable[[Handler, Route], Handler] = made(options)
    except (ValueError, OSError) as error:
        document.fault((*where, "options"), str(error))
        return None
    return CustomMiddleware(declared["use"], wrap, declared.get("before"), declared.get("after"))


def _find(name: str) -> Any:
    """The class of a dotted name.

    Raises:
        ValueError: there is none, or none that a middleware can be.
    """
    module, _, member = name.rpartition(".")
    found = imported(name)
    options = getattr(found, "Options", None)
    if not isinstance(found, type) or not isinstance(options, type) or not issubclass(options, BaseModel):
        raise ValueError(f"{module} has no class {member} with a pydantic model Options")
    return found


def _options(made: Any, declared: Any, where: Field, document: Document) -> BaseModel | None:
    """The options, as the middleware's own model checks them."""
    try:
        options: BaseModel = made.Options.model_validate(declared)
    except ValidationError as error:
        for fault in error.errors():
            document.fault((*where, *fault["loc"]), fault["msg"])
        return None
    return options
