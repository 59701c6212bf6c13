"""Which types' events the relay leaves in the outbox for a while."""

from broker.outbox_relay.type_backoff import TypeBackoff


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_types_are_left_out_for_longer_from_time_to_time_up_to_a_bound() -> None:
    clock = Clock()
    types, lasted = TypeBackoff(clock), []
    for _ in range(8):
        types.back_off(["a", "a"])
        begun = clock.now
        while types.excluded():
            clock.now += 0.5
        lasted.append(clock.now - begun)
    assert lasted[:3] == [1, 2, 4]
    assert sorted(lasted) == lasted
    assert lasted[-1] == lasted[-2] == 15


def test_a_type_that_is_taken_begins_anew() -> None:
    clock = Clock()
    types = TypeBackoff(clock)
    types.back_off(["a", "b"])
    types.back_off(["a"])
    types.reset(["a"])
    assert types.excluded() == ["b"]
    types.back_off(["a"])
    clock.now = 1.0
    assert (types.excluded(), str(types), bool(types)) == ([], "a, b", True)
    types.reset(["a", "b"])
    assert not types


def test_a_type_is_left_out_for_as_long_as_rio_asks() -> None:
    clock = Clock()
    types = TypeBackoff(clock)
    types.back_off(["a"], 30.0)
    clock.now = 29.0
    assert types.excluded() == ["a"]
