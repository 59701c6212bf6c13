"""What PostgreSQL can hold of a text that comes from outside."""


def storable(text: str) -> str:
    """The text with replacement characters for NUL and lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
