"""The response to a request to emit, by the outcomes of its events."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from broker.rio.ingest.messages import Outcome, Response, Submission
from broker.rio.model.event import Event
from observability.http.problem import Problem
from observability.propagation import current_trace_id


def problem_response(problem: Problem) -> Response:
    """The response to a request that is refused as a whole."""
    return _problem(problem.status, problem.headers, problem.encode(current_trace_id()))


def response_to(submission: Submission, outcomes: Sequence[Outcome]) -> Response:
    """The response to a request that was not refused as a whole."""
    if submission.is_batch:
        return _batch(submission.events, outcomes)
    (event,), (outcome,) = submission.events, outcomes
    if isinstance(event, Problem):
        return problem_response(event)
    if outcome is not None:
        return problem_response(outcome)
    return Response(202, b'{"id": %b}' % json.dumps(event.id).encode())


def _batch(events: Sequence[Event | Problem], outcomes: Sequence[Outcome]) -> Response:
    """202 where any event of a batch is accepted; each one's outcome is shown."""
    accepted = [
        event.id
        for event, outcome in zip(events, outcomes, strict=True)
        if outcome is None and isinstance(event, Event)
    ]
    refused = [(index, problem) for index, problem in enumerate(outcomes) if problem is not None]
    shown = {
        "accepted": accepted,
        "refused": [{"index": index, "problem": problem.document()} for index, problem in refused],
    }
    if refused and not accepted:
        return _refused_whole([problem for _, problem in refused], shown)
    return Response(202, json.dumps(shown).encode())


def _refused_whole(problems: Sequence[Problem], shown: Mapping[str, Any]) -> Response:
    """The response where no event of a batch is accepted: the status says whether to try again, the body has
    every problem."""
    statuses = {problem.status for problem in problems}
    again = next((status for status in (503, 429) if status in statuses), None)
    status = again or (statuses.pop() if len(statuses) == 1 else 400)
    waits = [int(problem.headers["Retry-After"]) for problem in problems if "Retry-After" in problem.headers]
    headers = {"Retry-After": str(max(waits))} if again and waits else {}
    document = Problem(status, "No event of the batch was accepted").document(current_trace_id())
    return _problem(status, headers, json.dumps({**document, **shown}).encode())


def _problem(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    return Response(status, body, [("Content-Type", Problem.MEDIA_TYPE), *headers.items()])
