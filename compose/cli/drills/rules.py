"""The rules that Prometheus has while drills run: the instance's own with shorter durations.

Expressions stay byte for byte as they are but for durations: ranges, offsets, `for` and `keep_firing_for` are
divided by FACTOR. Numbers of seconds in an expression stay. Every alert but the Watchdog has the label
`drill="true"`. The rules of objectives stay as they are: what they record is kept for days.
"""

from __future__ import annotations

import re

FACTOR = 10
"""Divisor of the durations."""

LABEL, VALUE = "drill", "true"
"""The label of every alert of the shortened rules."""

LEFT_ALONE = re.compile(r"slo.*\.yml")
"""The files whose rules stay as they are."""

_LEAST_RANGE = 15
"""Seconds: three scrapes. rate() needs two samples."""
_LEAST_WAIT = 5
"""Seconds: one evaluation."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH = r"(\d+)([smhd])"
_RANGE = re.compile(rf"(?<=\[){_LENGTH}(?=\])")
_OFFSET = re.compile(rf"(?<=\boffset ){_LENGTH}\b")
_WAIT = re.compile(rf"(?<=for: ){_LENGTH}$", re.MULTILINE)
_LABELS = re.compile(r"^(\s+)labels: \{", re.MULTILINE)
_WATCHDOG = re.compile(rf'(- alert: Watchdog\n(?:.*\n)*?\s+labels: \{{){LABEL}: "{VALUE}", ')


def shortened(text: str) -> str:
    """A file of rules as drills use it."""
    text = _RANGE.sub(lambda found: _divided(found, _LEAST_RANGE), text)
    text = _OFFSET.sub(lambda found: _divided(found, _LEAST_RANGE), text)
    text = _WAIT.sub(lambda found: _divided(found, _LEAST_WAIT), text)
    text = _LABELS.sub(rf'\1labels: {{{LABEL}: "{VALUE}", ', text)
    return _WATCHDOG.sub(r"\1", text)


def _divided(found: re.Match[str], least: int) -> str:
    seconds = int(found[1]) * _UNITS[found[2]]
    return f"{min(seconds, max(least, seconds // FACTOR))}s"
