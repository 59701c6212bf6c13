"""The runbook: what to do when an alert fires, as the operating manual says it."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from observability.console.guard import GuardedHandler
from observability.http.problem import Problem

ANCHOR: Final = r"([a-z0-9][a-z0-9_-]{0,127})"
"""The part of an alert's `runbook` annotation behind the #."""

_HEADING: Final = re.compile(r"#{1,6} +(.+?) *#*$")
_FENCE: Final = "```"


@dataclass(frozen=True)
class Section:
    """A heading of a Markdown document and the text up to the next heading, whatever its level."""

    title: str
    text: str

    @property
    def anchor(self) -> str:
        """The fragment of a link to it, as GitHub derives it from the title."""
        return re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")


def sections(markdown: str) -> Iterator[Section]:
    """The sections of a document; what stands before the first heading is none."""
    title: str | None = None
    lines: list[str] = []
    is_code = False
    for line in markdown.splitlines():
        if line.startswith(_FENCE):
            is_code = not is_code
        heading = None if is_code else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        if title is not None:
            yield Section(title, "\n".join(lines).strip())
        title, lines = heading[1], []
    if title is not None:
        yield Section(title, "\n".join(lines).strip())


class RunbookHandler(GuardedHandler):
    """/api/runbook/{anchor}: one section of the runbook."""

    def initialize(self, runbook: Path) -> None:
        self._runbook = runbook

    async def get(self, anchor: str) -> None:
        """Its title and its Markdown text."""
        try:
            markdown = await asyncio.to_thread(self._runbook.read_text, "utf-8")
        except OSError as error:
            raise Problem(503, detail=f"the runbook cannot be read: {error.strerror}") from error
        for section in sections(markdown):
            if section.anchor == anchor:
                self.finish_json({"title": section.title, "text": section.text})
                return
        raise Problem(404, detail=f"{self._runbook.name} has no section {anchor}")
