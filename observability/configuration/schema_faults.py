"""Where a document does not follow its JSON Schema (2020-12), in words for those who wrote the document."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError, best_match

from observability.validation.schema_patterns import validator

_MAX_MESSAGE = 300


def find(schema: Mapping[str, Any], content: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The faults, each as field and message; an unexpected or a missing field is named itself.

    Parameters:
        schema: where one has `x-message`, that is said in place of jsonschema's message.
    """
    for error in validator(schema).iter_errors(content):
        yield from _explain(error)


def _explain(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    where = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator in ("oneOf", "anyOf") and error.context:
        cause = best_match(error.context)
        if cause is not None and cause.absolute_path != error.absolute_path:
            yield from _explain(cause)
            return
    if error.validator == "required":
        yield from (((*where, name), "is missing") for name in _missing(error))
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = schema.get("properties", {})
        for name in (name for name in instance if name not in known):
            yield (*where, str(name)), f"is unknown; known are {', '.join(sorted(known))}"
    elif "propertyNames" in error.schema_path:
        yield (*where, str(instance)), f"the name must match {error.validator_value}"
    else:
        message = schema.get("x-message") if isinstance(schema, Mapping) else None
        yield where, str(message or error.message)[:_MAX_MESSAGE]


def _missing(error: Any) -> list[str]:
    """The one name that this error is about: jsonschema has an error for each."""
    return [name for name in error.validator_value if error.message.startswith(repr(name))]
