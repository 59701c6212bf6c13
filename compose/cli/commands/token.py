"""`nextphase token`: an access token for the gateway's public API."""

from __future__ import annotations

import argparse
from pathlib import Path

from compose.cli import tokens
from compose.cli.layout import Layout
from compose.cli.secrets import Secrets


def run(layout: Layout, args: argparse.Namespace) -> int:
    """Prints a token, alone, so that it can stand in a command: `-H "Authorization: Bearer $(...)"`."""
    key = Path(Secrets(layout.secrets).signing_key)
    print(tokens.issue(key, args.subject, args.scope or tokens.SCOPES, args.minutes))
    return 0
