"""The relay's REST API for refused rows, against a real relay, Rio and PostgreSQL."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from broker.client import outbox
from broker.tests.servers import Rio, running, wait_until
from broker.tests.test_relay import Service, migrated, service

__all__ = ["migrated", "service"]

TYPE = "mended.test"


@pytest.fixture
def operator(migrated: Service) -> Iterator[httpx.Client]:
    """The API, called with the operator's token."""
    headers = {"Authorization": "Bearer t-operator"}
    with httpx.Client(base_url=migrated.health_url, headers=headers, timeout=30.0) as client:
        yield client


def refused(operator: httpx.Client, count: int) -> list[dict[str, object]]:
    """Wait until Rio has refused so many rows; gives them as the API lists them."""

    def listed() -> list[dict[str, object]]:
        items: list[dict[str, object]] = operator.get("/outbox").raise_for_status().json()["items"]
        return items if len(items) == count else []

    return wait_until(listed, what=f"{count} refused rows")


def forbid(rio: Rio, type_: str) -> dict[str, object]:
    """A catalog whose schema requires the member `must` of a type's events."""
    return {"emitters": {"shop": ["#"]}, "schemas": {type_: {"required": ["must"]}}}


def test_a_refused_row_is_listed_and_shown_with_its_data_as_written(
    migrated: Service, operator: httpx.Client
) -> None:
    migrated.rio.postgres.execute(
        migrated.database,
        "INSERT INTO outbox (id, type, source, subject, data) "
        """VALUES (gen_random_uuid(), 'not a type', '/shop', 'a', '{"amount": 1.10, "a": 1e400}')""",
    )
    migrated.emit(TYPE, "a")
    (row,) = refused(operator, 1)
    assert (row["service"], row["type"], row["subject"]) == ("shop", "not a type", "a")
    assert "type" in str(row["reason"])
    shown = operator.get(f"/outbox/shop/{row['position']}")
    assert shown.json().items() >= row.items()
    assert '{"amount": 1.10, "a": 1e400}' in shown.text


def test_a_retried_row_is_shipped_and_so_is_what_waits_behind_it(
    migrated: Service, operator: httpx.Client
) -> None:
    rio, type_ = migrated.rio, f"retried{uuid4().hex[:8]}.test"
    path = rio.subscribe(f"retried-{uuid4().hex[:8]}", type_)
    with rio.catalog(**forbid(rio, type_)):
        sent = migrated.emit(type_, "a", "b") + migrated.emit(type_, "a")
        first, second = refused(operator, 2)
        assert "must" in str(first["reason"])
    answer = operator.post(f"/outbox/shop/{first['position']}/retry")
    assert (answer.status_code, answer.json()) == (202, {"service": "shop", "retried": 1})
    wait_until(lambda: {one.id for one in rio.sink.to(path)} == {sent[0], sent[2]}, what="subject a")
    assert refused(operator, 1) == [second]
    assert operator.post("/outbox/shop/retry").json() == {"service": "shop", "retried": 1}
    wait_until(lambda: {one.id for one in rio.sink.to(path)} == set(sent), what="subject b")
    wait_until(lambda: migrated.rows() == [], what="an empty outbox")


def test_a_row_that_rio_refuses_again_is_listed_again(migrated: Service, operator: httpx.Client) -> None:
    migrated.emit("not a type", "a")
    (row,) = refused(operator, 1)
    assert operator.post(f"/outbox/shop/{row['position']}/retry").status_code == 202
    assert refused(operator, 1) == [row]


def test_a_discarded_row_is_gone_and_what_waits_behind_it_is_shipped(
    migrated: Service, operator: httpx.Client
) -> None:
    path = migrated.rio.subscribe("discarded", TYPE)
    migrated.emit("not a type", "a")
    (behind,) = migrated.emit(TYPE, "a")
    (row,) = refused(operator, 1)
    assert operator.delete(f"/outbox/shop/{row['position']}").status_code == 204
    wait_until(lambda: [one.id for one in migrated.rio.sink.to(path)] == [behind], what="the one behind")
    wait_until(lambda: migrated.rows() == [], what="an empty outbox")
    discarded = [one for one in migrated.relay.records() if "discarded" in str(one.get("message"))]
    assert [(one["event_id"], one["database"]) for one in discarded] == [(row["id"], "shop")]


