"""Delivery policies, against sinks that fail in every way: retries, order, pauses, signatures."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook

from broker.tests.outside import OK, Outside, Request, answer
from broker.tests.servers import Rio, running, wait_until

FAST = {"retry": {"first_seconds": 0.1, "cap_seconds": 0.2}}


@pytest.fixture
def outside() -> Iterator[Outside]:
    sink = Outside()
    yield sink
    sink.stop()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """An id that no other test has."""
    return f"p-{uuid4().hex[:12]}"


def put(rio: Rio, name: str, sink: str, **fields: Any) -> dict[str, Any]:
    """Subscribe to the type `<name>.happened`."""
    answer = rio.client.put(
        f"/subscriptions/{name}", json={"types": [f"{name}.happened"], "sink": sink, **fields}
    )
    assert answer.status_code in (200, 201), answer.text
    document: dict[str, Any] = answer.json()
    return document


def emit(rio: Rio, name: str, **attributes: str) -> str:
    event_id = str(uuid4())
    answer = rio.emit(f"{name}.happened", event_id, **attributes)
    assert answer.status_code == 202, answer.text
    return event_id


def dead(rio: Rio, name: str) -> list[dict[str, Any]]:
    answer = rio.client.get("/dead-letters", params={"subscription": name})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def given_up(rio: Rio, name: str) -> dict[str, str]:
    """Why the dead letters of a subscription are, by their events, oldest first."""
    query = "SELECT event_id, reason FROM dead_letters WHERE subscription = %s ORDER BY id"
    return dict(rio.postgres.execute("rio", query, (name,)))


def broken(request: Request) -> bytes:
    """200, and then a body that is none."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n"


def cut_short(request: Request) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort"


def dropped(request: Request) -> bytes:
    return b""


def failing(request: Request) -> bytes:
    return answer(500, body=b"no")


def no_http(request: Request) -> bytes:
    return b"220 smtp.example ESMTP\r\n"


@pytest.mark.parametrize("misbehave", [broken, cut_short, dropped, failing, no_http])
def test_a_sink_that_lies_drops_or_fails_for_a_while_gets_it_again(
    rio: Rio, outside: Outside, name: str, misbehave: Any
) -> None:
    put(rio, name, f"{outside.url}/in?a=b", config={**FAST, "timeout_seconds": 1})
    outside.reply = lambda request: misbehave(request) if len(outside.posted("/in?a=b")) < 3 else OK
    event_id = emit(rio, name)
    wait_until(lambda: outside.ids("/in?a=b") == [event_id] * 3, what="the third attempt")


