"""Panels of what telemetry costs: processor time, memory, bytes on disk."""

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models import units

from dashboards.collector import COLLECTOR
from dashboards.frame import section
from dashboards.panels import number, series
from dashboards.promql import rate, share
from dashboards.targets import Prom

_SERVICE = "{{service}}"
_PARTS = 'service=~"prometheus|loki|alertmanager"'
_CPU = "(sum by (service) (rate({telemetry}[{window}])) or sum by (service) (rate({collector}[{window}])))"


def _cpu(window: str = "$__rate_interval") -> str:
    """Cores that each part of the pipeline uses: stores, collector."""
    return _CPU.format(
        telemetry=f"process_cpu_seconds_total{{{_PARTS}}}",
        collector="otelcol_process_cpu_seconds_total",
        window=window,
    )


def cost(board: Dashboard) -> None:
    """Of collector and stores, and of what hops send for each request."""
    requests = 'sum(service_route:http_server_requests:rate5m{service="edge-nginx"})'
    spans = f"sum(rate(otelcol_exporter_sent_spans_total{{{COLLECTOR}}}[5m]))"
    log_bytes = "sum(rate(loki_distributor_bytes_received_total[5m]))"
    others = 'sum(rate(process_cpu_seconds_total{job="hop"}[5m]))'
    section(
        board,
        "Cost",
        number(
            "CPU spent on telemetry",
            units.PercentUnit,
            Prom(f"sum({_cpu('5m')}) / (sum({_cpu('5m')}) + {others})", "share"),
            description="Cores of collector and stores, by those and the cores of all hops. What hops"
            " spend on"
            " their own telemetry counts as theirs.",
            width=6,
        ),
        number(
            "Spans by request",
            units.Short,
            Prom(share(spans, requests), "spans"),
            description="Spans stored for each request at the edge, over 5 min.",
            width=6,
        ),
        number(
            "Log volume by request",
            units.BytesIEC,
            Prom(share(log_bytes, requests), "logs"),
            description="Bytes of log lines for each request at the edge, over 5 min.",
            width=6,
        ),
        number(
            "On disk",
            units.BytesIEC,
            Prom(
                "sum(prometheus_tsdb_storage_blocks_bytes)"
                " + sum(jaeger_storage_badger_size_bytes_lsm) + sum(jaeger_storage_badger_size_bytes_vlog)",
                "metrics and traces",
            ),
            description="Prometheus' blocks and Jaeger's tables. Loki does not tell the size of its chunks.",
            width=6,
        ),
        series(
            "CPU",
            units.Short,
            Prom(_cpu(), _SERVICE),
            description="Cores in use by each part of the pipeline.",
        ),
        series(
            "Memory",
            units.BytesIEC,
            Prom(f"sum by (service) (process_resident_memory_bytes{{{_PARTS}}})", _SERVICE),
            Prom("sum by (service) (otelcol_process_memory_rss_bytes)", _SERVICE),
            description="Resident memory of each part of the pipeline.",
        ),
        series(
            "Log volume",
            units.BytesPerSecondIEC,
            Prom(rate("loki_distributor_bytes_received_total", ""), "lines"),
            Prom(rate("loki_distributor_structured_metadata_bytes_received_total", ""), "their fields"),
            description="Bytes that Loki takes in per second, before compression.",
        ),
    )
