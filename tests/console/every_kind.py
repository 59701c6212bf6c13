"""A dashboard of everything that the console draws and no generated dashboard has."""

from typing import Any, Final

UID: Final = "every-kind"
PROMETHEUS: Final = {"type": "prometheus", "uid": "prometheus"}
LOKI: Final = {"type": "loki", "uid": "loki"}
STEPS: Final = [
    {"color": "green", "value": None},
    {"color": "orange", "value": 1},
    {"color": "red", "value": 5},
]
_BUCKETS: Final = "sum by (le) (increase(http_server_request_duration_seconds_bucket[$__rate_interval]))"
_RATE: Final = 'sum by (service) (rate(http_server_request_duration_seconds_count{service=~"$service"}[1m]))'
_UP: Final = 'up{service=~"gateway|rio"}'


def target(expression: str, **more: Any) -> dict[str, Any]:
    """A query of Prometheus over time."""
    return {"refId": "A", "expr": expression, "range": True, **more}


def panel(
    kind: str,
    title: str,
    x: int,
    y: int,
    *targets: dict[str, Any],
    options: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    overrides: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A panel a third of the page wide."""
    return {
        "type": kind,
        "title": title,
        "gridPos": {"x": x, "y": y, "w": 8, "h": 8},
        "datasource": PROMETHEUS,
        "targets": list(targets),
        "options": options or {},
        "fieldConfig": {"defaults": defaults or {}, "overrides": overrides or []},
        **more,
    }


def row(title: str, y: int, *panels: dict[str, Any], collapsed: bool = False) -> dict[str, Any]:
    """A row; `panels` are those of a folded one."""
    return {
        "type": "row",
        "title": title,
        "collapsed": collapsed,
        "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        "panels": list(panels),
    }


def dashboard() -> dict[str, Any]:
    """The dashboard's JSON."""
    return {
        "uid": UID,
        "title": "Every kind",
        "graphTooltip": 1,
        "time": {"from": "now-15m", "to": "now"},
        "refresh": "10s",
        "templating": {"list": _variables()},
        "annotations": {"list": _annotations()},
        "panels": [*_curves(), *_numbers(), *_states(), *_tables(), *_rest()],
    }


def _variables() -> list[dict[str, Any]]:
    every = {"text": "All", "value": "$__all"}
    return [
        {
            "name": "service",
            "label": "Service",
            "type": "query",
            "query": 'label_values(up{job="hop"}, service)',
            "datasource": PROMETHEUS,
            "multi": True,
            "includeAll": True,
            "current": every,
            "refresh": 2,
            "sort": 1,
        },
        {
            "name": "instance",
            "label": "Instance",
            "type": "query",
            "query": 'label_values(up{service=~"$service"}, instance)',
            "datasource": PROMETHEUS,
        },
        {
            "name": "share",
            "label": "Share",
            "type": "custom",
            "query": "Half : 0.5, Most : 0.95",
            "current": {"value": "0.95"},
        },
        {
            "name": "window",
            "label": "Window",
            "type": "interval",
            "query": "1m,5m",
            "auto": True,
            "auto_min": "10s",
            "current": {"value": "1m"},
        },
        {"name": "words", "label": "Words", "type": "textbox", "query": "orders"},
        {
            "name": "hop",
            "label": "Hop",
            "type": "custom",
            "query": "gateway,rio",
            "multi": True,
            "current": {"value": ["gateway", "rio"]},
        },
    ]


def _annotations() -> list[dict[str, Any]]:
    return [
        {
            "name": "Annotations & Alerts",
            "builtIn": 1,
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        },
        {
            "name": "Up",
            "enable": True,
            "datasource": PROMETHEUS,
            "expr": 'up{service="rio", instance="rio-api"}',
            "step": "60s",
            "iconColor": "purple",
            "titleFormat": "{{instance}} is up",
        },
    ]


def _curves() -> list[dict[str, Any]]:
    stacked = {"drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": "normal", "group": "A"}}
    shares = {
        "fillOpacity": 40,
        "stacking": {"mode": "percent", "group": "A"},
        "lineInterpolation": "stepAfter",
    }
    logarithmic = {"scaleDistribution": {"type": "log", "log": 10}, "showPoints": "always", "pointSize": 4}
    return [
        panel(
            "timeseries",
            "Stacked bars",
            0,
            0,
            target(_RATE, legendFormat="{{service}}"),
            defaults={"unit": "reqps", "custom": stacked},
        ),
        panel(
            "timeseries",
            "Shares",
            8,
            0,
            target(_RATE, legendFormat="{{service}}"),
            defaults={"custom": shares},
        ),
        panel(
            "timeseries",
            "Logarithmic",
            16,
            0,
            target(f"histogram_quantile($share, {_BUCKETS})", legendFormat="p$share", exemplar=True),
            defaults={"unit": "s", "custom": logarithmic},
            options={"legend": {"displayMode": "list", "placement": "right", "calcs": ["mean"]}},
        ),
        panel(
            "timeseries",
            "Overrides",
            0,
            8,
            target("sum(rate(process_cpu_seconds_total[$window]))", legendFormat="cpu"),
            {
                "refId": "B",
                "expr": "sum(process_resident_memory_bytes)",
                "range": True,
                "legendFormat": "memory",
            },
            overrides=[
                {
                    "matcher": {"id": "byName", "options": "memory"},
                    "properties": [
                        {"id": "unit", "value": "bytes"},
                        {"id": "color", "value": {"mode": "fixed", "fixedColor": "purple"}},
                        {"id": "custom.axisPlacement", "value": "right"},
                        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 4]}},
                        {"id": "displayName", "value": "Memory of ${__field.name}"},
                    ],
                }
            ],
        ),
        panel(
            "timeseries",
            "Limits",
            8,
            8,
            target("vector(3)", legendFormat="three"),
            defaults={
                "min": 0,
                "max": 10,
                "thresholds": {"mode": "absolute", "steps": STEPS},
                "custom": {"thresholdsStyle": {"mode": "line+area"}},
            },
        ),
        panel(
            "heatmap",
            "Heatmap",
            16,
            8,
            target(_BUCKETS, format="heatmap", exemplar=True),
            options={"yAxis": {"unit": "s"}},
        ),
    ]


