"""The built front end, held in memory."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from observability.configuration.errors import ConfigurationError
from observability.console.guard import GuardedHandler
from observability.http.problem import Problem

INDEX: Final = "index.html"
_COMPRESSED: Final = (".js", ".css", ".html", ".svg")


@dataclass(frozen=True)
class File:
    """One file of the front end, plain and compressed."""

    content_type: str
    etag: str
    body: bytes
    gzipped: bytes | None


def load(folder: Path) -> dict[str, File]:
    """The files of a bundle by name; raises ConfigurationError where there is no whole one."""
    try:
        files = {path.name: _read(path) for path in sorted(folder.iterdir()) if path.is_file()}
    except OSError as error:
        raise ConfigurationError(f"{folder}: {error.strerror}") from error
    if INDEX not in files:
        raise ConfigurationError(f"{folder}: has no {INDEX}; set the project up again")
    return files


def _read(path: Path) -> File:
    body = path.read_bytes()
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    gzipped = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else None
    return File(content_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"', body, gzipped)


class _FileHandler(GuardedHandler):
    """Answers with a file of the front end."""

    def initialize(self, files: Mapping[str, File]) -> None:
        self._files = files

    def answer_with(self, name: str) -> None:
        """Answer with the file, or with 304 where the browser has it."""
        file = self._files.get(name)
        if file is None:
            raise Problem(404)
        self.set_header("Cache-Control", "no-cache")
        self.set_header("ETag", file.etag)
        self.set_header("Vary", "Accept-Encoding")
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
            return
        self.set_header("Content-Type", file.content_type)
        body = file.body
        if file.gzipped is not None and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            body = file.gzipped
        self.finish(body)


class AssetHandler(_FileHandler):
    """/assets/{name}: a file by its name."""

    def get(self, name: str) -> None:
        """The file."""
        self.answer_with(name)


class PageHandler(_FileHandler):
    """The one page, at the address of every page."""

    def get(self, rest: str = "") -> None:
        """The page, whatever the rest of its address: the front end reads that."""
        self.answer_with(INDEX)


class UnknownHandler(_FileHandler):
    """Addresses that the console does not have: 404, for a person the page, which says so below its menu."""

    def prepare(self) -> None:
        """Refuse as every address does; programs get a problem document."""
        super().prepare()
        is_read = self.request.method in ("GET", "HEAD") and not self.request.path.startswith("/api/")
        if not is_read or "text/html" not in self.request.headers.get("Accept", ""):
            raise Problem(404)

    def get(self) -> None:
        """The page."""
        file = self._files[INDEX]
        self.set_status(404)
        self.set_header("Content-Type", file.content_type)
        self.finish(file.body)
