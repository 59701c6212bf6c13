"""Addresses of the console's pages: the one place that knows them.

A page's address holds all that it shows, so that it can be shared. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from compose.cli.layout import Layout

DASHBOARD_UID = "nextphase-{}"
"""The uid of a dashboard by its name, such as `gateway`; Grafana has the same in containers."""


@dataclass(frozen=True)
class Links:
    """Addresses in the console at `console_url`, a URL without a slash at its end.

    since: how far back pages reach, such as `1h`; None for what the page itself begins with.
    """

    console_url: str
    since: str | None = None

    @classmethod
    def of(cls, layout: Layout, since: str | None = None) -> Links:
        """The links of an instance on this machine."""
        return cls(f"http://{layout.address('console')}", since)

    def home(self) -> str:
        return self._page("/")

    def traces(self) -> str:
        """Where traces are searched."""
        return self._page("/traces")

    def trace(self, trace_id: str, span_id: str | None = None) -> str:
        """One trace, at one of its spans; ids in hexadecimal."""
        return self._page(f"/trace/{trace_id}", {"span": span_id} if span_id else {}, timed=False)

    def dashboard(self, name: str, **variables: str) -> str:
        """A dashboard by its name, such as `gateway`, with values for its variables."""
        chosen = {f"var-{variable}": value for variable, value in variables.items()}
        return self._page(f"/d/{DASHBOARD_UID.format(name)}", chosen)

    def logs(self, query: str | None = None) -> str:
        """The log lines of a LogQL query."""
        return self._page("/logs", {"query": query} if query else {})

    def map(self) -> str:
        """The hops and their calls."""
        return self._page("/map")

    def alerts(self, name: str | None = None) -> str:
        """The alerts, or one of them."""
        return self._page("/alerts", {"alert": name} if name else {}, timed=False)

    def rio(self, tab: str | None = None) -> str:
        """Rio, at one of its tabs."""
        return self._page(f"/rio/{quote(tab, safe='')}" if tab else "/rio", timed=False)

    def api(self) -> str:
        """The public API, described."""
        return self._page("/api", timed=False)

    def _page(self, path: str, query: dict[str, str] | None = None, *, timed: bool = True) -> str:
        asked = {"from": f"now-{self.since}", "to": "now"} if self.since and timed else {}
        text = urlencode(asked | (query or {}), quote_via=quote)
        return f"{self.console_url}{path}{'?' if text else ''}{text}"
