"""Resources that belong to one subject: `owner` of a route says which value of a request names it."""

from gateway.aggregation.expressions import Reference
from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from observability.http.problem import Problem
from observability.validation.json_pointer import escape


def owner(handler: Handler, route: Route) -> Handler:
    """Middleware: refuse a request about a resource of another subject than the caller's."""
    reference = route.owner
    if reference is None:
        return handler

    async def by_owner(request: Request) -> Response:
        check_owner(reference, request)
        return await handler(request)

    return by_owner


def check_owner(owner: Reference, request: Request) -> None:
    """Refuse a request about something that belongs to another subject than the caller's.

    Parameters:
        owner: the value of the request that has to be the subject of the caller's token.

    Raises:
        Problem: 403 where the value is of the body; otherwise 404, whether or not there is such a thing.
    """
    scope = {"path": request.parameters, "query": request.parameters, "body": request.document}
    subject = request.caller.subject
    if subject is not None and owner.value(scope) == subject:
        return
    if owner.root != "body":
        raise Problem(404, detail="There is nothing at this path for the subject of the access token.")
    pointer = "#" + "".join(f"/{escape(member)}" for member in owner.members)
    errors = [{"pointer": pointer, "detail": "is not the subject of the access token"}]
    raise Problem(403, detail="The access token is another subject's.", errors=errors)