def test_a_sink_that_hangs_is_given_up_after_its_timeout(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/slow", config={**FAST, "timeout_seconds": 0.3})

    def slowly(request: Request) -> bytes:
        if len(outside.posted("/slow")) < 2:
            wait_until(lambda: len(outside.posted("/slow")) >= 2)
        return OK

    outside.reply = slowly
    event_id = emit(rio, name)
    wait_until(lambda: outside.ids("/slow") == [event_id] * 2, what="the second attempt")


def test_poison_does_not_block_its_queue(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={**FAST, "concurrency": 2})
    poison = {emit(rio, name) for _ in range(10)}
    outside.reply = lambda request: answer(500) if request.id in poison else OK
    healthy = [emit(rio, name) for _ in range(30)]
    wait_until(lambda: set(healthy) <= set(outside.ids("/in")), what="the healthy events")
    attempts = Counter(outside.ids("/in"))
    assert {attempts[one] for one in healthy} == {1}


def test_attempts_end_as_a_dead_letter_that_tells_them_all(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={"retry": {**FAST["retry"], "max_attempts": 3}})
    outside.reply = lambda request: answer(503, body=b"busy \x00 here")
    event_id = emit(rio, name)
    (letter,) = wait_until(lambda: dead(rio, name), what="the dead letter")
    assert (letter["attempts"], letter["event"]["id"]) == (3, event_id)
    whole = rio.client.get(f"/dead-letters/{letter['id']}").json()
    history = whole["history"]
    assert [one["status"] for one in history] == [503] * 3
    assert all(one["body"].startswith("busy") and len(one["trace_id"]) == 32 for one in history)


def test_retry_after_is_honoured(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={"retry": {"first_seconds": 0.1, "cap_seconds": 30}})
    outside.reply = lambda request: answer(429, "Retry-After: 2") if len(outside.posted("/in")) < 2 else OK
    emit(rio, name)
    first, second = wait_until(
        lambda: len(found := outside.posted("/in")) == 2 and found, what="the second attempt"
    )
    assert second.at - first.at >= 1.9  # what the sink asked for, but for the ladder's step


@pytest.mark.parametrize("ordered", [False, True])
def test_retry_after_holds_for_the_whole_sink(rio: Rio, outside: Outside, name: str, ordered: bool) -> None:
    """For events that it did not answer so, another subscription's, and after a change of the policy."""
    sink = f"{outside.url}/in"
    retry = {"first_seconds": 0.1, "cap_seconds": 30}
    put(rio, name, sink, config={"ordered": ordered, "retry": retry})
    put(rio, f"{name}-2", sink)
    outside.reply = lambda request: answer(503, "Retry-After: 5") if len(outside.posted("/in")) < 2 else OK
    emit(rio, name, subject="first")
    (first,) = wait_until(lambda: outside.posted("/in"), what="the first attempt")
    emit(rio, name, subject="second")
    emit(rio, f"{name}-2", subject="third")
    put(rio, name, sink, config={"ordered": ordered, "retry": retry, "timeout_seconds": 9})
    posted = wait_until(lambda: len(found := outside.posted("/in")) == 4 and found, what="all deliveries")
    assert min(one.at for one in posted[1:]) - first.at >= 4.8  # what it asked for, but for the ladder's step


def deliveries(rio: Rio, name: str) -> list[dict[str, Any]]:
    answer = rio.client.get("/deliveries", params={"subscription": name})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.timeout(300)
def test_retry_after_holds_for_every_dispatcher_and_after_a_restart(
    rio: Rio, outside: Outside, name: str
) -> None:
    put(rio, name, f"{outside.url}/in", config=FAST | {"retry": {"first_seconds": 0.1, "cap_seconds": 60}})
    outside.reply = lambda request: answer(503, "Retry-After: 15")
    emit(rio, name)
    (asked,) = wait_until(lambda: outside.posted("/in"), what="the answer")
    outside.reply = lambda request: OK
    held = "SELECT count(*) FROM sink_holds WHERE until > now()"
    wait_until(lambda: rio.postgres.execute("rio", held) == [(1,)], what="the hold")
    rio.dispatcher.kill()
    other, url = rio.another_dispatcher()
    with running(other):
        rio.dispatcher.start()
        wait_until(lambda: httpx.get(f"{url}/health/ready").status_code == 200, what="the other dispatcher")
        sent = [emit(rio, name) for _ in range(20)]
        wait_until(lambda: set(sent) <= set(outside.ids("/in")), what="the deliveries")
    assert outside.posted("/in")[1].at - asked.at >= 14.0


def test_a_sink_that_took_the_event_may_answer_at_any_length(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config=FAST)
    outside.reply = lambda request: answer(200, body=b"x" * 3_000_000)
    sent = [emit(rio, name) for _ in range(3)]
    metric = "rio_deliveries_total"
    wait_until(
        lambda: rio.metric(rio.dispatcher_port, metric, subscription=name, outcome="delivered") == 3,
        what="three deliveries",
    )
    assert sorted(outside.ids("/in")) == sorted(sent)


def test_what_fails_unexpectedly_is_an_attempt_and_comes_to_an_end(
    rio: Rio, outside: Outside, name: str
) -> None:
    put(rio, name, f"{outside.url}/in", config=FAST)
    outside.reply = lambda request: answer(422)
    headers = {"ce-id": name, "ce-type": f"{name}.happened", "ce-source": "/tests", "ce-note": "a\0b"}
    with rio.rabbit.connect() as connection, connection.channel() as channel:
        message = channel.prepare_message(b"{}", headers=headers, properties={"delivery_mode": 2})
        channel.basic_publish(message, "", f"rio.subscription.{name}")
    (letter,) = wait_until(lambda: dead(rio, name), what="the dead letter")
    assert letter["status"] == 422


ODD_HEADERS = {
    "attempt": {"rio-attempt": 2**40},
    "attempt that is no number": {"rio-attempt": "many"},
    "time": {"rio-accepted-at": 1e300},
    "time before all": {"rio-accepted-at": -1e300, "rio-first-attempt-at": -1e300},
    "trace": {"traceparent": "a\0b"},
    "replay": {"rio-replay": 1e300},
    "history": {"rio-history": '[{"at": 1e999, "status": 1e20, "seconds": NaN, "trace_id": "\\u0000"}]'},
    "attributes": {"ce-note": "a\0b", "ce-time\0": "x"},
    "subject": {"ce-subject": "a\0b"},
}


def inject(rio: Rio, name: str, **headers: Any) -> None:
    """Put an event into a subscription's queue otherwise than through Rio."""
    headers = {"ce-id": str(uuid4()), "ce-type": f"{name}.happened", "ce-source": "/odd", **headers}
    with rio.rabbit.connect() as connection, connection.channel() as channel:
        message = channel.prepare_message(b"{}", headers=headers, properties={"delivery_mode": 2})
        channel.basic_publish(message, "", f"rio.subscription.{name}")


@pytest.mark.parametrize("ordered", [False, True])
def test_whatever_is_in_a_queue_becomes_a_dead_letter_and_stops_nothing(
    rio: Rio, outside: Outside, name: str, ordered: bool
) -> None:
    retry = {**FAST["retry"], "max_attempts": 2}
    put(rio, name, f"{outside.url}/in", config={"retry": retry, "ordered": ordered})
    outside.reply = lambda request: answer(422) if request.headers.get("ce-source") != "/tests" else OK
    for headers in ODD_HEADERS.values():
        inject(rio, name, **headers)
    sent = [emit(rio, name, subject=subject) for subject in ("one", "two")]
    wait_until(lambda: set(sent) <= set(outside.ids("/in")), what="the events behind them")
    wait_until(lambda: len(dead(rio, name)) == len(ODD_HEADERS), what="the dead letters")
    wait_until(lambda: len(deliveries(rio, name)) >= len(ODD_HEADERS), what="the recorded attempts")
    labels = {"subscription": name, "reason": "unexpected"}
    assert rio.metric(rio.dispatcher_port, "rio_outcomes_not_kept_total", **labels) == 0


def test_whatever_is_in_a_queue_waits_behind_its_subject(rio: Rio, outside: Outside, name: str) -> None:
    """Held in PostgreSQL, behind one that fails."""
    put(rio, name, f"{outside.url}/in", config={"retry": {"first_seconds": 60}, "ordered": True})
    outside.reply = lambda request: answer(500) if request.headers["ce-subject"] == "failing" else OK
    for headers in ODD_HEADERS.values():
        inject(rio, name, **{"ce-subject": "failing", **headers})
    sent = emit(rio, name, subject="other")
    wait_until(lambda: sent in outside.ids("/in"), what="the other subject's delivery")
    labels = {"subscription": name}
    held = len(ODD_HEADERS) - 1  # that one has another subject
    wait_until(
        lambda: rio.metric(rio.dispatcher_port, "rio_held_messages", **labels) >= held, what="the others"
    )


def test_a_revoked_secret_is_never_valid_again(rio: Rio, outside: Outside, name: str) -> None:
    secrets = set()
    for _ in range(2):
        put(rio, name, f"{outside.url}/in")
        secrets.add(rio.client.get(f"/subscriptions/{name}/secret").json()["secret"])
        secrets.add(rio.client.post(f"/subscriptions/{name}/secret/rotate").json()["secret"])
        assert rio.client.delete(f"/subscriptions/{name}").status_code == 204
    assert len(secrets) == 4


def test_a_secret_in_a_sinks_query_is_shown_to_its_owner_alone(rio: Rio, outside: Outside, name: str) -> None:
    secret = f"token-{uuid4().hex}"
    sink = f"{outside.url}/in?{secret}"
    put(rio, name, sink)
    event_id = emit(rio, name)
    wait_until(lambda: outside.ids(f"/in?{secret}") == [event_id], what="the delivery")
    outside.reply = lambda request: b""
    emit(rio, name)
    wait_until(lambda: deliveries(rio, name), what="the failed attempt")
    assert rio.client.get(f"/subscriptions/{name}").json()["sink"] == sink
    for address in ("/subscriptions", "/topology", "/topology?format=dot", "/topology?format=mermaid"):
        shown = rio.client.get(address).text
        assert outside.url in shown
        assert secret not in shown
    for address in ("/deliveries", "/dead-letters", "/health"):
        assert secret not in rio.client.get(address).text
    assert secret not in rio.api.log
    assert secret not in rio.dispatcher.log
    assert not [span for span in rio.collector.spans if secret in str(span.attributes)]


def test_410_pauses_and_keeps_the_event(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in")
    outside.reply = lambda request: answer(410)
    event_id = emit(rio, name)
    paused = wait_until(
        lambda: (found := rio.client.get(f"/subscriptions/{name}").json())["status"] == "paused" and found,
        what="the pause",
    )
    assert "410" in paused["reason"]
    # A service that registers again when it starts does not resume it.
    assert put(rio, name, f"{outside.url}/in")["status"] == "paused"
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") == 1, what="the queued event")
    assert dead(rio, name) == []
    outside.reply = lambda request: OK
    assert rio.client.post(f"/subscriptions/{name}/resume").json()["status"] == "active"
    wait_until(lambda: outside.ids("/in")[-1:] == [event_id] and len(outside.ids("/in")) > 1)
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") == 0)


def test_what_waits_for_a_paused_subscription_is_bounded(rio: Rio, outside: Outside, name: str) -> None:
    """410 pauses it. Of 600 events of some 6 kB 2 MB stay in the queue; the oldest become dead letters."""
    put(rio, name, f"{outside.url}/in")
    outside.reply = lambda request: answer(410)
    emit(rio, name)
    paused = f"/subscriptions/{name}"
    wait_until(lambda: rio.client.get(paused).json()["status"] == "paused", what="the pause")
    queue = f"rio.subscription.{name}"
    wait_until(lambda: rio.rabbit.queue_length(queue) == 1, what="the event that was refused")
    sent = [emit(rio, name, padding="x" * 900, **{f"p{n}": "y" * 900 for n in range(5)}) for _ in range(600)]

    def is_bounded() -> bool:
        waiting = rio.rabbit.queue_length(queue)
        return waiting < 400 and len(given_up(rio, name)) + waiting == 601

    # The dispatcher looks again after a minute where it looked before the sizes of these were written down.
    wait_until(is_bounded, seconds=150, what="dead letters")
    counted = list(given_up(rio, name))
    assert counted[1:] == sent[: len(counted) - 1]  # the oldest, in their order
    outside.reply = lambda request: OK
    rio.client.post(f"{paused}/resume")
    wait_until(lambda: set(outside.ids("/in")) | set(counted) >= set(sent), what="the others' deliveries")
    labels = {"subscription": name}
    assert rio.metric(rio.dispatcher_port, "rio_queue_overflow_total", **labels) >= len(counted)


def test_what_a_paused_subscription_leaves_out_becomes_no_dead_letter(
    rio: Rio, outside: Outside, name: str
) -> None:
    put(rio, name, f"{outside.url}/in", source="/elsewhere")
    rio.client.post(f"/subscriptions/{name}/pause")
    labels = {"subscription": name}
    wait_until(lambda: rio.metric(rio.dispatcher_port, "rio_subscription_paused", **labels) == 1)
    for _ in range(600):
        emit(rio, name, padding="x" * 900, **{f"p{n}": "y" * 900 for n in range(5)})
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") < 400, seconds=150, what="2 MB")
    assert given_up(rio, name) == {}


def test_what_waits_for_a_sink_that_fails_is_bounded(rio: Rio, outside: Outside, name: str) -> None:
    """Of 900 events of some 6 kB 2 MB stay in the queue; the oldest behind them become dead letters."""
    put(rio, name, f"{outside.url}/in", config={"retry": {"first_seconds": 60}})
    outside.reply = lambda request: answer(503)
    sent = {emit(rio, name, padding="x" * 900, **{f"p{n}": "y" * 900 for n in range(5)}) for _ in range(900)}

    wait_until(lambda: len(given_up(rio, name)) > 100, seconds=90, what="dead letters")
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") < 400, seconds=90, what="2 MB")
    assert set(given_up(rio, name).values()) == {"the sink fails, and more than 2 MB waited"}
    assert rio.client.get(f"/subscriptions/{name}").json()["status"] == "active"
    outside.reply = lambda request: OK
    # An attempt that failed is tried again within two minutes.
    wait_until(
        lambda: set(outside.ids("/in")) | given_up(rio, name).keys() >= sent,
        seconds=200,
        what="the others' deliveries",
    )


def test_large_events_behind_small_ones_are_bounded_while_paused(
    rio: Rio, outside: Outside, name: str
) -> None:
    """How large the oldest are says nothing of those behind them."""
    put(rio, name, f"{outside.url}/in", status="paused")
    for _ in range(110):
        inject(rio, name)
    large = [emit(rio, name, **{f"p{n}": "y" * 9000 for n in range(7)}) for _ in range(60)]
    queue = f"rio.subscription.{name}"

    # The dispatcher looks again after a minute where it looked before the sizes of these were written down.
    def is_bounded() -> bool:
        waiting = rio.rabbit.queue_length(queue)
        return waiting < 33 and len(given_up(rio, name)) + waiting == 170

    wait_until(is_bounded, seconds=150, what="2 MB")
    assert rio.client.post(f"/subscriptions/{name}/resume").json()["status"] == "active"

    def taken() -> list[str]:
        return [json.loads(request.body)["id"] for request in outside.posted("/in")]  # too large for headers

    wait_until(lambda: sorted(taken()) == sorted(large[-len(taken()) :]), what="the newest")
    wait_until(lambda: len(taken()) > 20, what="no more dead letters than had to be")


def test_what_waits_is_bounded_however_many_come(rio: Rio, outside: Outside, name: str) -> None:
    """Several thousands too many go one after the other, not some of them a minute."""
    put(rio, name, f"{outside.url}/in", status="paused")
    queue = f"rio.subscription.{name}"
    with rio.rabbit.connect() as connection, connection.channel() as channel:
        headers = {"ce-id": name, "ce-type": f"{name}.happened", "ce-source": "/x", "ce-p": "x" * 250}
        message = channel.prepare_message(b"{}", headers=headers, properties={"delivery_mode": 2})
        for _ in range(12_000):
            channel.basic_publish(message, "", queue)
    wait_until(lambda: rio.rabbit.queue_length(queue) < 4000, what="2 MB")


def test_pause_and_resume(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in")
    first = emit(rio, name)
    wait_until(lambda: outside.ids("/in") == [first])
    paused = rio.client.post(f"/subscriptions/{name}/pause", json={"reason": "a fix is under way"}).json()
    assert (paused["status"], paused["reason"]) == ("paused", "a fix is under way")

    def gauge() -> float:
        return rio.metric(rio.dispatcher_port, "rio_subscription_paused", subscription=name)

    wait_until(lambda: gauge() == 1, what="the dispatcher's knowledge")
    waiting = [emit(rio, name) for _ in range(5)]
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") == 5, what="the backlog")
    assert outside.ids("/in") == [first]
    assert rio.client.post(f"/subscriptions/{name}/resume").json()["reason"] is None
    wait_until(lambda: set(outside.ids("/in")) == {first, *waiting}, what="what waited")


def test_filters_decide(rio: Rio, outside: Outside, name: str) -> None:
    put(
        rio,
        name,
        f"{outside.url}/in",
        filters=[{"prefix": {"subject": "eu-"}}, {"not": {"exact": {"kind": "x"}}}],
    )
    emit(rio, name, subject="us-1")
    emit(rio, name, subject="eu-1", kind="x")
    wanted = emit(rio, name, subject="eu-2", kind="y")
    wait_until(lambda: outside.ids("/in"), what="the wanted event")
    assert outside.ids("/in") == [wanted]
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") == 0)


def test_signatures_are_standard_webhooks_through_a_rotation(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config=FAST)
    outside.reply = lambda request: answer(500) if len(outside.posted("/in")) < 2 else OK
    old = rio.client.get(f"/subscriptions/{name}/secret").json()["secret"]
    emit(rio, name)
    first, second = wait_until(lambda: len(found := outside.posted("/in")) == 2 and found)
    for request in (first, second):
        Webhook(old).verify(request.body, request.headers)
        assert request.headers["x-rio-event"] == f"{name}.happened"
        assert "x-platform-credential" not in request.headers
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    new = rio.client.post(f"/subscriptions/{name}/secret/rotate").json()
    assert new["version"] == 2

    def both() -> bool:
        emit(rio, name)
        wait_until(lambda: outside.posted("/in")[-1] is not second, what="a delivery")
        latest = outside.posted("/in")[-1]
        if len(latest.headers["webhook-signature"].split()) == 1:
            return False
        for secret in (old, new["secret"]):
            Webhook(secret).verify(latest.body, latest.headers)
        return True

    wait_until(both, what="deliveries with both signatures")


def test_rate_is_kept(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={"rate_per_second": 10})
    for _ in range(15):
        emit(rio, name)
    wait_until(lambda: len(outside.posted("/in")) == 15, what="all deliveries")
    posted = outside.posted("/in")
    assert posted[-1].at - posted[0].at >= 1.2  # 15 places of 0.1 s, two of which may be caught up with


def test_sink_must_agree(rio: Rio, outside: Outside, name: str) -> None:
    document = {"types": ["a"], "sink": f"{outside.url}/in", "config": {"rate_per_second": 2}}
    address = f"/subscriptions/{name}"
    outside.agrees = answer(403, body=b"not here")
    refused = rio.client.put(address, json=document)
    assert refused.status_code == 422
    assert "403: not here" in refused.json()["errors"][0]["detail"]
    outside.agrees = answer(200, "WebHook-Allowed-Origin: elsewhere")
    assert "elsewhere" in rio.client.put(address, json=document).json()["detail"]
    outside.agrees = answer(200, "WebHook-Allowed-Origin: *", "WebHook-Allowed-Rate: 60")
    slower = rio.client.put(address, json=document)
    assert [one["pointer"] for one in slower.json()["errors"]] == ["#/config/rate_per_second"]
    outside.agrees = answer(200, "WebHook-Allowed-Origin: *", "WebHook-Allowed-Rate: 120")
    assert rio.client.put(address, json=document).status_code == 201
    asked = [one for one in outside.requests if one.method == "OPTIONS"]
    assert {one.headers["webhook-request-origin"] for one in asked} == {"rio"}
    assert {one.headers["webhook-request-rate"] for one in asked} == {"120"}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.2", "[::1]", "169.254.169.254", "0.0.0.0", "2130706434", "[::ffff:127.0.0.2]", "100.64.0.1"],
)
def test_no_way_leads_inside(rio: Rio, name: str, host: str) -> None:
    refused = rio.client.put(f"/subscriptions/{name}", json={"types": ["a"], "sink": f"http://{host}:9/"})
    assert refused.status_code == 422
    assert rio.client.get(f"/subscriptions/{name}").status_code == 404


def test_redirects_are_not_followed(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={**FAST, "final_statuses": [302]})
    outside.reply = lambda request: answer(302, f"Location: {outside.url}/elsewhere")
    emit(rio, name)
    wait_until(lambda: dead(rio, name), what="the dead letter")
    assert outside.posted("/elsewhere") == []


def test_order_is_fixed_at_creation(rio: Rio, name: str) -> None:
    put(rio, name, "/a/events")
    document = {"types": ["a"], "sink": "/a/events", "config": {"ordered": True}}
    assert rio.client.put(f"/subscriptions/{name}", json=document).status_code == 409


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ([], "#/config"),
        ({"timeout_seconds": "10"}, "#/config/timeout_seconds"),
        ({"concurrency": 0}, "#/config/concurrency"),
        ({"retry": {"max_attempts": 1.5}}, "#/config/retry/max_attempts"),
        ({"retry": {"first_seconds": 60, "cap_seconds": 1}}, "#/config/retry"),
        ({"final_statuses": [410]}, "#/config/final_statuses"),
        ({"final_statuses": [200]}, "#/config/final_statuses/0"),
        ({"trace": "none"}, "#/config/trace"),
        ({"colour": 1}, "#/config/colour"),
    ],
)
def test_wrong_policies_are_refused_by_field(rio: Rio, name: str, config: Any, pointer: str) -> None:
    document = {"types": ["a"], "sink": "/a/events", "config": config}
    refused = rio.client.put(f"/subscriptions/{name}", json=document)
    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


