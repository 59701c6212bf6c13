"""Text that PostgreSQL can store: it takes neither U+0000 nor lone surrogates."""


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes the text as it is."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def storable(text: str) -> str:
    """The text with replacements for what PostgreSQL does not take: U+FFFD for U+0000, ? for a surrogate."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
