"""An API process takes the place of another one on the same port while events come, once it is prepared."""

import threading

import httpx
import psycopg

from broker.tests.servers import Rio, running, wait_until
from tests.ports import free_port

HEADERS = {"Authorization": "Bearer t-tests", "Content-Type": "application/json"}
ENOUGH = 40


def is_alive(ready: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{ready}/health/live").status_code == 200


def is_ready(ready: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{ready}/health/ready").status_code == 200


def test_no_event_is_refused_while_a_process_takes_the_place_of_another(rio: Rio) -> None:
    port, first_ready, second_ready = free_port(), free_port(), free_port()
    (first, url), (second, _) = (rio.another_api(port, ready) for ready in (first_ready, second_ready))
    answers: list[str] = []
    over = threading.Event()

    def emit() -> None:
        while not over.is_set():
            answer = httpx.post(f"{url}/event/succession/emit/done", headers=HEADERS, json={})
            answers.append("accepted" if answer.status_code == 202 else answer.text)

    def wait_for(count: int) -> None:
        before = len(answers)
        wait_until(lambda: len(answers) >= before + count, what="events")

    def wait_ready(ready: int) -> None:
        wait_until(lambda: is_ready(ready), what="a process that is ready")

    threads = [threading.Thread(target=emit) for _ in range(4)]
    with running(first):
        wait_ready(first_ready)
        for thread in threads:
            thread.start()
        wait_for(ENOUGH)
        with running(second):
            with psycopg.connect(rio.postgres.url("rio")) as connection:
                connection.execute("LOCK TABLE migrations")  # until the end of the transaction
                wait_until(lambda: is_alive(second_ready), what="the second process")
                wait_for(ENOUGH)
                assert not is_ready(second_ready)
            wait_ready(second_ready)
            wait_for(ENOUGH)
            first.end()
            wait_for(ENOUGH)
            over.set()
            for thread in threads:
                thread.join(30)
    assert all(not thread.is_alive() for thread in threads)
    assert set(answers) == {"accepted"}
