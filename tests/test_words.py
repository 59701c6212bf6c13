"""Words that were left behind: private metaphors in names, pronouns for programs and riddles in sentences."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Folders of Python code.
FOLDERS = ("broker", "compose", "dashboards", "gateway", "observability", "services")

#: Parts of identifiers, for which the field has words of its own.
NAMES = frozenset(
    {
        "ancestor", "answering", "aside", "bury", "compartment", "door", "exhume", "exhumed", "ferry",
        "greet", "interests", "lazy", "lean", "moments", "nobody", "nowhere", "somebody", "together",
        "told", "unfold", "whoever", "wire", "world",
    }
)  # fmt: skip
SENTENCES = re.compile(r"\b(anybody|everybody|nobody|somebody|whoever|whom)\b", re.IGNORECASE)


def modules() -> list[str]:
    """Python files of the folders, but for tests."""
    listed = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split() if name.endswith(".py") and "/tests/" not in name]


def identifiers(tree: ast.AST) -> Iterator[str]:
    """The names that a module gives: of classes, functions, parameters, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def parts(name: str) -> set[str]:
    """`RateLimiter` and `rate_limiter` are both `rate` and `limiter`."""
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


@pytest.mark.parametrize("name", modules())
def test_names_are_the_fields(name: str) -> None:
    given = {*identifiers(ast.parse((ROOT / name).read_text())), Path(name).stem}
    assert [each for each in sorted(given) if not NAMES.isdisjoint(parts(each))] == []


@pytest.mark.parametrize("name", modules())
def test_sentences_say_who_does_what(name: str) -> None:
    source = (ROOT / name).read_text()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    said = [token for token in tokens if token.type in (tokenize.COMMENT, tokenize.STRING)]
    found = [(token.start[0], match[0]) for token in said for match in SENTENCES.finditer(token.string)]
    assert found == []


@pytest.mark.parametrize("name", modules())
def test_docstrings_begin_with_a_noun_or_a_verb(name: str) -> None:
    """ "What is done to headers" is a riddle for "Changes of headers"."""
    found = [
        (node.lineno, node.value.value.splitlines()[0])
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str) and node.value.value.startswith("What ")
    ]
    assert found == []
