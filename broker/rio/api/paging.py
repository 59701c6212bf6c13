"""Lists shown in pages: how one is asked for, and where the next begins."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field

from broker.rio.api.description import RowId

_R = TypeVar("_R")

Cursor: TypeAlias = Annotated[RowId | None, Field(description="`next` of the page before")]
Next: TypeAlias = Annotated[int | None, Field(description="`cursor` of the next page; null on the last")]


def page_of(found: Sequence[_R], limit: int, id_of: Callable[[_R], int]) -> tuple[Sequence[_R], int | None]:
    """The page, and the cursor of the next one.

    Args:
        found: what was found when one more than `limit` was asked for.
        id_of: the id by which the rows are ordered.
    """
    page = found[:limit]
    return page, id_of(page[-1]) if len(found) > limit else None
