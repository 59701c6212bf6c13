import time

import pytest
from opentelemetry.context import Context

from gateway.baggage import carried, keep
from observability.http.server import Headers


def passed(*values: str) -> str | None:
    headers = Headers.of("\r\n".join(f"Baggage:{value}" for value in values))
    return dict(carried(keep(headers, Context()))).get("baggage")


def most() -> str:
    """64 members, 8,192 bytes."""
    members = [f"key{number:02d}={'v' * 121}" for number in range(64)]
    text = ",".join(members)
    return text + "v" * (8192 - len(text))


@pytest.mark.parametrize(
    "text",
    ["tenant=blue", "a=1;ttl=3;secret , b=%20%2C", "a = 1", "a=", most(), "a=x+y%20z", "a=b=c", "a=1\t;p"],
    ids=str.__len__,
)
def test_what_is_baggage_passes_as_it_is(text: str) -> None:
    assert passed(text) == text


def test_several_headers_are_one() -> None:
    assert passed("a=1", "b=2") == "a=1,b=2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tenant",
        "=blue",
        "a=1,,b=2",
        "a=\x80",
        'a="1"',
        "a=1;",
        "a=1,",
        most() + "v",
        ",".join(["a=1"] * 181),
    ],
)
def test_what_is_none_is_not_passed(text: str) -> None:
    assert passed(text) is None


@pytest.mark.parametrize(
    "text", ["a=1," * 150 + "!", "a" * 8000 + "\x80", "a=1;b" * 1600, "a=" + " \t" * 4000 + "x y"]
)
def test_none_takes_long_to_refuse(text: str) -> None:
    started = time.process_time()
    passed(text)
    assert time.process_time() - started < 1
