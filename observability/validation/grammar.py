"""Texts of standards: URIs (RFC 3986), dates and times (RFC 3339), and others JSON Schema names."""

import calendar
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

# RFC 3986, appendix A.
_CHARACTER: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_NO_COLON: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=@]|%[0-9A-Fa-f]{2})"
_NAMED_HOST: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"
_HOST: Final = rf"(?:\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\]|{_NAMED_HOST})"
_AUTHORITY: Final = rf"//(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{{2}})*@)?{_HOST}(?::[0-9]*)?"
_SEGMENTS: Final = rf"(?:/{_CHARACTER}*)*"
_ROOTED: Final = rf"{_AUTHORITY}{_SEGMENTS}|/(?:{_CHARACTER}+{_SEGMENTS})?"
_QUERY: Final = rf"(?:\?(?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
_URI_TEXT: Final = rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{_ROOTED}|{_CHARACTER}+{_SEGMENTS}|){_QUERY}"
URI: Final = re.compile(_URI_TEXT)
URI_REFERENCE: Final = re.compile(rf"{_URI_TEXT}|(?:{_ROOTED}|{_NO_COLON}+{_SEGMENTS}|){_QUERY}")

_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
DURATION: Final = re.compile(
    r"P(?!\Z)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!\Z)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)", re.ASCII
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
HOSTNAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# RFC 5321: a dot-string or a quoted one before the @; a domain, or an address in brackets, behind it.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+"
_QUOTED: Final = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e]){0,62}"'
EMAIL: Final = re.compile(
    rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})@(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Za-z:.\-]{{1,100}}\])"
)
JSON_POINTER: Final = re.compile(r"(?:/(?:[^/~]|~[01])*)*", re.DOTALL)


@lru_cache(1024)
def is_uri_reference(text: str) -> bool:
    """Whether it is a URI reference (RFC 3986) that is not empty."""
    return bool(text) and URI_REFERENCE.fullmatch(text) is not None


@lru_cache(1024)
def is_uri(text: str) -> bool:
    """Whether it is a URI (RFC 3986): it begins with a scheme."""
    return URI.fullmatch(text) is not None


def is_timestamp(text: str) -> bool:
    """Whether it is a date and time of RFC 3339, with any number of fraction digits and real leap seconds."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return False
    year, month, day, hour, minute, second = (int(found[index]) for index in range(1, 7))
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0))
    if int(found[9] or 0) > 23 or int(found[10] or 0) > 59 or second > 60:
        return False
    try:
        moment = datetime(year or 4, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        moment = moment + offset if found[8] == "-" else moment - offset
    except ValueError:
        return False
    except OverflowError:
        return second < 60  # only the time zone leads out of the years 1 to 9999
    last_day = calendar.monthrange(moment.year, moment.month)[1]
    return second < 60 or (moment.day, moment.hour, moment.minute) == (last_day, 23, 59)
