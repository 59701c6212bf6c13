"""An API process takes the place of another one on the same port while events come, once it is prepared."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psycopg
import pytest

from broker.tests.servers import Rio, running, wait_until
from tests.ports import free_port

HEADERS = {"Authorization": "Bearer t-tests", "Content-Type": "application/json"}
ENOUGH = 40


def is_alive(ready: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{ready}/health/live").status_code == 200


def is_ready(ready: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{ready}/health/ready").status_code == 200


class Answers:
    """Rio's responses to clients that emit without pause."""

    def __init__(self, url: str) -> None:
        self.seen: list[str] = []
        self._url = url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._emit, daemon=True) for _ in range(4)]

    def _emit(self) -> None:
        while not self._over.is_set():
            answer = httpx.post(f"{self._url}/event/succession/emit/done", headers=HEADERS, json={})
            self.seen.append("accepted" if answer.status_code == 202 else answer.text)

    def wait_for_more(self) -> None:
        before = len(self.seen)
        wait_until(lambda: len(self.seen) >= before + ENOUGH, what="events")

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        self.wait_for_more()

    def end(self) -> None:
        self.wait_for_more()
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        assert all(not thread.is_alive() for thread in self._threads)


class HeldConnection:
    """A port before RabbitMQ's, whose first connection comes through only once it is let go."""

    def __init__(self, target: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.let_go = threading.Event()
        self.ended = 0
        """How many of the other connections have come to their end."""
        self._target = target
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        is_first = True
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client, is_first), daemon=True).start()
                is_first = False

    def _serve(self, client: socket.socket, is_first: bool) -> None:
        if is_first:
            self.let_go.wait(60)
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join(60)
        self.ended += not is_first

    def close(self) -> None:
        self.let_go.set()
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def held(rio: Rio) -> Iterator[HeldConnection]:
    connection = HeldConnection(rio.rabbit.port)
    yield connection
    connection.close()


def test_no_event_is_refused_while_a_process_takes_the_place_of_another(rio: Rio) -> None:
    port, first_ready, second_ready = free_port(), free_port(), free_port()
    (first, url), (second, _) = (rio.another_api(port, ready) for ready in (first_ready, second_ready))
    answers = Answers(url)
    with running(first):
        wait_until(lambda: is_ready(first_ready), what="the first process")
        answers.start()
        with running(second):
            with psycopg.connect(rio.postgres.url("rio")) as connection:
                connection.execute("LOCK TABLE migrations")  # until the end of the transaction
                wait_until(lambda: is_alive(second_ready), what="the second process")
                answers.wait_for_more()
                assert not is_ready(second_ready)
            wait_until(lambda: is_ready(second_ready), what="the second process")
            answers.wait_for_more()
            first.end()
            answers.end()
    assert set(answers.seen) == {"accepted"}


def test_a_process_waits_for_its_turn_until_its_publisher_is_connected(
    rio: Rio, held: HeldConnection
) -> None:
    port, first_ready, second_ready = free_port(), free_port(), free_port()
    (first, url), (second, _) = (rio.another_api(port, ready) for ready in (first_ready, second_ready))
    path = rio.folder / f"rio-{port}-{second_ready}.json"
    settings = json.loads(path.read_text())
    settings["amqp_url"] = settings["amqp_url"].replace(f":{rio.rabbit.port}/", f":{held.port}/")
    path.write_text(json.dumps(settings))
    answers = Answers(url)
    with running(first):
        wait_until(lambda: is_ready(first_ready), what="the first process")
        answers.start()
        with running(second):
            wait_until(lambda: held.ended, what="the second process has seen to the queues")
            answers.wait_for_more()
            held.let_go.set()
            wait_until(lambda: is_ready(second_ready), what="the second process")
            first.end()
            answers.end()
    assert set(answers.seen) == {"accepted"}
