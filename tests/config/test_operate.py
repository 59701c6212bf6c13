"""The console takes the grants that the command line issues."""

from pathlib import Path

from compose.cli import operate
from observability.console import operate_tokens


def test_a_grant_is_taken_once(tmp_path: Path) -> None:
    folder = tmp_path / "operate"
    made = operate.grant(folder, 600)
    taken = operate_tokens.claim(folder, made.token)
    assert taken == operate_tokens.Grant(made.user, made.expires_at, 600)
    assert operate_tokens.claim(folder, made.token) is None
    assert list(folder.iterdir()) == []


def test_both_have_the_same_longest_session() -> None:
    assert operate.duration("8h") == operate_tokens.MAX_SESSION_SECONDS
