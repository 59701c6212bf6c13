"""Changes of event schemas: what is refused, what is a warning, what is fine."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from compose.cli import containers, hops, schema_compatibility
from compose.cli.catalog import Catalog
from compose.cli.commands import up
from compose.cli.errors import Failure
from compose.cli.layout import STATE, Layout
from compose.cli.schema_compatibility import compare

ROOT = Path(__file__).resolve().parents[3]
TREE = {"properties": {"children": {"items": {"$ref": "#"}}, "value": {"type": ["string", "null"]}}}


def member(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


def shared(schema: Any) -> dict[str, Any]:
    return {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": schema}}


REFUSED: list[tuple[Any, Any, str]] = [
    ({}, {"required": ["a"]}, "#/required"),
    ({"required": ["b"]}, {"required": ["a", "b"]}, "#/required"),
    (member({}), member({"required": ["b"]}), "#/properties/a/required"),
    (shared({}), shared({"required": ["b"]}), "#/$defs/x/required"),
    ({}, {"allOf": [{"required": ["a"]}]}, "#/required"),
    ({"dependentRequired": {}}, {"dependentRequired": {"a": ["b"]}}, "#/dependentRequired/a"),
    (member({}), member({"type": "string"}), "#/properties/a/type"),
    (member({"type": ["string", "null"]}), member({"type": "string"}), "#/properties/a/type"),
    (member({"type": "number"}), member({"type": "integer"}), "#/properties/a/type"),
    (member({"type": "string"}), member({"type": "object"}), "#/properties/a/type"),
    (member({"enum": [1, 2]}), member({"enum": [1, True]}), "#/properties/a/enum"),
    (member({"enum": [1, 2]}), member({"const": 1}), "#/properties/a/const"),
    (member({}), member({"enum": [1]}), "#/properties/a/enum"),
    ({"additionalProperties": True}, {"additionalProperties": False}, "#/additionalProperties"),
    ({}, {"additionalProperties": {"type": "string"}}, "#/additionalProperties/type"),
    (
        {"properties": {"a": {}}, "additionalProperties": False},
        {"additionalProperties": False},
        "#/properties",
    ),
    (member({"maximum": 10}), member({"maximum": 9}), "#/properties/a/maximum"),
    (member({"maximum": 10}), member({"exclusiveMaximum": 10}), "#/properties/a/exclusiveMaximum"),
    (member({}), member({"minimum": 0}), "#/properties/a/minimum"),
    (member({"minLength": 1}), member({"minLength": 2}), "#/properties/a/minLength"),
    (member({"maxItems": 5}), member({"maxItems": 4}), "#/properties/a/maxItems"),
    (member({"multipleOf": 3}), member({"multipleOf": 2}), "#/properties/a/multipleOf"),
    (member({}), member({"pattern": "^a"}), "#/properties/a/pattern"),
    (member({}), member({"format": "uuid"}), "#/properties/a/format"),
    (member({"format": "date-time"}), member({"format": "date"}), "#/properties/a/format"),
    (member({"items": {}}), member({"items": {"type": "string"}}), "#/properties/a/items/type"),
    (member({"items": {"type": "array"}}), member({"prefixItems": [False]}), "#/properties/a/prefixItems/0"),
    (member({}), member({"uniqueItems": True}), "#/properties/a/uniqueItems"),
    (member({}), member(False), "#/properties/a"),
    (
        member({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        member({"anyOf": [{"type": "string"}]}),
        "#/properties/a/anyOf",
    ),
    (
        member({"anyOf": [{"type": "string"}, {"type": "null"}]}),
        member({"type": "null"}),
        "#/properties/a/type",
    ),
    (member({}), member({"oneOf": [{"type": "string"}]}), "#/properties/a/oneOf"),
    (
        {"properties": {"a/b~": {}}},
        {"properties": {"a/b~": {"maxLength": 1}}},
        "#/properties/a~1b~0/maxLength",
    ),
    (
        TREE,
        {"properties": {**TREE["properties"], "value": {"type": "string"}}},
        "#/properties/value/type",
    ),
    (
        {"properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "string"}},
        {"additionalProperties": {"type": "string"}},
        "#/additionalProperties/type",
    ),
    (
        {"properties": {"a": {}, "b": {}}, "additionalProperties": False},
        {"properties": {"a": {}}, "allOf": [{"properties": {"b": {}}}], "additionalProperties": False},
        "#/properties",
    ),
    (
        member({"minLength": 1}),
        member({"minLength": 1, "allOf": [{"minLength": 2}]}),
        "#/properties/a/allOf/0/minLength",
    ),
]
WARNED: list[tuple[Any, Any, str]] = [
    ({"required": ["a"]}, {}, "#/required"),
    (member({"type": "string"}), member({"type": ["string", "null"]}), "#/properties/a/type"),
    (member({"enum": [1]}), member({"enum": [1, 2]}), "#/properties/a/enum"),
    (member({"pattern": "^a"}), member({"pattern": "^[ab]"}), "#/properties/a/pattern"),
    (member({}), member({"not": {"const": 1}}), "#/properties/a/not"),
    ({}, {"patternProperties": {"^x": {}}}, "#/patternProperties"),
    (
        member({"oneOf": [{"minLength": 1}]}),
        member({"oneOf": [{"minLength": 1}, {}]}),
        "#/properties/a/oneOf",
    ),
    (member({"anyOf": [{}]}), member({"not": {"const": 1}}), "#/properties/a/not"),
    (member({"anyOf": [{}]}), member({"anyOf": [{"not": {"const": 1}}]}), "#/properties/a/anyOf"),
]
FINE: list[tuple[Any, Any]] = [
    (member({}), member({"title": "A", "description": "what it is", "examples": [1]})),
    (member({}), {"type": "object", "properties": {"a": {}, "new": {"type": "string"}}}),
    ({"additionalProperties": False}, {"additionalProperties": True}),
    (member({"maximum": 9}), member({"maximum": 10})),
    (member({"exclusiveMaximum": 10}), member({"maximum": 10})),
    (member({"minLength": 2}), member({"minLength": 1})),
    (member({"minLength": 2}), member({})),
    (member({}), member({"minItems": 0})),
    (member({"multipleOf": 4}), member({"multipleOf": 2})),
    (member({"multipleOf": 0.1}), member({"multipleOf": 0.01})),
    (member({"format": "uri"}), member({"format": "uri-reference"})),
    (member({"type": "number"}), member({"type": ["number", "integer"]})),
    (member(False), member({"type": "string"})),
    (member({"required": ["b"]}), {"type": "object", **shared({"required": ["b"]})}),
    ({"allOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"required": ["a", "b"]}),
    (member({"anyOf": [{"type": "string"}]}), member({"anyOf": [{"type": "null"}, {"type": "string"}]})),
    (member({"anyOf": [{"type": "string"}, {"type": "null"}]}), member({"type": ["string", "null"]})),
    (member({"oneOf": [{"type": "string"}]}), member({"oneOf": [{"type": "null"}, {"type": "string"}]})),
    (TREE, {**TREE, "title": "A tree"}),
    ({"$ref": "#"}, {"$ref": "#", "title": "nothing"}),
]


@pytest.mark.parametrize(("old", "new", "pointer"), REFUSED)
def test_what_events_already_written_may_break_is_refused(old: Any, new: Any, pointer: str) -> None:
    assert {change.pointer for change in compare(old, new) if change.breaks} == {pointer}


@pytest.mark.parametrize(("old", "new", "pointer"), WARNED)
def test_what_consumers_may_not_expect_is_a_warning(old: Any, new: Any, pointer: str) -> None:
    assert [(change.pointer, change.breaks) for change in compare(old, new)] == [(pointer, False)]


@pytest.mark.parametrize(("old", "new"), FINE)
def test_what_harms_nobody_is_no_change(old: Any, new: Any) -> None:
    assert compare(old, new) == []


#: Parts of schemas whose keywords are compared by rules of their own.
PARTS: list[Any] = [
    True, False, {}, {"type": "string"}, {"type": ["string", "null"]}, {"type": "integer"},
    {"type": "number"}, {"maximum": 3}, {"exclusiveMaximum": 3}, {"minimum": 2}, {"minLength": 2},
    {"maxLength": 1}, {"const": 1}, {"enum": [1, "a"]},
    {"enum": [1, 2, "a"]}, {"multipleOf": 2}, {"multipleOf": 4}, {"pattern": "^a"},
    {"not": {"const": 1}}, {"minItems": 1}, {"maxItems": 1}, {"uniqueItems": True}, {"required": ["a"]},
    {"maxProperties": 1}, {"minProperties": 1}, {"dependentRequired": {"a": ["b"]}}, {"type": "object"},
]  # fmt: skip
VALUES: list[Any] = [0, 1, 2, 3, 4, 2.5, "", "a", "b", "ab", None, True]
VALUES += [[], {}, *([value] for value in VALUES), *({"a": value} for value in VALUES)]
VALUES += [[1, 1], [1, "a"], ["a", None], {"b": 1}, {"b": "a"}, {"a": 1, "b": 1}, {"a": "ab", "b": None}]


def _composed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(inner, min_size=1, max_size=3)
    keywords = {
        "additionalProperties": inner,
        "required": st.just(["b"]),
        "prefixItems": few,
        "items": inner,
        "anyOf": few,
        "oneOf": few,
        "allOf": few,
    }
    some = st.sets(st.sampled_from(sorted(keywords)), min_size=1, max_size=2)
    return some.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


SCHEMAS = st.recursive(st.sampled_from(PARTS), _composed, max_leaves=5)
MEMBERS = st.fixed_dictionaries(
    {"properties": st.fixed_dictionaries({"a": SCHEMAS, "b": SCHEMAS})},
    optional={"additionalProperties": SCHEMAS, "allOf": st.lists(SCHEMAS, min_size=1, max_size=2)},
)


# A member that is declared anew is expected to be new: both declare the same, or only the old one does.
@settings(max_examples=200, deadline=None)
@given(st.tuples(SCHEMAS, SCHEMAS) | st.tuples(MEMBERS, MEMBERS | SCHEMAS))
def test_no_event_breaks_a_schema_that_was_found_to_be_no_change(schemas: tuple[Any, Any]) -> None:
    old, new = schemas
    if compare(old, new):
        return
    before, now = Draft202012Validator(old), Draft202012Validator(new)
    broken = [value for value in VALUES if before.is_valid(value) and not now.is_valid(value)]
    assert broken == []


def test_a_schema_of_many_alternatives_that_refer_to_each_other_is_compared() -> None:
    def language(kinds: int) -> dict[str, Any]:
        node = {"anyOf": [{"$ref": f"#/$defs/k{number}"} for number in range(kinds)]}
        kind = {"properties": {"left": {"$ref": "#/$defs/node"}, "right": {"$ref": "#/$defs/node"}}}
        kinds_by_name = {f"k{number}": {**kind, "required": [f"r{number}"]} for number in range(kinds)}
        return {"$ref": "#/$defs/node", "$defs": {"node": node, **kinds_by_name}}

    assert compare(language(12), language(13)) == []
    assert {change.pointer for change in compare(language(13), language(12))} == {"#/$defs/node/anyOf"}


@pytest.fixture
def catalog() -> Catalog:
    return Catalog.load(ROOT)


def applied(catalog: Catalog, folder: Path, change: Any) -> Path:
    """Rio's part of the configuration, with the schema of order.placed as `change` made it."""
    content = json.loads(hops.rio_catalog(catalog))
    change(content["schemas"]["order.placed"])
    path = folder / hops.RIO_CATALOG
    path.write_text(json.dumps(content))
    return path


