"""Which worker takes which tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import workers
from tests.conftest import ROOT, eventually

CONFTEST = """
import subprocess

import pytest
from tests import workers

def pytest_sessionstart(session):
    workers.let_finish(session.config)

@pytest.fixture
def server(request):
    (request.config.rootpath / "started").touch()
    yield
    subprocess.run(["sleep", "12"])  # as long as an instance takes
    (request.config.rootpath / "stopped").touch()
"""
HANGING = "import time\n\ndef test_hanging(server):\n    time.sleep(300)\n"


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


def test_ctrl_c_stops_what_a_worker_started(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_hanging.py").write_text(HANGING)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**variables, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a process group, as a terminal's
    )

    def is_there() -> None:
        assert (tmp_path / "started").exists()

    try:
        eventually(is_there, 120)
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(120) == pytest.ExitCode.INTERRUPTED
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    assert (tmp_path / "stopped").exists()
