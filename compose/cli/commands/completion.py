"""`nextphase completion`: what bash or zsh reads to complete the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from compose.cli import completion
from compose.cli.main import command_line


def run(root: Path, args: argparse.Namespace) -> int:
    """Prints the script."""
    print(completion.script(args.shell, command_line(), root))
    return 0
