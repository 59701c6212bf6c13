"""Names of what is generated, made of the names of event types and fields."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Za-z0-9]+")


def type_name(text: str) -> str:
    """`OrderPlaced` for `order.placed`."""
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(text))


def module_name(text: str) -> str:
    """`order_placed` for `order.placed`."""
    return "_".join(word.lower() for word in _WORD.findall(text))


def field_name(text: str) -> str:
    """`orderId` for `order_id`."""
    name = type_name(text)
    return name[:1].lower() + name[1:]
