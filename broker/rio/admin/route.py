"""Routes that check a sender's rights and read the body before anything else of a request is looked at."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.openapi.models import HTTPBase
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase

from broker.rio import refusals
from broker.rio.admin.parts import parts_of
from broker.rio.admin.problems import DESCRIBED
from broker.rio.model.sender import Sender
from observability.http.json_body import parse_object
from observability.http.problem import Problem

_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


class SenderRoute(APIRoute):
    """Lets known senders in, viewers to look alone. A body is read as one JSON object."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's, behind `authorize`: it would read the body first, and refuse that."""
        answer, body = super().get_route_handler(), self.body_field

        async def authorized(request: Request) -> Response:
            sender = parts_of(request).senders.by_authorization(request.headers.get("Authorization", ""))
            if sender is None:
                raise refusals.unknown_sender()
            if sender.viewer and request.method not in _SAFE_METHODS:
                raise refusals.read_only(sender.name)
            self.authorize(sender, request.method)
            request.state.sender = sender
            if body is not None:
                request = _JsonRequest(request.scope, request.receive)
                if body.field_info.is_required() or await request.body():
                    await request.json()
            return await answer(request)

        return authorized

    def authorize(self, sender: Sender, method: str) -> None:
        """Refuse a sender without the right to use the resource."""


class OperatorRoute(SenderRoute):
    """Routes of resources that concern other senders: operators and viewers may read, operators change."""

    def authorize(self, sender: Sender, method: str) -> None:
        if method not in _SAFE_METHODS:
            require_admin(sender)
        elif not sender.sees_all:
            raise Problem(403, "Not a viewer", detail=f"{sender.name} may not see this")


def require_admin(sender: Sender) -> None:
    """Refuse a sender that is no operator."""
    if not sender.admin:
        raise Problem(403, "Not an administrator", detail=f"{sender.name} may not do this")


class _JsonRequest(Request):
    """Reads its body as strictly as the whole platform; see `parse_object`."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse_object(await self.body(), self.headers.get("Content-Type"))
        return self._json


class _Credentials(SecurityBase):
    """Says in the API's description how a sender shows its token. `SenderRoute` has looked at it."""

    def __init__(self, scheme: str, description: str) -> None:
        self.model = HTTPBase(scheme=scheme, description=description)
        self.scheme_name = scheme

    async def __call__(self) -> None:
        """Nothing is left to do."""


_CREDENTIALS: Final = (
    Depends(_Credentials("bearer", "a sender's token")),
    Depends(_Credentials("basic", "a sender's name and token")),
)


def resource(route_class: type[SenderRoute] = OperatorRoute) -> APIRouter:
    """A router for the addresses of one resource."""
    return APIRouter(route_class=route_class, dependencies=_CREDENTIALS, responses=DESCRIBED)
