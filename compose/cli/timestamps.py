"""Points in time as people write them on a command line. Standard library only."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from compose.cli import durations


def timestamp(text: str) -> str:
    """`90s`, `15m`, `2h`, `3d` ago, or an RFC 3339 time, as an RFC 3339 time; an argparse type."""
    ago = durations.seconds(text)
    try:
        if ago is not None:
            return (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
        found = datetime.fromisoformat(text.upper())
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: 90s, 15m, 2h or 3d ago, or 2026-01-31T12:00:00Z"
        )
    return found.isoformat()
