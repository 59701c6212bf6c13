"""A realistic mix of requests: what people ask of the example, what they do wrong, and slow clients."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from compose.cli import tokens
from compose.cli.traffic import OPERATOR, Traffic

PEOPLE = (
    ("Ada Lovelace", "ada@example.com"),
    ("Grace Hopper", "grace@example.com"),
    ("Alan Kay", "alan@example.com"),
)
ON_HAND = 1_000_000
STOCK = {"tea-assam": ON_HAND, "teapot-blue": ON_HAND, "samovar": 3}

ORDINARY, FAILING, SLOW = "ordinary", "failing", "slow"
NO_ANSWER, GAVE_UP = "no answer", "gave up"
SLOW_SECONDS = (0.4, 0.9)
"""How long a slow client takes for its body: the least and the most."""

_REMEMBERED = 200  # accounts, and orders, that are asked for again
_KEPT_DURATIONS = 1000
_PIECES = 8
_PATIENCE_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. expected: the status of its answer. upload_seconds: how long its body takes to arrive.
    gives_up: whether the caller goes away before the answer. learn: told the answer if it is as expected."""

    method: str
    path: str
    expected: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    upload_seconds: float = 0.0
    gives_up: bool = False
    learn: Callable[[dict[str, Any]], None] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests of one kind. group: ORDINARY, FAILING or SLOW. weight: its part of the group."""

    name: str
    group: str
    weight: float
    ask: Callable[[Mix], Ask]


class Tally:
    """The counts of one kind of request. answers: how often each status, NO_ANSWER or GAVE_UP was the
    final one. seconds: of the latest. last_trace_id: of the latest that had an answer.
    """

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.unexpected = 0
        self.seconds: deque[float] = deque(maxlen=_KEPT_DURATIONS)
        self.last_trace_id: str | None = None

    @property
    def sent(self) -> int:
        return self.answers.total()

    def quantile(self, share: float) -> float | None:
        """The duration, in seconds, that this share of the latest requests did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None


class Mix:
    """Chooses requests and makes them.

    Parameters:
        traffic: makes the requests.
        failing, slow: the shares of these groups, from 0 to 1; the rest is ordinary.
        chance: chooses.

    Attributes:
        tallies: by the kind's name, in the order of KINDS.
    """

    def __init__(self, traffic: Traffic, failing: float, slow: float, chance: random.Random) -> None:
        self.tallies = {kind.name: Tally() for kind in KINDS}
        self.accounts: deque[str] = deque(maxlen=_REMEMBERED)
        self.orders: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)
        self.chance = chance
        self._traffic = traffic
        self._weights = weights(failing, slow)

    async def prepare(self) -> None:
        """Put the stock there and sign the first accounts up.

        Raises:
            TrafficError: an answer is not as promised.
            httpx.HTTPError: there is none.
        """
        for sku, on_hand in STOCK.items():
            await self._traffic.put_stock(sku, on_hand)
        self.accounts.extend([await self._traffic.create_account(*person) for person in PEOPLE])

    async def send_one(self) -> None:
        """Make a request of a kind chosen by the shares, and tally its end."""
        (kind,) = self.chance.choices(KINDS, self._weights)
        ask, tally, started = kind.ask(self), self.tallies[kind.name], time.monotonic()
        try:
            response = await self._send(ask)
        except httpx.HTTPError:
            tally.answers[GAVE_UP if ask.gives_up else NO_ANSWER] += 1
            tally.unexpected += not ask.gives_up
            return
        tally.seconds.append(time.monotonic() - started)
        tally.answers[str(response.status_code)] += 1
        tally.last_trace_id = response.headers.get("X-Trace-Id", tally.last_trace_id)
        if response.status_code != ask.expected:
            tally.unexpected += 1
        elif ask.learn is not None:
            ask.learn(response.json())

    async def _send(self, ask: Ask) -> httpx.Response:
        options: dict[str, Any] = {"headers": ask.headers}
        if ask.upload_seconds:
            options["headers"] = ask.headers | {"Content-Type": "application/json"}
            options["content"] = _slowly(json.dumps(ask.body).encode(), ask.upload_seconds)
        elif ask.body is not None:
            options["json"] = ask.body
        if ask.gives_up:
            options["timeout"] = httpx.Timeout(15.0, read=_PATIENCE_SECONDS)
        return await self._traffic.request(ask.method, ask.path, **options)

    def bearer(self, subject: str, *scopes: str) -> dict[str, str]:
        return self._traffic.bearer(subject, *scopes)

    def an_account(self) -> str:
        return self.chance.choice(self.accounts)

    @property
    def unexpected(self) -> int:
        return sum(tally.unexpected for tally in self.tallies.values())

    def sent(self, group: str) -> int:
        """Requests of a group that had their end."""
        return sum(self.tallies[kind.name].sent for kind in KINDS if kind.group == group)


