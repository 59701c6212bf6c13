from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.cli import hints
from compose.cli.store_client import StoreClient, TelemetryError
from compose.cli.stores import Store
from compose.cli.tests.recorded import Recorded, recorded


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Recorded]:
    with recorded(tmp_path) as found:
        yield found


@pytest.fixture
def jaeger(stores: Recorded) -> Store:
    return Store("jaeger", f"http://{stores.layout.address('jaeger')}", headers={"X-Team": "shop"})


def test_a_question_is_answered(stores: Recorded, jaeger: Store) -> None:
    stores.answer("jaeger", "/api/traces", b'{"data": []}')
    client = StoreClient()
    assert client.get(jaeger, "/api/traces", {"traceID": ["a", "b"], "limit": "1"}) == {"data": []}
    (asked,) = stores.asked
    assert (asked.method, asked.path, asked.parameters) == (
        "GET",
        "/api/traces",
        {"traceID": "b", "limit": "1"},
    )


def test_what_is_missing_may_be_right(stores: Recorded, jaeger: Store) -> None:
    assert StoreClient().get(jaeger, "/api/traces/0", missing={}) == {}
    with pytest.raises(TelemetryError, match="jaeger answered 404"):
        StoreClient().get(jaeger, "/api/traces/0")


def test_a_refusal_is_told_in_the_words_of_the_store(stores: Recorded, jaeger: Store) -> None:
    stores.answer("jaeger", "/api/traces", b"no service given", status=400)
    with pytest.raises(TelemetryError, match="jaeger answered 400: no service given"):
        StoreClient().get(jaeger, "/api/traces")


def test_what_is_no_json_is_told(stores: Recorded, jaeger: Store) -> None:
    stores.answer("jaeger", "/api/traces", b"<html>Log in</html>")
    with pytest.raises(TelemetryError, match="something else than JSON"):
        StoreClient().get(jaeger, "/api/traces")


def test_a_store_of_ours_that_is_down_is_told_with_what_to_do(stores: Recorded, jaeger: Store) -> None:
    stores.stop("jaeger")
    hints.choose_instance("shop")
    try:
        with pytest.raises(TelemetryError) as raised:
            StoreClient().get(jaeger, "/api/traces")
    finally:
        hints.choose_instance(None)
    assert str(raised.value).startswith(f"jaeger does not answer at {jaeger.url}/api/traces: ")
    assert "./nextphase status --instance shop" in str(raised.value)


def test_an_existing_store_that_is_down_is_told_by_who_names_it(stores: Recorded, jaeger: Store) -> None:
    stores.stop("jaeger")
    existing = Store("jaeger", jaeger.url, is_ours=False)
    with pytest.raises(TelemetryError, match=r"compose/platform\.yaml names it"):
        StoreClient().get(existing, "/api/traces")


def test_a_store_that_hangs_is_waited_for_so_long(stores: Recorded, jaeger: Store) -> None:
    stores.hangs = True
    with pytest.raises(TelemetryError, match="jaeger does not answer"):
        StoreClient(timeout_seconds=0.2).get(jaeger, "/api/traces")


def test_a_store_that_has_no_address_is_told() -> None:
    with pytest.raises(TelemetryError, match=r"compose/platform\.yaml names no jaeger"):
        StoreClient().get(Store("jaeger", None, is_ours=False), "/api/traces")
