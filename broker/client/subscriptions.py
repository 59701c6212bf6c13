"""Telling Rio which events a service wants, and where."""

import logging
import os
import random
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

_logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0


class Registration(threading.Thread):
    """Puts one subscription to Rio until Rio takes it, then ends."""

    def __init__(self, url: str, token: str, document: dict[str, object]) -> None:
        """`url`: where Rio keeps it; `document`: its fields; `token`: the sender's bearer token."""
        super().__init__(name="subscription-registration", daemon=True)
        self.registered: Final = threading.Event()
        """Set once Rio holds the subscription."""
        self._stopped = threading.Event()
        self._url = url
        self._token = token
        self._document = document

    def run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopped.is_set():
            if self._put():
                self.registered.set()
                return
            self._stopped.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def check(self) -> None:
        """A health check: raises while Rio does not hold the subscription yet."""
        if not self.registered.is_set():
            raise RuntimeError("Rio has not taken the subscription yet")

    def stop(self) -> None:
        """Give up registering; returns at once."""
        self._stopped.set()

    def _put(self) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            answer = httpx.put(self._url, json=self._document, headers=headers, timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            _logger.warning("Rio is out of reach for the subscription", extra={"reason": repr(error)})
            return False
        if answer.is_success:
            _logger.info("subscribed", extra={"subscription": self._url.rsplit("/", 1)[-1]})
            return True
        _logger.warning(
            "Rio did not take the subscription",
            extra={"status": answer.status_code, "reason": answer.text[:500]},
        )
        return False


def register_in_background(
    *,
    service: str,
    types: Sequence[str],
    sink: str,
    source: str | None = None,
    filters: Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Registration:
    """Start registering the subscription `service` at Rio and return the running thread.

    What is left out stays as Rio has it, from the catalog or from an operator. Rio's address and the
    sender's token come from RIO_URL and RIO_TOKEN_FILE; a missing one raises KeyError or OSError here, at
    start.

    Args:
        types: event types, `*` and `#` as in AMQP topics.
        sink: path under services nginx the events are posted to.
        source: only events of that CloudEvents source.
        filters: only events that pass all of these (dialects of the CloudEvents Subscriptions API).
        config: how Rio delivers, as far as it is not to be Rio's default.
    """
    url = f"{os.environ['RIO_URL'].rstrip('/')}/subscriptions/{service}"
    token = Path(os.environ["RIO_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
    optional = {
        "source": source,
        "filters": None if filters is None else list(filters),
        "config": None if config is None else dict(config),
    }
    given = {name: value for name, value in optional.items() if value is not None}
    document: dict[str, object] = {"types": list(types), "sink": sink, **given}
    registration = Registration(url, token, document)
    registration.start()
    return registration
