"""JSON documents that the API takes: of known members, and bounded before they are validated."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, model_validator

_MAX_MEMBERS: Final = 100


class Document(BaseModel):
    """A document of the fields that it declares and no others.

    pydantic makes an error, of some microseconds, of each unknown member and of each wrong item. A field that
    takes an array is therefore a `list`: pydantic refuses one beyond its `max_length` before it looks at the
    items, but validates every item of a longer tuple.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_members(cls, found: Any) -> Any:
        if isinstance(found, dict) and len(found) > _MAX_MEMBERS:
            raise ValueError(f"has more than {_MAX_MEMBERS} members")
        return found
