"""The typed parameters of path and query, as the route declares them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from gateway.config.body_check import MAX_ERRORS
from gateway.config.parameters import Parameter, Unfit
from gateway.config.route import Route
from gateway.config.template import decode
from gateway.messages import Handler, Request, Response
from observability.http.problem import Problem

MAX_QUERY_MEMBERS = 100
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parameters(handler: Handler, route: Route) -> Handler:
    """Middleware: read the typed parameters of path and query.

    A proxied route leaves the query to its service, unless it passes none on.
    """
    declared, checks_query = route.parameters, not route.passes_query

    async def with_parameters(request: Request) -> Response:
        query = request.query if checks_query else ""
        request.parameters = read_parameters(declared, request.path_values, query)
        return await handler(request)

    return with_parameters


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
