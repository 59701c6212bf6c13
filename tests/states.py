"""The state of instances whose checkouts tests have made."""

import os
import shutil
from pathlib import Path

from compose.cli.layout import STATE


def remove(folder: Path) -> None:
    """Remove the state of every checkout below `folder`.

    A folder of pytest's is closed to other users, so that `.nextphase` in it is a link to a folder elsewhere,
    which pytest does not remove.
    """
    for parent, folders, files in os.walk(folder):
        link = Path(parent) / STATE
        if STATE in (*folders, *files) and link.is_symlink():
            shutil.rmtree(link.resolve(), ignore_errors=True)
            link.unlink()
