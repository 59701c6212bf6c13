"""Media types (RFC 2046, RFC 9110) of events' data."""

import re
from functools import lru_cache
from typing import Final

MAX_MEDIA_TYPE: Final = 255
"""AMQP's limit of a content type, in bytes."""
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_MEDIA_TYPE: Final = re.compile(
    rf'{_WORD}/{_WORD}(?:[ \t]*;[ \t]*(?:{_WORD}=(?:{_WORD}|"(?:[^"\\]|\\.)*"))?)*', re.ASCII
)
_JSON_MEDIA_TYPE: Final = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


@lru_cache(256)
def is_json(content_type: str) -> bool:
    """Whether a media type declares JSON: its subtype is `json` or ends with `+json`."""
    return _JSON_MEDIA_TYPE.fullmatch(content_type) is not None


@lru_cache(256)
def is_media_type(text: str) -> bool:
    """Whether it is a media type, with or without parameters, of at most `MAX_MEDIA_TYPE` characters."""
    return len(text) <= MAX_MEDIA_TYPE and _MEDIA_TYPE.fullmatch(text) is not None
