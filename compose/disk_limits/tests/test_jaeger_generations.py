"""Jaeger's generations: when it is restarted, and what becomes of the files at its start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compose.disk_limits import jaeger_generations
from compose.disk_limits.settings import Store

ROOT = Path(__file__).parents[3]
MEBIBYTE = 1024**2


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store("traces", "jaeger", tmp_path, limit=10 * MEBIBYTE)


def fill(store: Store, generation: str, megabytes: int) -> None:
    keys = store.folder / generation / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    (store.folder / generation / "values").mkdir(exist_ok=True)
    (keys / "000001.sst").write_bytes(os.urandom(megabytes * MEBIBYTE))


def test_jaeger_is_ended_once_its_generation_is_too_large(store: Store) -> None:
    fill(store, "previous", 2)
    fill(store, ".", 4)
    with subprocess.Popen(["sleep", "600"], env={"JAEGER_DATA_DIR": str(store.folder)}) as jaeger:
        (store.folder / "pid").write_text(str(jaeger.pid))
        assert jaeger_generations.bound(store, 6 * MEBIBYTE) == 0
        assert jaeger.poll() is None
        fill(store, ".", 5)
        assert jaeger_generations.bound(store, 7 * MEBIBYTE) == 2 * MEBIBYTE
        assert jaeger.wait(timeout=60) != 0


def test_a_program_that_has_the_process_id_by_now_is_left_alone(store: Store) -> None:
    fill(store, ".", 5)
    with subprocess.Popen(["sleep", "600"], env={"JAEGER_DATA_DIR": "/another"}) as other:
        (store.folder / "pid").write_text(str(other.pid))
        jaeger_generations.bound(store, 5 * MEBIBYTE)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=0.5)
        other.kill()


def test_what_a_start_removes_is_counted_once(store: Store) -> None:
    fill(store, "previous", 2)
    fill(store, ".", 5)
    assert jaeger_generations.bound(store, 7 * MEBIBYTE) == 2 * MEBIBYTE
    assert jaeger_generations.bound(store, 7 * MEBIBYTE) == 0


def test_at_a_start_a_full_generation_takes_the_place_of_the_one_before(store: Store) -> None:
    fill(store, "previous", 2)
    fill(store, ".", 5)
    jaeger_generations.bound(store, 7 * MEBIBYTE)
    # As it is after Jaeger's end.
    fill(store, ".", 3)
    jaeger_generations.rotate(store.folder)
    assert (store.folder / "previous/keys/000001.sst").stat().st_size == 3 * MEBIBYTE
    assert {path.name for path in store.folder.iterdir()} == {"previous"}
    jaeger_generations.rotate(store.folder)
    assert (store.folder / "previous/keys/000001.sst").exists()


def test_an_interrupted_rotation_is_gone_on_with(store: Store) -> None:
    fill(store, "previous", 2)
    fill(store, ".", 5)
    jaeger_generations.bound(store, 7 * MEBIBYTE)
    (store.folder / "previous.partial").mkdir()
    (store.folder / "keys").rename(store.folder / "previous.partial/keys")
    jaeger_generations.rotate(store.folder)
    assert (store.folder / "previous/keys/000001.sst").stat().st_size == 5 * MEBIBYTE
    assert (store.folder / "previous/values").is_dir()


def test_what_is_started_has_the_process_id_that_is_noted(store: Store) -> None:
    command = [sys.executable, "-m", "compose.disk_limits.jaeger_generations", str(store.folder)]
    shell = ["/bin/sh", "-c", "echo $$"]
    done = subprocess.run(
        [*command, *shell], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == (store.folder / "pid").read_text()
