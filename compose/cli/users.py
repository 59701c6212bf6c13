"""Which operating-system user a part runs as. Standard library only.

Called by root, PostgreSQL and RabbitMQ (which refuse root) run as the users their Debian packages made, and
nginx workers as www-data. Called by anyone else, everything runs as that user.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

POSTGRES = "postgres"
RABBITMQ = "rabbitmq"
NGINX = "www-data"


def is_root() -> bool:
    """Whether the command was called by root."""
    return os.geteuid() == 0


def nginx_user() -> str | None:
    """The user of nginx workers; None where nginx cannot change it (not root)."""
    return NGINX if is_root() else None


def run_as(user: str) -> list[str]:
    """The words that go before a command to run it as `user`; none when not called by root."""
    if not is_root():
        return []
    # --reset-env would lose PATH and the part's own variables; HOME is set by what starts the part.
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]


def give(path: Path, user: str, mode: int) -> None:
    """Make `path` the property of `user` (the caller's own when not root) with `mode`."""
    if is_root():
        account = pwd.getpwnam(user)
        found = path.stat()
        if (found.st_uid, found.st_gid) != (account.pw_uid, account.pw_gid):
            os.chown(path, account.pw_uid, account.pw_gid)
    if path.stat().st_mode & 0o7777 != mode:
        path.chmod(mode)
