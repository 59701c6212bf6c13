"""Retry-After, as seconds and as a date in each of the three forms (RFC 9110, 5.6.7 and 10.2.3)."""

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.http.retry_after import MAX_SECONDS, read_retry_after


@given(st.none() | st.text(max_size=120))
def test_any_text_is_seconds_or_nothing(text: str | None) -> None:
    seconds = read_retry_after(text)
    assert seconds is None or 0 <= seconds <= MAX_SECONDS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("9" * 99, MAX_SECONDS),
        ("9" * 400, MAX_SECONDS),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60),
        ("Thursday, 01-Jan-70 00:01:40 GMT", 60),
        ("Thu Jan  1 00:01:40 1970", 60),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0),
        ("Fri, 01 Jan 9999 00:00:00 GMT", MAX_SECONDS),
        *(
            (text, None)
            for text in ("soon", "-1", "1.5", "", "١٢", "x" * 101, "Thu, 99 Jan 1970 00:00:00 GMT")
        ),
    ],
)
def test_every_form(text: str, seconds: float | None) -> None:
    assert read_retry_after(text, now=40.0) == seconds


def test_a_date_is_compared_with_the_present() -> None:
    seconds = read_retry_after(formatdate(time.time() + 3600, usegmt=True))
    assert seconds is not None
    assert 3000 < seconds <= 3600
