"""Files of routes: every fault is named with file, line and field, and nothing but a fault ever comes."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.config.loader import MAX_BYTES, SCHEMA_FILE, load_router
from gateway.config.parameters import Unfit
from gateway.config.router import Router
from gateway.config.settings import ROUTES_FILE
from gateway.context import Context
from observability.configuration.errors import FaultyDocument
from observability.http.problem import Problem

SERVICES = {"accounts": 5.0, "orders": 5.0, "inventory": 5.0, "notifications": 5.0}
README = SCHEMA_FILE.with_name("README.md")
GOOD = """\
routes:
  - id: order
    method: GET
    path: /v1/orders/{order_id}
    compose:
      order: {service: orders, path: "/orders/{path.order_id}"}
      account: {service: accounts, path: "/accounts/{order.account_id}", on_failure: omit}
"""


def read(folder: Path, text: str | bytes) -> Router:
    file = folder / "routes.yaml"
    file.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return load_router(file, SERVICES, Context.null())


@pytest.mark.example
def test_the_examples_own_file_is_right() -> None:
    table = load_router(ROUTES_FILE, SERVICES, Context.null())
    assert {route.id for route in table.routes} >= {"order", "my-orders", "place-order"}


def documented() -> dict[str, Any]:
    """The routes and services that the README shows, as one file."""
    blocks = [
        yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    ]
    document = {"routes": [route for block in blocks if isinstance(block, list) for route in block]}
    return document | {key: block[key] for block in blocks if isinstance(block, dict) for key in block}


def test_what_the_readme_shows_is_right(tmp_path: Path) -> None:
    assert read(tmp_path, yaml.safe_dump(documented())).routes


def test_the_readme_tells_of_every_field() -> None:
    definitions, text = json.loads(SCHEMA_FILE.read_text())["$defs"], README.read_text()
    fields = {field for name in ("route", "part", "policy") for field in definitions[name]["properties"]}
    assert [field for field in fields if f"{field}:" not in text and f"`{field}`" not in text] == []


def test_a_schema_may_speak_of_itself_further_down(tmp_path: Path) -> None:
    tree = "schemas: {Tree: {properties: {left: {anyOf: [{$ref: '#/components/schemas/Tree'}]}}}}\n"
    assert read(tmp_path, tree + GOOD).routes


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))


def undescribed(schema: dict[str, Any], definitions: dict[str, Any], where: str) -> list[str]:
    """The properties in a schema that an editor has nothing to say of."""
    found = []
    for name, value in schema.get("properties", {}).items():
        referred = definitions.get(value.get("$ref", "").rpartition("/")[2], {})
        if "description" not in value | referred:
            found.append(f"{where}.{name}")
    inner = [*schema.get("properties", {}).items(), *enumerate(schema.get("oneOf", ()))]
    inner += [
        (key, schema[key]) for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)
    ]
    return found + [
        each for name, value in inner for each in undescribed(value, definitions, f"{where}.{name}")
    ]


def test_editors_can_say_what_every_field_is() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    definitions = schema["$defs"]
    assert undescribed(schema, definitions, "") == []
    assert [each for name in definitions for each in undescribed(definitions[name], definitions, name)] == []


FAULTS = [
    ("path: /v1/orders/{order_id}", "path: /v1/orders/{order_id}/..", 4, "routes.0.path", "segment"),
    ("path.order_id", "path.id", 6, "routes.0.compose.order", "no parameter id"),
    ("order.account_id", "orders.account_id", 7, "routes.0.compose.account", "no part orders"),
    ("order.account_id", "query.x", 7, "routes.0.compose.account", "no query parameter x"),
    ("order.account_id", "caller.name", 7, "routes.0.compose.account", "unknown"),
    ("order.account_id", "body.id", 7, "routes.0.compose.account", "no body"),
    ("service: accounts", "service: acounts", 7, "routes.0.compose.account.service", "no service acounts"),
    ("on_failure: omit", "on_failure: maybe", 7, "routes.0.compose.account.on_failure", "none of"),
    ("on_failure: omit", "surprise: 1", 7, "routes.0.compose.account.surprise", "unknown; known are"),
    ("    method: GET\n", "", 2, "routes.0.method", "missing"),
    ("method: GET", "method: FETCH", 3, "routes.0.method", "FETCH"),
    ("account: {", "caller: {", 7, "routes.0.compose.caller", "meaning of its own"),
    ("    compose:", "    proxy: {service: orders, path: /x}\n    compose:", 2, "routes.0", "exactly one"),
    ("    compose:", "    coalesce: yes please\n    compose:", 5, "routes.0.coalesce", "boolean"),
    ("    compose:", "    auth: optional\n    scopes: [a]\n    compose:", 6, "routes.0.scopes", "required"),
    ("    compose:", "    body: {type: nonsense}\n    compose:", 5, "routes.0.body", "no JSON Schema"),
    ("    compose:", "    body: {$ref: 'http://x/'}\n    compose:", 5, "routes.0.body", "no schema"),
    ("    compose:", "    body: {$dynamicRef: '#x'}\n    compose:", 5, "routes.0.body", "$dynamicRef is not"),
    ("    compose:", "    body: {not: {$id: 'x'}}\n    compose:", 5, "routes.0.body", "$id is not"),
    (
        "routes:",
        "schemas: {A: {anyOf: [{$ref: '#/components/schemas/A'}]}}\nroutes:",
        1,
        "schemas.A",
        "itself",
    ),
    ("    compose:", "    id: again\n    compose:", 5, "routes.0.id", "twice"),
    ("routes:", "services: {billing: {timeout_seconds: 1}}\nroutes:", 1, "services.billing", "no service"),
    (
        "routes:",
        "services: {orders: {timeout_seconds: 0}}\nroutes:",
        1,
        "services.orders.timeout_seconds",
        "0",
    ),
    ('"/orders/{path.order_id}"', '"/orders/{account.x}"', 6, "routes.0.compose", "needs itself"),
    ("routes:", "schemas: {Problem: {}}\nroutes:", 1, "schemas.Problem", "the gateway's own"),
    (
        "routes:",
        "schemas: {A: {pattern: 'a{99999999999999999999}'}}\nroutes:",
        1,
        "schemas.A",
        "no regular expression",
    ),
    (
        "routes:",
        "schemas: {A: {dependentSchemas: {x: {$ref: '#/components/schemas/A'}}}}\nroutes:",
        1,
        "schemas.A",
        "itself",
    ),
    ('"/orders/{', '"/café/{', 6, "routes.0.compose.order.path", "ASCII"),
    ('"/orders/{', '"/a b/{', 6, "routes.0.compose.order.path", "ASCII"),
    (
        "on_failure: omit",
        "flatten: true, on_failure: {fallback: []}",
        7,
        "routes.0.compose.account.on_failure.fallback",
        "an object",
    ),
    ("on_failure: omit", 'headers: ["X\\n"]', 7, "routes.0.compose.account.headers.0", "match"),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "said"), FAULTS)
def test_a_fault_has_file_line_and_field(
    tmp_path: Path, old: str, new: str, line: int, field: str, said: str
) -> None:
    assert old in GOOD
    with pytest.raises(FaultyDocument) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    faults = [each for each in str(caught.value).splitlines() if f":{line}: {field}" in each]
    assert faults, str(caught.value)
    assert str(tmp_path / "routes.yaml") in faults[0]
    assert any(said in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("declared", "field", "said"),
    [
        ("websocket: true", "websocket", "object"),
        ("websocket: {idle_seconds: 0}", "websocket.idle_seconds", "0"),
        ("websocket: {idle_seconds: 3601}", "websocket.idle_seconds", "3600"),
        ("websocket: {life_seconds: 86401}", "websocket.life_seconds", "86400"),
        (
            "websocket: {idle_seconds: 2, life_seconds: 1}",
            "websocket.idle_seconds",
            "longer than life_seconds",
        ),
        ("event_stream: {idle: 1}", "event_stream.idle", "unknown; known are"),
        ("event_stream: {life_seconds: 30}", "event_stream.idle_seconds", "longer than life_seconds"),
    ],
)
def test_how_long_connections_are_kept_open_has_bounds(
    tmp_path: Path, declared: str, field: str, said: str
) -> None:
    text = (
        "routes:\n  - id: a\n    method: GET\n    path: /a\n"
        f"    proxy: {{service: orders, path: /x, {declared}}}\n"
    )
    with pytest.raises(FaultyDocument) as caught:
        read(tmp_path, text)
    assert f"routes.yaml:5: routes.0.proxy.{field}: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(("method", "kind", "is_fit"), [
    ("GET", "websocket", True), ("POST", "websocket", False), ("POST", "event_stream", True),
])  # fmt: skip
def test_a_websocket_begins_with_a_get(tmp_path: Path, method: str, kind: str, is_fit: bool) -> None:
    proxy = f"{{service: orders, path: /x, {kind}: {{}}}}"
    text = f"routes:\n  - {{id: a, method: {method}, path: /a, proxy: {proxy}}}\n"
    if is_fit:
        assert read(tmp_path, text).routes[0].has_websocket is (kind == "websocket")
        return
    with pytest.raises(FaultyDocument, match=r"routes\.yaml:2: routes\.0\.proxy\.websocket: .*GET"):
        read(tmp_path, text)


def test_a_long_row_of_schemas_is_refused(tmp_path: Path) -> None:
    row = "".join(f"  A{n}: {{allOf: [{{$ref: '#/components/schemas/A{n + 1}'}}]}}\n" for n in range(1200))
    with pytest.raises(FaultyDocument, match=r"routes\.yaml:2: schemas\.A0: includes 1201 schemas"):
        read(tmp_path, f"schemas:\n{row}  A1200: {{}}\n{GOOD}")


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("{type: integer, default: [1]}", "is not an integer"),
        ("{type: integer, default: 1.0}", "is not an integer"),
        ("{type: integer, default: '1'}", "is no integer"),
        ("{type: integer, maximum: 9, default: 10}", "maximum"),
        ("{type: boolean, default: null}", "neither true nor false"),
        ("{default: 5}", "is no string"),
        ("{format: uuid, default: x}", "is not a UUID"),
    ],
)
def test_a_default_is_a_value_that_callers_can_give(tmp_path: Path, parameter: str, said: str) -> None:
    text = GOOD.replace("    compose:", f"    parameters: {{q: {parameter}}}\n    compose:")
    with pytest.raises(FaultyDocument) as caught:
        read(tmp_path, text)
    assert ":5: routes.0.parameters.q.default: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "parameter",
    ["{type: integer, default: 5}", "{type: number, default: 5}", "{type: number, default: 1.0e-7}",
     "{type: boolean, default: true}", "{default: ''}", "{enum: [a, b], default: b}"],
)  # fmt: skip
def test_defaults_that_are_values(tmp_path: Path, parameter: str) -> None:
    text = GOOD.replace("    compose:", f"    parameters: {{q: {parameter}}}\n    compose:")
    assert read(tmp_path, text).routes


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ('{X: "a\\r\\nSet-Cookie: b"}', "printable ASCII"),
        ('{X: "a\\n"}', "printable ASCII"),
        ("{X: €}", "printable ASCII"),
        ("{X: ' a'}", "printable ASCII"),
        ("{X y: a}", "the name must match"),
        ('{"X\\n": a}', "the name must match"),
        ("{Content-Length: '5'}", "for the gateway to say"),
        ("{transfer-encoding: chunked}", "for the gateway to say"),
        ("{Connection: close}", "for the gateway to say"),
        ("{Date: today}", "for the gateway to say"),
    ],
)
def test_headers_that_no_answer_can_have(tmp_path: Path, headers: str, said: str) -> None:
    text = f"routes:\n  - {{id: a, method: GET, path: /a, mock: {{headers: {headers}}}}}"
    with pytest.raises(FaultyDocument, match=re.escape(said)) as caught:
        read(tmp_path, text)
    assert "routes.yaml:2: routes.0.mock.headers." in str(caught.value)


@pytest.mark.parametrize("place", ["body", "responses.200.schema"])
def test_a_schema_that_is_not_there_is_refused_wherever_it_is_named(tmp_path: Path, place: str) -> None:
    nowhere = '{"$ref": "#/components/schemas/Nowhere"}'
    for part in reversed(place.split(".")):
        nowhere = f'{{"{part}": {nowhere}}}'
    text = f"routes: [{{id: a, method: POST, path: /a, mock: {{}}, {nowhere[1:-1]}}}]"
    with pytest.raises(FaultyDocument, match=rf"routes\.0\.{place}: there is no schema .*Nowhere"):
        read(tmp_path, text)


def test_an_examples_content_type_is_a_header_too(tmp_path: Path) -> None:
    declared = "{'200': {content_type: \"a/b\\r\\n\"}}"
    text = f"routes: [{{id: a, method: GET, path: /a, mock: {{}}, responses: {declared}}}]"
    with pytest.raises(FaultyDocument, match=r"routes\.0\.responses\.200\.content_type"):
        read(tmp_path, text)


TREE = """\
schemas: {Tree: {properties: {in: {$ref: '#/components/schemas/Tree'}, price: {multipleOf: 0.01}}}}
routes: [{id: a, method: POST, path: /a, body: {$ref: '#/components/schemas/Tree'}, mock: {}}]
"""


@pytest.mark.parametrize(
    ("body", "status"), [('{"in":' * 900 + "{}" + "}" * 900, 400), ('{"price":1%s}' % ("0" * 400), 422)]
)
def test_a_body_that_cannot_be_checked_is_refused(tmp_path: Path, body: str, status: int) -> None:
    check = read(tmp_path, TREE).routes[0].check
    assert check is not None
    check({"in": {"price": 1.25}})
    with pytest.raises(Problem) as caught:
        check(json.loads(body))
    assert caught.value.status == status


@pytest.mark.example
def test_a_value_with_a_newline_after_it_is_another(tmp_path: Path) -> None:
    routes = {route.id: route for route in load_router(ROUTES_FILE, SERVICES, Context.null()).routes}
    check, after = routes["create-account"].check, routes["stock"].parameters["after"]
    assert check is not None
    check({"name": "Ada", "email": "ada@example.com"})
    assert after.read("tea") == "tea"
    with pytest.raises(Problem):
        check({"name": "Ada", "email": "ada@example.com\n"})
    with pytest.raises(Unfit):
        after.read("tea\n")


OPTIONAL = "auth: optional"
CALL = """\
routes:
  - id: a
    auth: optional
    method: GET
    path: /a/{id}
    parameters: {q: {}, must: {required: true}, has: {default: x}}
    compose: {x: {service: orders, %s}}
