"""The public API: which services each route calls and how their answers are put together."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gateway.composition import compose
from gateway.resilience.deadline import Deadline
from gateway.resilience.policy import Policy
from gateway.upstream import Answer, Call, UpstreamError, Upstreams
from observability.frameworks import tornado as hop_tornado
from observability.problem import Problem

JSON = "application/json"
#: For the whole of an answer, all its calls included.
DEADLINE_SECONDS = 10.0
#: Headers of a service's answer that its caller gets too.
PASSED_BACK = ("Content-Type", "Retry-After", "Allow", "ETag", "Cache-Control")


class Handler(hop_tornado.Handler):
    """What every route of the public API shares: calling services and handing their answers on."""

    def initialize(self, upstreams: Upstreams, policies: Mapping[str, Policy]) -> None:
        self.upstreams = upstreams
        self.policies = policies
        self.deadline = Deadline.after(DEADLINE_SECONDS)

    async def ask(self, call: Call) -> Answer:
        """Call one service.

        Raises:
            UpstreamError: it gave no usable answer.
        """
        return await self.upstreams.call(call, self.policies[call.service], self.deadline)

    async def call(self, request: Call) -> Answer:
        """Call one service the answer cannot do without.

        Raises:
            Problem: the service gave no usable answer (502, 503 or 504).
        """
        try:
            return await self.ask(request)
        except UpstreamError as error:
            raise unavailable(error) from error

    async def gather(self, calls: Mapping[str, Call]) -> dict[str, Answer | UpstreamError]:
        """Make the named calls concurrently; a failed one is a value, so that the others are not lost."""

        async def outcome(call: Call) -> Answer | UpstreamError:
            try:
                return await self.ask(call)
            except UpstreamError as error:
                return error

        return dict(zip(calls, await asyncio.gather(*map(outcome, calls.values())), strict=True))

    def send(self, service: str, method: str, path: str) -> Call:
        """The caller's own body, sent on to a service."""
        headers = [("Content-Type", self.request.headers.get("Content-Type", ""))]
        return Call(service, method, path, headers, self.request.body)

    def pass_on(self, answer: Answer) -> None:
        """Answer with what the service answered, its problem documents included."""
        self.set_status(answer.status)
        for name in PASSED_BACK:
            if value := answer.headers.get(name):
                self.set_header(name, value)
        if location := answer.headers.get("Location"):
            self.set_header("Location", f"/v1{location}")
        self.finish(answer.body)


class AccountsHandler(Handler):
    """`POST /v1/accounts`."""

    async def post(self) -> None:
        self.pass_on(await self.call(self.send("accounts", "POST", "/accounts")))


class AccountHandler(Handler):
    """`GET /v1/accounts/{id}`."""

    async def get(self, account_id: str) -> None:
        self.pass_on(await self.call(account(account_id)))


class OrdersHandler(Handler):
    """`POST /v1/orders`: the account is looked up first, because orders knows accounts by id only."""

    async def post(self) -> None:
        account_id = member(self.request.body, "account_id")
        if account_id is not None and (await self.call(account(account_id))).status == 404:
            errors = [{"pointer": "#/account_id", "detail": "no account has this id"}]
            raise Problem(
                422, "Account not found", detail="An order needs an existing account.", errors=errors
            )
        self.pass_on(await self.call(self.send("orders", "POST", "/orders")))


class OrderHandler(Handler):
    """`GET /v1/orders/{id}`: order, account, stock and notifications in one document."""

    async def get(self, order_id: str) -> None:
        name = quote(order_id, safe="")
        outcomes = await self.gather(
            {
                "order": Call("orders", "GET", f"/orders/{name}"),
                "stock": Call("inventory", "GET", f"/inventory/reservations/{name}"),
                "notifications": Call("notifications", "GET", f"/notifications?order_id={name}"),
            },
        )
        order = outcomes["order"]
        if isinstance(order, UpstreamError):
            raise unavailable(order) from order
        if not order.ok:
            self.pass_on(order)
            return
        account_id = member(order.body, "account_id") or ""
        outcomes |= await self.gather({"account": account(account_id)})
        self.answer(outcomes, flatten={"notifications": "items"})

    def answer(
        self, outcomes: Mapping[str, Answer | UpstreamError], flatten: Mapping[str, str] | None = None
    ) -> None:
        document = compose(outcomes, flatten)
        self.set_header("Content-Type", JSON)
        self.set_header("X-Complete", "true" if document.complete else "false")
        self.finish(json.dumps(document.body(), ensure_ascii=False, separators=(",", ":")))


class StockHandler(Handler):
    """`GET /v1/stock`."""

    async def get(self) -> None:
        self.pass_on(await self.call(Call("inventory", "GET", "/inventory/stock")))


class StockItemHandler(Handler):
    """`GET` and `PUT /v1/stock/{sku}`."""

    async def get(self, sku: str) -> None:
        self.pass_on(await self.call(Call("inventory", "GET", f"/inventory/stock/{quote(sku, safe='')}")))

    async def put(self, sku: str) -> None:
        self.pass_on(
            await self.call(self.send("inventory", "PUT", f"/inventory/stock/{quote(sku, safe='')}"))
        )


def account(account_id: str) -> Call:
    return Call("accounts", "GET", f"/accounts/{quote(account_id, safe='')}")


def member(body: bytes, name: str) -> str | None:
    """A text member of a JSON object; None where there is none, which the service itself will refuse."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) <= 200 else None


def unavailable(error: UpstreamError) -> Problem:
    """The gateway's own answer where a service it needs has none."""
    headers = {"Retry-After": error.retry_after or "1"} if error.status == 503 else {}
    return Problem(error.status, "A service gave no answer", detail=str(error), headers=headers)


def routes(
    upstreams: Upstreams, policies: Mapping[str, Policy]
) -> list[tuple[str, type[Handler], dict[str, Any]]]:
    """The routing table of the public API."""
    shared = {"upstreams": upstreams, "policies": policies}
    return [
        (r"/v1/accounts", AccountsHandler, shared),
        (r"/v1/accounts/([^/]+)", AccountHandler, shared),
        (r"/v1/orders", OrdersHandler, shared),
        (r"/v1/orders/([^/]+)", OrderHandler, shared),
        (r"/v1/stock", StockHandler, shared),
        (r"/v1/stock/([^/]+)", StockItemHandler, shared),
    ]
