"""Python objects that a file names."""

import importlib
from typing import Any


def imported(name: str) -> Any:
    """The object of a dotted name; None where its module has no such member.

    Raises:
        ValueError: the module cannot be imported.
    """
    module, _, member = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), member, None)
    except Exception as error:  # whatever a module does when it is imported
        raise ValueError(f"cannot be imported: {error}") from error
