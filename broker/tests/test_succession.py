"""An API process that is ready takes the place of another one on the same port while events come."""

import threading

import httpx

from broker.tests.servers import Rio, running, wait_until
from tests.ports import free_port

HEADERS = {"Authorization": "Bearer t-tests", "Content-Type": "application/json"}
ENOUGH = 40


def test_no_event_is_refused_while_a_process_takes_the_place_of_another(rio: Rio) -> None:
    port, first_ready, second_ready = free_port(), free_port(), free_port()
    (first, url), (second, _) = (rio.another_api(port, ready) for ready in (first_ready, second_ready))
    statuses: list[int] = []
    over = threading.Event()

    def emit() -> None:
        while not over.is_set():
            answer = httpx.post(f"{url}/event/succession/emit/done", headers=HEADERS, json={})
            statuses.append(answer.status_code)

    def wait_for(count: int) -> None:
        before = len(statuses)
        wait_until(lambda: len(statuses) >= before + count, what="events")

    def wait_ready(ready: int) -> None:
        health = f"http://127.0.0.1:{ready}/health/ready"
        wait_until(lambda: httpx.get(health).status_code == 200, what=health)

    threads = [threading.Thread(target=emit) for _ in range(4)]
    with running(first, second):
        wait_ready(first_ready)
        wait_ready(second_ready)
        for thread in threads:
            thread.start()
        wait_for(ENOUGH)
        first.end()
        wait_for(ENOUGH)
        over.set()
        for thread in threads:
            thread.join(30)
    assert all(not thread.is_alive() for thread in threads)
    assert set(statuses) == {202}
