"""The journal of drills: says what one has broken, so that it can be healed whatever ended the drill."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compose.cli import files, hints
from compose.cli.errors import Failure
from compose.cli.layout import Layout


class DrillRuns(Failure):
    """Another process drills the instance."""


class Journal:
    """The journal of one instance: `file` outlives the drill and the instance's processes."""

    def __init__(self, layout: Layout) -> None:
        self.file = layout.state / "drill" / "journal.json"
        self._lock = layout.run / "drill.lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of the instance's drills. Raises DrillRuns where another process holds it."""
        with self._lock.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = f"drill {self.drill} runs" if self.drill else "a drill runs"
                raise DrillRuns(
                    f"{running} on this instance", advice="Wait for its end, or end it with Ctrl-C"
                ) from None
            yield

    @property
    def is_open(self) -> bool:
        """Whether drills began and have not put everything back."""
        return self.file.exists()

    @property
    def drill(self) -> str | None:
        """The drill that was begun and not healed."""
        found: str | None = self._content().get("drill")
        return found

    @property
    def originals(self) -> Mapping[Path, str]:
        """The content that files had before drills changed them."""
        return {Path(name): text for name, text in self._content().get("files", {}).items()}

    def open(self, originals: Mapping[Path, str]) -> None:
        """Write down the files that are about to be changed, with their content."""
        self._write({"drill": None, "files": {str(path): text for path, text in originals.items()}})

    def forget_files(self) -> None:
        """The files that were changed are written anew by another: only a drill is left to be healed."""
        if self.is_open:
            self._write(self._content() | {"files": {}})

    def begin(self, drill: str) -> None:
        """Write down the drill that is about to break something."""
        self._write(self._content() | {"drill": drill})

    def healed(self) -> None:
        """Write down that the drill's fault is healed."""
        self._write(self._content() | {"drill": None})

    def close(self) -> None:
        """Everything is as it was."""
        self.file.unlink(missing_ok=True)

    def _write(self, content: Mapping[str, object]) -> None:
        files.make_folder(self.file.parent, 0o700)
        files.write(self.file, json.dumps(content), 0o600)  # a configuration may name addresses of people

    def _content(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self.file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            advice = f"Remove it, then {hints.command('down')} and {hints.set_up()}"
            raise Failure(f"{self.file} is not readable: {error}", advice=advice) from error
        return content
