"""Suggestions of the next command, for the instance of this process. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_PROGRAM = "./nextphase"
_SUGGESTIONS = 2
_instance: str | None = None


def choose_instance(name: str | None) -> None:
    """Have every command name this instance; None for the default one, which needs no naming."""
    global _instance
    _instance = name


def command(words: str) -> str:
    """`./nextphase <words>`, with `--instance` where the chosen instance is not the default one.

    Parameters:
        words: a subcommand and its arguments, such as "logs orders".
    """
    subcommand, *arguments = words.split(" ")
    option = [] if _instance is None else ["--instance", _instance]
    return " ".join([_PROGRAM, subcommand, *option, *arguments])


def set_up() -> str:
    """The command that makes the machine and the instance ready."""
    return command("up")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with what is close to `word` among `known`, empty where nothing is."""
    close = get_close_matches(word, list(known), n=_SUGGESTIONS)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