def test_open_circuit_uses_no_attempts_and_closes_again(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={**FAST, "concurrency": 4})
    outside.reply = lambda request: answer(500)

    def state() -> float:
        return rio.metric(rio.dispatcher_port, "rio_circuit_state", subscription=name)

    sent = {emit(rio, name) for _ in range(30)}
    wait_until(lambda: state() == 2, what="the open circuit")
    before = len(outside.posted("/in"))
    time.sleep(1.0)  # nothing to wait for: next to nothing may happen
    assert len(outside.posted("/in")) - before <= 8
    outside.reply = lambda request: OK
    wait_until(lambda: state() == 0, what="the closed circuit")
    wait_until(lambda: set(outside.ids("/in")) == sent and dead(rio, name) == [], what="all deliveries")
    wait_until(lambda: rio.rabbit.queue_length(f"rio.subscription.{name}") == 0)


def in_order(outside: Outside) -> dict[str, list[str]]:
    """The ids each subject's events were taken with, in their order."""
    taken: dict[str, list[str]] = defaultdict(list)
    for request in outside.posted("/in"):
        if request.headers["x-taken"] and request.id not in taken[request.headers["ce-subject"]]:
            taken[request.headers["ce-subject"]].append(request.id)
    return taken


def ordered_sink(outside: Outside, failing_subject: str, failures: int) -> None:
    """Fails the first event of one subject some times; notes with each request whether it was taken."""
    failed: list[str] = []

    def reply(request: Request) -> bytes:
        fails = request.headers["ce-subject"] == failing_subject and len(failed) < failures
        if fails:
            failed.append(request.id)
        request.headers["x-taken"] = "" if fails else "yes"
        return answer(500) if fails else OK

    outside.reply = reply


