"""RabbitMQ loses its data, a queue, or a queue's leader: nothing answered 202 may miss its queue."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest
from amqp.exceptions import NotFound

from broker.client import outbox
from broker.tests.servers import Rio, running, wait_until


@pytest.fixture(autouse=True)
def _sink_takes_everything(rio: Rio) -> Iterator[None]:
    rio.sink.answer = lambda _delivered: 204
    yield
    rio.wait_ready()


@contextmanager
def emitting(rio: Rio, type_: str) -> Iterator[dict[str, int]]:
    """Emit an event after another meanwhile; gives the status that each id was answered with."""
    answers: dict[str, int] = {}
    stopped = threading.Event()

    def emit() -> None:
        while not stopped.is_set():
            event_id = str(uuid4())
            try:
                answers[event_id] = rio.emit(type_, event_id).status_code
            except httpx.HTTPError:
                answers[event_id] = 0

    callers = [threading.Thread(target=emit) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        yield answers
    finally:
        stopped.set()
        for caller in callers:
            caller.join()


def accepted(answers: dict[str, int]) -> set[str]:
    # A copy, made without a switch of threads: others add to it.
    return {event_id for event_id, status in answers.copy().items() if status == 202}


def delivered(rio: Rio, path: str) -> set[str]:
    return {one.id for one in rio.sink.to(path)}


def lose_everything(rio: Rio) -> None:
    for command in ("stop_app", "reset", "start_app"):
        rio.rabbit.control(command)


def lose_one_queue(rio: Rio) -> None:
    rio.rabbit.control("delete_queue", "rio.subscription.lossy")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("lose", [lose_everything, lose_one_queue])
def test_what_is_accepted_after_a_loss_is_delivered(rio: Rio, lose: Callable[[Rio], None]) -> None:
    path = rio.subscribe("lossy", "lossy.test")
    # Nothing may wait in a queue when it is lost: that is gone with it.
    rio.client.post("/subscriptions/lossy/pause")
    rio.client.post("/subscriptions/lossy/resume")
    with emitting(rio, "lossy.test") as before:
        wait_until(lambda: len(accepted(before)) > 20, what="events before the loss")
    wait_until(lambda: accepted(before) <= delivered(rio, path), what="their deliveries")
    lose(rio)
    with emitting(rio, "lossy.test") as after:
        wait_until(lambda: len(accepted(after)) > 200, what="events after the loss")
    wait_until(lambda: accepted(after) <= delivered(rio, path), what="their deliveries")
    assert set(after.values()) <= {0, 202, 503}
    # What came twice is the same delivery: its consumer acts on it once.
    deliveries = {(one.id, one.headers["webhook-id"]) for one in rio.sink.to(path)}
    assert len(deliveries) == len(delivered(rio, path))


@pytest.mark.timeout(900)
def test_what_is_accepted_during_a_loss_of_everything_is_delivered(rio: Rio) -> None:
    """Accepted once the new connection stands, and not before the queues do."""
    path = rio.subscribe("resetting", "resetting.test")
    with emitting(rio, "resetting.test") as answers:
        wait_until(lambda: len(accepted(answers)) > 20, what="events before the loss")
        rio.rabbit.control("stop_app")
        gone = len(answers)
        rio.rabbit.control("reset")
        wait_until(lambda: len(answers) > gone, what="refusals")
        since = set(answers.copy())
        rio.rabbit.control("start_app")
        wait_until(lambda: len(accepted(answers) - since) > 200, what="events after the loss")
    wait_until(lambda: accepted(answers) - since <= delivered(rio, path), what="their deliveries")


@pytest.mark.timeout(900)
def test_what_is_accepted_between_a_loss_and_a_new_connection_is_delivered(rio: Rio) -> None:
    path = rio.subscribe("cut", "cut.test")
    ids = [uuid4() for _ in range(10)]
    lose_and_cut = """
        {ok, Queue} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"rio.subscription.cut">>)),
        rabbit_amqqueue:delete(Queue, false, false, <<"tests">>),
        timer:sleep(1500),
        [rabbit_networking:close_connection(Each, "tests") || Each <- rabbit_networking:connections()].
    """
    with ThreadPoolExecutor() as threads:
        cut = threads.submit(rio.rabbit.control, "eval", lose_and_cut)
        wait_until(lambda: not _there(rio, "rio.subscription.cut"), what="the loss")
        answers = {event_id: rio.emit("cut.test", event_id).status_code for event_id in map(str, ids)}
        cut.result(300)
    assert 202 in answers.values()
    wait_until(lambda: accepted(answers) <= delivered(rio, path), what="their deliveries")


@pytest.mark.timeout(900)
def test_a_queue_without_a_leader_harms_its_own_events_alone(rio: Rio) -> None:
    path = rio.subscribe("neighbour", "neighbour.test")
    with headless(rio, "headless"):
        with emitting(rio, "headless.test") as refused, emitting(rio, "neighbour.test") as answers:
            wait_until(lambda: len(refused) > 50, what="refusals")
        assert set(refused.values()) == {503}
        assert set(answers.values()) == {202}
        wait_until(lambda: accepted(answers) <= delivered(rio, path), what="the other's deliveries")
        # Also for a dispatcher that has to begin anew.
        rio.dispatcher.kill()
        rio.dispatcher.start()
        with emitting(rio, "neighbour.test") as answers:
            wait_until(lambda: len(accepted(answers)) > 20, what="events")
        wait_until(lambda: accepted(answers) <= delivered(rio, path), what="the other's deliveries")

        def told() -> bool:
            health = httpx.get(f"http://127.0.0.1:{rio.dispatcher_port}/health").json()
            return "headless" in health["checks"]["queues"].get("detail", "")

        wait_until(told, what="a health check that names the queue")


@contextmanager
def headless(rio: Rio, name: str) -> Iterator[None]:
    """The subscription to `<name>.test`, made where it is not there, while its queue has no leader."""
    if rio.client.get(f"/subscriptions/{name}").status_code == 404:
        rio.subscribe(name, f"{name}.test")
    server = f'{{list_to_atom("%2F_rio.subscription.{name}"), node()}}'
    rio.rabbit.control("eval", f"ra:stop_server(quorum_queues, {server}).")
    try:
        yield
    finally:
        assert rio.client.delete(f"/subscriptions/{name}").status_code == 204


@pytest.mark.timeout(900)
def test_an_outbox_ships_the_events_behind_those_of_a_queue_without_a_leader(rio: Rio) -> None:
    """However many these are, and then these as well."""
    path = rio.subscribe("shipped", "shipped.test")
    database = f"service_{uuid4().hex[:8]}"
    rio.postgres.execute("postgres", f"CREATE DATABASE {database}")
    rio.postgres.execute(database, outbox.SCHEMA)

    def commit(type_: str, *subjects: str) -> list[str]:
        with psycopg.connect(rio.postgres.url(database)) as connection:
            return [
                outbox.emit(connection.execute, type=type_, source="/shop", subject=subject, data={})
                for subject in subjects
            ]

    relay, _ = rio.relay({"shop": rio.postgres.url(database, "relay")})
    with running(relay):
        with headless(rio, "unshipped"):
            commit("unshipped.test", *map(str, range(250)))
            (behind,) = commit("shipped.test", "7")
            (free,) = commit("shipped.test", "free")
            wait_until(lambda: free in delivered(rio, path), 120.0, what="the free subject's delivery")
            assert behind not in delivered(rio, path)
        wait_until(lambda: behind in delivered(rio, path), 120.0, what="what was behind them")
        query = "SELECT count(*) FROM outbox"
        wait_until(lambda: rio.postgres.execute(database, query) == [(0,)], what="an empty outbox")


@pytest.mark.timeout(900)
def test_scheduled_events_of_a_queue_without_a_leader_stop_no_others(rio: Rio) -> None:
    path = rio.subscribe("punctual", "punctual.test")
    with headless(rio, "late"):
        soon = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
        for number in range(150):
            assert rio.emit("late.test", f"late-{number}", notbefore=soon).status_code == 202
        assert rio.emit("punctual.test", "punctual", notbefore=soon).status_code == 202
        wait_until(lambda: delivered(rio, path) == {"punctual"}, 120.0, what="the other's delivery")


@pytest.mark.timeout(900)
def test_retries_due_in_a_queue_without_a_leader_stop_no_others(rio: Rio) -> None:
    """However many they are: RabbitMQ waits for their queue to confirm them."""
    retry = {"first_seconds": 0.5, "cap_seconds": 2}
    for name in ("stuck", "tried-again"):
        document = {"types": [f"{name}.test"], "sink": f"/{name}/events", "config": {"retry": retry}}
        assert rio.client.put(f"/subscriptions/{name}", json=document).status_code in (200, 201)
    failing = {"/stuck/events", "/tried-again/events"}
    rio.sink.answer = lambda delivered: 404 if delivered.path in failing else 204
    stuck = {f"stuck-{number}" for number in range(100)}
    for event_id in stuck:
        assert rio.emit("stuck.test", event_id).status_code == 202
    wait_until(lambda: delivered(rio, "/stuck/events") == stuck, what="a first attempt of each")
    with headless(rio, "stuck"):

        def are_due() -> bool:
            before = len(rio.sink.to("/stuck/events"))
            time.sleep(3.0)  # longer than any pause: nothing to wait for, as nothing may happen
            return len(rio.sink.to("/stuck/events")) == before

        wait_until(are_due, what="all their retries due")
        assert rio.emit("tried-again.test", "tried").status_code == 202
        wait_until(lambda: len(rio.sink.to("/tried-again/events")) > 1, what="the other's retry")


@pytest.mark.timeout(900)
def test_a_dispatcher_brings_no_queue_back(rio: Rio) -> None:
    """It may know an older state than the API, which has just removed the subscription with its queue."""
    rio.subscribe("short-lived", "short-lived.test")
    queue = "rio.subscription.short-lived"
    rio.api.signal(signal.SIGSTOP)
    try:
        rio.rabbit.control("delete_queue", queue)
        time.sleep(2.0)  # it looks twice a second; nothing to wait for: nothing may happen
        assert not _there(rio, queue)
    finally:
        rio.api.signal(signal.SIGCONT)
    wait_until(lambda: _there(rio, queue), what="the queue, declared by the API")
    assert rio.client.delete("/subscriptions/short-lived").status_code == 204


def _there(rio: Rio, queue: str) -> bool:
    try:
        rio.rabbit.queue_length(queue)
    except NotFound:
        return False
    return True
