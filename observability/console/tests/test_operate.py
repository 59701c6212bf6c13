import time
from http.cookies import SimpleCookie

import pytest

from observability.console.sessions import MAX_SESSIONS
from observability.console.tests.consoles import Console
from observability.tests.sinks import eventually

SESSION = "/api/operate/session"


def test_a_token_opens_one_session(console: Console) -> None:
    token = console.grant(session_seconds=600)
    begun = time.time()
    opened = console.ask("POST", SESSION, {"token": token})
    assert opened.status_code == 200
    shown = opened.json()
    assert (shown["open"], shown["user"]) == (True, "ada")
    assert begun + 600 <= shown["expires_at"] <= time.time() + 600
    assert console.get(SESSION).json() == shown
    assert console.ask("POST", SESSION, {"token": token}).status_code == 403
    assert list(console.operate_folder.iterdir()) == []


def test_the_cookie_is_strict(console: Console) -> None:
    header = console.operate(session_seconds=600).headers["Set-Cookie"]
    (cookie,) = SimpleCookie(header).values()
    assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/api", "Strict", "600")
    assert cookie["httponly"] is True
    assert not cookie["domain"]
    assert len(cookie.value) >= 43  # 256 bits
    assert cookie.key.endswith(console.url.rpartition(":")[2])  # cookies are the same for all ports


def test_the_secret_is_in_no_answer_and_no_log(console: Console) -> None:
    token = console.grant()
    opened = console.ask("POST", SESSION, {"token": token})
    (secret,) = console.client.cookies.values()
    assert secret not in opened.text
    (line,) = console.fluent.records(message="Operate session opened", session=opened.json()["id"])
    assert "seconds" not in line  # durations are milliseconds in every line
    assert line["lifetime_ms"] >= 60_000
    written = (console.folder / "stderr").read_text() + str(console.fluent.messages)
    assert secret not in written
    assert token not in written


def test_an_expired_token_is_refused(console: Console) -> None:
    token = console.grant(token_seconds=-1)
    refused = console.ask("POST", SESSION, {"token": token})
    assert refused.status_code == 403
    assert "Set-Cookie" not in refused.headers
    assert list(console.operate_folder.iterdir()) == []  # expired grants are removed


def test_a_grant_that_others_may_write_is_none(console: Console) -> None:
    assert console.ask("POST", SESSION, {"token": console.grant(mode=0o622)}).status_code == 403


@pytest.mark.parametrize("token", ["", "x", "../viewer", "y" * 10_000])
def test_unknown_tokens_are_refused(console: Console, token: str) -> None:
    assert console.ask("POST", SESSION, {"token": token}).status_code == 403
    assert console.get(SESSION).json() == {"open": False, "available": True}


def test_a_session_ends(console: Console) -> None:
    console.operate(session_seconds=1)
    secret = dict(console.client.cookies)
    eventually(lambda: not console.get(SESSION, Cookie=_header(secret)).json()["open"], timeout=30)


def test_operate_mode_is_left(console: Console) -> None:
    console.operate()
    secret = dict(console.client.cookies)
    left = console.ask("DELETE", SESSION)
    assert left.json()["open"] is False
    assert not console.client.cookies
    assert console.get(SESSION, Cookie=_header(secret)).json()["open"] is False


def test_the_oldest_of_too_many_sessions_ends(console: Console) -> None:
    console.operate()
    first = _header(dict(console.client.cookies))
    for _ in range(MAX_SESSIONS - 1):
        console.operate()
    assert console.get(SESSION, Cookie=first).json()["open"] is True
    console.operate()
    assert console.get(SESSION, Cookie=first).json()["open"] is False


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": ""}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": ""}, 415),
    ],
)
def test_another_sites_request_is_refused(console: Console, headers: dict[str, str], status: int) -> None:
    token = console.grant()
    assert console.ask("POST", SESSION, {"token": token}, **headers).status_code == status
    assert console.ask("POST", SESSION, {"token": token}).status_code == 200  # the token was not spent


def test_origin_and_host_have_to_agree(console: Console) -> None:
    """The console has two names; a page under one may not speak to the other."""
    other = console.url.replace("127.0.0.1", "localhost")
    assert console.ask("POST", SESSION, {"token": console.grant()}, Origin=other).status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"token": 1}', b'{"token": null}', b"\xff"])
def test_what_is_no_token_is_refused(console: Console, body: bytes) -> None:
    assert console.ask("POST", SESSION, body).status_code == 400


def test_a_long_body_is_refused(console: Console) -> None:
    assert console.ask("POST", SESSION, {"token": "x" * 20_000}).status_code == 413


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(console: Console, method: str) -> None:
    assert console.ask(method, SESSION).status_code == 405


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