def test_ordered_by_subject_through_retries(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={**FAST, "ordered": True})
    ordered_sink(outside, "s0", 3)
    sent: dict[str, list[str]] = defaultdict(list)
    for number in range(60):
        sent[f"s{number % 6}"].append(emit(rio, name, subject=f"s{number % 6}"))
    wait_until(lambda: in_order(outside) == sent, what="all deliveries")
    posted = outside.ids("/in")
    assert posted.count(sent["s0"][0]) == 4
    # The others did not wait for the one that failed.
    assert posted.index(sent["s1"][0]) < len(posted) - 1 - posted[::-1].index(sent["s0"][0])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("killed", [False, True])
def test_a_failing_subject_stops_itself_alone(rio: Rio, outside: Outside, name: str, killed: bool) -> None:
    """However many of its events wait, and whatever becomes of the dispatcher that knows of them."""
    put(rio, name, f"{outside.url}/in", config={**FAST, "ordered": True})
    recovered: list[bool] = []

    def reply(request: Request) -> bytes:
        fails = request.headers["ce-subject"] == "failing" and not recovered
        request.headers["x-taken"] = "" if fails else "yes"
        return answer(404) if fails else OK  # 404: the sink works, so its circuit stays closed

    outside.reply = reply
    sent = {"failing": [emit(rio, name, subject="failing") for _ in range(700)], "other": []}
    sent["other"] = [emit(rio, name, subject="other") for _ in range(20)]
    wait_until(lambda: in_order(outside).get("other") == sent["other"], what="the other subject's deliveries")
    assert "failing" not in in_order(outside)
    if killed:
        rio.dispatcher.kill()
        rio.dispatcher.start()
    labels = {"subscription": name}
    wait_until(lambda: rio.metric(rio.dispatcher_port, "rio_held_messages", **labels) == 700)
    recovered.append(True)
    sent["failing"] += [emit(rio, name, subject="failing") for _ in range(5)]
    wait_until(lambda: in_order(outside) == sent, what="all deliveries, in order")


