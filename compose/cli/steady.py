"""The steady mix of `nextphase demo`: sent, shown while it is, and summed up."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from compose.cli import hints
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.mix import FAILING, KINDS, ORDINARY, SLOW, Mix
from compose.cli.open_loop import OpenLoop
from compose.cli.progress import Progress, Stage, duration
from compose.cli.traffic import Traffic

CONCURRENCY = 64
_ENDED_BY_SIGNAL = 128


class Steady:
    """A run of the mix.

    Parameters:
        args: rate (requests a second), seconds (None: until it is interrupted), failing, slow (shares).

    Attributes:
        signal: what interrupted it, if anything did.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self.signal: int | None = None
        self._loop: OpenLoop | None = None
        self._mix: Mix | None = None

    async def run(self, layout: Layout, stage: Stage) -> None:
        """Send the mix through the edge of the instance.

        Raises:
            TrafficError: the platform does not take the first accounts and the stock as promised.
            httpx.HTTPError: the edge gives no answer at the start.
        """
        args = self._args
        async with Traffic.of(layout, CONCURRENCY, demo=True) as traffic:
            self._mix = mix = Mix(traffic, args.failing, args.slow, random.Random())  # noqa: S311 - no secret
            await mix.prepare()
            self._loop = loop = OpenLoop(args.rate, args.seconds, CONCURRENCY)
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self._interrupt, number)

            async def send() -> None:
                await mix.send_one()
                stage.note(self.progress())

            await loop.run(send)
            stage.note(self.progress())

    def _interrupt(self, number: int) -> None:
        self.signal = number
        if self._loop is not None:
            self._loop.stop()

    @property
    def code(self) -> int:
        """The exit code."""
        if self.signal is not None:
            return _ENDED_BY_SIGNAL + self.signal
        loop, mix = self._done
        return 1 if mix.unexpected or loop.skipped else 0

    @property
    def _done(self) -> tuple[OpenLoop, Mix]:
        if self._loop is None or self._mix is None:
            raise RuntimeError("the mix was not sent")
        return self._loop, self._mix

    def counts(self) -> dict[str, int]:
        """Requests by outcome: answered as expected, by group; otherwise; not sent."""
        loop, mix = self._done
        expected = {
            group: mix.sent(group)
            - sum(mix.tallies[kind.name].unexpected for kind in KINDS if kind.group == group)
            for group in (ORDINARY, FAILING, SLOW)
        }
        return {
            "ok": expected[ORDINARY],
            "failing": expected[FAILING],
            "slow": expected[SLOW],
            "unexpected": mix.unexpected,
            "skipped": loop.skipped,
        }

    def progress(self) -> str:
        """Counts and rate, in a short line."""
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts().items() if count)
        return f"{counts or 'nothing yet'}; {self._done[0].achieved_rate:.1f}/s"

    def document(self) -> dict[str, Any]:
        """The summary as JSON."""
        loop, mix = self._done
        args = self._args
        return {
            "asked": {
                "rate": args.rate,
                "seconds": args.seconds,
                "failing": args.failing,
                "slow": args.slow,
            },
            "interrupted": self.signal is not None,
            "seconds": round(loop.seconds, 3),
            "sent": loop.started,
            "rate": round(loop.achieved_rate, 3),
            "outcomes": self.counts(),
            "kinds": [
                {
                    "kind": kind.name,
                    "group": kind.group,
                    "sent": tally.sent,
                    "unexpected": tally.unexpected,
                    "answers": dict(sorted(tally.answers.items())),
                    "p50_ms": _milliseconds(tally.quantile(0.5)),
                    "p95_ms": _milliseconds(tally.quantile(0.95)),
                    "last_trace_id": tally.last_trace_id,
                }
                for kind in KINDS
                if (tally := mix.tallies[kind.name]).sent
            ],
        }

    def show(self, console: Console, links: Links) -> None:
        """The summary for people."""
        loop, mix = self._done
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("requests", "sent", "p50 ms", "p95 ms", "answers", "last trace"):
            is_number = name in ("sent", "p50 ms", "p95 ms")
            table.add_column(name, no_wrap=name != "answers", justify="right" if is_number else "left")
        for kind in KINDS:
            tally = mix.tallies[kind.name]
            if not tally.sent:
                continue
            answers = ", ".join(f"{count} x {answer}" for answer, count in sorted(tally.answers.items()))
            table.add_row(
                kind.name if kind.group == ORDINARY else f"{kind.name} [dim]({kind.group})",
                str(tally.sent),
                *(_shown(tally.quantile(share)) for share in (0.5, 0.95)),
                f"[red]{answers}" if tally.unexpected else answers,
                tally.last_trace_id or "",
            )
        console.print(table)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts().items())
        ending = " (interrupted)" if self.signal is not None else ""
        console.print(
            f"\n{loop.started} requests in {duration(loop.seconds)}{ending}, "
            f"{loop.achieved_rate:.1f}/s of {self._args.rate:g}/s: {counts}"
        )
        slow = mix.tallies["slow sign-up"].last_trace_id or mix.tallies["order"].last_trace_id
        if slow:
            console.print(f"Next: {hints.command(f'trace {slow}')}")
            console.print(f"  or: {links.dashboard('gateway')}", soft_wrap=True, highlight=False)


def run(layout: Layout, args: argparse.Namespace, console: Console) -> int:
    """Send the steady mix and sum it up on the console, or as JSON on standard output; the exit code.

    Raises:
        as `Steady.run`.
    """
    steady = Steady(args)
    length = "until Ctrl-C" if args.seconds is None else f"for {duration(args.seconds)}"
    with Progress(sys.stderr).stage(f"{args.rate:g} requests/s {length}") as stage:
        asyncio.run(steady.run(layout, stage))
    if args.json:
        print(json.dumps(steady.document(), indent=2))
    else:
        steady.show(console, Links.of(layout))
    return steady.code


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _shown(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f}"
