"""The code itself: style, types and the rules of who may import whom."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CHECKS)
def test_code_is_clean(name: str) -> None:
    program, *arguments = CHECKS[name]
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=570)
    assert done.returncode == 0, f"{name} says:\n{done.stdout}{done.stderr}"
