"""What a query asks for and no part of the running instance exports."""

from functools import cached_property

from tests.conftest import Stack
from tests.promql import selectors


class Exported:
    """The series that Prometheus has, as they are when they are first looked at."""

    def __init__(self, stack: Stack) -> None:
        self._telemetry = stack.telemetry
        self._labels: dict[tuple[str, str], bool] = {}

    @cached_property
    def names(self) -> set[str]:
        """The names of all metrics."""
        found = self._telemetry.metric('count by (__name__) ({__name__!=""})')
        return {labels["__name__"] for labels, _ in found}

    def lacks(self, query: str) -> set[str]:
        """The metrics that are not there, and `metric{label}` where no series of a metric has the label."""
        lacking = set()
        for selector in selectors(query):
            if selector.name not in self.names:
                lacking.add(selector.name)
                continue
            absent = {label for label in selector.labels if not self._has(selector.name, label)}
            lacking |= {f"{selector.name}{{{label}}}" for label in absent}
        return lacking

    def _has(self, name: str, label: str) -> bool:
        key = name, label
        if key not in self._labels:
            self._labels[key] = bool(self._telemetry.metric(f'count({name}{{{label}!=""}})'))
        return self._labels[key]
