"""HEAD on every address that answers GET (RFC 9110, section 9.3.2)."""

from uuid import uuid4

import pytest

from broker.tests.servers import Rio


def addresses(rio: Rio) -> list[str]:
    """Every address of the API's description with a GET, parameters left as they are."""
    paths = rio.client.get("/openapi.json").json()["paths"]
    return [path for path, operations in paths.items() if "get" in operations]


def test_head_answers_what_get_does_but_for_the_body(rio: Rio) -> None:
    rio.subscribe("headed", "headed.test")
    assert rio.emit("headed.test", str(uuid4())).status_code == 202
    for address in [*addresses(rio), "/subscriptions/headed", "/health", "/health/live", "/metrics"]:
        asked = rio.client.head(address)
        assert asked.content == b""
        if address == "/tail":  # which never ends
            assert (asked.status_code, asked.headers["Content-Type"]) == (200, "application/x-ndjson")
            continue
        wanted = rio.client.get(address)
        assert asked.status_code == wanted.status_code, address
        assert asked.headers["Content-Type"] == wanted.headers["Content-Type"]


@pytest.mark.parametrize("address", ["/events", "/dead-letters/replay"])
def test_head_is_refused_where_there_is_no_get(rio: Rio, address: str) -> None:
    answer = rio.client.head(address)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
