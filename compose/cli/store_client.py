"""Requests to the stores of telemetry, whether they are the instance's own or existing ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from compose.cli import hints
from compose.cli.stores import Store

Parameters = Mapping[str, str | Sequence[str]]


class TelemetryError(Exception):
    """A telemetry back end gave no usable answer; the message says which and what to do."""


class StoreClient:
    """Asks stores; every request ends within `timeout_seconds`."""

    def __init__(self, timeout_seconds: float = 10.0) -> None:
        self._http = httpx.Client(timeout=timeout_seconds, trust_env=False)

    def get(
        self, store: Store, path: str, parameters: Parameters | None = None, *, missing: object = None
    ) -> Any:
        """The document that answers a question; `missing` where the store answers 404 and it is not None.

        Raises:
            TelemetryError: the store is not answering, refuses the question or answers with something else
                than JSON, or compose/platform.yaml names none.
        """
        accept = (200,) if missing is None else (200, 404)
        response = self.ask("GET", store, path, parameters, accept=accept)
        if response.status_code == 404:
            return missing
        try:
            return response.json()
        except ValueError as error:
            raise TelemetryError(
                f"{store.name} answered with something else than JSON: {response.url}"
            ) from error

    def ask(
        self,
        method: str,
        store: Store,
        path: str,
        parameters: Parameters | None = None,
        *,
        body: object = None,
        accept: tuple[int, ...] = (200,),
    ) -> httpx.Response:
        """The answer to any request; `body` is sent as JSON.

        Raises:
            TelemetryError: the store is not answering, answers with a status that is not in `accept`, or
                compose/platform.yaml names none.
        """
        if store.url is None:
            raise TelemetryError(f"compose/platform.yaml names no {store.name} to read from (telemetry)")
        url = f"{store.url}{path}"
        try:
            response = self._http.request(method, url, params=parameters, json=body, headers=store.headers)
        except httpx.HTTPError as error:
            raise TelemetryError(f"{store.name} does not answer at {url}: {_advice(store)}") from error
        if response.status_code not in accept:
            said = response.text[:200].strip()
            raise TelemetryError(f"{store.name} answered {response.status_code}: {said}")
        return response

    def why_unreachable(self, store: Store) -> str | None:
        """A line that says why a store gives no answer at all; None where it gives any."""
        try:
            self._http.get(str(store.url))
        except httpx.HTTPError as error:
            return f"{store.name} does not answer at {store.url}: {error or type(error).__name__}"
        return None


def _advice(store: Store) -> str:
    if store.is_ours:
        return f"is the instance up? {hints.command('status')}, else {hints.set_up()}"
    return "compose/platform.yaml names it (telemetry)"