def test_a_row_that_is_not_refused_is_neither_shown_nor_discarded(
    migrated: Service, operator: httpx.Client
) -> None:
    migrated.emit("not a type", "a")
    migrated.emit(TYPE, "a")
    (row,) = refused(operator, 1)
    behind = int(str(row["position"])) + 1
    for method, path in (
        ("GET", f"/outbox/shop/{behind}"),
        ("DELETE", f"/outbox/shop/{behind}"),
        ("POST", f"/outbox/shop/{behind}/retry"),
        ("GET", "/outbox/nothing/1"),
        ("GET", "/outbox?service=nothing"),
        ("GET", f"/outbox/shop/{10**18}"),
    ):
        answer = operator.request(method, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert len(migrated.rows()) == 2


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer t-relay", "Basic dC1vcGVyYXRvcg==", "é"])
def test_the_operator_alone_is_admitted(migrated: Service, authorization: str | None) -> None:
    migrated.emit("not a type", "a")
    wait_until(lambda: [one for one in migrated.rows() if one[1]], what="the refusal")
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    for method, path in (
        ("GET", "/outbox"),
        ("GET", "/outbox/shop/1"),
        ("DELETE", "/outbox/shop/1"),
        ("POST", "/outbox/shop/1/retry"),
        ("POST", "/outbox/shop/retry"),
    ):
        answer = httpx.request(method, migrated.health_url + path, headers=headers)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(migrated.rows()) == 1


def test_a_list_is_bounded_and_says_that_there_is_more(migrated: Service, operator: httpx.Client) -> None:
    migrated.emit("not a type", "a", "b", "c")
    everything = refused(operator, 3)
    page = operator.get("/outbox", params={"limit": 2}).json()
    assert (page["items"], page["more"]) == (everything[:2], True)
    assert not operator.get("/outbox", params={"limit": 3, "service": "shop"}).json()["more"]
    for limit in ("0", "501", "x", "1" * 40):
        assert operator.get("/outbox", params={"limit": limit}).status_code == 400


def test_very_long_texts_and_data_are_cut(migrated: Service, operator: httpx.Client) -> None:
    migrated.emit("x" * 5000, "a", blob="y" * 2_000_000)
    (row,) = refused(operator, 1)
    assert row["type"] == "x" * 1000
    shown = operator.get(f"/outbox/shop/{row['position']}").json()
    assert shown["data"] is None
    assert shown["data_bytes"] > 2_000_000


def test_a_database_that_does_not_answer_hides_no_other(migrated: Service) -> None:
    rio = migrated.rio
    relay, url = rio.relay(
        {"shop": rio.postgres.url(migrated.database, "relay"), "gone": rio.postgres.url("gone", "relay")}
    )
    headers = {"Authorization": "Bearer t-operator"}
    migrated.emit("not a type", "a")
    with running(relay), httpx.Client(base_url=url, headers=headers, timeout=30.0) as operator:
        wait_until(lambda: operator.get("/health/live").status_code == 200, what="the relay")
        refused(operator, 1)
        (unread,) = operator.get("/outbox").json()["unread"]
        assert unread["service"] == "gone"
        assert "gone" in unread["reason"]
        answer = operator.get("/outbox", params={"service": "gone"})
        assert (answer.status_code, answer.json()["title"]) == (503, "Outbox unavailable")
        assert "Retry-After" in answer.headers


def test_an_outbox_that_is_not_migrated_yet_says_so(service: Service) -> None:
    headers = {"Authorization": "Bearer t-operator"}
    answer = httpx.get(f"{service.health_url}/outbox", headers=headers).json()
    assert answer["items"] == []
    assert "migrated" in answer["unread"][0]["reason"]


def test_a_row_that_cannot_be_read_is_listed_and_discarded(service: Service) -> None:
    rio = service.rio
    rio.postgres.execute("postgres", f"DROP DATABASE {service.database} WITH (FORCE)")
    create = f"CREATE DATABASE {service.database} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    rio.postgres.execute("postgres", f"{create} TEMPLATE template0")
    rio.postgres.execute(service.database, outbox.SCHEMA)
    insert = """
        INSERT INTO outbox (id, type, source, subject, data)
        VALUES (gen_random_uuid(), 'readable.test', '/shop', convert_from('\\xff', 'SQL_ASCII'), '{}')
    """
    rio.postgres.execute(service.database, insert)
    headers = {"Authorization": "Bearer t-operator"}
    with httpx.Client(base_url=service.health_url, headers=headers, timeout=30.0) as operator:
        (row,) = refused(operator, 1)
        assert row["subject"] == "\N{REPLACEMENT CHARACTER}"
        assert "cannot be read" in str(row["reason"])
        assert operator.get(f"/outbox/shop/{row['position']}").json()["data"] == {}
        assert operator.delete(f"/outbox/shop/{row['position']}").status_code == 204
        wait_until(lambda: service.rows() == [], what="an empty outbox")
