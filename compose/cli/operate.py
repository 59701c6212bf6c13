"""Operate mode of the console: tokens that let a browser act once opened. Standard library only.

A token is kept nowhere. Its SHA-256 names a file in a folder that only the user of the console's process
reads; the file says who asked for it, until when it is good, and for how long a session then lasts. The
console removes it when the token is used (`observability.console.operate_tokens`).
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from compose.cli import durations, files

TOKEN_SECONDS = 300
SESSION_SECONDS = 1800
_TOKEN_BYTES = 32
duration = durations.between("1s", "8h", "30m")
"""How long a session may last, in seconds; an argparse type."""


@dataclass(frozen=True)
class Grant:
    """A token, and what it stands for; `expires_at`: seconds since the epoch."""

    token: str
    user: str
    expires_at: float
    session_seconds: int


def grant(folder: Path, session_seconds: int) -> Grant:
    """Makes a token that opens one session, within TOKEN_SECONDS.

    Raises OSError where `folder` is another user's.
    """
    made = Grant(secrets.token_urlsafe(_TOKEN_BYTES), user(), time.time() + TOKEN_SECONDS, session_seconds)
    terms = {"user": made.user, "expires_at": made.expires_at, "session_seconds": session_seconds}
    files.make_folder(folder, 0o700)
    name = hashlib.sha256(made.token.encode()).hexdigest()
    files.write(folder / f"{name}.json", json.dumps(terms) + "\n", 0o600)
    return made


def user() -> str:
    """The user who runs the command: the operating system's, and under sudo also the one who called sudo."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    behind = os.environ.get("SUDO_USER", "")
    return f"{behind} ({name})" if uid == 0 and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", behind) else name
