"""Programs built from Go modules, with the modules that are linked into each, as the program itself says."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from compose.cli.sbom import licences
from compose.cli.sbom.component import Component

_MAGIC = b"\xff Go buildinf:"
_HEADER_BYTES, _FLAGS_AT, _ARE_INLINE = 32, 15, 2
_FRAME = 16  # bytes before and behind the list of modules, by which tools find it
_UNRELEASED = "(devel)"
_LICENCE_FILES = ("license", "licence", "copying")  # beginnings of names, in lower case

Module = tuple[str, str]
"""Path and version."""


class NoModules(Exception):
    """A program does not say of which modules it was built."""


def components(program: Path, name: str, version: str, licence: str) -> Iterator[Component]:
    """The program and its modules.

    version: of a program whose own module has none, as it is of this checkout. Licences of modules are read
    from Go's module cache, where a build leaves them; a module that is not there has none. Raises NoModules.
    """
    main, modules = _modules(_build_info(program))
    linked = [_module(*each) for each in modules]
    yield from linked
    parts = tuple(sorted(each.purl for each in linked))
    path, released = main
    if released == _UNRELEASED:
        yield Component("generic", "", name, version, licence, is_program=True, parts=parts)
    else:
        namespace, last = _split(path)
        yield Component("golang", namespace, last, released, licence, is_program=True, parts=parts)


def _modules(build_info: str) -> tuple[Module, list[Module]]:
    """The program's own module and those that are linked into it, each as it was built: replaced or not."""
    main, modules = ("", _UNRELEASED), []
    for line in build_info.splitlines():
        word, *rest = line.split("\t")
        if word == "mod":
            main = rest[0], rest[1]
        elif word == "dep":
            modules.append((rest[0], rest[1]))
        elif word == "=>":
            modules[-1] = (rest[0], rest[1])
    return main, modules


def _split(path: str) -> tuple[str, str]:
    namespace, _, name = path.lower().rpartition("/")
    return namespace, name


def _module(path: str, version: str) -> Component:
    return Component("golang", *_split(path), version, _licence(path, version))


def _licence(path: str, version: str) -> str:
    folder = _cache() / f"{_escaped(path)}@{_escaped(version)}"
    files = [file for file in sorted(folder.glob("*")) if file.name.lower().startswith(_LICENCE_FILES)]
    texts = (licences.of_text(file.read_text(errors="replace")) for file in files if file.is_file())
    return next((text for text in texts if text), "")


def _cache() -> Path:
    gopath = os.environ.get("GOPATH") or str(Path.home() / "go")
    return Path(os.environ.get("GOMODCACHE") or f"{gopath}/pkg/mod")


def _escaped(text: str) -> str:
    """A module's path or version as the cache's folders have it: `!a` for each `A`."""
    return "".join(f"!{each.lower()}" if each.isupper() else each for each in text)


def _build_info(program: Path) -> str:
    """The text that `go version -m` prints of a program, read without a Go toolchain."""
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(_MAGIC)
        if start < 0 or not data[start + _FLAGS_AT] & _ARE_INLINE:
            raise NoModules(f"{program} does not say of which Go modules it was built")
        at = start + _HEADER_BYTES
        for _ in range(2):  # Go's own version, then the modules
            length, at = _varint(data, at)
            text, at = data[at : at + length], at + length
    return text[_FRAME:-_FRAME].decode()


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A number of Go's `binary.Uvarint` at a position, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
