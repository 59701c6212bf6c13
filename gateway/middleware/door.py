"""The door: every request passes it before anything is done for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from opentelemetry import trace
from tornado.httputil import HTTPHeaders

from gateway.backend.metrics import Metrics
from gateway.caller import SCOPES_HEADER, USER_HEADER, Caller
from gateway.config.settings import Settings
from gateway.middleware import idempotency
from gateway.middleware.cors import Cors
from gateway.middleware.identity import REQUEST_ID_HEADER, client_address, rate_key, request_id, strip
from gateway.middleware.jwks import Keys, from_file, from_url
from gateway.middleware.jwt import Token, Tokens
from gateway.middleware.rate_limit import Rates, describe
from gateway.middleware.shedding import Shedder
from gateway.middleware.trusted_proxies import TrustedProxies
from gateway.problems import forbidden, malformed_authorization, unauthorized
from observability.problem import Problem

if TYPE_CHECKING:
    from gateway.config.route import RateLimit, Route
    from gateway.messages import Request


class Door:
    """Lets callers in, each route as it declares.

    Parameters:
        tokens: None where nobody issues any: routes that require one then let nobody in.
        rates: the table that all processes share.
        shedder: says when this process has too much to do.
        proxies: those whose X-Forwarded-For is believed.
    """

    def __init__(
        self,
        tokens: Tokens | None,
        rates: Rates,
        cors: Cors,
        shedder: Shedder,
        metrics: Metrics,
        proxies: TrustedProxies,
    ) -> None:
        self._proxies = proxies
        self.cors = cors
        self.shedder = shedder
        self._tokens = tokens
        self._rates = rates
        self.metrics = metrics

    @classmethod
    def of(cls, settings: Settings, rates: Rates, metrics: Metrics) -> Self:
        """The door that the settings describe; make it inside the running event loop."""
        tokens = None
        if (auth := settings.auth) is not None:
            read = from_url(str(auth.jwks_url)) if auth.jwks_url else from_file(cast(Path, auth.jwks_file))
            tokens = Tokens(Keys(read), auth.issuer, auth.audience, auth.leeway_seconds)
        cors = Cors(settings.cors.origins, settings.cors.max_age_seconds)
        proxies = TrustedProxies(settings.trusted_proxies)
        return cls(tokens, rates, cors, Shedder(), metrics, proxies)

    def greet(self, request: "Request") -> Caller:
        """Who asks, as far as nothing has to be checked; what any answer to it says.

        What a client must not say is taken out of the request's headers.
        """
        headers = request.headers
        trusted = self._proxies.trusts(request.remote_address)
        address = client_address(headers, request.remote_address, trusted=trusted)
        strip(headers, trusted=trusted)
        name = request_id(headers)
        answer = [(REQUEST_ID_HEADER, name), *self.cors.answer(headers)]
        return Caller(address, name, identity=((REQUEST_ID_HEADER, name),), answer=answer)

    async def admit(self, request: "Request", route: "Route") -> Caller:
        """Who asks, checked as the route declares. The request's caller is set even where it is refused.

        Raises:
            Problem: the caller is not let in: 503 the gateway is overloaded, 400/401/403 no good token, 429
                too many requests, 400 no good Idempotency-Key.
        """
        caller = request.caller = request.caller or self.greet(request)
        self._shed(route)
        if route.auth != "none":
            self._introduce(caller, await self._token(request.headers, route, caller))
        if route.rate_limit is not None:
            self._count(caller, route, route.rate_limit)
        idempotency.check(request.method, request.headers, route.idempotency)
        return caller

    def _shed(self, route: "Route") -> None:
        if not self.shedder.admits(critical=route.priority == "critical"):
            self.metrics.shed.labels(route.id).inc()
            trace.get_current_span().add_event("shed", {"shed.share": self.shedder.share})
            detail = "The gateway has more to do than it can; try again in a moment."
            raise Problem(503, "Overloaded", detail=detail, headers={"Retry-After": "1"})

    async def _token(self, headers: HTTPHeaders, route: "Route", caller: Caller) -> Token | None:
        try:
            text = bearer(headers)
            if text is None:
                if route.auth == "required":
                    raise unauthorized()
                return None
            if self._tokens is None:
                raise unauthorized("invalid_token", "nobody issues tokens here")
            token = await self._tokens.verify(text)
            if not route.scopes <= token.scopes:
                raise forbidden(route.scopes)
        except Problem as problem:
            self.metrics.denied.labels(route.id, str(problem.status)).inc()
            if route.rate_limit is not None and problem.status in (400, 401):
                self._count(caller, route, route.rate_limit)  # or tokens could be guessed without a limit
            raise
        return token

    @staticmethod
    def _introduce(caller: Caller, token: Token | None) -> None:
        if token is None:
            return
        caller.subject, caller.scopes = token.subject, token.scopes
        scopes = " ".join(sorted(token.scopes))
        caller.identity += ((USER_HEADER, token.subject), (SCOPES_HEADER, scopes))

    def _count(self, caller: Caller, route: "Route", limit: "RateLimit") -> None:
        who = f"user {caller.subject}" if caller.subject else f"address {rate_key(caller.address)}"
        verdict = self._rates.take(f"{route.id} {who}", limit.requests, limit.seconds)
        caller.answer += describe(route.id, limit.requests, limit.seconds, verdict)
        if not verdict.allowed:
            self.metrics.rate_limited.labels(route.id).inc()
            detail = f"A caller may send {limit.requests} such requests in {limit.seconds:g} s."
            raise Problem(429, detail=detail)


def bearer(headers: HTTPHeaders) -> str | None:
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
