"""The Retry-After header (RFC 9110, section 10.2.3): how long a server asks to be left alone.

Replaces urllib3's Retry.parse_retry_after, which raises for what is neither seconds nor a date, and takes any
number of days (pytest observability/http/tests/test_retry_after.py). To be dropped when it has a bound.
"""

import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

#: A header that asks for longer is taken for this: nothing here waits for more than a day.
MAX_SECONDS: Final = 86_400.0
_MAX_TEXT: Final = 100


def read_retry_after(text: str | None, now: float | None = None) -> float | None:
    """The seconds that a header asks for, given as a number or as a date; None when it asks for nothing.

    Args:
        text: the header's value.
        now: seconds since the epoch, which a date is compared with; the present without it.
    """
    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_MAX_TEXT]), MAX_SECONDS)
    if len(text) > _MAX_TEXT:
        return None
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # the obsolete forms without a zone are UTC, too (RFC 9110, section 5.6.7)
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - (time.time() if now is None else now)
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_SECONDS)
