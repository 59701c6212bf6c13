"""Placing instances: ports, folders, what is remembered."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compose.cli.layout import PORTS, Layout, LayoutError, reserved_ports


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests choose ports that nothing will listen on: no other checkout is to stay clear of them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_default_takes_the_documented_ports(tmp_path: Path) -> None:
    layout = Layout.open(tmp_path)
    assert dict(layout.ports) == dict(PORTS)
    assert layout.address("rio-api") == "127.0.0.1:8200"
    assert layout.port("edge-nginx") == 8080
    assert layout.shifted(8300) == 8300


def test_other_instances_share_no_port_and_keep_theirs(tmp_path: Path) -> None:
    layouts = [Layout.open(tmp_path, name) for name in ("default", "one", "two")]
    for first, second in itertools.combinations(layouts, 2):
        assert not reserved_ports(first.offset) & reserved_ports(second.offset)
    assert [Layout.open(tmp_path, layout.instance) for layout in layouts] == layouts
    assert Layout.existing(tmp_path) == ["default", "one", "two"]


def test_an_instance_shares_no_port_with_itself() -> None:
    assert len(set(PORTS.values())) == len(PORTS)


def test_a_port_in_use_moves_the_instance(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    free = Layout.open(tmp_path / "a", "trial").offset
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", PORTS["edge-nginx"] + free))
        taken.listen()
        assert Layout.open(tmp_path / "b", "trial").offset != free


def test_checkouts_that_start_at_the_same_time_choose_different_ports(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("a", "b", "c")]
    for root in roots:
        root.mkdir()
    with ThreadPoolExecutor() as pool:
        layouts = list(pool.map(lambda root: Layout.open(root, "trial"), roots))
    assert len({layout.offset for layout in layouts}) == len(roots)


def test_an_instance_that_was_removed_leaves_its_ports_to_the_next_of_its_name(tmp_path: Path) -> None:
    """Were they kept from it, a removed instance would move each time."""
    layout = Layout.open(tmp_path, "trial")
    shutil.rmtree(layout.state)
    assert Layout.open(tmp_path, "trial").offset == layout.offset


def test_a_choice_of_ports_is_forgotten_after_some_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    before = Layout.open(tmp_path / "a", "trial").offset
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert Layout.open(tmp_path / "b", "trial").offset == before


def test_ports_of_a_removed_instance_are_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    removed = Layout.open(tmp_path / "a", "trial")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 120)
    shutil.rmtree(removed.state)
    assert Layout.open(tmp_path / "b", "trial").offset == removed.offset


def test_no_ports_left(tmp_path: Path) -> None:
    with contextlib.suppress(LayoutError):
        for number in range(20):
            Layout.open(tmp_path, f"trial-{number}")
    assert len(Layout.existing(tmp_path)) < 20
    with pytest.raises(LayoutError, match="no free ports"):
        Layout.open(tmp_path, "one-more")


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a b", "-a", "a" * 33, "1a"])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LayoutError, match="instance name"):
        Layout.open(tmp_path, name)
    assert not (tmp_path / ".nextphase").exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"offset": 7}', '{"offset": "1000"}', "\x00"])
def test_a_damaged_memory_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (Layout.open(tmp_path).state / "instance.json").write_text(content)
    with pytest.raises(LayoutError, match=r"instance\.json: offset"):
        Layout.open(tmp_path)


def test_folders_are_open_to_pass_and_secrets_are_closed(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        layout = Layout.open(tmp_path)
    finally:
        os.umask(before)
    for folder in (layout.state, layout.config, layout.data, layout.logs, layout.run):
        assert folder.stat().st_mode & 0o777 == 0o711
    assert layout.secrets.stat().st_mode & 0o777 == 0o700
    assert json.loads((layout.state / "instance.json").read_text()) == {"offset": 0}


def test_the_socket_path_stays_short(tmp_path: Path) -> None:
    assert Layout.open(tmp_path).supervisor_socket.parent.is_dir()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        Path(folder).chmod(0o755)
        deep = Path(folder) / ("d" * 100)
        deep.mkdir()
        path = Layout.open(deep).supervisor_socket
    assert len(os.fsencode(path)) < 100
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a place that other users reach")
def test_a_closed_checkout_keeps_its_state_where_other_users_reach_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = Layout.open(closed).state.resolve()
    try:
        assert all(folder.stat().st_mode & 0o001 for folder in (state, *state.parents))
        assert Layout.existing(closed) == ["default"]
    finally:
        for found in sorted(state.parent.rglob("*"), reverse=True):
            found.rmdir() if found.is_dir() else found.unlink()
        state.parent.rmdir()
