"""The alert rules of an instance: those of observability/prometheus/rules/, whose alerts have links to the
console's pages besides."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CONSOLE = "{{ $externalLabels.console_url }}"
_ALERT = re.compile(r"\s*- alert: (\w+)\s*")
_DASHBOARD = re.compile(
    r'( +)dashboard_url: "' + re.escape(_CONSOLE) + r"/d/nextphase-([a-z]+)(?:\?var-service=([^&\"]+))?\"\s*"
)
_ABOUT = {"gateway": "gateway", "rio": "rio"}
"""Hops that have dashboards of their own."""

_OF_SLOW = ("HighLatency", "RioDeliverySlow")
_ANY = "*"


def with_links(text: str) -> str:
    """A file of rules; each alert says where its runbook and the traces that may explain it are shown.

    The traces are those of the hop whose dashboard the alert leads to, failed or, where the alert is about
    durations, slow; of any hop where the dashboard is about none.
    """
    return "\n".join(_lines(text)) + "\n"


def _lines(text: str) -> Iterator[str]:
    alert = ""
    for line in text.splitlines():
        yield line
        if match := _ALERT.fullmatch(line):
            alert = match[1]
        if match := _DASHBOARD.fullmatch(line):
            indent, dashboard, service = match.groups()
            yield f'{indent}runbook_url: "{_CONSOLE}/alerts?alert={alert}"'
            yield f'{indent}traces_url: "{_CONSOLE}{_traces(alert, service or _ABOUT.get(dashboard, _ANY))}"'


def _traces(alert: str, service: str) -> str:
    chosen = "least=1s" if alert in _OF_SLOW else "failed=true"
    return f"/traces?service={service}&{chosen}&from=now-1h&to=now"