"""


@pytest.mark.parametrize(
    ("call", "field", "said"),
    [
        ('path: "/x/{query.q}"', "path", "query.q may be absent"),
        ('path: /x, query: {a: "b{query.q}"}', "query", "query.q may be absent"),
        ('path: "/x/{query.q}", when: not query.q', "path", "query.q may be absent"),
        ('path: "/x/{query.q}", when: query.must', "path", "query.q may be absent"),
        ("path: '/x/{query.q}', when: 'query.q != \"a\"'", "path", "query.q may be absent"),
        ('path: "/x/{caller.subject}"', "path", "not every caller has a caller.subject"),
        ('path: /x, query: {a: "{caller.subject}"}', "query", "not every caller has a caller.subject"),
    ],
)
def test_a_call_needs_nothing_that_a_caller_may_not_have(
    tmp_path: Path, call: str, field: str, said: str
) -> None:
    with pytest.raises(FaultyDocument) as caught:
        read(tmp_path, CALL % call)
    assert f"routes.yaml:7: routes.0.compose.x.{field}: {said}" in str(caught.value)


def test_a_proxy_needs_nothing_that_a_caller_may_not_have(tmp_path: Path) -> None:
    text = CALL.replace("compose: {x: {service: orders, %s}}", 'proxy: {service: orders, path: "/{query.q}"}')
    with pytest.raises(FaultyDocument, match=r"7: routes\.0\.proxy\.path: query\.q may be absent"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "call",
    [
        'path: "/x/{query.must}/{query.has}/{path.id}"',
        'path: /x, query: {a: "{query.q}"}',
        'path: "/x/{query.q}", when: query.q',
        "path: '/x/{query.q}', when: 'query.q == \"a\"'",
        'path: "/x/{caller.subject}", when: caller.subject',
    ],
)
def test_what_a_call_needs_can_be_asked_for_first(tmp_path: Path, call: str) -> None:
    assert read(tmp_path, CALL % call).routes
    required = CALL.replace(OPTIONAL, "auth: required")
    assert read(tmp_path, required % 'path: "/x/{caller.subject}"').routes


@pytest.mark.parametrize("option", ["cache", "coalesce"])
def test_an_answer_that_is_shared_is_of_gets(tmp_path: Path, option: str) -> None:
    text = CALL.replace("    method", f"    {option}: true\n    method")
    assert read(tmp_path, text % "path: /x").routes
    with pytest.raises(FaultyDocument, match=r"8: routes\.0\.compose\.x\.method: a POST is not made"):
        read(tmp_path, text % "path: /x, method: POST")


@pytest.mark.parametrize(
    "header",
    ["Range", "If-Range", "If-Match", "IF-NONE-MATCH", "If-Modified-Since", "If-Unmodified-Since",
     "Accept-Encoding", "Expect", "User-Agent", "X-Request-Id", "Authorization", "Connection"],
)  # fmt: skip
def test_a_part_cannot_ask_for_what_is_not_its_own(tmp_path: Path, header: str) -> None:
    text = GOOD.replace("on_failure: omit", f"headers: [Accept-Language, {header}]")
    with pytest.raises(
        FaultyDocument, match=rf":7: routes\.0\.compose\.account\.headers\.1: {header} is not"
    ):
        read(tmp_path, text)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("service: orders", "service: order").replace("order.account_id", "nobody.account_id")
    with pytest.raises(FaultyDocument) as caught:
        read(tmp_path, text)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("path", "method", "said"),
    [
        ("/v1/orders/{order_id}", "GET", "is, with this method, that of routes.0"),
        ("/v1/orders/{id}", "PUT", "differs only in its parameters' names"),
        ("/v1/{what}/recent", "GET", "neither is the more specific"),
    ],
)
def test_paths_that_compete(tmp_path: Path, path: str, method: str, said: str) -> None:
    second = f"  - {{id: second, method: {method}, path: '{path}', mock: {{}}}}\n"
    with pytest.raises(FaultyDocument, match=re.escape(said)):
        read(tmp_path, GOOD + second)


@pytest.mark.parametrize(
    "handler", ["gateway.nothing.here", "gateway.handlers.nobody", "gateway.handlers.quote", "os.path"]
)
def test_a_handler_has_to_be_a_coroutine_function(tmp_path: Path, handler: str) -> None:
    text = f"routes: [{{id: a, method: GET, path: /a, handler: {handler}}}]"
    with pytest.raises(FaultyDocument, match=r"routes\.0\.handler"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "content",
    [b"", b"routes: []", b"\xff", b"[" * 100_000, b"a: &x 1\nb: *x", b"!!python/object:os.system {}", b"\x00",
     b"routes: {1: 2}", b"a: 1\na: 2", b"{" * 900, b"#" * (MAX_BYTES + 1), b"- !!binary x", b"? [a]\n: b",
     b".inf"],
)  # fmt: skip
def test_what_is_no_file_of_routes_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FaultyDocument, match=r"routes\.yaml:\d+: "):
        read(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultyDocument, match="cannot be read"):
        load_router(tmp_path / "none.yaml", SERVICES, Context.null())


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text("routes:[]{}-&*!|>'\"\n \tab#,?%@", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FaultyDocument):
        read(tmp_path, content)


def test_the_more_specific_path_is_found_first(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        """\
        routes:
          - {id: rest, method: GET, path: "/f/{rest*}", mock: {}}
          - {id: three, method: GET, path: "/f/{name}/x/{other}", mock: {}}
          - {id: one, method: GET, path: "/f/{name}", mock: {}}
          - {id: static, method: GET, path: /f/a, mock: {}}
          - {id: put, method: PUT, path: /f/a, mock: {}}
        """,
    )
    for path, expected in (("/f/a", "static"), ("/f/b", "one"), ("/f/b/c", "rest"), ("/f/b/x/c", "three")):
        assert table.find("GET", path)[0].id == expected
    assert table.find("HEAD", "/f/a")[0].id == "static"
    assert table.find("PUT", "/f/a")[0].id == "put"
    for method, path, status in (
        ("POST", "/f/a", 405),
        ("GET", "/f", 404),
        ("GET", "/f/", 404),
        ("GET", "", 404),
    ):
        with pytest.raises(Problem) as caught:
            table.find(method, path)
        assert caught.value.status == status
    assert table.methods("/f/a") == "GET, HEAD, OPTIONS, PUT"
