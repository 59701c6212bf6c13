"""Texts of the engines' errors."""

import asyncio
import traceback
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.chassis.engine import make_async_engine, make_engine
from services.tests.postgres import Databases

PERSONAL = {"email": "ada@example.com"}
FAILING = text("SELECT no_such_column, CAST(:email AS text)")


def fail() -> None:
    engine = make_engine()
    try:
        with engine.connect() as connection:
            connection.execute(FAILING, PERSONAL)
    finally:
        engine.dispose()


async def _fail_async() -> None:
    engine = make_async_engine()
    try:
        async with engine.connect() as connection:
            await connection.execute(FAILING, PERSONAL)
    finally:
        await engine.dispose()


def fail_async() -> None:
    asyncio.run(_fail_async())


@pytest.fixture(scope="module")
def url(databases: Databases) -> str:
    return databases.empty("chassis_engine").url


@pytest.mark.parametrize("failing", [fail, fail_async])
def test_a_statement_that_fails_does_not_tell_its_values(
    url: str, failing: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who may read logs see the text of an exception."""
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(DBAPIError, match="no_such_column") as raised:
        failing()
    assert PERSONAL["email"] not in "".join(traceback.format_exception(raised.value))
