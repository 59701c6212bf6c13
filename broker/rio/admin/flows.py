"""Flows that have begun and not ended, over REST."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from broker.rio.admin.documents import Absent, Shown
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.route import resource
from broker.rio.model.document import Document
from broker.rio.settings import FlowRule
from broker.rio.store.flows import Flow

_MAX_LISTED = 1000

router = resource()


class FlowsQuery(Document):
    """The query of GET /flows."""

    flow: str | Absent = Field(default=None, max_length=100, description="of this rule alone")
    stuck: bool = Field(default=False, description="those alone that are overdue or broken")
    limit: int = Field(default=100, ge=1, le=_MAX_LISTED)


class ShownFlow(Shown):
    """A flow that has begun and not ended."""

    flow: str = Field(description="the rule's name")
    subject: str = Field(description="of its events")
    state: Literal["open", "overdue", "broken"]
    begun_at: datetime
    waits_for: Sequence[str] = Field(description="event types, one of which has to come")
    due_at: datetime = Field(description="when it has to come at the latest")
    trace_id: str | None


class ShownFlows(Shown):
    """Flows: first those that are overdue or broken, the oldest first."""

    items: Sequence[ShownFlow]
    more: bool = Field(description="whether there are more than asked for")


@router.get(
    "/flows",
    summary="List flows that have begun and not ended: overdue and broken ones first, then the oldest",
)
async def list_flows(query: Annotated[FlowsQuery, Query()], parts: ApiParts) -> ShownFlows:
    rules = parts.catalog.flow_rules
    found = await parts.stores.flows.unfinished(query.flow, query.stuck, query.limit + 1)
    shown = (_shown(flow, rules[flow.rule]) for flow in found[: query.limit] if flow.rule in rules)
    return ShownFlows(items=[one for one in shown if one is not None], more=len(found) > query.limit)


def _shown(flow: Flow, rule: FlowRule) -> ShownFlow | None:
    """A flow as it is shown; None if the rule has changed and does not fit it any more."""
    begun_at = flow.times[0]
    before = None if flow.step is None else flow.times[flow.step]
    if flow.step is None or flow.step >= len(rule.steps) or begun_at is None or before is None:
        return None
    step = rule.steps[flow.step]
    return ShownFlow(
        flow=flow.rule,
        subject=flow.subject,
        state="broken" if flow.outcome else "overdue" if flow.is_overdue else "open",
        begun_at=begun_at,
        waits_for=step.types,
        due_at=before + timedelta(seconds=step.within_seconds),
        trace_id=flow.trace_id,
    )
