"""Formats of JSON Schema are asserted: what is none is refused, whatever reads the schema."""

import pytest
from jsonschema import Draft202012Validator

from observability.validation.formats import FORMATS

RIGHT = {
    "date-time": ["2026-01-02T03:04:05Z", "1990-12-31T23:59:60.123456789Z"],
    "date": ["2026-01-02"],
    "time": ["03:04:05Z", "23:59:60Z"],
    "duration": ["P1D", "P1Y2M3DT4H5M6S", "P2W"],
    "email": ["ada@example.com", "a.b+c@example", '"a b"@example.com', "a@[127.0.0.1]"],
    "hostname": ["example.com", "localhost"],
    "ipv4": ["127.0.0.1"],
    "ipv6": ["::1"],
    "uri": ["https://example.com/a?b#c", "urn:a:b", "mailto:a@b"],
    "uri-reference": ["/a", "a", "https://example.com"],
    "uuid": ["6e8bc430-9c3a-11d9-9669-0800200c9a66"],
    "json-pointer": ["", "/a~1b/0"],
    "regex": ["a+"],
}
WRONG = {
    "date-time": ["", "x", "2026-01-02", "2026-02-30T00:00:00Z", "2026-01-02T03:04:05"],
    "date": ["2026-02-30", "x"],
    "time": ["03:04:05", "25:00:00Z"],
    "duration": ["P", "1D", "PT"],
    "email": ["x", "x@", "@x", "a b@c", "a@b@c", "a..b@c"],
    "hostname": ["", "-a", "a_b", "a" * 64],
    "ipv4": ["256.0.0.1"],
    "ipv6": ["1"],
    "uri": ["", "/a", "a b", "https://[x"],
    "uri-reference": ["a b", "%zz"],
    "uuid": ["x", "6e8bc4309c3a11d996690800200c9a66"],
    "json-pointer": ["a", "/~2"],
    "regex": ["("],
}


def is_valid(name: str, value: object) -> bool:
    return Draft202012Validator({"format": name}, format_checker=FORMATS).is_valid(value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in RIGHT for value in RIGHT[name]])
def test_what_is_right_passes(name: str, value: str) -> None:
    assert is_valid(name, value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_what_is_wrong_is_refused(name: str, value: str) -> None:
    assert not is_valid(name, value)


@pytest.mark.parametrize("name", [*RIGHT, "no-format"])
def test_a_format_says_nothing_of_other_types(name: str) -> None:
    assert is_valid(name, 7)
    assert is_valid(name, None)
