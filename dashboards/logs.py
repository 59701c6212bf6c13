"""The logs explorer: lines of any part, by level and text."""

from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    Dashboard,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh

from dashboards.frame import new_dashboard, section
from dashboards.panels import NONE, lines, number, series
from dashboards.sources import LOKI
from dashboards.targets import Logs

TITLE = "Logs explorer"
UID = "nextphase-logs"

_LEVELS = {
    "all": ".*",
    "warnings and errors": "warn|warning|error|critical|fatal",
    "errors": "error|critical|fatal",
}
_LINES = '{service_name=~"$service"} | severity_text=~"$level" |~ `(?i)$text`'
_ERRORS = '{service_name=~"$service"} | severity_number >= 17 |~ `(?i)$text`'
_EMPTY = "No line fits: choose another part, level or text"


def build() -> Dashboard:
    board = new_dashboard(TITLE, UID, "Log lines of every part, by level and text; each leads to its trace.")
    board.with_variable(_service()).with_variable(_level()).with_variable(_text())
    for part in (_overview, _errors, _lines):
        part(board)
    return board


def _service() -> QueryVariable:
    return (
        QueryVariable("service")
        .label("Part")
        .description(
            "Hops, and what they stand on: PostgreSQL, RabbitMQ, nginx, collector, stores, supervisor."
        )
        .datasource(LOKI)
        .query("label_values(service_name)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".+")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def _level() -> CustomVariable:
    options = [VariableOption(text == "all", text, value) for text, value in _LEVELS.items()]
    return (
        CustomVariable("level")
        .label("Level")
        .values(", ".join(f"{text} : {value}" for text, value in _LEVELS.items()))
        .options(options)
        .current(options[0])
    )


def _text() -> TextBoxVariable:
    return (
        TextBoxVariable("text").label("Contains").description("A regular expression; case does not matter.")
    )


def _overview(board: Dashboard) -> None:
    section(
        board,
        "How much",
        number(
            "Lines",
            units.Short,
            Logs(f"sum(count_over_time({_LINES} [5m])) or vector(0)", "lines"),
            description="Lines that fit within 5 min.",
            width=4,
            height=8,
        ),
        series(
            "Lines by level",
            units.Short,
            Logs(f"sum by (severity_text) (count_over_time({_LINES} [$__auto]))", "{{severity_text}}"),
            description="How many lines fit, by the level that their logger gave them.",
            width=10,
            empty=_EMPTY,
        ),
        series(
            "Lines by part",
            units.Short,
            Logs(f"sum by (service_name) (count_over_time({_LINES} [$__auto]))", "{{service_name}}"),
            description="How many lines fit, by the part that wrote them.",
            width=10,
            empty=_EMPTY,
        ),
    )


def _errors(board: Dashboard) -> None:
    section(
        board,
        "Errors",
        series(
            "Errors by fingerprint",
            units.Short,
            Logs(
                "topk(10, sum by (service_name, error_fingerprint)"
                f" (count_over_time({_ERRORS} | error_fingerprint != `` [$__auto])))",
                "{{service_name}} {{error_fingerprint}}",
            ),
            description="Errors that are alike have one fingerprint: the same exception at the same place,"
            " or the"
            " same words.",
            width=24,
            empty=NONE,
        ),
    )


def _lines(board: Dashboard) -> None:
    section(
        board,
        "Lines",
        lines(
            "Lines that fit",
            _LINES,
            description="Newest first. Open one to see its fields and the link to its trace.",
            empty=_EMPTY,
        ),
    )