def test_ordered_by_subject_through_failover(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={**FAST, "ordered": True, "concurrency": 2})
    ordered_sink(outside, "s0", 3)
    second, url = rio.another_dispatcher()
    with running(second):
        wait_until(lambda: httpx.get(f"{url}/health/ready").status_code == 200, what="the second dispatcher")
        sent: dict[str, list[str]] = defaultdict(list)
        for number in range(200):
            sent[f"s{number % 5}"].append(emit(rio, name, subject=f"s{number % 5}"))
            if number == 100:
                rio.dispatcher.kill()
        wait_until(lambda: in_order(outside) == sent, what="all deliveries in order")
        rio.dispatcher.start()
        rio.wait_ready()


def test_two_dispatchers_share_and_take_over(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={"concurrency": 1})
    second, url = rio.another_dispatcher()

    def delivered(metrics_url: str) -> bool:
        series = f'rio_deliveries_total{{outcome="delivered",subscription="{name}"}}'
        lines = httpx.get(f"{metrics_url}/metrics").text.splitlines()
        return any(line.startswith(series) and not line.endswith(" 0.0") for line in lines)

    with running(second):
        wait_until(lambda: httpx.get(f"{url}/health/ready").status_code == 200, what="the second dispatcher")
        sent: set[str] = set()

        def both() -> bool:
            sent.add(emit(rio, name))
            return delivered(url) and delivered(f"http://127.0.0.1:{rio.dispatcher_port}")

        wait_until(both, what="work for both")
        sent |= {emit(rio, name) for _ in range(50)}
        second.kill()
        sent |= {emit(rio, name) for _ in range(50)}
        wait_until(lambda: set(outside.ids("/in")) == sent, what="all deliveries")


def test_a_linked_trace_is_one_of_its_own(rio: Rio, outside: Outside, name: str) -> None:
    put(rio, name, f"{outside.url}/in", config={"trace": "link"})
    origin = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
    emit(rio, name, traceparent=origin)
    (request,) = wait_until(lambda: outside.posted("/in"), what="the delivery")
    trace_id = request.headers["traceparent"].split("-")[1]
    assert trace_id != origin.split("-")[1]
    (span,) = wait_until(
        lambda: [one for one in rio.collector.trace(trace_id) if one.name == f"process {name}.happened"]
    )
    assert span.links == (origin.split("-")[1],)
