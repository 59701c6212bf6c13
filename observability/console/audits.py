"""Audits of the instance by the contract of telemetry: every few minutes, as metrics, and when asked for."""

import asyncio
import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

import msgspec
from opentelemetry import trace
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext
from prometheus_client import CollectorRegistry, Counter, Gauge

from observability.configuration.errors import FaultyDocument
from observability.console.guard import AskingHandler
from observability.console.settings import Settings
from observability.console.store_client import StoreClient
from observability.contract import contract
from observability.contract.audit import Audit, Auditor, Standing
from observability.contract.contract import Part
from observability.contract.telemetry_reader import TelemetryReader
from observability.http.problem import Problem

_EVERY_SECONDS: Final = 300.0
_TIMEOUT_SECONDS: Final = 120.0
_YOUNG_SECONDS: Final = 10.0
"""An audit that is not older answers for a new one."""

_logger = logging.getLogger(__name__)


class _Catalog(msgspec.Struct):
    services: list[dict[str, Any]]
    hops: list[dict[str, Any]]


_catalog = msgspec.json.Decoder(_Catalog)


class Audits:
    """The audits of an instance: one at a time, the last one kept.

    Args:
        settings: of the console.
        client: asks the stores.
        dashboards: gives the uids of the dashboards that there are.
        registry: of the hop's metrics.
    """

    def __init__(
        self,
        settings: Settings,
        client: StoreClient,
        dashboards: Callable[[], set[str]],
        registry: CollectorRegistry,
    ) -> None:
        self._settings = settings
        self._client = client
        self._dashboards = dashboards
        self._last: Audit | None = None
        self._running: asyncio.Task[Audit] | None = None
        self._cells = Gauge(
            "contract_cells",
            "What a part has to tell of itself by observability/contract.yaml, by how it stands.",
            ["part", "signal", "standing"],
            registry=registry,
        )
        self._audited = Gauge(
            "contract_audit_timestamp_seconds",
            "When telemetry was held against its contract.",
            registry=registry,
        )
        self._failed = Counter(
            "contract_audits_failed", "Audits that ended early, as a store did not answer.", registry=registry
        )

    async def repeat(self) -> None:
        """Audit every few minutes, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            # Hundreds of questions every few minutes are no trace to look at.
            with trace.use_span(NonRecordingSpan(_unsampled())):
                try:
                    await self.audit()
                except Problem as problem:
                    _logger.warning("The telemetry cannot be audited", extra={"reason": problem.detail})
                except Exception:
                    _logger.exception("The audit of the telemetry failed unexpectedly")

    async def audit(self) -> Audit:
        """The result of an audit that is made now, or a moment ago.

        Raises:
            Problem: a store does not answer, or all of it takes too long.
        """
        if self._last is not None and time.time() - self._last.time < _YOUNG_SECONDS:
            return self._last
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._audit())
        return await asyncio.shield(self._running)

    async def _audit(self) -> Audit:
        try:
            parts = await asyncio.to_thread(self._parts)
            auditor = Auditor(
                parts,
                TelemetryReader(self._get),
                self._dashboards,
                stored_share=self._settings.stored_share,
            )
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                found = await auditor.audit()
        except FaultyDocument as error:
            self._failed.inc()
            raise Problem(500, "The contract cannot be used", detail=str(error)) from error
        except TimeoutError as error:
            self._failed.inc()
            raise Problem(504, detail="the stores take too long for an audit") from error
        except Exception:
            self._failed.inc()
            raise
        self._show(found)
        self._last = found
        return found

    def _parts(self) -> list[Part]:
        try:
            catalog = _catalog.decode(self._settings.catalog_file.read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            raise Problem(503, detail=f"the catalog cannot be read: {error}"[:500]) from error
        return contract.load(catalog.services, [*(hop["name"] for hop in catalog.hops), *self._others()])

    def _others(self) -> list[str]:
        """The parts that are no hops, without stores that are not the instance's own."""
        ours = {"postgres", "rabbitmq", "collector", "prometheus", "loki", "jaeger", "alertmanager", "host"}
        return sorted(ours - self._settings.existing_stores)

    async def _get(self, store: str, path: str, parameters: Sequence[tuple[str, str]]) -> bytes:
        answer = await self._client.get(store, path, parameters)
        if answer.status != HTTPStatus.OK:
            raise Problem(502, f"{store} is not available", detail=f"{path} answered {answer.status}")
        return answer.body

    def _show(self, audit: Audit) -> None:
        standings = Tally((cell.part, cell.signal, cell.standing) for cell in audit.cells)
        self._cells.clear()
        for part, signal in {(cell.part, cell.signal) for cell in audit.cells}:
            for standing in Standing:
                self._cells.labels(part, signal, standing).set(standings[part, signal, standing])
        self._audited.set(audit.time)


class AuditHandler(AskingHandler):
    """/api/audit: an audit, made now."""

    def initialize(self, audits: Audits) -> None:
        self._audits = audits

    async def get(self) -> None:
        """Every cell of the contract and how it stands, and which metrics have the most series."""
        await self.ask(self._answer())

    async def _answer(self) -> None:
        self.finish_json(asdict(await self._audits.audit()))


def _unsampled() -> SpanContext:
    ids = RandomIdGenerator()
    return SpanContext(ids.generate_trace_id(), ids.generate_span_id(), is_remote=False)
