"""Access tokens in `Authorization` (RFC 6750): a route says whether it needs one, and with which scopes."""

from tornado.httputil import HTTPHeaders

from gateway.authentication.bearer_token import bearer_token
from gateway.authentication.token_verifier import Token, TokenVerifier
from gateway.caller.internal_headers import SCOPES_HEADER, USER_HEADER
from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from gateway.metrics import Metrics
from gateway.middleware.rate_limit import RateLimiting
from gateway.problems import forbidden, unauthorized
from observability.http.problem import Problem


class Authentication:
    """Middleware: verify the caller's access token, as the route's `auth` and `scopes` say.

    Parameters:
        verifier: None where no issuer is configured: routes that require a token then refuse every request.
        rate_limiting: counts requests with bad tokens too, by their address.
    """

    def __init__(self, verifier: TokenVerifier | None, rate_limiting: RateLimiting, metrics: Metrics) -> None:
        self._verifier = verifier
        self._rate_limiting = rate_limiting
        self._metrics = metrics

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if route.auth == "none":
            return handler
        for status in ("401", "403"):  # at 0: an alert sees the first ones as an increase
            self._metrics.denied.labels(route.id, status)

        async def authenticated(request: Request) -> Response:
            try:
                token = await self._token(request.headers, route)
            except Problem as problem:
                self._denied(problem, request, route)
                raise
            if token is not None:
                set_token(request, token)
            return await handler(request)

        return authenticated

    async def _token(self, headers: HTTPHeaders, route: Route) -> Token | None:
        """The verified token; None where there is none and the route does not require one.

        Raises:
            Problem: 400, 401 or 403, it is missing, bad, or allows too little; 503, there are no keys.
        """
        text = bearer_token(headers)
        if text is None:
            if route.auth == "required":
                raise unauthorized()
            return None
        if self._verifier is None:
            raise unauthorized("invalid_token", "no issuer is configured")
        token = await self._verifier.verify(text)
        if not route.scopes <= token.scopes:
            raise forbidden(route.scopes)
        return token

    def _denied(self, problem: Problem, request: Request, route: Route) -> None:
        self._metrics.denied.labels(route.id, str(problem.status)).inc()
        if route.rate_limit is not None and problem.status in (400, 401):
            self._rate_limiting.count(request, route.id, route.rate_limit)


def set_token(request: Request, token: Token) -> None:
    """Set the caller's subject and scopes, and the headers that tell services."""
    caller = request.caller
    caller.subject, caller.scopes, caller.claims = token.subject, token.scopes, token.claims
    scopes = " ".join(sorted(token.scopes))
    caller.identity += ((USER_HEADER, token.subject), (SCOPES_HEADER, scopes))
