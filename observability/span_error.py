"""The status of a failed span, by OpenTelemetry's conventions on errors."""

from opentelemetry.trace import Span, Status, StatusCode

ERROR_TYPE = "error.type"
#: The type of an error that has none.
OTHER = "_OTHER"


def set_error(span: Span, error_type: str, description: str | None = None) -> None:
    """Have a span say that it failed.

    Args:
        error_type: of few values: a status, an exception's class, the name of a verdict.
        description: why, for people.
    """
    span.set_attribute(ERROR_TYPE, error_type)
    span.set_status(Status(StatusCode.ERROR, description))


def type_of(error: BaseException) -> str:
    """The `error.type` of an exception: its class with the module, as `exception.type` has it."""
    kind = type(error)
    is_builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"
