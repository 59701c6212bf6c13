"""Marks over all charts of a dashboard that say what happened meanwhile."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DataSourceRef

from dashboards.sources import LOKI, PROMETHEUS


class _WithTexts(AnnotationQuery):
    """An annotation query whose marks have texts of their own, which the SDK has no fields for."""

    def __init__(self, annotation: "Annotation") -> None:
        super().__init__(
            name=annotation.name,
            datasource=annotation.source,
            icon_color=annotation.colour,
            expr=annotation.expression,
        )
        self._texts = {"titleFormat": annotation.title, "textFormat": annotation.text}

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), **self._texts}


@dataclass(frozen=True, slots=True)
class Annotation(Builder[AnnotationQuery]):
    """Marks where a query has a result; `title` and `text` may name labels, `{{service}}`. Where `text` is
    empty, a log line is its own text."""

    name: str
    source: DataSourceRef
    expression: str
    title: str
    text: str
    colour: str

    def build(self) -> AnnotationQuery:
        """As Grafana writes it."""
        return _WithTexts(self)


ALERTS: Final = Annotation(
    "Alerts",
    PROMETHEUS,
    'ALERTS{alertstate="firing", severity!="none"}',
    "{{alertname}}",
    "{{service}} {{instance}}",
    "red",
)
DEPLOYS: Final = Annotation(
    "Deploys",
    LOKI,
    '{service_name="operator"} | operation="deploy"',
    "Deploy",
    "",
    "blue",
)
DRILLS: Final = Annotation(
    "Drills",
    LOKI,
    '{service_name="operator"} | operation="drill"',
    "Drill",
    "",
    "purple",
)
