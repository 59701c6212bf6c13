"""The HTTP APIs of Rio and of the relay, called as the instance's operator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import httpx

from compose.cli import hints
from compose.cli.errors import Failure
from compose.cli.layout import Layout
from compose.cli.secrets import OPERATOR, Secrets

_TIMEOUT_SECONDS = 30.0
_SHOWN_ERRORS = 10


class _OperatorApi:
    """One process's API. Every method raises Failure when it does not answer or refuses.

    name: what messages call it. token_file: where the operator's bearer token is.
    """

    def __init__(self, name: str, address: str, token_file: PurePath) -> None:
        self._name = name
        self._url = f"http://{address}"
        headers = {"Authorization": f"Bearer {_token(token_file)}"}
        self._http = httpx.Client(
            base_url=self._url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False
        )

    def get(self, path: str, **query: Any) -> Any:
        """A document; parameters that are None are left out."""
        return self.ask("GET", path, query=query).json()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to a request for action."""
        return self.ask("POST", path, body=body).json()

    def delete(self, path: str) -> None:
        """Have something removed."""
        self.ask("DELETE", path)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | bytes | None = None,
        media: str = "application/json",
    ) -> httpx.Response:
        """The whole answer to one request. media: what `body` is, or is to be made of it."""
        headers = {} if body is None else {"Content-Type": media}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            answer = self._http.request(method, path, params=_given(query), content=content, headers=headers)
        except httpx.TransportError as error:
            raise self._down(error) from error
        return self._sound(answer)

    @contextmanager
    def lines(self, path: str, **query: Any) -> Iterator[Iterator[str]]:
        """The lines of an answer that goes on for as long as one listens."""
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, read=None)
        try:
            with self._http.stream("GET", path, params=_given(query), timeout=timeout) as answer:
                if not answer.is_success:
                    answer.read()
                yield self._sound(answer).iter_lines()
        except httpx.TransportError as error:
            raise self._down(error) from error

    def _down(self, error: Exception) -> Failure:
        return Failure(
            f"{self._name} at {self._url} does not answer ({error}).",
            advice=f"Is the instance up? {hints.command('status')}, else {hints.set_up()}",
        )

    def _sound(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        said = [str(problem[name]) for name in ("title", "detail") if problem.get(name)]
        errors = [
            f"{error.get('pointer', '')}: {error.get('detail', '')}" for error in problem.get("errors") or ()
        ]
        raise Failure(
            f"{self._name} refuses: {answer.status_code} {': '.join(said)}".rstrip(),
            tail=errors[:_SHOWN_ERRORS],
        )


class Rio(_OperatorApi):
    """One instance's Rio."""

    def __init__(self, layout: Layout) -> None:
        super().__init__("Rio", str(layout.address("rio-api")), Secrets(layout.secrets).sender(OPERATOR))


class Relay(_OperatorApi):
    """One instance's relay."""

    def __init__(self, layout: Layout) -> None:
        super().__init__("The relay", str(layout.address("relay")), Secrets(layout.secrets).relay_operator)


def _token(file: PurePath) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        reason = f"the operator's token cannot be read: {error.strerror}"
        raise Failure(reason, advice=f"Run {hints.set_up()}, as the user who owns the instance") from error


def _given(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}
