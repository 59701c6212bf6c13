"""Who is told of alerts: `notifications` in compose/platform.yaml.

Secrets are in files. Alertmanager is given copies below the instance's secrets: Debian's takes the line's end
in a file for a part of a password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from compose.cli import files

SEVERITIES = ("critical", "warning")
_EVERY_SECONDS = 60
_MAX_SECRET_BYTES = 4096
_FOLDER = "notifications"


@dataclass(frozen=True)
class Receiver:
    """kind: email, pagerduty, slack or webhook. settings: as compose/platform.schema.json has them for it.
    severities: those of the alerts that it gets."""

    name: str
    kind: str
    settings: Mapping[str, Any]
    severities: tuple[str, ...] = SEVERITIES


@dataclass(frozen=True)
class Watchdog:
    """A webhook that expects the alert Watchdog every `every_seconds`. credentials_file: of a bearer
    token."""

    url: str
    credentials_file: str | None = None
    every_seconds: int = _EVERY_SECONDS


@dataclass(frozen=True)
class Notifications:
    """The receivers, and what raises the alarm when nothing is sent any more."""

    receivers: tuple[Receiver, ...] = ()
    watchdog: Watchdog | None = None

    def __bool__(self) -> bool:
        """Whether anything is sent to anywhere."""
        return bool(self.receivers or self.watchdog)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Notifications:
        """Of `notifications` in compose/platform.yaml, which follows its schema."""
        receivers = tuple(_receiver(name, given) for name, given in content.get("receivers", {}).items())
        watchdog = content.get("watchdog")
        return cls(receivers, Watchdog(**watchdog) if watchdog else None)

    def secrets(self) -> Iterator[Secret]:
        """The files of secrets that the settings name."""
        for receiver in self.receivers:
            for key, value in receiver.settings.items():
                if key.endswith("_file"):
                    where = ("notifications", "receivers", receiver.name, receiver.kind, key)
                    yield Secret(where, Path(value), _copy_of(receiver))
        if self.watchdog and self.watchdog.credentials_file:
            file = Path(self.watchdog.credentials_file)
            yield Secret(("notifications", "watchdog", "credentials_file"), file, _copy_of(self.watchdog))


@dataclass(frozen=True)
class Secret:
    """where: the setting that names the file. copy: name of the copy that Alertmanager reads."""

    where: tuple[str, ...]
    file: Path
    copy: str

    def read(self) -> str:
        """The secret. Raises ValueError, which never shows what the file holds."""
        try:
            with self.file.open("rb") as opened:
                content = opened.read(_MAX_SECRET_BYTES + 1)
        except OSError as error:
            raise ValueError(f"{self.file}: {error.strerror}") from error
        text = content.decode(errors="replace").strip()
        if len(content) > _MAX_SECRET_BYTES or len(text.splitlines()) != 1:
            raise ValueError(f"{self.file}: does not hold one line of at most {_MAX_SECRET_BYTES} bytes")
        if self.where[-1] == "url_file" and not text.startswith(("http://", "https://")):
            raise ValueError(f"{self.file}: does not hold a URL")
        return text


def secret_of(secrets: PurePath, receiver: Receiver | Watchdog) -> str:
    """Where Alertmanager finds the secret of a receiver; secrets: the instance's folder of them."""
    return str(secrets / _FOLDER / _copy_of(receiver))


def write_secrets(folder: Path, notifications: Notifications) -> None:
    """Copies the secrets below the instance's, mode 0600, and removes those of receivers that are gone."""
    files.make_folder(folder / _FOLDER, 0o700)
    wanted = {folder / _FOLDER / secret.copy: secret.read() for secret in notifications.secrets()}
    for path, content in wanted.items():
        files.write(path, content, 0o600)
    for path in set((folder / _FOLDER).iterdir()) - wanted.keys():
        path.unlink()


def _copy_of(receiver: Receiver | Watchdog) -> str:
    return "watchdog" if isinstance(receiver, Watchdog) else f"{receiver.name}.{receiver.kind}"


def _receiver(name: str, given: Mapping[str, Any]) -> Receiver:
    severities = tuple(given.get("severities", SEVERITIES))
    (kind,) = given.keys() - {"severities"}
    return Receiver(name, kind, given[kind], severities)
