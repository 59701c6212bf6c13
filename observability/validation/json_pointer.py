"""JSON Pointers (RFC 6901), as problem documents name members of a body by them.

Replaces the package jsonpointer, of which only the escape of a step is needed: one line. To be dropped when
pointers are resolved, too.
"""


def escape(step: str) -> str:
    """A member's name as a step of a pointer."""
    return step.replace("~", "~0").replace("/", "~1")
