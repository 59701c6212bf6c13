"""The oldest rotated files go, whatever wrote them; those being written stay."""

import os
from pathlib import Path

from compose.disk_limits import folder, rotated_files
from compose.disk_limits.settings import Store

KILOBYTES = 64


def write(path: Path, age: int) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(os.urandom(KILOBYTES * 1024))
    os.utime(path, (1e9 - age, 1e9 - age))


def test_the_oldest_goes_until_the_limit_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "orders-1.log", age=9)
    write(tmp_path / "orders-1-2026-11-30T11-40-00.000.log", age=5)
    write(tmp_path / "edge-spans.json", age=9)
    write(tmp_path / "edge-spans.json.1", age=4)
    write(tmp_path / "edge-access.json.12", age=6)
    store = Store("nginx_files", "disk-limits", tmp_path, limit=3 * KILOBYTES * 1024)
    removed = tmp_path / "edge-access.json.12"
    inode = removed.stat().st_ino
    removals = tmp_path / "removed"
    assert rotated_files.bound(store, folder.size(tmp_path), removals) == 2 * KILOBYTES * 1024
    listed = removals.read_text().splitlines()
    assert listed[0].split()[1:] == [str(KILOBYTES * 1024), str(removed)]
    assert listed[0].split()[0].endswith(f":{inode}")
    assert len(listed) == 2
    removals.unlink()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"orders-1.log", "edge-spans.json", "edge-spans.json.1"}
    assert rotated_files.bound(store, folder.size(tmp_path)) == 0


def test_a_disk_that_is_too_full_to_list_what_goes_is_emptied(tmp_path: Path) -> None:
    write(tmp_path / "edge-spans.json.1", age=4)
    store = Store("nginx_files", "disk-limits", tmp_path, limit=0)
    assert rotated_files.bound(store, folder.size(tmp_path), Path("/dev/full")) == KILOBYTES * 1024
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_part_of_a_folder_is_neither_counted_nor_removed(tmp_path: Path) -> None:
    write(tmp_path / "nginx" / "edge-spans.json.1", age=9)
    write(tmp_path / "relay-2026-11-30T11-40-00.000.log", age=1)
    store = Store("process_files", "disk-limits", tmp_path, limit=0, without=tmp_path / "nginx")
    assert folder.size(tmp_path, store.without) == KILOBYTES * 1024
    assert rotated_files.bound(store, KILOBYTES * 1024) == KILOBYTES * 1024
    assert (tmp_path / "nginx" / "edge-spans.json.1").exists()


def test_a_file_with_holes_counts_for_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "00001.mem").open("wb") as file:
        file.truncate(1 << 30)
    assert folder.size(tmp_path) < 1 << 20
