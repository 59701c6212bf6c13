"""The headers of a request."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Self

from tornado.httputil import HTTPHeaders


class Headers(HTTPHeaders):
    """Tornado's mapping of headers, filled from a head that was checked: its own checks every name and value.

    It has a store of its own in place of Tornado's, which is private.
    """

    def __init__(self, *arguments: Any, **named: str) -> None:
        self._values: dict[str, list[str]] = {}
        super().__init__(*arguments, **named)

    @classmethod
    def of(cls, lines: str) -> Self:
        """Headers from the lines of a head that was checked, each ended by CR and LF but for the last."""
        headers = cls.__new__(cls)  # Tornado's constructor takes longer than all of this
        found: dict[str, list[str]] = {}
        headers._values = found
        for line in lines.split("\r\n") if lines else ():
            name, _, value = line.partition(":")
            name = _normal(name)
            if name in found:
                found[name].append(value.strip(" \t"))
            else:
                found[name] = [value.strip(" \t")]
        return headers

    def exactly(self, name: str) -> Sequence[str]:
        """All values of a name that is written as here: `Content-Length`."""
        return self._values.get(name, ())

    def add(self, name: str, value: str, **options: Any) -> None:
        """Add a value to those of a name."""
        checked = HTTPHeaders()
        checked.add(name, value, **options)
        self._values.setdefault(_normal(name), []).append(value)

    def get(self, name: str, default: Any = None) -> Any:
        """As of every mapping, without an exception for each name that is not there."""
        values = self._values.get(_normal(name))
        if values is None:
            return default
        return values[0] if len(values) == 1 else ",".join(values)

    def get_list(self, name: str) -> list[str]:
        """All values of a name."""
        return self._values.get(_normal(name), [])

    def get_all(self) -> Iterable[tuple[str, str]]:
        """Every name with every value of it."""
        return ((name, value) for name, values in self._values.items() for value in values)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _normal(name) in self._values

    def __getitem__(self, name: str) -> str:
        return ",".join(self._values[_normal(name)])

    def __setitem__(self, name: str, value: str) -> None:
        self._values[_normal(name)] = [value]

    def __delitem__(self, name: str) -> None:
        del self._values[_normal(name)]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)


@lru_cache(1024)
def _normal(name: str) -> str:
    """A name as Tornado's headers keep it."""
    return "-".join([word.capitalize() for word in name.split("-")])
