"""The actions of operate mode: all changes that the console can make to a store."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from observability.configuration.errors import ConfigurationError
from observability.configuration.strict import read_secret
from observability.console.operate import ChangeHandler
from observability.console.operator_log import logged
from observability.console.sessions import Session
from observability.console.settings import Settings
from observability.console.silences import silence
from observability.console.store_addresses import NAME, NUMBER, Store
from observability.console.store_client import StoreClient
from observability.http.client import Response
from observability.http.problem import Problem

_UUID: Final = "([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"

_encode: Final = msgspec.json.Encoder().encode

Document = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        pattern: the console's path below `/api/operate/`, a regular expression; its groups fill `path`.
        name: what is done, for logs and spans.
        store: whose it is; Rio is asked as its operator.
        method, path: the store's own.
        members: what the body may have; others are refused, the store checks the rest.
        convert: makes the store's body of the page's.
    """

    pattern: str
    name: str
    store: Store
    method: Literal["POST", "DELETE"]
    path: str
    members: frozenset[str] = frozenset()
    convert: Callable[[Document, Session], Document] | None = None


def _action(
    pattern: str,
    name: str,
    path: str,
    members: str = "",
    *,
    method: Literal["POST", "DELETE"] = "POST",
    store: Store = "rio",
    convert: Callable[[Document, Session], Document] | None = None,
) -> Action:
    return Action(f"{store}/{pattern}", name, store, method, path, frozenset(members.split()), convert)


ACTIONS: Final = (
    _action(f"dead-letters/{NUMBER}/replay", "replay dead letter", "/dead-letters/{}/replay"),
    _action(f"dead-letters/{NUMBER}/discard", "discard dead letter", "/dead-letters/{}", method="DELETE"),
    _action("dead-letters/replay", "replay dead letters", "/dead-letters/replay", "ids filter cursor"),
    _action("dead-letters/discard", "discard dead letters", "/dead-letters/discard", "ids filter cursor"),
    _action(f"deliveries/{NUMBER}/redeliver", "redeliver event", "/deliveries/{}/redeliver"),
    _action(f"subscriptions/{NAME}/pause", "pause subscription", "/subscriptions/{}/pause", "reason"),
    _action(f"subscriptions/{NAME}/resume", "resume subscription", "/subscriptions/{}/resume"),
    _action("replays", "replay past events", "/replays", "subscription types from to"),
    _action(f"replays/{NUMBER}/cancel", "cancel replay", "/replays/{}", method="DELETE"),
    _action(
        "silences",
        "silence alerts",
        "/api/v2/silences",
        "matchers duration_seconds comment",
        store="alertmanager",
        convert=silence,
    ),
    _action(
        f"silences/{_UUID}/expire",
        "expire silence",
        "/api/v2/silence/{}",
        method="DELETE",
        store="alertmanager",
    ),
)
"""Every action, by path below `/api/operate/`."""


class ActionHandler(ChangeHandler):
    """One action, in operate mode alone; each is logged, with who asked for it, and has a span."""

    def initialize(self, action: Action, client: StoreClient, console: Settings) -> None:
        self._action = action
        self._client = client
        self._console = console

    async def post(self, *parts: str) -> None:
        """Do it, and answer what the store says."""
        session = self.require_session()
        asked = self.json_body()
        if unknown := sorted(asked.keys() - self._action.members):
            errors = [{"pointer": f"#/{name[:50]}", "detail": "is unknown"} for name in unknown[:20]]
            raise Problem(400, detail="members are refused", errors=errors)
        body = self._action.convert(asked, session) if self._action.convert else asked
        target = self._action.path.format(*(quote(part, safe="") for part in parts))
        answer = await logged(session, self._action.name, target, asked, self._act(target, body))
        self.set_status(answer.status)
        if not answer.body:
            self.finish()
            return
        self.set_header("Content-Type", answer.headers.get("content-type") or "application/json")
        self.finish(answer.body)

    async def _act(self, target: str, body: Document) -> Response:
        action = self._action
        headers = [("Accept", "application/json")]
        if action.store == "rio":
            headers.append(("Authorization", f"Bearer {await asyncio.to_thread(self._operator_token)}"))
        content = _encode(body) if action.method == "POST" and body else b""
        if content:
            headers.append(("Content-Type", "application/json"))
        return await self._client.send(action.store, action.method, target, headers, content)

    def _operator_token(self) -> str:
        file = self._console.operator_token_file
        if file is None:
            raise Problem(503, detail="this console was given no token of Rio's operator")
        try:
            return read_secret(file)
        except ConfigurationError as error:
            raise Problem(503, detail="the token of Rio's operator cannot be read") from error
