"""Services are told the tenant of the caller, from a claim of the access token."""

from pydantic import BaseModel, ConfigDict

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response
from observability.http.problem import Problem


class TenantHeader:
    """Middleware: the header that tells services the tenant; a client's own is dropped."""

    class Options(BaseModel):
        """Where the tenant stands in the token, and what services are told it by."""

        model_config = ConfigDict(extra="forbid")

        claim: str = "tenant"
        header: str = "X-Tenant"

    def __init__(self, options: Options) -> None:
        self._claim, self._header = options.claim, options.header

    def __call__(self, handler: Handler, route: Route) -> Handler:
        async def with_tenant(request: Request) -> Response:
            request.headers.pop(self._header, None)
            tenant = request.caller.claims.get(self._claim)
            if request.caller.subject is not None:
                if not isinstance(tenant, str) or not tenant.isascii() or not tenant.isalnum():
                    raise Problem(403, detail="The access token names no tenant.")
                request.caller.identity += ((self._header, tenant),)
            return await handler(request)

        return with_tenant
