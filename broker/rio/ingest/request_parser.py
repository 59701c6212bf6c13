"""The events of a request to emit: CloudEvents in binary, structured or batched mode, or the short form."""

import math
from typing import Final
from urllib.parse import parse_qsl

from tornado.httputil import HTTPHeaders

from broker.rio.ingest.messages import Request, Submission
from broker.rio.ingest.scheduling import MAX_AHEAD
from broker.rio.ingest.short_form import SHORT, SHORT_ROUTE, parse_short
from broker.rio.model import event as events
from broker.rio.model.event import Event
from broker.rio.model.sender import Sender
from observability.http.problem import Problem

EVENTS_ROUTE: Final = "/events"
DELIVER_AFTER: Final = "deliver-after"
ORDERED: Final = "rio-ordered"


def route_of(path: str) -> str:
    """The address of events that a path is; empty for any other path."""
    if path == EVENTS_ROUTE:
        return EVENTS_ROUTE
    return SHORT_ROUTE if SHORT.fullmatch(path) else ""


def parse(request: Request, body: bytes, sender: Sender) -> Submission:
    """Parse a request; in a batch, an element that is no event becomes a problem.

    Raises:
        Problem: 400, 413 or 415: the request as a whole cannot be taken.
    """
    headers = request.headers
    _refuse_repeated(headers)
    media = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    after_seconds = _deliver_after(request)
    if short := SHORT.fullmatch(request.path):
        event = parse_short(short[1], short[2], headers, media, body, sender)
        return Submission(sender, (event,), after_seconds)
    if media != events.BATCH:
        return Submission(sender, (_single(headers, media, body),), after_seconds)
    is_ordered = _is_ordered(headers)
    return Submission(sender, events.parse_batch(body), after_seconds, is_ordered, is_batch=True)


def _refuse_repeated(headers: HTTPHeaders) -> None:
    """Refuse attributes in binary mode that come more than once: joined by commas they would be others."""
    for name in headers:
        if name.startswith("Ce-") and len(headers.get_list(name)) > 1:
            raise events.repeated(name[3:].lower())


def _single(headers: HTTPHeaders, media: str, body: bytes) -> Event:
    if media == events.STRUCTURED:
        return events.parse_structured(body)
    if "ce-specversion" in headers:
        return events.parse_binary(headers.items(), body)
    detail = f"send {events.STRUCTURED}, {events.BATCH} or ce-* headers"
    raise Problem(415, "Not a CloudEvent", detail=detail)


def _is_ordered(headers: HTTPHeaders) -> bool:
    """Whether the batch's events of one subject must be accepted in order."""
    text = headers.get(ORDERED)
    if text not in (None, "subject"):
        raise Problem(400, f"Invalid {ORDERED}", detail="the only value is `subject`")
    return text is not None


def _deliver_after(request: Request) -> float:
    """Seconds, by header or query."""
    text = request.headers.get(DELIVER_AFTER)
    if text is None and DELIVER_AFTER in request.query:
        text = dict(parse_qsl(request.query)).get(DELIVER_AFTER)
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_AHEAD.total_seconds():
        detail = f"must be 0 to {MAX_AHEAD.total_seconds():.0f} seconds"
        raise Problem(400, f"Invalid {DELIVER_AFTER}", detail=detail)
    return seconds
