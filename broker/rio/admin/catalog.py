"""The part of Rio's configuration that the service catalog owns, read at start and again when it changes.

Senders and their rights, event types and their schemas, services' subscriptions, and flow rules. What is
declared takes effect in an order that loses no event: subscriptions are bound before senders may emit a new
type.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from broker.rio.admin.registry import Registry
from broker.rio.flow_metrics import FlowMetrics
from broker.rio.ingest.flow_notes import FlowNotes
from broker.rio.metrics import ApiMetrics
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Senders, read_tokens
from broker.rio.model.subscription import Origin, Subscription
from broker.rio.model.subscription_parser import read_subscription
from broker.rio.settings import Catalog, Declared, FlowRule
from observability.configuration.errors import ConfigurationError
from observability.http.problem import Problem

_logger = logging.getLogger(__name__)

_Version = tuple[tuple[int, int, int], ...]


class DeclaredCatalog:
    """The catalog in force."""

    def __init__(
        self,
        catalog_file: Path,
        senders_file: Path,
        *,
        senders: Senders,
        schemas: Schemas,
        registry: Registry,
        metrics: ApiMetrics,
        flow_notes: FlowNotes,
        flow_metrics: FlowMetrics,
    ) -> None:
        """Read the files, or raise ConfigurationError. Senders and schemas are known at once."""
        self._files: Final = (catalog_file, senders_file)
        self._senders = senders
        self._schemas = schemas
        self._registry = registry
        self._metrics = metrics
        self._flow_notes, self._flow_metrics = flow_notes, flow_metrics
        self._version = self._current_version()
        self._read = self._load()
        self._declared = False
        self._faults: list[str] = []
        self._take_up()

    @property
    def emitters(self) -> dict[str, list[str]]:
        """Which types each service declares to emit."""
        return self._catalog.emitters

    @property
    def flow_rules(self) -> Mapping[str, FlowRule]:
        """The rules of flows, by name."""
        return self._flow_notes.rules

    async def declare(self) -> None:
        """Bring subscriptions to what the catalog says, unless that is done.

        Raises what PostgreSQL and RabbitMQ raise while they are away; it is then to be called again.
        """
        if not self._declared:
            catalog, _, subscriptions = self._read
            self._faults = await self._registry.declare(subscriptions)
            self._take_up()
            self._declared = True
            extra = {"subscriptions": len(subscriptions), "senders": len(catalog.senders)}
            _logger.info("catalog declared", extra=extra)

    async def follow(self) -> None:
        """Declare the catalog again if its files have changed. Files that cannot be used change nothing."""
        version = self._current_version()
        if version != self._version:
            self._version = version
            try:
                self._read = self._load()
            except ConfigurationError as error:
                self._faults = [str(error)]
                _logger.error("the changed catalog cannot be used", extra={"reason": str(error)})
                return
            self._declared = False
        await self.declare()

    def check(self) -> None:
        """A health check: raises while the catalog, or a part of it, is not in force."""
        if self._faults:
            raise RuntimeError("; ".join(self._faults))
        if not self._declared:
            raise RuntimeError("not declared yet")

    def _load(self) -> tuple[Catalog, dict[str, str], list[Subscription]]:
        catalog_file, senders_file = self._files
        catalog = Catalog.load(catalog_file)
        try:
            Schemas(catalog.schemas)
            subscriptions = [_subscription(declared) for declared in catalog.subscriptions]
        except Problem as problem:
            raise ConfigurationError(f"{catalog_file}: {problem.detail} {problem.errors}") from problem
        return catalog, dict(read_tokens(senders_file)), subscriptions

    def _take_up(self) -> None:
        self._catalog, tokens, _ = self._read
        self._senders.declare(tokens, self._catalog.senders)
        self._schemas.declare(self._catalog.schemas)
        self._metrics.expect(self._catalog.types)
        self._flow_notes.follow(self._catalog.flows, self._catalog.emitters)
        self._flow_metrics.expect(self._catalog.flows, self._flow_notes.emitters)

    def _current_version(self) -> _Version:
        """A value that changes when one of the files does; empty while one is missing."""
        try:
            found = [file.stat() for file in self._files]
        except OSError:
            return ()
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def _subscription(declared: Declared) -> Subscription:
    return read_subscription(declared.id, declared.model_dump(), declared.owner, Origin.CATALOG)
