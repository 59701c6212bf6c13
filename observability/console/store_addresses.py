"""The addresses of the stores that the console passes on, with the parameters each may have.

Nothing else of a store can be reached through the console, whatever a page asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Store = Literal["prometheus", "loki", "jaeger", "alertmanager", "rio", "gateway"]

_LABEL: Final = "([A-Za-z_][A-Za-z0-9_]{0,127})"
_TRACE_ID: Final = "([0-9a-f]{32})"
NUMBER: Final = "([0-9]{1,18})"
NAME: Final = "([A-Za-z0-9][A-Za-z0-9._-]{0,254})"


@dataclass(frozen=True)
class StoreAddress:
    """One address of a store.

    Attributes:
        pattern: the console's path below `/api/`, a regular expression; its groups fill `path`.
        store: whose it is.
        path: the store's own path.
        parameters: names of query parameters that are passed on; others are refused.
        fixed: parameters the console adds.
        listed: members of the answer that lead to its list of series, which is cut to `MAX_SERIES`.
        member: the member of the answer that is passed on alone; all of it where None.
        streamed: whether the answer goes on until one side ends it, as lines of JSON.
        holds_payloads: whether the answer has event bodies or what receivers answered to them.
    """

    pattern: str
    store: Store
    path: str
    parameters: frozenset[str] = frozenset()
    fixed: Mapping[str, str] = field(default_factory=dict)
    listed: bool = False
    member: str | None = None
    streamed: bool = False
    holds_payloads: bool = False


def _address(
    pattern: str,
    store: Store,
    path: str,
    parameters: str = "",
    *,
    fixed: Mapping[str, str] | None = None,
    listed: bool = False,
    member: str | None = None,
    streamed: bool = False,
    holds_payloads: bool = False,
) -> StoreAddress:
    names = frozenset(parameters.split())
    return StoreAddress(pattern, store, path, names, fixed or {}, listed, member, streamed, holds_payloads)


_PROMETHEUS_TIMEOUT: Final = {"timeout": "15s"}

ADDRESSES: Final = (
    _address(
        "prometheus/query",
        "prometheus",
        "/api/v1/query",
        "query time",
        fixed=_PROMETHEUS_TIMEOUT,
        listed=True,
    ),
    _address(
        "prometheus/query_range",
        "prometheus",
        "/api/v1/query_range",
        "query start end step",
        fixed=_PROMETHEUS_TIMEOUT,
        listed=True,
    ),
    _address("prometheus/query_exemplars", "prometheus", "/api/v1/query_exemplars", "query start end"),
    _address("prometheus/labels", "prometheus", "/api/v1/labels", "match[] start end"),
    _address(
        f"prometheus/label/{_LABEL}/values", "prometheus", "/api/v1/label/{}/values", "match[] start end"
    ),
    _address("prometheus/rules", "prometheus", "/api/v1/rules", "type"),
    _address(
        "loki/query_range",
        "loki",
        "/loki/api/v1/query_range",
        "query start end step limit direction",
        listed=True,
    ),
    _address("loki/labels", "loki", "/loki/api/v1/labels", "start end query"),
    _address(f"loki/label/{_LABEL}/values", "loki", "/loki/api/v1/label/{}/values", "start end query"),
    _address(
        "loki/detected_fields", "loki", "/loki/api/v1/detected_fields", "query start end limit line_limit"
    ),
    _address("jaeger/services", "jaeger", "/api/services"),
    _address("jaeger/operations", "jaeger", "/api/operations", "service spanKind"),
    _address(
        "jaeger/traces",
        "jaeger",
        "/api/traces",
        "service operation tags start end limit minDuration maxDuration",
    ),
    _address(f"jaeger/traces/{_TRACE_ID}", "jaeger", "/api/traces/{}"),
    # Jaeger puts OTLP's TracesData into a member of its own.
    _address(f"jaeger/otlp/{_TRACE_ID}", "jaeger", "/api/v3/traces/{}", member="result"),
    _address("alertmanager/alerts", "alertmanager", "/api/v2/alerts", "active silenced inhibited"),
    _address("alertmanager/silences", "alertmanager", "/api/v2/silences", "filter"),
    _address("rio/topology", "rio", "/topology", "type"),
    _address("rio/schemas", "rio", "/schemas"),
    _address("rio/subscriptions", "rio", "/subscriptions"),
    # Not one subscription's address: it shows the query of its sink, which often holds a secret.
    _address(
        "rio/dead-letters",
        "rio",
        "/dead-letters",
        "subscription type since until limit cursor",
        holds_payloads=True,
    ),
    _address(f"rio/dead-letters/{NUMBER}", "rio", "/dead-letters/{}", holds_payloads=True),
    _address(
        "rio/deliveries",
        "rio",
        "/deliveries",
        "subscription event outcome since limit cursor",
        holds_payloads=True,
    ),
    _address("rio/replays", "rio", "/replays", "limit cursor"),
    _address("rio/scheduled", "rio", "/scheduled", "limit cursor", holds_payloads=True),
    _address("rio/tail", "rio", "/tail", "type", streamed=True, holds_payloads=True),
    _address("gateway/openapi.json", "gateway", "/v1/openapi.json"),
)
"""Every address, by path below `/api/`."""
