"""DSNs: what is read, what is refused, what is never shown."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.client.dsn import Dsn, DsnError

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True).filter(str.isascii)
HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?|\[[0-9a-f:]{2,30}\]", fullmatch=True)
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)
PROJECTS = st.from_regex(r"[a-z0-9_-]{1,10}(\.[a-z0-9_-]{1,10}){0,3}", fullmatch=True)


def encoded(token: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter in "-._~" else f"%{ord(letter):02X}" for letter in token
    )


@given(st.sampled_from(["http", "https"]), NAMES, TOKENS, HOSTS, st.integers(1, 65535), PROJECTS)
def test_what_it_is_made_of_is_what_is_read(
    scheme: str, sender: str, token: str, host: str, port: int, project: str
) -> None:
    text = f"{scheme}://{sender}:{encoded(token)}@{host}:{port}/{project}"
    assert Dsn.parse(text) == Dsn(scheme, host, port, sender, token, project)


@given(TOKENS)
def test_the_token_is_never_shown(token: str) -> None:
    dsn = Dsn.parse(f"http://s:secret{encoded(token)}@h/p")
    assert "secret" not in repr(dsn)
    assert str(dsn) == "http://s@h:80/p"


@given(st.text(max_size=60) | st.builds("http://{}:{}@{}:{}/{}".format, *[st.text(max_size=8)] * 5))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DsnError):
        Dsn.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://h/p",
        "http://s@h/p",
        "http://:t@h/p",
        "http://s:@h/p",
        "http://s:t@/p",
        "http://s:t@h",
        "http://s:t@h/",
        "http://s:t@h/p/q",
        "http://s:t@h/p?q=1",
        "http://s:t@h/p#f",
        "http://s:t@h/p.",
        "http://s:t@h:0/p",
        "http://s:t@h:65536/p",
        "http://s:t@h:/p",
        "http://s:%20@h/p",
        "http://s:%FF@h/p",
        "http://s:%0@h/p",
        "http://s:t@t@h/p",
        "ftp://s:t@h/p",
        "HTTP://s:t@h/p",
        " http://s:t@h/p",
        "http://s:t@h/p\n",
        "http://s:t@h/ü",
        f"http://s:t@h/{'p' * 101}",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(DsnError) as refused:
        Dsn.parse(text)
    assert not text.strip() or text not in str(refused.value)


def test_ports_have_defaults() -> None:
    assert (Dsn.parse("http://s:t@h/p").port, Dsn.parse("https://s:t@h/p").port) == (80, 443)
    assert Dsn.parse("https://s:t@[::1]:8200/a.b").origin == "https://[::1]:8200"
