"""The Bearer token of a request (RFC 6750, 2.1)."""

from tornado.httputil import HTTPHeaders

from gateway.problems import malformed_authorization


def bearer_token(headers: HTTPHeaders) -> str | None:
    """The Bearer token of a request (RFC 6750, 2.1); None where there is none, or another scheme.

    Raises:
        Problem: 400, there is more than one, or none that can be read.
    """
    given = headers.get_list("Authorization")
    if not given:
        return None
    if len(given) > 1:
        raise malformed_authorization("there is more than one Authorization header")
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip(" ")
    if not token or not token.isascii() or not token.isprintable() or " " in token or "," in token:
        raise malformed_authorization("the Authorization header has no Bearer token")
    return token
