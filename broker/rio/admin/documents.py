"""Types of fields that the API's documents and queries share."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from broker.rio.model.event import MAX_TYPE
from broker.rio.model.pattern import is_pattern
from broker.rio.model.subscription import is_id
from broker.rio.model.subscription_parser import MAX_TYPES

_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)

MAX_ROW_ID: Final = 2**63 - 1

Absent = SkipJsonSchema[None]
"""The value of a query parameter that was left out; there is no null in a query."""


class Shown(BaseModel):
    """A document that the API answers."""

    model_config = ConfigDict(frozen=True)


def _subscription_id(text: str) -> str:
    if not is_id(text):
        raise ValueError("no subscription can have this id")
    return text


def _pattern(text: str) -> str:
    if not is_pattern(text):
        raise ValueError("no pattern of event types")
    return text


def _time(found: datetime) -> datetime:
    if not _EARLIEST <= found <= _LATEST:
        raise ValueError("must lie in the years 1970 to 9998")
    return found.astimezone(UTC)


SubscriptionId = Annotated[str, AfterValidator(_subscription_id)]
Time = Annotated[AwareDatetime, AfterValidator(_time)]
RowId = Annotated[int, Field(ge=1, le=MAX_ROW_ID)]
EventType = Annotated[str, Field(min_length=1, max_length=MAX_TYPE)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[list[Pattern], Field(max_length=MAX_TYPES)]
