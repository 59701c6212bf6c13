"""Generated files: written whole or not at all, and only when they change."""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER_MODE = 0o711  # the parts' own users pass through


def write(path: Path, content: str, mode: int = 0o644) -> bool:
    """Makes `path` hold `content` with `mode`; returns whether it did not before."""
    raw = content.encode()
    try:
        if path.read_bytes() == raw:
            if path.stat().st_mode & 0o7777 != mode:
                path.chmod(mode)
            return False
    except FileNotFoundError:
        make_folder(path.parent)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    # Never readable by more than `mode` says, not even while it is written.
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)  # the umask may have taken bits away
        file.write(raw)
    partial.replace(path)
    return True


def make_folder(folder: Path, mode: int = _FOLDER_MODE) -> None:
    """Makes a folder and its parents where they are missing."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)  # mkdir's own mode is subject to the umask
