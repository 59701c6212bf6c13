"""The generated dashboards, as Grafana has them."""

from pathlib import Path
from typing import Any, Final

import msgspec

from observability.configuration.errors import ConfigurationError
from observability.console.guard import GuardedHandler
from observability.http.problem import Problem

UID: Final = r"([a-z0-9][a-z0-9-]{0,63})"


class Dashboards:
    """The dashboards of a folder of Grafana's JSON files; read anew when a file has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise ConfigurationError(f"{folder}: is not a folder")

    def list(self) -> list[dict[str, Any]]:
        """Uid, title and tags of each."""
        boards = (msgspec.json.decode(path.read_bytes()) for path in sorted(self._folder.glob("*.json")))
        return [{name: board.get(name) for name in ("uid", "title", "tags")} for board in boards]

    def uids(self) -> set[str]:
        """Those of all of them."""
        return {board["uid"] for board in self.list()}

    def get(self, uid: str) -> bytes | None:
        """The JSON of a dashboard; None where there is none."""
        for path in sorted(self._folder.glob("*.json")):
            content = path.read_bytes()
            if msgspec.json.decode(content).get("uid") == uid:
                return content
        return None


class DashboardsHandler(GuardedHandler):
    """/api/dashboards: what dashboards there are."""

    def initialize(self, dashboards: Dashboards) -> None:
        self._dashboards = dashboards

    def get(self) -> None:
        """List them."""
        self.finish_json({"dashboards": self._dashboards.list()})


class DashboardHandler(GuardedHandler):
    """/api/dashboards/{uid}: one of them."""

    def initialize(self, dashboards: Dashboards) -> None:
        self._dashboards = dashboards

    def get(self, uid: str) -> None:
        """Its Grafana JSON."""
        content = self._dashboards.get(uid)
        if content is None:
            raise Problem(404, detail=f"there is no dashboard {uid}")
        self.finish_json(content)
