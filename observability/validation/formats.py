"""The formats of JSON Schema that are asserted, in Rio and the gateway alike.

To JSON Schema 2020-12 `format` is a remark unless an implementation says that it asserts it. Here a value
that is not what its format says is refused. Names that are not known say nothing, as the standard has it.

Replaces the checkers that jsonschema's extra `format` brings by a package each, and those of jsonschema-rs,
which differ from them: both validators refuse the same here (pytest
observability/validation/tests/test_formats.py). To be dropped when the two agree, or when one of them is
left.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from jsonschema import Draft202012Validator, FormatChecker

from observability.validation import grammar
from observability.validation.grammar import is_timestamp

FORMATS: Final = FormatChecker(())
"""For validators of jsonschema: date-time, date, time, duration, email, idn-email, hostname, ipv4, ipv6, uri,
uri-reference, uuid, regex, json-pointer."""
FORMATS.checkers = {
    name: Draft202012Validator.FORMAT_CHECKER.checkers[name]
    for name in ("date", "idn-email", "ipv4", "ipv6", "uuid", "regex")
}


def _assert(name: str, pattern: re.Pattern[str]) -> None:
    @FORMATS.checks(name)
    def matches(value: object) -> bool:
        return not isinstance(value, str) or pattern.fullmatch(value) is not None


for _name, _pattern in {
    "duration": grammar.DURATION,
    "email": grammar.EMAIL,
    "hostname": grammar.HOSTNAME,
    "json-pointer": grammar.JSON_POINTER,
    "uri": grammar.URI,
    "uri-reference": grammar.URI_REFERENCE,
}.items():
    _assert(_name, _pattern)


@FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or is_timestamp(value)


@FORMATS.checks("time")
def _is_time(value: object) -> bool:
    # A day of December's end: a leap second may end it.
    return not isinstance(value, str) or is_timestamp(f"2016-12-31T{value}")


def _conforms(name: str, text: str) -> bool:
    return FORMATS.conforms(text, name)


PREDICATES: Final[dict[str, Callable[[str], bool]]] = {
    name: partial(_conforms, name) for name in FORMATS.checkers
}
"""The same for validators of jsonschema-rs: whether a text is of a format, by the format's name."""
