"""The circuit in virtual time: opens on near-total failure alone, probes, closes again."""

import pytest

from broker.rio.delivery.circuit_breaker import CircuitBreaker, State
from broker.rio.delivery.rate_limiter import RateLimiter


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def fail(circuit: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        circuit.record(success=False)


def test_opens_after_enough_failures_and_no_sooner(circuit: CircuitBreaker) -> None:
    fail(circuit, 19)
    assert circuit.state is State.CLOSED
    assert circuit.wait_seconds() == 0
    fail(circuit, 1)
    assert circuit.state is State.OPEN
    assert circuit.wait_seconds() == 1


def test_some_healthy_events_keep_it_closed(circuit: CircuitBreaker) -> None:
    for _ in range(100):
        fail(circuit, 9)
        circuit.record(success=True)
    assert circuit.state is State.CLOSED


def test_failures_of_long_ago_do_not_count(circuit: CircuitBreaker, clock: Clock) -> None:
    for _ in range(100):
        fail(circuit, 1)
        clock.now += 1
    assert circuit.state is State.CLOSED


def test_a_sink_that_hangs_is_failing_though_its_circuit_stays_closed(
    circuit: CircuitBreaker, clock: Clock
) -> None:
    """Of 16 attempts at a time each takes 10 s."""
    for _ in range(6):
        fail(circuit, 16)
        assert not circuit.is_failing
        clock.now += 10.1
    assert circuit.state is State.CLOSED
    assert circuit.is_failing
    circuit.record(success=True)
    assert not circuit.is_failing


def test_a_sink_whose_circuit_is_not_closed_is_failing(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, 20)
    assert circuit.is_failing
    clock.now += 1
    assert circuit.wait_seconds() == 0  # the probe
    assert circuit.is_failing


def test_a_sink_that_asks_for_it_is_left_alone(circuit: CircuitBreaker, clock: Clock) -> None:
    circuit.hold(30)
    circuit.hold(10)  # of several answers the longest counts
    circuit.record(success=True)
    assert not circuit.is_closed
    assert circuit.wait_seconds() == 30
    clock.now += 30
    assert circuit.wait_seconds() == 0
    assert circuit.is_closed


def test_one_probe_decides(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, 20)
    clock.now += 1
    assert circuit.wait_seconds() == 0  # the probe
    assert circuit.state is State.HALF_OPEN
    assert circuit.wait_seconds() > 0  # and nobody else
    circuit.record(success=True)
    assert circuit.state is State.CLOSED
    assert circuit.wait_seconds() == 0


def test_each_failed_probe_doubles_the_wait_up_to_a_bound(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, 20)
    waits = []
    for _ in range(8):
        waits.append(circuit.wait_seconds())
        clock.now += waits[-1]
        assert circuit.wait_seconds() == 0
        fail(circuit, 1)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_probe_that_never_tells_is_replaced(circuit: CircuitBreaker, clock: Clock) -> None:
    fail(circuit, 20)
    clock.now += 1
    assert circuit.wait_seconds() == 0
    clock.now += 62
    assert circuit.wait_seconds() == 0


def test_attempts_from_before_it_opened_change_nothing_but_for_better(circuit: CircuitBreaker) -> None:
    fail(circuit, 40)
    assert circuit.wait_seconds() == 1
    circuit.record(success=True)
    assert circuit.state is State.CLOSED


def test_a_rate_is_kept_after_a_small_burst(clock: Clock) -> None:
    limiter = RateLimiter(10, clock)
    clock.now += 60
    waits = [limiter.reserve() for _ in range(22)]
    assert waits[:2] == [0, 0]  # a tenth of a second's worth, and the one that is due
    assert waits[-1] == pytest.approx(2.0)
    clock.now += 2.0
    assert limiter.reserve() == pytest.approx(0.1)


def test_a_sink_that_asked_to_be_left_alone_is_until_the_time_is_over(
    circuit: CircuitBreaker, clock: Clock
) -> None:
    circuit.hold(30)
    circuit.hold(10)
    circuit.record(success=True)  # of an attempt from before
    assert not circuit.is_closed
    assert circuit.wait_seconds() == 30
    clock.now += 29
    assert circuit.wait_seconds() == 1
    clock.now += 1
    assert circuit.wait_seconds() == 0
    assert circuit.is_closed
