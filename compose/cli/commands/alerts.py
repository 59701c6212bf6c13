"""`nextphase alerts`: what fires and what to do about it; silences."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from compose.cli import hints, names, operate
from compose.cli.alerting import FIRING, STANDINGS, Alert, Alerting, Alerts, Silence
from compose.cli.layout import Layout
from compose.cli.links import Links
from compose.cli.output import print_done
from compose.cli.printable import printable
from compose.cli.progress import duration
from compose.cli.runbook import first_steps
from compose.cli.store_client import TelemetryError
from compose.cli.telemetry import Telemetry

_INDENT = len("  inhibited by  ")
_COLOURS = {"firing": "bold red", "pending": "yellow", "silenced": "dim", "inhibited": "dim"}


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Does what `args.action` asks for. Of the alerts: 0 where nothing fires and every store answers."""
    telemetry = Telemetry(layout)
    alerting = Alerting(telemetry.client, telemetry.stores, layout.instance, names.alerts(layout.root))
    try:
        if args.action is None:
            return _list(layout, telemetry, alerting.alerts(), args)
        return _end(alerting, args) if args.end else _silence(layout, alerting, args)
    except TelemetryError as error:
        print(error, file=sys.stderr)
        return 1


def _list(layout: Layout, telemetry: Telemetry, alerts: Alerts, args: argparse.Namespace) -> int:
    links = Links.of(layout)
    if args.json:
        shown = [_document(layout, alert, links) for alert in alerts.found]
        print(json.dumps({"alerts": shown, "unknown": alerts.unknown}, indent=2))
    else:
        _show(layout, alerts, links)
    for line in alerts.unknown:
        print(line, file=sys.stderr)
    if telemetry.stores.alertmanager.url is None:
        print(
            "What is silenced or inhibited is not known: compose/platform.yaml names no alertmanager.",
            file=sys.stderr,
        )
    return 1 if alerts.of(FIRING) or alerts.unknown else 0


# --- what is shown


def _show(layout: Layout, alerts: Alerts, links: Links) -> None:
    console = Console()
    numbers = {standing: len(alerts.of(standing)) for standing in STANDINGS}
    counts = [f"{number} {standing}" for standing, number in numbers.items() if number]
    if not numbers[FIRING]:
        counts.insert(0, "nothing firing")
    unsure = ", as far as is known" if alerts.unknown else ""
    console.print(f"{', '.join(counts)}{unsure}", highlight=False)
    for alert in alerts.found:
        console.print()
        console.print(_heading(alert))
        for title, text in _lines(layout, alert, links):
            # What is copied stands in one line, however narrow the terminal is.
            shown = [text] if text.no_wrap else text.wrap(console, max(console.width - _INDENT, _INDENT))
            for number, line in enumerate(shown):
                margin = f"  {title if number == 0 else '':{_INDENT - 2}}"
                line.rstrip()
                console.print(Text.assemble((margin, "dim"), line), soft_wrap=True)


def _heading(alert: Alert) -> Text:
    about = [alert.severity, f"culprit {alert.culprit}" if alert.culprit else ""]
    return Text.assemble(
        (alert.standing, _COLOURS[alert.standing]),
        (f"  {printable(alert.name)}", "bold"),
        (f"  {printable(', '.join(filter(None, about)))}", "dim"),
    )


