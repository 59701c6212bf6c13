"""Processor time of the telemetry library's own parts, beside those that they replace.

python -m tests.bench.telemetry_parts [--quick] [--json]
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, Histogram

from observability import Telemetry
from observability.deferred import DEFERRED
from observability.histogram import DurationHistogram
from observability.logs import FastLogger, Handler
from observability.logs.burst_limit import BurstLimit
from observability.logs.null_sender import NullSender
from observability.masking import mask, mask_path, mask_user_agent
from observability.metrics import DURATION_BUCKETS
from observability.settings import Settings
from observability.tracer import ParentContext, Template
from observability.tracer.batch_span_processor import BatchingSpanProcessor
from tests.bench.report import Figure, Report, options
from tests.bench.rounds import alternate

COUNT, ROUNDS = 5_000, 11
SETTINGS = Settings.from_env("bench", {})
LABELS = ("http_request_method", "http_route", "http_response_status_code")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CONSTANTS = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": 8081}


def cost(work: Callable[[], object], count: int, finish: Callable[[], object] = lambda: None) -> float:
    """Microseconds of processor time that one takes, and its share of what is done for many at once."""
    before = time.process_time_ns()
    for _ in range(count):
        work()
    finish()
    return (time.process_time_ns() - before) / count / 1000


def spans() -> dict[str, Callable[[int], float]]:
    """A client span with four attributes, encoded."""
    sdk, fast = Telemetry(replace(SETTINGS, tracer="sdk")), Telemetry(SETTINGS)
    queue = BatchingSpanProcessor(lambda batch: None, lambda count: None)
    sdk.tracer_provider.add_span_processor(queue)

    def plain(tracer: trace.Tracer) -> None:
        span = tracer.start_span("GET", kind=SpanKind.CLIENT, attributes=CONSTANTS)
        span.set_attribute("http.response.status_code", 200)
        span.end()

    template = Template(fast.tracer, "GET", SpanKind.CLIENT, CONSTANTS, (), "http.response.status_code")
    parent = ParentContext(template.start(None).get_span_context())

    def prepared() -> None:
        template.end(template.start(None), 200)

    def minimal() -> None:
        template.start_minimal(parent).end(200)

    return {
        "SDK": lambda count: cost(partial(plain, sdk.tracer), count, queue.seal),
        "tracer": lambda count: cost(partial(plain, fast.tracer), count, DEFERRED.flush),
        "template": lambda count: cost(
            lambda: template.end(template.start(None), 200), count, DEFERRED.flush
        ),
        "minimal span": lambda count: cost(minimal, count, DEFERRED.flush),
    }


def observations() -> dict[str, Callable[[int], float]]:
    """An observed duration, with its exemplar."""
    histogram = Histogram("a", "", LABELS, registry=CollectorRegistry(), buckets=DURATION_BUCKETS)
    own = DurationHistogram("a", "", LABELS, DURATION_BUCKETS, CollectorRegistry())
    labels = ("GET", "/v1/orders/{id}", "200")
    return {
        "prometheus-client": lambda count: cost(
            lambda: histogram.labels(*labels).observe(0.02, {"trace_id": TRACE_ID}), count
        ),
        "histogram": lambda count: cost(lambda: own.of(*labels).observe(0.02, TRACE_ID), count),
    }


PATH = "/v1/orders/0a6a2b50-d1ae-4579-92f0-9836a28eea37"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def masking() -> dict[str, Callable[[int], float]]:
    """The texts of what has nothing to mask, looked at for it."""

    def request() -> None:
        """A request of the gateway with one call of a service, whose span has the path, too."""
        mask_path(PATH), mask_user_agent(AGENT), mask_path(PATH)

    return {
        "gateway's request": lambda count: cost(request, count),
        "query": lambda count: cost(lambda: mask("page=2&limit=50"), count),
        "log line": lambda count: cost(lambda: mask("order placed"), count),
        "log line with an id": lambda count: cost(lambda: mask(f"order {PATH} placed"), count),
    }


class JsonFormatter(logging.Formatter):
    """The formatter of a service without the library: the line alone, without ids, bounds and checks."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": record.created, "level": record.levelname, "message": record.getMessage()}
        return json.dumps(fields | {"order_id": vars(record)["order_id"]})


@contextmanager
def root_handler(handler: logging.Handler) -> Iterator[None]:
    """Have the root logger write to one handler alone."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    root.handlers[:], root.level = [handler], logging.INFO
    try:
        yield
    finally:
        root.handlers[:], root.level = before, level


def lines() -> dict[str, Callable[[int], float]]:
    """A log line with one field, written to a file that takes everything."""
    sink = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    standard = logging.StreamHandler(sink)
    standard.setFormatter(JsonFormatter())
    # A clock by which no line is one of a burst.
    paced = BurstLimit(clock=partial(next, itertools.count(step=3_600_000_000_000)))
    own, fast = Handler(SETTINGS, NullSender(), sink, paced), FastLogger("fast")
    flooded, logger = Handler(SETTINGS, NullSender(), sink), logging.getLogger("bench")

    def measured(handler: logging.Handler, work: Callable[[], object], count: int) -> float:
        with root_handler(handler):
            return cost(work, count)

    line = logging.makeLogRecord({"name": "bench", "levelno": logging.INFO, "msg": "order placed"})

    def record() -> None:
        logger.info("order placed", extra={"order_id": 7})

    return {
        "logging and json": partial(measured, standard, record),
        "log handler": partial(measured, own, record),
        "suppressed": partial(measured, flooded, record),
        "fast logger": partial(
            measured, own, lambda: fast.write(logging.INFO, "order placed", {"order_id": 7})
        ),
        "decision on a burst": lambda count: cost(lambda: paced.admits(line), count),
    }


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__ or "")
    count, rounds = (1_000, 3) if arguments.quick else (COUNT, ROUNDS)
    with Report.progress() as progress:
        figures = []
        for title, make in (
            ("span", spans),
            ("observation", observations),
            ("log line", lines),
            ("masking", masking),
        ):
            variants = {name: partial(each, count) for name, each in make().items()}
            figures.append(Figure(title, "us", alternate(variants, rounds, progress, title)))
    Report("telemetry_parts", figures).show(as_json=arguments.json)


if __name__ == "__main__":
    main()
