"""W3C Baggage, passed on to the services as its sender wrote it.

OpenTelemetry's propagator reads a value and encodes it anew: a space arrives as a plus sign, the properties
of a member as a part of its value, and what was 8,192 bytes may be more, which no hop has to take.
"""

import re
from typing import Final

from opentelemetry import context
from opentelemetry.context import Context
from tornado.httputil import HTTPHeaders

HEADER: Final = "baggage"
#: W3C Baggage, 3.3.2: this much has to be passed on, and more need not be.
MAX_BYTES: Final = 8192
MAX_MEMBERS: Final = 180

_KEY: Final = context.create_key("gateway.baggage")
#: W3C Baggage, 3.3.1: a member, and a property of one, which may have no value.
_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE: Final = r"[!#-+\--:<-\[\]-~]*"
_PAIR: Final = re.compile(rf"{_NAME}[ \t]*=[ \t]*{_VALUE}")
_PROPERTY: Final = re.compile(rf"{_NAME}(?:[ \t]*=[ \t]*{_VALUE})?")


def keep(headers: HTTPHeaders, current: Context) -> Context:
    """The context with the baggage of a request; without one where it is malformed or too much."""
    text = ",".join(headers.get_list(HEADER))
    if len(text) > MAX_BYTES:
        return current
    members = text.split(",")
    if len(members) > MAX_MEMBERS or not all(map(_is_member, members)):
        return current
    return context.set_value(_KEY, text, current)


def _is_member(text: str) -> bool:
    pair, *properties = [part.strip(" \t") for part in text.split(";")]
    return bool(_PAIR.fullmatch(pair)) and all(map(_PROPERTY.fullmatch, properties))


def carried(current: Context) -> list[tuple[str, str]]:
    """The headers of a context's baggage; most have none."""
    text = context.get_value(_KEY, current)
    return [(HEADER, text)] if isinstance(text, str) else []
