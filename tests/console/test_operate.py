"""Operate mode in a real browser, and attacks on it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from compose.cli.secrets import Secrets
from tests.conftest import Stack, eventually, nextphase
from tests.console.operating import DeadLetters, NewPage, confirm, dead_letters, operate, operate_address

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def letters(stack: Stack) -> Iterator[DeadLetters]:
    with dead_letters(stack, 4) as made:
        yield made


def test_the_address_of_the_console(console: str, stack: Stack) -> None:
    done = nextphase("console", "--json")
    assert json.loads(done.stdout) == {"url": f"{console}/"}
    assert nextphase("console").stdout == f"{console}/\n"


def test_its_page_has_the_command_for_this_instance(page: Page, console: str, stack: Stack) -> None:
    page.goto(f"{console}/operate")
    command = f"./nextphase console --operate --instance {stack.layout.instance}"
    expect(page.locator("pre")).to_have_text(command)


def test_an_address_opens_operate_mode_once(new_page: NewPage, console: str, stack: Stack) -> None:
    address = operate_address()
    token = urlsplit(address).fragment
    page = new_page()
    page.goto(address)
    expect(page.get_by_role("region", name="Operate mode")).to_contain_text("Operate mode of")
    assert page.url == f"{console}/operate"  # the token is in no history
    (cookie,) = page.context.cookies()
    assert (cookie["path"], cookie["httpOnly"], cookie["sameSite"]) == ("/api", True, "Strict")
    assert page.evaluate("document.cookie") == ""
    other = new_page()
    other.goto(address)
    expect(other.get_by_role("alert")).to_contain_text("Token refused")
    expect(other.get_by_role("region", name="Operate mode")).to_have_count(0)
    assert list(Path(Secrets(stack.layout.secrets).operate).glob("*")) == []
    for log in stack.layout.logs.rglob("*.log"):
        assert token.encode() not in log.read_bytes(), log


def test_operate_mode_ends_by_itself(page: Page) -> None:
    operate(page, "5s")
    expect(page.get_by_role("region", name="Operate mode")).to_have_count(0)
    assert page.evaluate("fetch('/api/operate/session').then((answer) => answer.json())")["open"] is False


def test_operate_mode_is_left(page: Page, console: str, letters: DeadLetters) -> None:
    operate(page)
    page.goto(f"{console}/rio/subscriptions?id={letters.subscription}")
    row = page.locator(f'[data-subscription="{letters.subscription}"]')
    expect(row.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Leave").click()
    expect(row.get_by_role("button", name="Pause")).to_have_count(0)
    assert page.context.cookies() == []


def test_a_subscription_is_paused_and_resumed(page: Page, console: str, letters: DeadLetters) -> None:
    operate(page)
    page.goto(f"{console}/rio/subscriptions")
    row = page.locator(f'[data-subscription="{letters.subscription}"]')
    row.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert letters.status() == "active"
    row.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a fix is on its way")
    confirm(page, "Pause")
    expect(row).to_contain_text("a fix is on its way")
    assert letters.status() == "paused"
    row.get_by_role("button", name="Resume").click()
    confirm(page, "Resume")
    expect(row).to_contain_text("active")
    assert letters.status() == "active"


def test_escape_does_nothing(page: Page, console: str, letters: DeadLetters) -> None:
    operate(page)
    page.goto(f"{console}/rio/subscriptions")
    button = page.locator(f'[data-subscription="{letters.subscription}"]').get_by_role("button", name="Pause")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    assert letters.status() == "active"


def test_who_and_what_are_in_the_log_with_the_trace(
    page: Page, console: str, letters: DeadLetters, stack: Stack
) -> None:
    operate(page)
    letter = letters.ids[0]
    page.goto(f"{console}/rio/dead-letters/{letter}")
    page.get_by_role("button", name="Discard").click()
    with page.expect_response("**/discard") as answered:
        confirm(page, "Discard")
    assert answered.value.status == 204
    assert letter not in [one["id"] for one in letters.all()]
    trace_id = answered.value.headers["x-trace-id"]

    def line() -> dict[str, Any]:
        query = f'{{service_name="console"}} |= `Operator action` | trace_id=`{trace_id}`'
        address = f"http://{stack.layout.address('loki')}/loki/api/v1/query_range"
        answer = httpx.get(address, params={"query": query}, trust_env=False).json()
        (found,) = answer["data"]["result"]
        fields: dict[str, Any] = found["stream"]
        return fields

    fields = eventually(lambda: _found(line), 60)
    assert fields["action"] == "discard dead letter"
    assert fields["target"] == f"/dead-letters/{letter}"
    assert fields["status"] == "204"
    assert fields["operator"]
    assert fields["session"]

    def spans() -> set[str]:
        address = f"http://{stack.layout.address('jaeger')}/api/traces/{trace_id}"
        answer = httpx.get(address, trust_env=False).json()
        names = {span["operationName"] for span in answer["data"][0]["spans"]}
        assert "operate: discard dead letter" in names
        services = {one["serviceName"] for one in answer["data"][0]["processes"].values()}
        assert services == {"console", "rio"}
        return names

    eventually(lambda: _found(spans), 60)


def _found(look: Any) -> Any:
    try:
        return look()
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise AssertionError(str(error)) from error


def test_without_a_session_nothing_changes(console: str, letters: DeadLetters) -> None:
    path = f"/api/operate/rio/subscriptions/{letters.subscription}/pause"
    headers = {"Origin": console, "Content-Type": "application/json"}
    refused = httpx.post(console + path, headers=headers, content=b"{}", trust_env=False)
    assert refused.status_code == 403
    assert "console --operate" in refused.json()["detail"]
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert httpx.request(method, console + path, headers=headers, trust_env=False).status_code == 405
    assert letters.status() == "active"


@pytest.mark.parametrize("path", ["subscriptions/{0}/pause", "subscriptions/{0}", "dead-letters/discard"])
def test_the_addresses_that_only_read_take_no_writes(console: str, letters: DeadLetters, path: str) -> None:
    headers = {"Origin": console, "Content-Type": "application/json"}
    address = f"{console}/api/rio/{path.format(letters.subscription)}"
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = httpx.request(method, address, headers=headers, content=b"{}", trust_env=False)
        assert answer.status_code in (404, 405)
    assert letters.status() == "active"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The origin of another site on this machine: cookies, which know no ports, are sent from it, too."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


_CREDENTIALS = "method: 'POST', credentials: 'include', body: '{}'"
ATTACKS = {
    "a request without CORS": f"fetch(url, {{mode: 'no-cors', {_CREDENTIALS}}})",
    "a request with CORS": f"fetch(url, {{headers: {{'Content-Type': 'application/json'}}, {_CREDENTIALS}}})",
    "a beacon": "navigator.sendBeacon(url, new Blob(['{}'], {type: 'text/plain'}))",
    "a form": """(() => {
        const form = document.createElement('form');
        Object.assign(form, {method: 'post', action: url, enctype: 'text/plain'});
        document.body.append(form);
        form.submit();
    })()""",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_another_sites_page_cannot_act(
    new_page: NewPage, console: str, elsewhere: str, letters: DeadLetters, attack: str
) -> None:
    own = new_page()
    operate(own)
    url = f"{console}/api/operate/rio/subscriptions/{letters.subscription}/pause"
    foreign = own.context.new_page()  # the same browser, with its session
    foreign.goto(elsewhere)
    with own.context.expect_event("request", lambda request: request.url == url):
        foreign.evaluate(f"(url) => {{ Promise.resolve({ATTACKS[attack]}).catch(() => undefined); }}", url)
    foreign.wait_for_load_state("networkidle")
    assert letters.status() == "active"
    assert own.evaluate("fetch('/api/operate/session').then((answer) => answer.json())")["open"] is True


def test_another_sites_page_cannot_look(
    new_page: NewPage, console: str, elsewhere: str, letters: DeadLetters
) -> None:
    own = new_page()
    operate(own)
    foreign = own.context.new_page()
    foreign.goto(elsewhere)
    look = "(url) => fetch(url, {credentials: 'include'}).then((answer) => answer.text(), () => 'refused')"
    assert foreign.evaluate(look, f"{console}/api/rio/dead-letters/{letters.ids[-1]}") == "refused"
    look = "(url) => fetch(url, {mode: 'no-cors', credentials: 'include'}).then(() => 'got', () => 'refused')"
    assert foreign.evaluate(look, f"{console}/api/instance") == "refused"  # not even without reading it


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example"])
def test_another_name_is_refused(console: str, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/api/instance"), ("POST", "/api/operate/session")):
        headers = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
        answer = httpx.request(method, console + path, headers=headers, trust_env=False)
        assert answer.status_code == 421


def test_the_viewers_token_changes_nothing(stack: Stack, letters: DeadLetters) -> None:
    """The token that the console reads with, were it stolen, cannot act."""
    token = Path(Secrets(stack.layout.secrets).sender("viewer")).read_text().strip()
    rio = f"http://{stack.layout.address('rio-api')}"
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{rio}/dead-letters", headers=headers, trust_env=False).status_code == 200
    path = f"/subscriptions/{letters.subscription}/pause"
    assert httpx.post(rio + path, headers=headers, trust_env=False).status_code == 403
    assert letters.status() == "active"
