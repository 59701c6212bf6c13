"""Real traffic through the edge: accounts, stock and orders, as a user's program would send them."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from compose.cli import tokens
from compose.cli.layout import Layout
from compose.cli.secrets import Secrets
from compose.cli.version import version

FINAL_STATES = frozenset({"confirmed", "cancelled"})
#: Pauses between reads of an order that is not final yet: reading costs the platform more than placing.
FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 1.0
#: How long the access tokens that the traffic uses are good.
TOKEN_MINUTES = 60
#: A token is issued anew when half of its time is over: requests may go on for days.
_RENEW_SECONDS = TOKEN_MINUTES * 60 / 2
_MAX_TOKENS = 1000
#: What `nextphase demo` calls itself; the edge marks such requests (compose/nginx/edge.conf.j2).
DEMO_AGENT = "nextphase-demo"
#: The subject of the token that sets the stock.
OPERATOR = "operator"


class TrafficError(Exception):
    """The edge answered something else than the public API promises."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was accepted (2xx), with the trace it started and the account that placed it."""

    order_id: str
    trace_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class _Token:
    """An access token; `issued` in seconds of the monotonic clock."""

    text: str
    issued: float


@dataclass(frozen=True, slots=True)
class Settled:
    """An order in its final state; `seconds` lie between the transactions that placed and decided it."""

    placed: Placed
    state: str
    reason: str | None
    seconds: float
    document: dict[str, Any]


class Traffic:
    """A client of the public API, with the access tokens that its requests need; an async context manager.

    Parameters:
        signing_key: the file of the key that signs the instance's access tokens.
        user_agent: what the client calls itself; None for what its HTTP library does.
    """

    def __init__(
        self,
        edge_url: str,
        signing_key: Path,
        concurrency: int = 16,
        timeout_seconds: float = 15.0,
        user_agent: str | None = None,
    ) -> None:
        self._signing_key = signing_key
        self._tokens: dict[tuple[str, tuple[str, ...]], _Token] = {}
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._http = httpx.AsyncClient(
            base_url=edge_url,
            limits=limits,
            timeout=httpx.Timeout(timeout_seconds, pool=None),
            headers={} if user_agent is None else {"User-Agent": user_agent},
            trust_env=False,
        )

    @classmethod
    def of(cls, layout: Layout, concurrency: int = 16, *, demo: bool = False) -> Self:
        """A client of an instance on this machine.

        Parameters:
            demo: whether the edge is to mark its requests as those of `nextphase demo`.
        """
        edge, key = f"http://{layout.address('edge-nginx')}", Path(Secrets(layout.secrets).signing_key)
        return cls(edge, key, concurrency, user_agent=f"{DEMO_AGENT}/{version()}" if demo else None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    def bearer(self, subject: str, *scopes: str) -> dict[str, str]:
        """The Authorization header of a request by `subject`, with these scopes or the usual ones.

        Raises:
            Failure: the instance has no signing key.
        """
        token, now = self._tokens.get((subject, scopes)), time.monotonic()
        if token is None or now - token.issued > _RENEW_SECONDS:
            if len(self._tokens) >= _MAX_TOKENS:
                del self._tokens[next(iter(self._tokens))]
            text = tokens.issue(self._signing_key, subject, scopes or tokens.SCOPES, TOKEN_MINUTES)
            token = self._tokens[subject, scopes] = _Token(text, now)
        return {"Authorization": f"Bearer {token.text}"}

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request; it has no access token unless `headers` brings one (see `bearer`)."""
        return await self._http.request(method, path, **options)

    async def put_stock(self, sku: str, on_hand: int) -> None:
        """Set the stock of an item."""
        headers = self.bearer(OPERATOR, tokens.STOCK_SCOPE)
        body = {"on_hand": on_hand}
        _expect(await self.request("PUT", f"/v1/stock/{sku}", json=body, headers=headers), 200, 201)

    async def create_account(self, name: str, email: str) -> str:
        response = _expect(
            await self.request("POST", "/v1/accounts", json={"name": name, "email": email}), 201
        )
        return str(response.json()["id"])

    async def place_order(
        self, account_id: str, lines: dict[str, int], headers: dict[str, str] | None = None
    ) -> Placed:
        """Place an order of `lines` (sku -> quantity) as the account.

        Raises:
            TrafficError: it was not accepted with 202.
            httpx.HTTPError: the edge gave no answer.
        """
        body = {"account_id": account_id, "lines": [{"sku": s, "quantity": q} for s, q in lines.items()]}
        identified = self.bearer(account_id) | (headers or {})
        response = _expect(await self.request("POST", "/v1/orders", json=body, headers=identified), 202)
        return Placed(response.json()["id"], response.headers["X-Trace-Id"], account_id)

    async def order(self, placed: Placed) -> dict[str, Any]:
        """The composed document of one order, read as the account that placed it."""
        path, headers = f"/v1/orders/{placed.order_id}", self.bearer(placed.account_id)
        document: dict[str, Any] = _expect(await self.request("GET", path, headers=headers), 200).json()
        return document

    async def settled(self, placed: Placed, within_seconds: float) -> Settled:
        """Read the order until its state is final; failures on the way are tried again.

        Raises:
            TimeoutError: it did not get there in time.
        """
        pause = FIRST_POLL_SECONDS
        async with asyncio.timeout(within_seconds):
            while True:
                try:
                    document = await self.order(placed)
                except (TrafficError, httpx.HTTPError):
                    document = {}
                order = document.get("order") or {}
                if order.get("state") in FINAL_STATES:
                    return Settled(placed, order["state"], order.get("reason"), _seconds(order), document)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_POLL_SECONDS)


def _seconds(order: dict[str, Any]) -> float:
    placed, decided = (datetime.fromisoformat(order[name]) for name in ("created_at", "updated_at"))
    return (decided - placed).total_seconds()


def _expect(response: httpx.Response, *statuses: int) -> httpx.Response:
    if response.status_code not in statuses:
        sent, said = response.request, response.text[:300].strip()
        raise TrafficError(f"{sent.method} {sent.url.path} answered {response.status_code}: {said}")
    return response
