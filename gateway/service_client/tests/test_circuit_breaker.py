"""The breaker under virtual time, beside a model that remembers every call."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gateway.service_client.circuit_breaker import (
    _SLICES,
    MAX_ISOLATED,
    CircuitBreaker,
    CircuitBreakers,
    State,
)
from gateway.service_client.policy import BreakerPolicy

DECLARED = BreakerPolicy(failure_ratio=0.5, minimum=3, window_seconds=10, open_seconds=5)


class Life(RuleBasedStateMachine):
    """Calls begin and end in any order while time goes on."""

    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.transitions: list[tuple[State, State]] = []
        self.circuit = CircuitBreaker(
            DECLARED, lambda before, after: self.transitions.append((before, after)), lambda: self.now
        )
        self.results: list[tuple[float, bool]] = []  # since the circuit closed last
        self.opened = 0.0
        self.probes = 0  # admitted since the last transition and not ended

    @rule(seconds=st.sampled_from([0.125, 1, 2.5, 5, 30]))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=tickets)
    def begin(self) -> tuple[int, int]:
        before = self.circuit.state
        ticket = self.circuit.admit()
        if before is State.CLOSED:
            assert ticket is not None
        if before is State.OPEN:
            assert (ticket is not None) == (self.now - self.opened >= DECLARED.open_seconds)
        if self.circuit.state is State.HALF_OPEN and ticket is not None:
            self.probes = self.probes + 1 if before is State.HALF_OPEN else 1
        return -1 if ticket is None else ticket, len(self.transitions)

    @rule(ticket=consumes(tickets), outcome=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, ticket: tuple[int, int], outcome: str) -> None:
        number, epoch = ticket
        if number < 0:
            return
        before, current = self.circuit.state, epoch == len(self.transitions)
        getattr(self.circuit, outcome)(number)
        if not current:
            assert self.circuit.state is before, "an old call changed the state"
        elif before is State.HALF_OPEN:
            expected = {"succeeded": State.CLOSED, "failed": State.OPEN, "abandoned": State.HALF_OPEN}
            assert self.circuit.state is expected[outcome]
            self.probes = 0
        elif outcome != "abandoned":
            self.results.append((self.now, outcome == "failed"))
            self._judge()
        if self.circuit.state is not before:
            self.results.clear()
            self.opened = self.now

    def _judge(self) -> None:
        """The window is as wide as declared, give or take one slice."""
        width = DECLARED.window_seconds / _SLICES
        first = int(self.now / width) - _SLICES + 1
        window = [failed for at, failed in self.results if int(at / width) >= first]
        enough = len(window) >= DECLARED.minimum
        ratio = sum(window) / len(window) >= DECLARED.failure_ratio
        opens = self.results[-1][1] and enough and ratio
        assert (self.circuit.state is State.OPEN) == opens

    @invariant()
    def one_probe_at_a_time(self) -> None:
        if self.circuit.state is State.HALF_OPEN:
            assert self.probes <= 1

    @invariant()
    def only_known_transitions(self) -> None:
        known = {
            (State.CLOSED, State.OPEN),
            (State.OPEN, State.HALF_OPEN),
            (State.HALF_OPEN, State.OPEN),
            (State.HALF_OPEN, State.CLOSED),
        }
        assert set(self.transitions) <= known


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)


def test_opens_probes_and_closes() -> None:
    now = 0.0
    seen: list[State] = []
    circuit = CircuitBreaker(DECLARED, lambda _before, after: seen.append(after), lambda: now)
    for _ in range(3):
        ticket = circuit.admit()
        assert ticket is not None
        circuit.failed(ticket)
    assert (circuit.admit(), circuit.retry_after()) == (None, 5)
    now = 5
    probe = circuit.admit()
    assert probe is not None
    assert circuit.admit() is None
    circuit.succeeded(probe)
    assert seen == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_old_failures_are_forgotten() -> None:
    now = 0.0
    circuit = CircuitBreaker(DECLARED, clock=lambda: now)
    for later in (0.0, 1.0, 20.0):
        now = later
        ticket = circuit.admit()
        assert ticket is not None
        circuit.failed(ticket)
    assert circuit.state is State.CLOSED


def test_late_failures_of_a_url_that_is_left_alone_leave_its_breaker_as_it_is() -> None:
    """Calls that began before the URL was isolated end after that, and a probe of it succeeds."""
    now = 0.0
    circuits = CircuitBreakers(DECLARED, clock=lambda: now)
    path = circuits.of("GET /a/{id}", "/a/bad")
    late = [path.admit() or 0 for _ in range(9)]  # closed, it admits all
    for _ in range(3):
        path.succeeded(path.admit() or 0)
    for ticket in late[:3]:
        path.failed(ticket, "/a/bad")
    isolated = circuits.of("GET /a/{id}", "/a/bad")
    assert (isolated is path, isolated.state) == (False, State.OPEN)
    now = DECLARED.open_seconds
    probe = isolated.admit()
    assert probe is not None
    for ticket in late[3:]:
        path.failed(ticket, "/a/bad")
    assert circuits.of("GET /a/{id}", "/a/bad") is isolated
    isolated.succeeded(probe)
    assert circuits.of("GET /a/{id}", "/a/bad") is path


def isolate(circuits: CircuitBreakers, target: str) -> CircuitBreaker:
    """The breaker of a URL that has failed often enough to be isolated."""
    path = circuits.of("GET /a/{id}", target)
    for _ in range(DECLARED.minimum):
        path.failed(path.admit() or 0, target)
    return circuits.of("GET /a/{id}", target)


def test_isolated_urls_are_bounded() -> None:
    """Callers choose URLs: of many that fail, those isolated last have breakers of their own."""
    circuits = CircuitBreakers(DECLARED, clock=lambda: 0.0)
    isolated = [isolate(circuits, f"/a/{number}") for number in range(MAX_ISOLATED + 1)]
    path = circuits.of("GET /a/{id}", "/a/good")
    assert circuits.of("GET /a/{id}", "/a/0") is path, "the longest isolated one made room"
    assert [circuits.of("GET /a/{id}", f"/a/{number}") for number in (1, MAX_ISOLATED)] == [
        isolated[1],
        isolated[-1],
    ]
    assert path.state is State.CLOSED


def test_a_probe_of_a_forgotten_breaker_leaves_its_successor_open() -> None:
    now = [0.0]
    circuits = CircuitBreakers(DECLARED, clock=lambda: now[0])
    first = isolate(circuits, "/a/0")
    now[0] += DECLARED.open_seconds
    probe = first.admit()
    assert probe is not None
    for number in range(1, MAX_ISOLATED + 1):
        isolate(circuits, f"/a/{number}")
    again = isolate(circuits, "/a/0")
    first.succeeded(probe)
    assert circuits.of("GET /a/{id}", "/a/0") is again
    assert again.state is State.OPEN
