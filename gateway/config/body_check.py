"""Bodies checked against the JSON Schema that their route declares."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from gateway.json_schema import Fault, Schema, TooMuch
from observability.http.json_body import too_deep
from observability.http.problem import Problem
from observability.validation.json_pointer import escape

MAX_ERRORS = 20

Check = Callable[[Mapping[str, Any]], None]


def body_check(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Check:
    """A check that refuses bodies that do not follow a schema.

    Parameters:
        schemas: those that `#/components/schemas/<name>` stands for.
    """
    root = Schema({**schema, "components": {"schemas": schemas}}, formats=True)

    def check(document: Mapping[str, Any]) -> None:
        try:
            errors = list(islice(_pointed(root.faults(document)), MAX_ERRORS))
        except TooMuch as error:
            raise Problem(422, "Invalid body", detail=f"The body is not looked at: {error}.") from error
        except RecursionError as error:
            raise too_deep() from error
        if errors:
            raise Problem(422, "Invalid body", detail="The body does not say what it has to.", errors=errors)

    return check


def _pointed(faults: Iterable[Fault]) -> Iterable[dict[str, str]]:
    for fault in faults:
        pointer = "#" + "".join(f"/{escape(str(step))}" for step in fault.path)
        if not fault.members:
            yield {"pointer": pointer, "detail": fault.message[:200]}
        detail = "is missing" if fault.keyword == "required" else "is unknown"
        for name in sorted(fault.members):
            yield {"pointer": f"{pointer}/{escape(name)}", "detail": detail}
