"""Which worker takes which tests."""

from tests import workers


def test_what_uses_the_instance_is_one_unit() -> None:
    names = ("e2e/test_demo.py::test_a", "faults/test_faults.py::test_b[x]", "console/test_map.py::test_c")
    assert {workers.unit(f"tests/{name}") for name in names} == {workers.STACK}
    assert workers.unit("tests/bench/tests/test_quick.py::test_console") == workers.STACK
    assert workers.unit("tests/bench/tests/test_quick.py::test_rio") != workers.STACK


def test_a_folder_is_one_unit_and_a_module_of_the_longest() -> None:
    names = ("test_a.py::test_a[a/b::c]", "test_b.py::TestB::test_b")
    assert {workers.unit(f"gateway/tests/{name}") for name in names} == {"gateway/tests"}
    assert [workers.unit(f"broker/tests/{name}") for name in names] == [
        "broker/tests/test_a.py",
        "broker/tests/test_b.py",
    ]
