import json
from typing import Any

import pytest

from observability.console.limits import MAX_SERIES
from observability.console.store_handler import cut, member
from observability.console.tests.consoles import Console

TRACE = "0af7651916cd43dd8448eb211c80319c"


def listing(kind: str, count: int) -> bytes:
    found = [{"metric": {"n": str(n)}, "values": []} for n in range(count)]
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": found}}).encode()


@pytest.mark.parametrize("kind", ["matrix", "vector"])
def test_series_are_cut_and_it_is_said(kind: str) -> None:
    answer = json.loads(cut(listing(kind, MAX_SERIES + 7)))
    assert len(answer["data"]["result"]) == MAX_SERIES
    assert answer["data"]["resultType"] == kind
    assert answer["warnings"] == [f"{MAX_SERIES} of {MAX_SERIES + 7} series are shown"]


@pytest.mark.parametrize(
    "body",
    [
        listing("matrix", MAX_SERIES),
        # A log line with metadata of its own is a stream: lines are bounded by their limit.
        listing("streams", MAX_SERIES + 7),
        b"no JSON",
        b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}',
    ],
)
def test_other_answers_stay_as_they_are(body: bytes) -> None:
    assert cut(body) == body


def test_a_member_is_passed_on_as_it_is() -> None:
    assert member(b'{"result": {"a": [1,  2]}, "more": 1}', "result") == b'{"a": [1,  2]}'
    assert member(b'{"error": "x"}', "result") == b'{"error": "x"}'
    assert member(b"no JSON", "result") == b"no JSON"


def test_a_trace_as_otlp_is_otlp(console: Console) -> None:
    traces: dict[str, Any] = {"resourceSpans": [{"scopeSpans": []}]}
    console.stores.answer("GET", f"/jaeger/api/v3/traces/{TRACE}", {"result": traces})
    answer = console.get(f"/api/jaeger/otlp/{TRACE}")
    assert answer.json() == traces
    console.stores.answer("GET", f"/jaeger/api/v3/traces/{TRACE}", {"error": {"httpCode": 404}}, 404)
    answer = console.get(f"/api/jaeger/otlp/{TRACE}")
    assert (answer.status_code, answer.json()) == (404, {"error": {"httpCode": 404}})
