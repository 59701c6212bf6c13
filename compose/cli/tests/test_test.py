"""What `nextphase test` gives to pytest."""

from compose.cli.commands.test import WORKERS, arguments


def test_a_whole_run_has_workers_and_another_what_it_is_given() -> None:
    assert arguments([]) == ["-n", str(WORKERS)]
    assert arguments(["gateway", "-x"]) == ["gateway", "-x"]
    assert arguments(["-x"], containers=True) == ["-m", "containers", "tests/containers", "-x"]
