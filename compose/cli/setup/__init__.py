"""The stages that make a machine ready, in order. Standard library only: nothing is installed yet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from compose.cli.progress import Progress
from compose.cli.setup.console import Bundle
from compose.cli.setup.node import Node
from compose.cli.setup.packages import REQUIRED, TESTING, Packages
from compose.cli.setup.stage import Stage
from compose.cli.setup.venv import Environment


def stages(root: Path, *, testing: bool) -> list[Stage]:
    """Every stage that needs nothing but the system's Python; `testing` adds what only the tests need."""
    packages = Packages(REQUIRED + TESTING if testing else REQUIRED)
    environment = Environment(root, testing=testing)
    return [packages, environment, Bundle(root, Node(root, environment))]


def prepare(todo: Sequence[Stage]) -> None:
    """Runs the stages that are not right yet and shows them; raises Failure where one fails."""
    progress = Progress(sys.stderr)
    for stage in todo:
        if stage.is_right():
            continue
        stage.prepare()
        with progress.stage(stage.title) as shown:
            stage.run(shown.note)
