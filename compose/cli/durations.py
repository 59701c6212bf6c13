"""Lengths of time as people write them on a command line. Standard library only."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WHOLE = re.compile(r"([0-9]{1,6})([smhd])")
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000}
_SHORT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(us|ms|s|m)")


def seconds(text: str) -> int | None:
    """`90s`, `10m`, `2h` or `1d` in seconds; None for anything else."""
    found = _WHOLE.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def between(least: str, most: str, example: str) -> Callable[[str], int]:
    """An argparse type: a length of time from `least` to `most`, in seconds."""
    lowest, highest = seconds(least) or 0, seconds(most) or 0

    def read(text: str) -> int:
        found = seconds(text)
        if found is None or not lowest <= found <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is no time from {least} to {most}, such as {example}")
        return found

    return read


def microseconds(text: str) -> int:
    """How long a span takes, such as `250ms` or `1.5s`, in microseconds; an argparse type."""
    found = _SHORT.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: 500us, 250ms, 1.5s or 2m")
    return round(float(found[1]) * _MICROSECONDS[found[2]])