def test_a_refusal_names_service_manifest_type_and_place(catalog: Catalog, tmp_path: Path) -> None:
    path = applied(catalog, tmp_path, lambda schema: schema["required"].remove("account_id"))
    with pytest.raises(Failure, match="a schema of events is refused") as refused:
        schema_compatibility.check(catalog, path)
    assert refused.value.tail == [
        "services/orders/service.yaml: orders emits order.placed: #/required: 'account_id' is newly required"
    ]
    assert "optional" in str(refused.value.advice)
    assert "a new type" in str(refused.value.advice)


def test_up_refuses_before_anything_is_touched(catalog: Catalog, tmp_path: Path) -> None:
    manifests = shutil.ignore_patterns("*.py", "src", "target", "__pycache__")
    shutil.copytree(ROOT / "services", tmp_path / "services", ignore=manifests)
    (tmp_path / STATE).mkdir()
    layout = Layout.open(tmp_path, "default")
    path = applied(catalog, layout.config, lambda schema: schema["required"].remove("account_id"))
    before = path.read_text()
    with pytest.raises(Failure, match="a schema of events is refused"):
        up.run(tmp_path, argparse.Namespace(instance="default"))
    assert [file.name for file in layout.config.iterdir()] == [hops.RIO_CATALOG]
    assert path.read_text() == before
    assert not list(layout.secrets.iterdir())
    assert not list(layout.data.iterdir())


