"""The platform's version. Standard library only."""

import tomllib
from functools import cache
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def version() -> str:
    """As pyproject.toml has it."""
    with _PROJECT.open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
