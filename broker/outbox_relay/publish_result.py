"""The result of publishing a batch of outbox rows, parsed from Rio's response."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from broker.outbox_relay.outbox import Row

# Statuses that refuse the event; any other is about Rio or the relay, and passes.
_REFUSALS: Final = frozenset({400, 403, 413, 422})
# Of a whole request. There a 403 says that Rio does not know the service, or not yet.
_REFUSALS_OF_ALL: Final = _REFUSALS - {403}
# Behind an event of its subject that was not accepted.
_BEHIND_ANOTHER: Final = 424

_MANIFEST: Final = {403: "its right to is `emits`", 422: "its schema is named in `emits`"}
_MAX_PROBLEM: Final = 700
_MAX_REASON: Final = 1000


class RioUnavailable(Exception):
    """Rio took nothing of a batch, which is to be tried again later.

    Attributes:
        retry_after_seconds: how long Rio asked to be left alone; 0 where it did not.
        rows: those that Rio named as not taken; it may take others.
    """

    def __init__(self, reason: str, retry_after_seconds: float = 0.0, rows: Sequence[Row] = ()) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        self.rows = rows


class BatchRefused(Exception):
    """Rio refused a batch as a whole, perhaps for one of its rows: they are to be sent one by one."""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The rows of a batch by Rio's response; rows that are in no list are to be sent again."""

    accepted: list[Row] = field(default_factory=list)
    refused: list[tuple[Row, str]] = field(default_factory=list)
    not_taken: list[Row] = field(default_factory=list)
    """Rows of types that Rio does not take at present."""


def read_result(
    service: str, rows: Sequence[Row], status: int, text: bytes, retry_after_seconds: float
) -> PublishResult:
    """Read Rio's answer to a batch of a service's rows, or raise RioUnavailable or BatchRefused."""
    answer = _document(text)
    if "refused" in answer:
        return _result(service, rows, answer, retry_after_seconds)
    if status in _REFUSALS_OF_ALL:
        return _refused_whole(service, rows, status, answer)
    raise RioUnavailable(f"Rio answered {status}", retry_after_seconds)


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _result(
    database: str, rows: Sequence[Row], answer: Mapping[str, Any], retry_after: float
) -> PublishResult:
    """Read Rio's answer to a batch: the accepted by id, the refused by index."""
    accepted_ids = set(answer.get("accepted", ()))
    result = PublishResult(accepted=[row for row in rows if row.id in accepted_ids])
    for entry in answer["refused"]:
        problem, row = entry["problem"], rows[entry["index"]]
        if problem["status"] in _REFUSALS:
            result.refused.append((row, _reason(database, row, problem)))
        elif problem["status"] != _BEHIND_ANOTHER:
            result.not_taken.append(row)
    if not result.accepted and not result.refused:
        raise RioUnavailable("Rio could take none of the batch", retry_after, result.not_taken)
    return result


def _refused_whole(
    database: str, rows: Sequence[Row], status: int, answer: Mapping[str, Any]
) -> PublishResult:
    """The result of a request that Rio refused as a whole.

    Raises:
        BatchRefused: it had several rows, and the refusal does not say which is at fault.
    """
    if len(rows) > 1:
        raise BatchRefused(f"Rio answered {status}")
    return PublishResult(refused=[(rows[0], _reason(database, rows[0], {"status": status, **answer}))])


def _reason(database: str, row: Row, problem: Mapping[str, Any]) -> str:
    """Why Rio refused an event, where in it, and where the service says what it emits."""
    errors = "; ".join(
        f"{error.get('pointer')}: {error.get('detail')}" for error in problem.get("errors", ())
    )
    status = int(problem.get("status", 0))
    text = f"{status} {problem.get('title', '')}: {problem.get('detail', '')} {errors}".strip()
    manifest = _MANIFEST.get(status)
    if manifest is not None:
        place = f"{database} emits {row.type}: {manifest} in services/{database}/service.yaml"
        text = f"{text[:_MAX_PROBLEM]} ({place})"
    return text[:_MAX_REASON]
