"""Lists shown in pages: how one is asked for, and where the next begins."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field

from broker.rio.admin.documents import Absent, RowId

_R = TypeVar("_R")
_C = TypeVar("_C")

Cursor: TypeAlias = Annotated[RowId | Absent, Field(description="`next` of the page before")]
Next: TypeAlias = Annotated[int | None, Field(description="`cursor` of the next page; null on the last")]


def page_of(found: Sequence[_R], limit: int, cursor_of: Callable[[_R], _C]) -> tuple[Sequence[_R], _C | None]:
    """The page, and the cursor of the next one.

    Args:
        found: what was found when one more than `limit` was asked for.
        cursor_of: the cursor of a page that begins behind a row.
    """
    page = found[:limit]
    return page, cursor_of(page[-1]) if len(found) > limit else None
