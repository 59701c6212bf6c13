"""Headers of a request change as Tornado's do."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError

from observability.http.server import Headers

NAMES = st.sampled_from(["X-A", "x-a", "X-B", "content-length", "x--", "x a", ""])
VALUES = st.sampled_from(["", "1", "a, b", "\xe9", "a\nb"])
Change = Callable[[HTTPHeaders], object]


def changing(name: str, value: str) -> list[Change]:
    """Each way to change headers."""
    return [
        lambda headers: headers.add(name, value),
        lambda headers: headers.__setitem__(name, value),
        lambda headers: headers.__delitem__(name),
        lambda headers: headers.pop(name, None),
        lambda headers: headers.setdefault(name, value),
        lambda headers: headers.parse_line(f"{name}: {value}"),
    ]


CHANGES = st.lists(st.builds(changing, NAMES, VALUES).flatmap(st.sampled_from), max_size=8)


def shown(headers: HTTPHeaders) -> object:
    names = [*headers, "X-A", "X-C"]
    each = [(headers.get(name), headers.get_list(name), name in headers) for name in names]
    return list(headers.get_all()), dict(headers), len(headers), str(headers), each


@given(CHANGES)
def test_every_change_has_the_same_effect(changes: list[Change]) -> None:
    ours, theirs = Headers.of("X-A: 1\r\nx-a:2 "), HTTPHeaders.parse("X-A: 1\r\nx-a:2 ")
    for change in changes:
        for headers in (ours, theirs):
            with suppress(KeyError, HTTPInputError):
                change(headers)
        assert shown(ours) == shown(theirs)


def test_headers_are_made_as_tornados_are() -> None:
    for arguments in ([], [{"x-a": "1"}], [[("x-a", "1"), ("X-B", "2")]], [HTTPHeaders({"x-a": "1"})]):
        assert shown(Headers(*arguments)) == shown(HTTPHeaders(*arguments))
    ours = Headers.of("X-A: 1\r\nX-A: 2")
    assert shown(ours.copy()) == shown(ours)
    with pytest.raises(KeyError):
        Headers()["X-A"]