def weights(failing: float, slow: float) -> list[float]:
    """The share of each of KINDS in all requests."""
    shares = {ORDINARY: 1 - failing - slow, FAILING: failing, SLOW: slow}
    whole = {group: sum(kind.weight for kind in KINDS if kind.group == group) for group in shares}
    return [shares[kind.group] * kind.weight / whole[kind.group] for kind in KINDS]


async def _slowly(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    """The body in pieces that arrive over so many seconds, as a slow client's do."""
    size = -(-len(body) // _PIECES)
    for at in range(0, len(body), size):
        yield body[at : at + size]
        await asyncio.sleep(seconds / _PIECES)


def _person(mix: Mix) -> dict[str, str]:
    name, email = mix.chance.choice(PEOPLE)
    return {"name": name, "email": email}


def _sign_up(mix: Mix, upload_seconds: float = 0.0) -> Ask:
    def learn(account: dict[str, Any]) -> None:
        mix.accounts.append(account["id"])

    return Ask("POST", "/v1/accounts", 201, body=_person(mix), upload_seconds=upload_seconds, learn=learn)


def _slow_sign_up(mix: Mix) -> Ask:
    return _sign_up(mix, mix.chance.uniform(*SLOW_SECONDS))


def _order_of(mix: Mix, lines: dict[str, int]) -> Ask:
    account = mix.an_account()

    def learn(order: dict[str, Any]) -> None:
        mix.orders.append((order["id"], account))

    return Ask("POST", "/v1/orders", 202, mix.bearer(account), _order_body(account, lines), learn=learn)


def _order_body(account: str, lines: dict[str, int]) -> dict[str, Any]:
    return {"account_id": account, "lines": [{"sku": sku, "quantity": many} for sku, many in lines.items()]}


def _order(mix: Mix) -> Ask:
    return _order_of(mix, {"tea-assam": mix.chance.randint(1, 3), "teapot-blue": 1})


def _order_too_much(mix: Mix) -> Ask:
    return _order_of(mix, {"teapot-blue": 1, "samovar": STOCK["samovar"] + 1})


def _read_order(mix: Mix) -> Ask:
    if not mix.orders:
        return _read_orders(mix)
    order, account = mix.chance.choice(mix.orders)
    return Ask("GET", f"/v1/orders/{order}", 200, mix.bearer(account))


def _read_orders(mix: Mix) -> Ask:
    return Ask("GET", "/v1/me/orders?limit=10", 200, mix.bearer(mix.an_account()))


def _read_account(mix: Mix) -> Ask:
    account = mix.an_account()
    return Ask("GET", f"/v1/accounts/{account}", 200, mix.bearer(account))


def _read_stock(mix: Mix) -> Ask:
    sku = mix.chance.choice(["", *(f"/{sku}" for sku in STOCK)])
    return Ask("GET", f"/v1/stock{sku}", 200)


def _set_stock(mix: Mix) -> Ask:
    operator = mix.bearer(OPERATOR, tokens.STOCK_SCOPE)
    return Ask("PUT", "/v1/stock/tea-assam", 200, operator, {"on_hand": ON_HAND})


def _invalid(mix: Mix) -> Ask:
    account = mix.an_account()
    return Ask("POST", "/v1/orders", 422, mix.bearer(account), {"account_id": account, "lines": []})


def _without_token(mix: Mix) -> Ask:
    return Ask("GET", "/v1/me/orders", 401)


def _for_another(mix: Mix) -> Ask:
    return Ask(
        "POST", "/v1/orders", 403, mix.bearer("stranger"), _order_body(mix.an_account(), {"samovar": 1})
    )


def _unknown(mix: Mix) -> Ask:
    return Ask("GET", f"/v1/orders/{uuid4()}", 404, mix.bearer(mix.an_account()))


def _given_up(mix: Mix) -> Ask:
    return Ask("GET", "/v1/me/orders?limit=100", 200, mix.bearer(mix.an_account()), gives_up=True)


KINDS: Sequence[Kind] = (
    Kind("order", ORDINARY, 22, _order),
    Kind("order beyond the stock", ORDINARY, 4, _order_too_much),
    Kind("sign-up", ORDINARY, 6, _sign_up),
    Kind("read an order", ORDINARY, 30, _read_order),
    Kind("read own orders", ORDINARY, 14, _read_orders),
    Kind("read the stock", ORDINARY, 14, _read_stock),
    Kind("read an account", ORDINARY, 8, _read_account),
    Kind("set the stock", ORDINARY, 2, _set_stock),
    Kind("invalid body", FAILING, 1, _invalid),
    Kind("no token", FAILING, 1, _without_token),
    Kind("another's account", FAILING, 1, _for_another),
    Kind("unknown order", FAILING, 1, _unknown),
    Kind("caller goes away", FAILING, 1, _given_up),
    Kind("slow sign-up", SLOW, 1, _slow_sign_up),
)
