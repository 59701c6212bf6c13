"""Hooks of mkdocs (mkdocs.yml): documents from outside docs/, links to them, pages made from the code."""

from __future__ import annotations

import argparse
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from compose.cli.layout import PORTS
from compose.cli.main import COMMANDS, command_line

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "gateway/README.md": "gateway.md",
    "compose/nginx/README.md": "nginx.md",
    "observability/http/README.md": "http.md",
}
"""Documents outside docs/, and where they are in the site."""
_LINK = re.compile(r"(!?)\[((?:[^\]\[]|\[[^\]]*\])*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    for source, place in ELSEWHERE.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "reference/commands.md", content=commands()))
    files.append(File.generated(config, "reference/ports.md", content=ports()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where documents are in the site; a file that is no document is named without a link."""
    place = page.file.src_uri
    source = next((each for each, there in ELSEWHERE.items() if there == place), f"docs/{place}")

    def lead(found: re.Match[str]) -> str:
        picture, text, link, anchor = found.groups(default="")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        there = ELSEWHERE.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        if not there or files.get_file_from_path(there) is None:
            if not (ROOT / target).exists():
                return found[0]  # mkdocs says so
            return text
        return f"{picture}[{text}]({posixpath.relpath(there, posixpath.dirname(place) or '.')}{anchor})"

    return _LINK.sub(lead, markdown)


def commands() -> str:
    """The page of the command line: the help of every command."""
    parser = command_line()
    (below,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    text = "# Commands\n\nThe help of each, as `nextphase COMMAND --help` prints it.\n"
    for name in COMMANDS:
        helps = "\n".join(_helps(below.choices[name]))
        text += f"\n## {name}\n\n```text\n{helps}```\n"
    return text


def _helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _helps(each)


def ports() -> str:
    """The page of the ports of instance `default`."""
    rows = "".join(f"| {port} | {name} |\n" for name, port in sorted(PORTS.items(), key=lambda each: each[1]))
    return (
        "# Ports\n\nOf instance `default`; another's are these and its offset. Services have those of their "
        f"manifests.\n\n| port | what listens |\n|---|---|\n{rows}"
    )