def test_the_composition_of_containers_refuses_it_too(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    applied(catalog, tmp_path / "config", lambda schema: schema["required"].remove("account_id"))
    assert containers.main([str(tmp_path)]) == 1
    assert "orders emits order.placed: #/required" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["config", hops.RIO_CATALOG]


def test_a_warning_names_them_too(catalog: Catalog, tmp_path: Path) -> None:
    path = applied(catalog, tmp_path, lambda schema: schema["required"].append("note"))
    (warning,) = schema_compatibility.check(catalog, path)
    assert warning.startswith("services/orders/service.yaml: orders emits order.placed: #/required: ")


def test_the_first_schema_of_a_type_that_was_emitted_is_a_warning(catalog: Catalog, tmp_path: Path) -> None:
    path = applied(catalog, tmp_path, dict)
    content = json.loads(path.read_text())
    del content["schemas"]["order.placed"]
    path.write_text(json.dumps(content))
    (warning,) = schema_compatibility.check(catalog, path)
    assert "orders emits order.placed: #: is its first schema" in warning


def test_the_first_time_there_is_nothing_to_compare(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / hops.RIO_CATALOG
    assert schema_compatibility.check(catalog, path) == []
    for text in ("", "{}", "[]", '{"schemas": []}', '{"schemas": {}}', "\0"):
        path.write_text(text)
        assert schema_compatibility.check(catalog, path) == []
    assert schema_compatibility.check(catalog, applied(catalog, tmp_path, dict)) == []
