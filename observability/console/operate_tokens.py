"""One-time tokens for operate mode, as `nextphase console --operate` leaves them in a folder."""

import hashlib
import os
import stat
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec

MAX_SESSION_SECONDS: Final = 8 * 3600
_MAX_TOKEN: Final = 256
_MAX_FILE_BYTES: Final = 4096


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of an operate token.

    Attributes:
        user: the operating system's user who asked for it.
        expires_at: until when the token opens a session, seconds since the epoch.
        session_seconds: how long the session lasts.
    """

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    expires_at: float
    session_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_SESSION_SECONDS)]


_grant: Final = msgspec.json.Decoder(Grant)


def claim(folder: Path, token: str) -> Grant | None:
    """Take a token's grant, once; None where there is none, it has expired, or another has taken it.

    A grant is a file called like the token's SHA-256, `<hex>.json`: the token itself is kept nowhere. A file
    that others may write, or that another user than this process's own or root has made, is no grant.
    Grants that have expired are removed.
    """
    remove_expired(folder)
    if not token or len(token) > _MAX_TOKEN:
        return None
    file = folder / f"{hashlib.sha256(token.encode()).hexdigest()}.json"
    grant = _read(file)
    if grant is None:
        return None
    try:
        file.unlink()  # of several who read it, one removes it
    except FileNotFoundError:
        return None
    return grant if grant.expires_at > time.time() else None


def remove_expired(folder: Path) -> None:
    """Remove the grants whose tokens have expired."""
    for file in folder.glob("*.json"):
        grant = _read(file)
        if grant is not None and grant.expires_at <= time.time():
            file.unlink(missing_ok=True)


def _read(file: Path) -> Grant | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        is_private = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
        if not is_private or found.st_uid not in (os.geteuid(), 0):
            return None
        try:
            return _grant.decode(opened.read(_MAX_FILE_BYTES))
        except msgspec.DecodeError:
            return None
