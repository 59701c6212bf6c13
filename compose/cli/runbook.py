"""Instructions for an alert, read from the runbook. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path

_HEADING = re.compile(r"#{1,6} +(.+?) *#*$")
_TO_DO = "What to do: "
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def first_steps(root: Path, address: str) -> str | None:
    """The steps that a section names behind "What to do:", to the end of that paragraph, as plain text; None
    where there are none.

    address: an alert's annotation `runbook`: the path of a Markdown file in the checkout, # and the anchor
    that GitHub makes of the section's title.
    """
    path, _, anchor = address.partition("#")
    try:
        file = (root / path).resolve(strict=True)
        lines = file.read_text().splitlines() if file.is_relative_to(root.resolve()) else []
    except (OSError, ValueError):
        return None
    paragraph = "\n".join(_section(lines, anchor)).partition(_TO_DO)[2].partition("\n\n")[0]
    return _LINK.sub(r"\1", " ".join(paragraph.split())).replace("\\|", "|") or None


def _section(lines: list[str], anchor: str) -> list[str]:
    """The lines of a section, up to the next heading, whatever its level."""
    found: list[str] | None = None
    for line in lines:
        heading = _HEADING.match(line)
        if heading is not None:
            if found is not None:
                break
            found = [] if _anchor(heading[1]) == anchor else None
        elif found is not None:
            found.append(line)
    return found or []


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
