"""Requests held against what their route declares."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from gateway.aggregation.expressions import Reference
from gateway.config.parameters import Parameter, Unfit
from gateway.config.template import decode
from gateway.json_schema import Fault, Schema, TooMuch
from gateway.messages import Request
from observability.body import parse_object, too_deep
from observability.problem import Problem

MAX_QUERY_MEMBERS = 100
MAX_ERRORS = 20
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

Check = Callable[[Mapping[str, Any]], None]


def read_parameters(parameters: Mapping[str, Parameter], raw: list[str], query: str) -> dict[str, Any]:
    """The typed values of a request's parameters.

    Parameters:
        raw: values of the path's parameters as sent, in the order of the template.
        query: as sent.

    Raises:
        Problem: 404 where the path names nothing that could be there, 400 where the query or the path is
            malformed, lacks something, has something twice or something unknown.
    """
    found: dict[str, Any] = {}
    if raw:
        for parameter, text in zip(parameters.values(), raw, strict=False):
            try:
                found[parameter.name] = parameter.read(decode(text))
            except Unfit as error:
                raise Problem(404, detail=f"{parameter.name}: {error}.") from error
    if query or len(parameters) > len(raw):
        _read_query(parameters, query, found)
    return found


def _read_query(parameters: Mapping[str, Parameter], query: str, found: dict[str, Any]) -> None:
    errors: dict[str, str] = {}
    given = _members(query)
    for name, text in given:
        parameter = parameters.get(name)
        if parameter is None or parameter.place != "query":
            errors[name] = "is unknown"
        elif name in found:
            errors[name] = "is given twice"
        else:
            try:
                found[name] = parameter.read(text)
            except Unfit as error:
                errors[name] = str(error)
    for parameter in parameters.values():
        if parameter.name in found or parameter.place != "query" or parameter.name in errors:
            continue
        if parameter.required:
            errors[parameter.name] = "is missing"
        elif "default" in parameter.schema:
            found[parameter.name] = parameter.schema["default"]
    if errors:
        listed = [{"parameter": name[:100], "detail": text} for name, text in errors.items()]
        raise Problem(400, "Malformed query", errors=listed[:MAX_ERRORS])


def _members(query: str) -> list[tuple[str, str]]:
    if _BROKEN_ESCAPE.search(query):
        raise Problem(400, "Malformed query", detail="A percent sign is not followed by two hex digits.")
    try:
        members = parse_qsl(
            query.encode("latin-1").decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_QUERY_MEMBERS,
        )
    except ValueError as error:
        raise Problem(400, "Malformed query", detail="The query cannot be decoded.") from error
    if any("\0" in name or "\0" in value for name, value in members):
        raise Problem(400, "Malformed query", detail="The query has a U+0000.")
    return members


def body_check(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Check:
    """What refuses bodies that do not follow a schema.

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


def read_body(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object.

    Raises:
        Problem: 400, 413 or 415; see observability.body.parse_object.
    """
    return parse_object(request.body, request.headers.get("Content-Type"))


def check_owner(owner: Reference, request: Request) -> None:
    """Refuse a request about something that belongs to another subject than the caller's.

    Parameters:
        owner: the value of the request that has to be the subject of the caller's token.

    Raises:
        Problem: 403 where the value is of the body; otherwise 404, whether or not there is such a thing.
    """
    scope = {"path": request.parameters, "query": request.parameters, "body": request.document}
    subject = request.caller.subject if request.caller is not None else None
    if subject is not None and owner.value(scope) == subject:
        return
    if owner.root != "body":
        raise Problem(404, detail="There is nothing at this path for the subject of the access token.")
    pointer = "#" + "".join(f"/{_escaped(member)}" for member in owner.members)
    errors = [{"pointer": pointer, "detail": "is not the subject of the access token"}]
    raise Problem(403, detail="The access token is another subject's.", errors=errors)


def _pointed(faults: Iterable[Fault]) -> Iterable[dict[str, str]]:
    for fault in faults:
        pointer = "#" + "".join(f"/{_escaped(str(step))}" for step in fault.path)
        if not fault.members:
            yield {"pointer": pointer, "detail": fault.message[:200]}
        detail = "is missing" if fault.keyword == "required" else "is unknown"
        for name in sorted(fault.members):
            yield {"pointer": f"{pointer}/{_escaped(name)}", "detail": detail}


def _escaped(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
