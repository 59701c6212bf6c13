"""Write generated/ from the dashboards' modules, or with --check say whether it is what they would write."""

import argparse
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import (
    gateway,
    host,
    logs,
    nginx,
    overview,
    postgresql,
    rabbitmq,
    rio,
    runtimes,
    service,
    telemetry,
    traces,
)

GENERATED = Path(__file__).parent / "generated"
MODULES = (
    overview,
    nginx,
    gateway,
    service,
    rio,
    traces,
    logs,
    postgresql,
    rabbitmq,
    runtimes,
    host,
    telemetry,
)


def documents() -> dict[str, str]:
    """File name -> the JSON Grafana is given."""
    encoder = JSONEncoder(sort_keys=True, indent=2)
    return {f"{module.UID}.json": encoder.encode(module.build().build()) + "\n" for module in MODULES}


def differences(folder: Path = GENERATED) -> list[str]:
    """The files of `folder` that are missing, stale, or of no dashboard."""
    wanted = documents()
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = GENERATED) -> None:
    wanted = documents()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="nextphase dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    if parser.parse_args().check:
        different = differences()
        for name in different:
            print(
                f"dashboards/generated/{name} is not what `./nextphase dashboards` writes",
                file=sys.stderr,
            )
        return 1 if different else 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
