import httpx
import pytest

from services.accounts import account as accounts
from services.accounts.database import Database
from services.tests.postgres import Rows


class Interrupted(Exception):
    pass


def counts(rows: Rows) -> list[tuple[int, int]]:
    return rows("SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM outbox)")


def interrupt(database: Database) -> None:
    with database.transaction() as session:
        accounts.create(session, "Ada", "ada@example.org")
        raise Interrupted


def test_a_failure_leaves_neither_account_nor_event(client: httpx.Client, rows: Rows) -> None:
    with pytest.raises(Interrupted):
        interrupt(Database())
    assert counts(rows) == [(0, 0)]


def test_no_account_without_its_event(client: httpx.Client, rows: Rows) -> None:
    rows("ALTER TABLE outbox ADD CONSTRAINT shut CHECK (false)")
    try:
        answer = client.post("/accounts", json={"name": "Ada", "email": "ada@example.org"})
    finally:
        rows("ALTER TABLE outbox DROP CONSTRAINT shut")
    assert answer.status_code == 500
    assert counts(rows) == [(0, 0)]
