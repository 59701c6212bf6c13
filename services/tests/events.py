"""Deliveries as Rio makes them, and documents nobody meant."""

import json
import uuid
from typing import Any

import httpx
from hypothesis import strategies as st

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"

#: Any JSON value, hostile text and numbers included.
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([-1, 0, 1.0, 1e308, "\x00", "\ud800", "{"])
    | st.just(400).map(lambda exponent: 10**exponent)
    | st.just("x").map(lambda letter: letter * 70_000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters()), inner, max_size=5),
    max_leaves=20,
)


def twisted(document: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents with the right fields, some of them with any value."""
    return st.fixed_dictionaries({name: st.just(value) | JSON for name, value in document.items()})


def envelope(type_: str, data: Any, **attributes: Any) -> dict[str, Any]:
    """A CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/tests",
        "type": type_,
        "subject": "tests",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
        **attributes,
    }


def deliver(client: httpx.Client, path: str, event: Any, delivery: str | None = None) -> httpx.Response:
    """Post an event the way Rio does; `delivery`: the id of the delivery, which attempts have in common."""
    headers = {"Content-Type": "application/cloudevents+json", "traceparent": TRACEPARENT}
    if delivery is not None:
        headers["webhook-id"] = delivery
    return client.post(path, content=json.dumps(event), headers=headers)
