"""The public API: which route a request is for, what is asked of it, and what is under way."""

import asyncio
from collections import Counter
from functools import partial
from typing import cast

from opentelemetry.trace import SpanKind
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate

from gateway.answering import Answering, Wire
from gateway.backend.deadline import Bound
from gateway.config.route import Route
from gateway.config.router import Table
from gateway.context import World
from gateway.http.parser import Head
from gateway.http.tornado_request import Message
from gateway.messages import Reply, Request
from gateway.middleware import Door
from gateway.middleware.invalidation import SAFE, service, written
from gateway.middleware.validation import check_owner, read_body, read_parameters
from observability import Hop
from observability.lean import Template
from observability.problem import Problem

_STATUS = "http.response.status_code"
_SPAN_VARIABLES = ("url.path", "client.address", "url.query", "user_agent.original")


class Gateway(HTTPServerConnectionDelegate):
    """Answers the public API by the routing table, which can be replaced while requests are under way.

    Attributes:
        table: what new requests are answered by.
    """

    def __init__(self, hop: Hop, door: Door, table: Table, world: World) -> None:
        self.hop = hop
        self.door = door
        self._world = world
        self.loop = asyncio.get_running_loop()
        self._under_way = 0
        self._by_route: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()
        self.use(table)

    def use(self, table: Table) -> None:
        """Answer by another table from the next request on; those under way keep theirs."""
        self.table = table
        self._world.upstreams.follow(table.policies)
        self._spans: dict[tuple[str, str | None], Template] = {}
        in_flight = self.door.metrics.requests
        in_flight.clear()
        for route in table.routes:
            in_flight.labels(route.id).set_function(partial(self._by_route.__getitem__, route.id))
            self.door.metrics.shed.labels(route.id)  # at 0: an alert sees the first ones as an increase

    def ask(self, head: Head, remote: str, wire: Wire) -> Answering:
        """Begin with a plain request."""
        return Answering(self, wire, head.method, head.target, head.fields, remote)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Begin with a request of a connection that is Tornado's."""
        return Message(self, cast(HTTP1Connection, request_conn))

    def spans(self, method: str, route: Route | None) -> Template:
        """What the server spans of a route and a method have in common.

        Parameters:
            method: one that is known, or `_OTHER`.
        """
        path = route.template.text if route is not None else None
        template = self._spans.get((method, path))
        if template is None:
            name = "HTTP" if method == "_OTHER" else method
            constants = {"http.request.method": method, "url.scheme": "http"}
            if path is not None:
                name, constants["http.route"] = f"{name} {path}", path
            template = Template(self.hop.tracer, name, SpanKind.SERVER, constants, _SPAN_VARIABLES, _STATUS)
            self._spans[method, path] = template
        return template

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait until no request is under way; False when `timeout_seconds` were not enough."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def entered(self, route: Route | None) -> None:
        self._under_way += 1
        if route is not None:
            self._by_route[route.id] += 1
        self._idle.clear()

    def left(self, route: Route | None) -> None:
        self._under_way -= 1
        if route is not None:
            self._by_route[route.id] -= 1
        if not self._under_way:
            self._idle.set()

    async def answer(
        self, request: Request, route: Route, raw: list[str], task: "asyncio.Task[None]"
    ) -> Reply:
        """Let a request in, hold it against its declaration, and do what its route does.

        A caller is let in, or refused, before the rest of its body is waited for. The deadline bounds all of
        that, but for a body that is passed on: how long that takes is the caller's matter, which its channel
        bounds; and how long the rest of one that is read whole may take, its connection.

        Parameters:
            raw: values of the path's parameters as sent.
            task: whose this is.

        Raises:
            Problem: it is refused, or has no answer.
            BodyLost: its body did not come.
        """
        if route.method in SAFE:
            return await self._answer(request, route, raw, task)
        status, headers = 500, []  # of a request that ends otherwise nobody knows whether it was done
        try:
            reply = await self._answer(request, route, raw, task)
            status, headers = reply.status, reply.headers
            return reply
        except Problem as problem:
            status = problem.status
            raise
        finally:
            if not 400 <= status < 500:
                resources = written(request.path, request.headers.get("Host", ""), headers)
                self._world.invalidations.invalidate([*resources, *map(service, route.writes_to)])

    async def _answer(
        self, request: Request, route: Route, raw: list[str], task: "asyncio.Task[None]"
    ) -> Reply:
        try:
            with Bound(request.deadline, task, self.loop):
                await self._let_in(request, route, raw)
                if request.arriving is None:
                    self._check(request, route)
                    if request.stream is None:
                        return await route.action.answer(request)
            if request.arriving is not None:
                request.body = await request.arriving
                with Bound(request.deadline, task, self.loop):
                    self._check(request, route)
                    return await route.action.answer(request)
        except TimeoutError as error:
            raise Problem(504, detail="The answer was not there in time.") from error
        return await route.action.answer(request)

    async def _let_in(self, request: Request, route: Route, raw: list[str]) -> None:
        """Identify the caller, and check target and headers against what the route declares.

        Raises:
            Problem: they are not.
        """
        request.caller = await self.door.admit(request, route)
        request.parameters = read_parameters(route.parameters, raw, self._query(request, route))
        if request.when_admitted is not None:
            request.when_admitted()

    @staticmethod
    def _check(request: Request, route: Route) -> None:
        """See whether the body is what the route declares.

        Raises:
            Problem: it is not.
        """
        if route.check is not None:
            request.document = read_body(request)
            route.check(request.document)
        if route.owner is not None:
            check_owner(route.owner, request)

    def options(self, request: Request) -> Reply:
        """What a path, or with `*` the gateway, can be asked, and scripts from elsewhere may ask it.

        Raises:
            Problem: 404 where there is no such path.
        """
        allow = self.table.all_methods if request.path == "*" else self.table.methods(request.path)
        preflight = self.door.cors.preflight(request.headers, allow.split(", "))
        return Reply(204, [("Allow", allow), *(preflight or ())])

    @staticmethod
    def _query(request: Request, route: Route) -> str:
        """What of the query is the gateway's to check; a proxied route leaves it to the service."""
        passes = route.kind == "proxy" and route.declared["proxy"].get("pass_query", True)
        declares = any(parameter.place == "query" for parameter in route.parameters.values())
        return "" if passes and not declares else request.query