def _lines(layout: Layout, alert: Alert, links: Links) -> Iterator[tuple[str, Text]]:
    """The description of an alert: titles and texts."""
    age = duration(max(0.0, (datetime.now(UTC) - alert.since).total_seconds()))
    yield "since", _prose(f"{_at(alert.since)}, {age} ago")
    why = (_sentence(alert, "summary"), alert.annotations.get("description"))
    yield "why", _prose(" ".join(filter(None, why)))
    for cause in alert.causes:
        yield "inhibited by", _prose(f"{cause.name} of {cause.service}" if cause.service else cause.name)
    for silence in alert.silences:
        yield "silenced", _prose(f"until {_at(silence.ends_at)} by {silence.created_by}: {silence.comment}")
        yield "end it", _verbatim(_end_command(silence))
    if runbook := alert.annotations.get("runbook"):
        if steps := first_steps(layout.root, runbook):
            yield "do", _prose(steps)
        yield "runbook", _verbatim(runbook)
    yield "alert", _verbatim(links.alerts(alert.name))
    if dashboard := alert.annotations.get("dashboard_url"):
        yield "dashboard", _verbatim(dashboard)
    if traces := alert.annotations.get("traces_url"):
        yield "traces", _verbatim(traces)


def _prose(text: str) -> Text:
    return Text(printable(text))


def _verbatim(text: str) -> Text:
    """An address or a command, which is not wrapped."""
    return Text(printable(text), no_wrap=True)


def _sentence(alert: Alert, annotation: str) -> str:
    text = alert.annotations.get(annotation, "")
    return f"{text}." if text and text[-1].isalnum() else text


def _document(layout: Layout, alert: Alert, links: Links) -> dict[str, Any]:
    runbook = alert.annotations.get("runbook")
    has_value = alert.value is not None and math.isfinite(alert.value)
    return {
        "name": alert.name,
        "standing": alert.standing,
        "severity": alert.severity,
        "culprit": alert.culprit,
        "since": alert.since.isoformat(),
        "summary": alert.annotations.get("summary"),
        "description": alert.annotations.get("description"),
        "value": alert.value if has_value else None,
        "labels": dict(alert.labels),
        "inhibited_by": [{"name": cause.name, "service": cause.service} for cause in alert.causes],
        "silences": [_silence_document(silence) for silence in alert.silences],
        "steps": first_steps(layout.root, runbook) if runbook else None,
        "runbook": runbook,
        "alert_url": links.alerts(alert.name),
        "dashboard_url": alert.annotations.get("dashboard_url"),
        "traces_url": alert.annotations.get("traces_url"),
    }


def _silence_document(silence: Silence) -> dict[str, str]:
    return {
        "id": silence.id,
        "ends_at": silence.ends_at.isoformat(),
        "created_by": silence.created_by,
        "comment": silence.comment,
    }


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


# --- silences


def _silence(layout: Layout, alerting: Alerting, args: argparse.Namespace) -> int:
    current = alerting.alerts().found
    alerts = {*names.alerts(layout.root), *(alert.name for alert in current)}
    names.known(args.name, sorted(alerts), "alert")
    labels = {"alertname": args.name}
    if args.service is not None:
        services = {*names.hops(layout.root), *names.PARTS, *(one.service for one in current if one.service)}
        labels["service"] = names.known(args.service, sorted(services), "service or hop")
    silence = alerting.silence(
        labels, timedelta(seconds=args.seconds), f"{operate.user()} (nextphase)", args.comment
    )
    about = f"{args.name} of {args.service}" if args.service else args.name
    text = (
        f"{about} is silenced until {_at(silence.ends_at)} UTC{_reach(labels, current)}\n"
        f"To end it: {_end_command(silence)}"
    )
    print_done(args, _silence_document(silence), text)
    return 0


def _reach(labels: dict[str, str], current: Sequence[Alert]) -> str:
    """How many of the alerts of now have the labels, to be told behind a sentence."""
    reached = sum(labels.items() <= alert.labels.items() for alert in current)
    return (
        f", which is {reached} {'alert' if reached == 1 else 'alerts'} now"
        if reached
        else "; there is none now"
    )


def _end(alerting: Alerting, args: argparse.Namespace) -> int:
    silence = alerting.end(args.end)
    print_done(
        args, _silence_document(silence), f"silence {silence.id} is ended ({printable(silence.comment)})"
    )
    return 0


def _end_command(silence: Silence) -> str:
    return hints.command(f"alerts silence --end {silence.id}")
