"""The API against its own OpenAPI document: whatever that allows is answered, and never with a 5xx."""

import httpx
import pytest
from hypothesis import given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_url


@pytest.mark.parametrize(("method", "path"), [("GET", "/notifications"), ("POST", "/notifications/events")])
def test_no_request_is_a_server_error(service: httpx.Client, method: str, path: str) -> None:
    operation = from_url(f"{service.base_url}/openapi.json")[path][method]

    @settings(max_examples=50, deadline=None)
    @given(case=operation.as_strategy())
    def call(case: Case) -> None:
        case.call_and_validate(checks=[not_a_server_error])

    call()
