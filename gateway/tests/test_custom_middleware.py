"""Middleware of a team's own: where it stands, what it does, and what is refused of a file that names it."""

import hmac
import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.built_in_middleware import built_in
from gateway.config.tests.test_loader import read
from gateway.context import Context
from gateway.cors import Cors
from gateway.middleware_stack import Stack
from gateway.rate_limiter import RateLimiter
from gateway.shedder import Shedder
from gateway.tests.api import answering, bearer, running, said
from observability import Telemetry
from observability.configuration.errors import FaultyDocument

ROOT = Path(__file__).parents[2]
EXAMPLES = "gateway.tests.examples"
TENANT = f"{EXAMPLES}.tenants.TenantHeader"
SIGN = f"{EXAMPLES}.signatures.SignResponses"
EDIT = "gateway.middleware.headers.EditHeaders"


def names_of(folder: Path, text: str) -> list[tuple[str, ...]]:
    """The middleware of each route of a text, as requests pass it."""
    middleware = built_in(None, RateLimiter(1), Shedder(), Cors(), Context.null())
    return [Stack.of(route, middleware).names for route in read(folder, text).routes]


def faults_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(FaultyDocument) as caught:
        read(folder, text)
    return [line.partition("routes.yaml:")[2] for line in str(caught.value).splitlines()]


def test_each_stands_where_it_is_declared(tmp_path: Path) -> None:
    plain, own = names_of(
        tmp_path,
        f"""\
        middleware:
          - {{use: {EDIT}, after: jwt}}
        routes:
          - {{id: plain, method: GET, path: /plain, mock: {{}}}}
          - id: own
            method: GET
            path: /own
            middleware:
              - {{use: {TENANT}, after: jwt}}
              - {{use: {EDIT}, before: invalidation}}
            mock: {{}}
        """,
    )
    assert plain == ("deadline", "shedding", "jwt", EDIT, "parameters", "body")
    assert own == (EDIT, "deadline", "shedding", "jwt", EDIT, TENANT, "parameters", "body")


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{use: no.such.Thing, after: jwt}", "4: routes.0.middleware.0.use: cannot be imported: No module"),
        (
            "{use: gateway.pipeline.Pipeline, after: jwt}",
            "4: routes.0.middleware.0.use: gateway.pip",
        ),
        (f"{{use: {EDIT}}}", "4: routes.0.middleware.0: has to have exactly one of before and after"),
        (f"{{use: {EDIT}, before: jwt, after: jwt}}", "4: routes.0.middleware.0: has to have exactly one of"),
        (f"{{use: {EDIT}, before: door}}", "4: routes.0.middleware.0.before: "),
        (
            f"{{use: {EDIT}, before: jwt, options: {{response: {{sett: {{}}}}}}}}",
            "4: routes.0.middleware.0.options.response.sett: Extra inputs are not permitted",
        ),
        (
            f"{{use: {EDIT}, before: jwt, options: {{request: {{set: {{X-User-Id: a}}}}}}}}",
            "4: routes.0.middleware.0.options.request.set.X-User-Id",
        ),
        (
            f"{{use: {SIGN}, before: etag, options: {{key_file: /no/such/file, key_id: a}}}}",
            "4: routes.0.middleware.0.options: [Errno 2] No such file",
        ),
    ],
)
def test_a_fault_is_named_with_line_and_field(tmp_path: Path, entry: str, fault: str) -> None:
    text = f"routes:\n  - id: a\n    method: GET\n    middleware: [{entry}]\n    path: /a\n    mock: {{}}\n"
    (found,) = faults_of(tmp_path, text)
    assert found.startswith(fault)


def test_a_route_that_a_middleware_does_not_fit_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"key")
    sign = f"{{use: {SIGN}, before: etag, options: {{key_file: {tmp_path}/key, key_id: a}}}}"
    text = f"""\
    middleware: [{sign}]
    routes:
      - {{id: a, method: GET, path: /a, proxy: {{service: orders, path: /a}}}}
    """
    assert faults_of(tmp_path, text) == [
        "1: middleware.0: does not fit route a: "
        "the body of a proxied response is not there as a whole, and cannot be signed"
    ]


