"""The client library of Python services: they emit and consume events by it.

`outbox` writes an event in the business transaction, `Client` and `AsyncClient` emit what belongs to none,
`inbox` makes consumption idempotent, `webhook` reads and verifies a delivery.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from broker.client.client import AsyncClient as AsyncClient
    from broker.client.client import Client as Client
    from broker.client.draft import Draft as Draft

_MODULES: Final = {"AsyncClient": "client", "Client": "client", "Draft": "draft"}


def __getattr__(name: str) -> Any:
    """Import the client when it is asked for: who only writes an outbox needs no HTTP library in memory."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
