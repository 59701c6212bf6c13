"""Problem documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.http.problem import Problem

TEXT = st.text(st.characters())


def test_members() -> None:
    problem = Problem(
        422,
        "Not enough",
        detail="3 are left",
        type="/problems/stock",
        instance="/orders/1",
        errors=[{"pointer": "#/lines/0", "detail": "too many"}],
    )
    assert problem.document("abc") == {
        "type": "/problems/stock",
        "title": "Not enough",
        "status": 422,
        "detail": "3 are left",
        "instance": "/orders/1",
        "trace_id": "abc",
        "errors": [{"pointer": "#/lines/0", "detail": "too many"}],
    }
    assert str(problem) == "422 Not enough: 3 are left"


def test_members_without_anything_to_say_are_left_out() -> None:
    assert Problem(404).document() == {"type": "about:blank", "title": "Not Found", "status": 404}


@pytest.mark.parametrize("status", [418, 499, 599])
def test_every_status_has_a_title(status: int) -> None:
    assert Problem(status).title


@given(TEXT, st.none() | TEXT, st.lists(st.fixed_dictionaries({"pointer": TEXT, "detail": TEXT})), TEXT)
def test_any_text_makes_a_valid_document(
    title: str, detail: str | None, errors: list[dict[str, str]], trace_id: str
) -> None:
    body = Problem(400, title, detail=detail, errors=errors).encode(trace_id)
    document: dict[str, Any] = json.loads(body.decode("utf-8", "strict"))
    assert document["status"] == 400
    assert len(document.get("errors", [])) == len(errors)
