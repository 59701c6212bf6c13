"""JSON Pointers (RFC 6901), as problem documents name members of a body by them."""


def escape(step: str) -> str:
    """A member's name as a step of a pointer."""
    return step.replace("~", "~0").replace("/", "~1")
