"""The header fields of an answer."""

from collections.abc import Iterator, Sequence


class Headers:
    """Header fields in the order they came; names compare without regard to case (RFC 9110, section 5.1).

    Fields are decoded as ISO-8859-1, which keeps every byte, and only when they are read.
    """

    __slots__ = ("_index", "raw")

    def __init__(self, raw: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.raw = raw
        """Names and values as received."""
        self._index: dict[str, list[str]] | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the first field of this name."""
        values = self._by_name().get(name.lower())
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of this name, in order."""
        return list(self._by_name().get(name.lower(), ()))

    def items(self) -> Iterator[tuple[str, str]]:
        """Every field, a repeated one as often as it came, with its name as received."""
        return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._by_name()

    def __len__(self) -> int:
        return len(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and list(self.raw) == list(other.raw)

    __hash__ = None  # type: ignore[assignment]  # compared by content, and built from a list

    def __repr__(self) -> str:
        return f"Headers({sorted(self._by_name())})"  # names alone: values may be secrets

    def _by_name(self) -> dict[str, list[str]]:
        if self._index is None:
            self._index = {}
            for name, value in self.items():
                self._index.setdefault(name.lower(), []).append(value)
        return self._index
