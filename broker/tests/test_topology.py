"""GET /topology: what flows where, declared and seen, as a document and as drawings."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from broker.tests.servers import Rio, wait_until


def edges(answer: httpx.Response) -> dict[tuple[str, str], dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {(edge["from"], edge["to"]): edge for edge in answer.json()["edges"]}


def test_what_was_declared_and_seen_stands_in_one_graph(rio: Rio) -> None:
    path = rio.subscribe("seer", "sight.*")
    for _ in range(3):
        assert rio.emit("sight.a", str(uuid4())).status_code == 202

    def seen() -> dict[tuple[str, str], dict[str, Any]]:
        found = edges(rio.client.get("/topology"))
        emitted = found.get(("emitter:/tests", "type:sight.a"), {}).get("seen")
        delivered = found.get(("subscription:seer", f"sink:{path}"), {}).get("seen")
        assert (emitted, delivered) == (3, 3)
        return found

    found = wait_until(seen, what="the counts")
    assert found["type:sight.a", "subscription:seer"] == {
        "from": "type:sight.a",
        "to": "subscription:seer",
        "declared": True,
        "seen": 3,
    }


def test_what_an_event_sets_off(rio: Rio) -> None:
    path = rio.subscribe("knower", "known.#")
    answer = rio.client.get("/topology", params={"type": "known.deep.type"})
    nodes = [node["id"] for node in answer.json()["nodes"]]
    assert nodes[0] == "type:known.deep.type"
    assert {"subscription:knower", f"sink:{path}"} <= set(nodes)
    assert "subscription:seer" not in nodes


@pytest.mark.parametrize(
    ("format_", "media", "start"),
    [("dot", "text/vnd.graphviz", "digraph"), ("mermaid", "text/vnd.mermaid", "flowchart")],
)
def test_it_is_drawn_when_asked_for(rio: Rio, format_: str, media: str, start: str) -> None:
    rio.subscribe("drawn", "drawn.test")
    by_query = rio.client.get("/topology", params={"format": format_, "type": "drawn.test"})
    by_header = rio.client.get("/topology", params={"type": "drawn.test"}, headers={"Accept": media})
    assert by_query.headers["Content-Type"] == f"{media}; charset=utf-8"
    assert by_query.text == by_header.text
    assert by_query.text.startswith(start)
    assert "drawn" in by_query.text


@pytest.mark.parametrize("query", ["type=a.*", "type=", "format=svg", "what=1"])
def test_unclear_questions_are_refused(rio: Rio, query: str) -> None:
    answer = rio.client.get(f"/topology?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
