"""The settings of the process: a JSON file that `nextphase up` writes (compose/cli/disk_limits.py)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Store:
    """A folder with a limit, in bytes. service: the part that writes it, as its metrics name it. without: a
    folder below it that is no part of it."""

    name: str
    service: str
    folder: Path
    limit: int
    without: Path | None = None


@dataclass(frozen=True)
class Settings:
    """stores: by name, as `disk_megabytes` in compose/platform.yaml has them. host, port: where metrics are
    shown. loki_overrides: the file by which Loki is told how far back queries may reach. nginx_removals:
    where removed files of nginx are listed."""

    stores: Mapping[str, Store]
    host: str
    port: int
    loki_overrides: Path
    nginx_removals: Path

    @classmethod
    def load(cls, file: Path) -> "Settings":
        """Read the file; raises OSError, ValueError or KeyError where it is not as `up` writes it."""
        content = json.loads(file.read_text())
        stores = [
            Store(
                name=one["name"],
                service=one["service"],
                folder=Path(one["folder"]),
                limit=one["limit_bytes"],
                without=Path(one["without"]) if one["without"] else None,
            )
            for one in content["stores"]
        ]
        return cls(
            stores={store.name: store for store in stores},
            host=content["host"],
            port=content["port"],
            loki_overrides=Path(content["loki_overrides"]),
            nginx_removals=Path(content["nginx_removals"]),
        )
