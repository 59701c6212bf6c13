"""How a subscription's events are delivered: its `config`, with a default for everything."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from broker.rio.model.document import Document

_FinalStatus = Annotated[int, Field(ge=300, le=599)]


class _Part(Document):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Retry(_Part):
    """When a failed delivery is tried again: exponential pauses with full jitter, within a budget."""

    first_seconds: float = Field(default=0.5, ge=0.1, le=3600)
    """The longest the first pause may be; each one after it may be twice as long."""
    cap_seconds: float = Field(default=600, ge=0.1, le=21600)
    """The longest pause, whatever the sink asks for."""
    budget_seconds: float = Field(default=86400, ge=0, le=30 * 86400)
    """From the first attempt on; the last attempt is made when it ends, or when the sink asked for it."""
    max_attempts: int | None = Field(default=None, ge=1, le=1000)
    """An end before the budget's; None for as many as the budget has room for."""

    @model_validator(mode="after")
    def _first_within_cap(self) -> Self:
        if self.first_seconds > self.cap_seconds:
            raise ValueError("first_seconds is more than cap_seconds")
        return self


class Policy(_Part):
    """How a subscription's events are delivered."""

    timeout_seconds: float = Field(default=10, ge=0.1, le=60)
    """How long the sink may take for its answer."""
    concurrency: int = Field(default=16, ge=1, le=256)
    """Deliveries under way at once in one dispatcher."""
    rate_per_second: float | None = Field(default=None, ge=0.01, le=100_000)
    """Attempts a second in one dispatcher; None is unlimited."""
    ordered: bool = False
    """Whether events of one subject are delivered one after another, as they were accepted."""
    trace: Literal["continue", "link"] = "continue"
    """Whether deliveries continue the event's trace, or begin one of their own that links to it."""
    retry: Retry = Retry()
    final_statuses: list[_FinalStatus] = Field(default=[400, 405, 413, 415, 422], max_length=50)
    """Answers that say the event itself is refused: trying again cannot help."""

    @field_validator("final_statuses")
    @classmethod
    def _gone_is_not_final(cls, statuses: list[int]) -> list[int]:
        if 410 in statuses:
            raise ValueError("410 pauses the subscription and cannot be final")
        return statuses


DEFAULT_POLICY: Final = Policy()
