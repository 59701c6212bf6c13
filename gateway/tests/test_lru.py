from hypothesis import given
from hypothesis import strategies as st

from gateway.lru import ENTRY_BYTES, LruCache, weight


def test_the_least_recently_used_goes_first() -> None:
    memory: LruCache[str] = LruCache(10 * (ENTRY_BYTES + weight(1) + 100))
    for key in range(10):
        memory.put(key, str(key), 100)
    memory.get(0)
    memory.put(10, "10", 100)
    assert memory.get(1) is None
    assert memory.get(0) is not None
    assert len(memory) == 10


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5000)), max_size=100))
def test_it_never_holds_more_than_it_may(puts: list[tuple[int, int]]) -> None:
    memory: LruCache[int] = LruCache(16_000)
    sizes: dict[int, int] = {}
    for key, size in puts:
        memory.put(key, size, size)
        sizes[key] = size
        held = {key: size for key, size in sizes.items() if (kept := memory.get(key)) and kept[0] == size}
        assert len(memory) == len(held)
        assert sum(held.values()) + ENTRY_BYTES * len(held) <= 16_000


def test_a_value_has_its_age() -> None:
    now = 5.0
    memory: LruCache[str] = LruCache(100_000, clock=lambda: now)
    memory.put("a", "x", 1)
    now = 7.5
    assert memory.get("a") == ("x", 2.5)
    memory.put("a", "y", 1)
    assert memory.get("a") == ("y", 0)
    memory.put("a", "z", 1, age=4.0)
    assert memory.get("a") == ("z", 4)
    memory.drop("a")
    assert memory.get("a") is None


def test_a_key_takes_memory_too() -> None:
    memory: LruCache[str] = LruCache(80_000)
    for number in range(100):
        memory.put(("plan", (("q", f"{number:07000}"),), frozenset({"a" * 1000})), "", 0)
    assert 0 < len(memory) <= 80_000 // (7000 + 1000)
    memory.put(("a" * 80_000,), "", 0)
    assert memory.get(("a" * 80_000,)) is None


def test_what_was_dropped_takes_nothing() -> None:
    memory: LruCache[str] = LruCache(1_000_000)
    for key in ("a" * 5000, ("b", 7)):
        memory.put(key, "", 100)
        memory.put(key, "", 200)
        memory.drop(key)
    assert memory._bytes == 0
