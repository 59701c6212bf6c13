"""The problems that the gateway answers with in more than one place."""

from collections.abc import Collection

from gateway.messages import Handler, Request, Response
from observability.http.error_answers import problem_of
from observability.http.problem import Problem
from observability.http.server import BodyLost

REALM = "nextphase"


class Unavailable(Problem):
    """A service that the response needs gave no usable answer.

    Attributes:
        is_cut: whether the request's own deadline ended the call.
    """

    is_cut = False


def unauthorized(error: str | None = None, description: str | None = None) -> Problem:
    """401 (RFC 6750, 3): without an error where the caller gave no token at all.

    Parameters:
        error: `invalid_token`.
        description: what is wrong with it, for a person; never any of the token.
    """
    detail = f"The access token is not good: {description}." if description else "An access token is needed."
    return Problem(401, detail=detail, headers={"WWW-Authenticate": challenge(error, description)})


def malformed_authorization(description: str) -> Problem:
    """400: the Authorization header is no Bearer token (RFC 6750, 3.1)."""
    headers = {"WWW-Authenticate": challenge("invalid_request", description)}
    return Problem(400, "Malformed authorization", detail=f"{description.capitalize()}.", headers=headers)


def forbidden(scopes: Collection[str]) -> Problem:
    """403: the token is good, but not for this."""
    needed = " ".join(sorted(scopes))
    headers = {"WWW-Authenticate": f'{challenge("insufficient_scope")}, scope="{needed}"'}
    return Problem(403, detail=f"The access token needs the scopes: {needed}.", headers=headers)


def failure(error: Exception) -> Problem:
    """The answer to an exception: 408 to a body that broke off on its way, else that of `problem_of`."""
    if isinstance(error, BodyLost):
        return Problem(408, detail=f"The body is incomplete: {error}.")
    return problem_of(error)


def refusing(problem: Problem) -> Handler:
    """The handler of a request that has no other response than a problem."""

    async def refuse(request: Request) -> Response:
        raise problem

    return refuse


def challenge(error: str | None = None, description: str | None = None) -> str:
    """The value of WWW-Authenticate; its parts hold no quotes."""
    parts = [f'Bearer realm="{REALM}"']
    if error:
        parts.append(f'error="{error}"')
    if description:
        parts.append(f'error_description="{description}"')
    return ", ".join(parts)