async def test_services_are_told_the_tenant_and_never_the_clients(
    telemetry: Telemetry, tmp_path: Path
) -> None:
    routes = f"""\
    middleware: [{{use: {TENANT}, after: jwt}}]
    routes:
      - {{id: a, method: GET, path: /a, auth: required, coalesce: true, cache: true,
          compose: {{part: {{service: orders, path: /orders}}}}}}
      - {{id: b, method: GET, path: /b, auth: optional, proxy: {{service: orders, path: /files}}}}
      - {{id: c, method: GET, path: /c, auth: none, proxy: {{service: orders, path: /files}}}}
    """
    answers = {
        "/orders": said({"n": 1}, Cache_Control="max-age=60"),
        "/files": said({}),
    }
    async with running(telemetry, tmp_path, routes, answering(answers)) as api:
        for tenant in ("red", "blue", "red"):
            headers = bearer(tenant=tenant) | {"X-Tenant": "green"}
            assert (await api.get("/a", headers=headers)).status_code == 200
        assert (await api.get("/a", headers=bearer())).status_code == 403
        for path in ("/b", "/c"):
            assert (await api.get(path, headers={"X-Tenant": "green"})).status_code == 200
        told = [asked.headers.get("x-tenant") for asked in api.service.asked]
    assert told == ["red", "blue", None, None]  # the third is from the cache of the first's tenant


async def test_a_signed_response_can_be_verified(telemetry: Telemetry, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"secret")
    routes = f"""\
    routes:
      - id: a
        method: GET
        path: /a
        middleware:
          - {{use: {SIGN}, before: etag, options: {{key_file: {tmp_path}/key, key_id: first}}}}
        compose: {{part: {{service: orders, path: /orders}}}}
    """
    async with running(telemetry, tmp_path, routes, answering({"/orders": said({"n": 1})})) as api:
        answer = await api.get("/a")
    digest = answer.headers["Content-Digest"]
    assert digest == f"sha-256=:{b64encode(sha256(answer.content).digest()).decode()}:"
    found = re.fullmatch(r"gateway=(\(.*)", answer.headers["Signature-Input"])
    assert found is not None
    base = f'"@status": 200\n"content-digest": {digest}\n"@signature-params": {found[1]}'
    signature = b64decode(answer.headers["Signature"].removeprefix("gateway=:").removesuffix(":"))
    assert hmac.compare_digest(signature, hmac.digest(b"secret", base.encode(), "sha256"))


async def test_headers_are_edited_both_ways_and_of_problems_too(telemetry: Telemetry, tmp_path: Path) -> None:
    routes = f"""\
    middleware:
      - use: {EDIT}
        before: jwt
        options:
          request: {{rename: {{X-Old: X-New}}, remove: [X-Drop], set: {{X-Set: "1"}}, add: {{Accept: b/b}}}}
          response:
            set: {{X-Frame-Options: DENY, Content-Type: a/b}}
            remove: [X-Inner]
            add: {{Vary: X-Set, WWW-Authenticate: Basic}}
    routes:
      - {{id: a, method: GET, path: /a, proxy: {{service: orders, path: /files}}}}
      - {{id: b, method: GET, path: /b, auth: required, mock: {{}}}}
    """
    answers = {"/files": said({}, X_Inner="secret")}
    async with running(telemetry, tmp_path, routes, answering(answers)) as api:
        headers = {"X-Old": "o", "X-New": "n", "X-Drop": "d", "X-Set": "0", "Accept": "a/a"}
        answer = await api.get("/a", headers=headers)
        refused = await api.get("/b")
    (asked,) = api.service.asked
    assert asked.headers["x-new"] == "o"
    assert asked.headers["x-set"] == "1"
    assert asked.headers["accept"] == "b/b"  # the last of two lines
    assert {"x-old", "x-drop"}.isdisjoint(asked.headers)
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "X-Set" in answer.headers["Vary"]
    assert "X-Inner" not in answer.headers
    assert (refused.status_code, refused.headers["X-Frame-Options"]) == (401, "DENY")
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="nextphase", Basic'
    assert refused.headers.get_list("Content-Type") == ["application/problem+json"]


def test_the_schema_names_the_built_in_middleware() -> None:
    schema = json.loads((ROOT / "gateway/routes.schema.json").read_text())
    built = built_in(None, RateLimiter(1), Shedder(), Cors(), Context.null())
    assert schema["$defs"]["built-in"]["enum"] == [name for name, _ in built]


@pytest.mark.parametrize("name", ["tenants", "signatures"])
def test_the_document_shows_what_is_tested_here(name: str) -> None:
    source = (ROOT / f"gateway/tests/examples/{name}.py").read_text()
    assert f"```python\n{source}```" in (ROOT / "docs/middleware.md").read_text()
