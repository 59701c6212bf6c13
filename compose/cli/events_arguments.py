"""The arguments of `nextphase events`. Standard library only."""

from __future__ import annotations

import argparse
import re

LANGUAGES = ("python", "java", "typescript")
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

_EPILOG = """\
  events generate python services/shipping/events
  events generate java src/main/java/shipping/events --package shipping.events
  events generate typescript src --type order.placed --type order.confirmed

Python gets a module of pydantic models for each event type, Java a record that Jackson
reads, TypeScript one module, events.ts. Types whose schema is a service's own file
(`emits` in its service.yaml) are written; files of others in the folder stay."""


def events(parser: argparse.ArgumentParser) -> None:
    """nextphase events generate LANGUAGE FOLDER."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("action", choices=("generate",), help="write the models")
    parser.add_argument("language", choices=LANGUAGES, help="of the models")
    parser.add_argument(
        "folder", metavar="FOLDER", help="where they are written; it is made if it is missing"
    )
    parser.add_argument(
        "--type", action="append", dest="types", metavar="TYPE", help="only this event type; may be repeated"
    )
    parser.add_argument(
        "--package", type=_package, default="events", metavar="NAME", help="of Java's records (events)"
    )


def _package(text: str) -> str:
    if not _PACKAGE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a Java package")
    return text
