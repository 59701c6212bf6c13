"""When a value is bad, and what a value that stands for a state is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

_RED, _AMBER, _GREEN = "red", "orange", "green"


@dataclass(frozen=True, slots=True)
class Limits:
    """From which value on a number is bad: amber, then red. Below is good, unless `good_is_high`."""

    amber: float
    red: float
    good_is_high: bool = False

    def thresholds(self) -> dashboard.ThresholdsConfig:
        """The limits as Grafana writes them."""
        return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(self._steps())

    def _steps(self) -> list[Threshold]:
        if self.good_is_high:
            return [Threshold(None, _RED), Threshold(self.red, _AMBER), Threshold(self.amber, _GREEN)]
        return [Threshold(None, _GREEN), Threshold(self.amber, _AMBER), Threshold(self.red, _RED)]


@dataclass(frozen=True, slots=True)
class States:
    """The word for each value of a state, and from which value on it is bad."""

    words: Mapping[int, str]
    limits: Limits

    def mapping(self) -> ValueMap:
        """The words as Grafana writes them, in the colours of the limits."""
        results = {
            str(value): ValueMappingResult(text=word, color=self._colour(value), index=value)
            for value, word in self.words.items()
        }
        return ValueMap(options=results)

    def _colour(self, value: int) -> str:
        if self.limits.good_is_high:
            return _GREEN if value >= self.limits.amber else _AMBER if value >= self.limits.red else _RED
        return _RED if value >= self.limits.red else _AMBER if value >= self.limits.amber else _GREEN


FAILED_SHARE: Final = Limits(amber=0.01, red=0.05)
SLOW_SECONDS: Final = Limits(amber=0.5, red=1)
#: Anything above 0 is worth a look.
ANY: Final = Limits(amber=1e-9, red=1)
#: Of what has an end: a disk, connections, file descriptors.
USED_SHARE: Final = Limits(amber=0.8, red=0.95)
UP: Final = States({0: "down", 1: "up"}, Limits(amber=1, red=0.5, good_is_high=True))
READY: Final = States({0: "not ready", 1: "ready"}, UP.limits)
CHECKED: Final = States({0: "fails", 1: "passes"}, UP.limits)
CIRCUIT: Final = States({0: "closed", 1: "half open", 2: "open"}, Limits(amber=1, red=2))
PAUSED: Final = States({0: "delivering", 1: "paused"}, Limits(amber=1, red=2))
ALARM: Final = States({0: "none", 1: "alarm"}, Limits(amber=0.5, red=1))
