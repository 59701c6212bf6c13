"""Nothing that was answered 202 is lost, whatever is killed."""

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from broker.tests.servers import Rio, wait_until

EVENTS = 2000
CALLERS = 32


class Load:
    """Many callers emitting; each event is sent until it is answered 202, as the relay would."""

    def __init__(self, rio: Rio, type_: str) -> None:
        self._rio, self._type = rio, type_
        self.accepted: set[str] = set()
        self.refused = 0
        self._lock = threading.Lock()

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Emit EVENTS events and do something when a third of them is through."""
        with ThreadPoolExecutor(CALLERS) as pool:
            futures = [pool.submit(self._emit, str(uuid4())) for _ in range(EVENTS)]
            wait_until(lambda: len(self.accepted) > EVENTS // 3, 120.0, "a third of the load")
            meanwhile()
            for future in futures:
                future.result(timeout=300)

    def _emit(self, event_id: str) -> None:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            try:
                answer = self._rio.emit(self._type, event_id)
            except httpx.HTTPError:
                answer = None
            with self._lock:
                if answer is not None and answer.status_code == 202:
                    self.accepted.add(event_id)
                    return
                self.refused += 1
            assert answer is None or answer.status_code == 503, answer.text
            time.sleep(0.1)
        raise AssertionError("not accepted within 240 s")


def kill_rabbit(rio: Rio) -> None:
    rio.rabbit.kill()
    rio.rabbit.start_node()


def kill_api(rio: Rio) -> None:
    rio.api.kill()
    rio.api.start()


def kill_dispatcher(rio: Rio) -> None:
    rio.dispatcher.kill()
    rio.dispatcher.start()


def kill_postgres(rio: Rio) -> None:
    rio.postgres.kill()
    rio.postgres.start()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kill", [kill_rabbit, kill_api, kill_dispatcher, kill_postgres])
def test_every_accepted_event_is_delivered(rio: Rio, kill: Callable[[Rio], None]) -> None:
    name = kill.__name__.replace("_", "-")
    path = rio.subscribe(name, f"crash.{name}")
    load = Load(rio, f"crash.{name}")
    load.run(lambda: kill(rio))
    assert len(load.accepted) == EVENTS

    def missing() -> set[str]:
        delivered = {one.id for one in rio.sink.to(path)}
        return load.accepted - delivered - rio.dead(name)

    wait_until(lambda: not missing(), 180.0, f"an end for each of {EVENTS} events")
    attempts, dead = len(rio.sink.to(path)), len(rio.dead(name))
    print(
        f"{name}: {EVENTS} accepted, {load.refused} told to come again, {attempts} deliveries, "
        f"{dead} dead letters, none missing"
    )
    rio.wait_ready()


def test_stop_finishes_what_is_under_way(rio: Rio) -> None:
    """SIGTERM in the middle of a slow delivery: it ends, is acknowledged, and is not delivered again."""
    path = rio.subscribe("stopping", "stop.test")

    def slowly(_delivered: object) -> int:
        time.sleep(1.5)
        return 204

    rio.sink.answer = slowly
    try:
        event_id = str(uuid4())
        assert rio.emit("stop.test", event_id).status_code == 202
        time.sleep(0.7)  # the delivery has begun; the sink records it at its end
        rio.dispatcher.end(signal.SIGTERM)
        assert [one.id for one in rio.sink.to(path)] == [event_id]
    finally:
        rio.sink.answer = lambda _delivered: 204
        rio.dispatcher.start()
        rio.wait_ready()
    assert rio.rabbit.queue_length("rio.subscription.stopping") == 0
    assert [one.id for one in rio.sink.to(path)] == [event_id]