def _numbers() -> list[dict[str, Any]]:
    steps = {"mode": "absolute", "steps": STEPS}
    mappings = [
        {"type": "value", "options": {"1": {"text": "UP", "color": "blue"}}},
        {"type": "special", "options": {"match": "null", "result": {"text": "NONE"}}},
    ]
    return [
        panel(
            "gauge", "Gauge", 0, 16, target("vector(3)"), defaults={"min": 0, "max": 10, "thresholds": steps}
        ),
        panel(
            "bargauge",
            "Bars",
            8,
            16,
            target("sum by (service) (up)", legendFormat="{{service}}"),
            options={"displayMode": "gradient", "orientation": "horizontal"},
            defaults={"min": 0, "thresholds": steps},
        ),
        panel(
            "stat",
            "Mapped",
            16,
            16,
            target(_UP, legendFormat="{{instance}}"),
            options={"textMode": "value_and_name", "graphMode": "none", "colorMode": "background"},
            defaults={"mappings": mappings},
        ),
    ]


def _states() -> list[dict[str, Any]]:
    mappings = [
        {
            "type": "value",
            "options": {"1": {"text": "up", "color": "green"}, "0": {"text": "down", "color": "red"}},
        }
    ]
    query = target(_UP, legendFormat="{{instance}}")
    return [
        panel("state-timeline", "States", 0, 24, query, defaults={"mappings": mappings}),
        panel("status-history", "History", 8, 24, query, defaults={"mappings": mappings}),
        panel(
            "text",
            "Words",
            16,
            24,
            options={
                "mode": "markdown",
                "content": "## Of $words\n- **one**\n- <img src=x onerror=alert(1)>\n\n[home](/)",
            },
        ),
    ]


def _tables() -> list[dict[str, Any]]:
    link = {"title": "Service", "url": "/d/nextphase-service?var-service=${__data.fields.service}"}
    return [
        panel(
            "table",
            "Reduced",
            0,
            32,
            target(_UP, legendFormat="{{instance}}"),
            transformations=[
                {"id": "reduce", "options": {"reducers": ["max", "count"]}},
                {"id": "organize", "options": {"renameByName": {"Max": "Most"}, "indexByName": {"Count": 0}}},
            ],
        ),
        panel(
            "table",
            "Linked",
            8,
            32,
            target("up", instant=True, range=False, format="table"),
            transformations=[
                {
                    "id": "filterFieldsByName",
                    "options": {"include": {"names": ["service", "instance", "Value"]}},
                },
            ],
            options={
                "sortBy": [{"displayName": "instance", "desc": True}],
                "footer": {"show": True, "reducer": ["sum"]},
            },
            overrides=[
                {
                    "matcher": {"id": "byName", "options": "instance"},
                    "properties": [{"id": "links", "value": [link]}],
                }
            ],
        ),
        panel(
            "logs",
            "Lines",
            16,
            32,
            {"refId": "A", "expr": '{service_name="gateway"}', "maxLines": 20},
            datasource=LOKI,
            options={"showTime": True, "sortOrder": "Ascending"},
        ),
    ]


def _rest() -> list[dict[str, Any]]:
    return [
        row("Of $hop", 40) | {"repeat": "hop"},
        panel("stat", "Up of $hop", 0, 41, target('sum(up{service="$hop"})')),
        panel(
            "piechart",
            "Pie",
            8,
            41,
            target("up"),
        ),
        panel("timeseries", "Spun", 16, 41, target("up"), defaults={"custom": {"axisCenteredZero": True}}),
        row("Folded", 49, panel("stat", "Inside", 0, 50, target("vector(7)")), collapsed=True),
        row("Each", 58),
        panel(
            "stat", "Each $hop", 0, 59, target('sum(up{service="$hop"})'), repeat="hop", repeatDirection="h"
        ),
        panel("timeseries", "Broken", 0, 67, target("sum(((")),
    ]
