"""Generated models: Python's read events, Java's compile, TypeScript's are what they should be."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from compose.cli.commands import events
from compose.cli.errors import UsageError
from compose.cli.events import java, python, typescript
from compose.cli.main import ROOT, parse
from compose.cli.setup import programs

PARCEL = {
    "description": "A parcel is on its way. */",
    "type": "object",
    "required": ["parcel_id", "class", "weight", "items"],
    "properties": {
        "parcel_id": {"type": "string", "format": "uuid"},
        "class": {"enum": ["letter", "parcel"]},
        "weight": {"type": "number", "exclusiveMinimum": 0},
        "sent_at": {"type": "string", "format": "date-time", "description": "When it left."},
        "note": {"type": ["string", "null"]},
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "address": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}, "floor": {"type": "integer"}},
        },
        "anything": True,
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["sku"],
            "properties": {
                "sku": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            },
        }
    },
}
SCHEMAS: Mapping[str, Mapping[str, Any]] = {"parcel.sent": PARCEL}
SENT = {
    "parcel_id": "5c1f6a0e-6c1b-4a55-9c5a-6f2f0d1a4e11",
    "class": "letter",
    "weight": 0.5,
    "items": [{"sku": "cup", "parts": [{"sku": "handle"}]}],
}

TYPESCRIPT = """\
// Made by `nextphase events generate typescript`: change the schemas instead.

export type ParcelSentItem = {
  "sku": string;
  "parts"?: Array<ParcelSentItem>;
};
/** A parcel is on its way. * / */
export type ParcelSent = {
  "parcel_id": string;
  "class": ("letter" | "parcel");
  "weight": number;
  /** When it left. */
  "sent_at"?: string;
  "note"?: (string | null);
  "items": Array<ParcelSentItem>;
  "labels"?: Record<string, string>;
  "address"?: {
    "city": string;
    "floor"?: number;
  };
  "anything"?: unknown;
  "either"?: (string | number);
};

/** The data of each event type. */
export interface EventData {
  "parcel.sent": ParcelSent;
}
"""


def _module(folder: Path) -> ModuleType:
    (file,) = folder.glob("*.py")
    specification = importlib.util.spec_from_file_location("generated_parcel_sent", file)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module  # where pydantic looks for the types that annotations name
    specification.loader.exec_module(module)
    return module


def _write(folder: Path, files: Mapping[str, str]) -> list[Path]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def test_python_models_read_what_the_schema_allows(tmp_path: Path) -> None:
    _write(tmp_path, python.files(SCHEMAS))
    model = _module(tmp_path).ParcelSent
    parcel = model.model_validate(SENT)
    assert parcel.items[0].parts[0].sku == "handle"
    for wrong in ({"weight": 0}, {"parcel_id": "x"}, {"items": []}, {"class": "box"}):
        with pytest.raises(ValidationError):
            model.model_validate({**SENT, **wrong})


def test_python_models_are_the_same_each_time() -> None:
    assert python.files(SCHEMAS) == python.files(SCHEMAS)


def test_typescript_types() -> None:
    assert typescript.files(SCHEMAS) == {"events.ts": TYPESCRIPT}


@pytest.mark.config
@pytest.mark.example
def test_java_records_compile(tmp_path: Path) -> None:
    jdk = programs.jdk()
    assert jdk
    files = _write(tmp_path, java.files({**events.schemas(ROOT, None), **SCHEMAS}, "events"))
    jackson = list((ROOT / "services/inventory/target/lib").glob("jackson-annotations-*.jar"))
    assert len(jackson) == 1
    subprocess.run(
        [jdk / "bin/javac", "-Xlint:all", "-Werror", "-cp", jackson[0], "-d", tmp_path / "classes", *files],
        check=True,
        timeout=300,
    )
    assert (tmp_path / "classes/events/ParcelSent$Item.class").exists()


def test_java_records_have_the_fields() -> None:
    text = java.files(SCHEMAS, "shipping.events")["ParcelSent.java"]
    assert "package shipping.events;" in text
    for component in (
        '@JsonProperty("parcel_id") UUID parcelId',
        '@JsonProperty("class") String class_',
        '@JsonProperty("weight") BigDecimal weight',
        '@JsonProperty("sent_at") OffsetDateTime sentAt',
        '@JsonProperty("items") List<Item> items',
        '@JsonProperty("labels") Map<String, String> labels',
        '@JsonProperty("address") Address address',
        '@JsonProperty("floor") Long floor',
    ):
        assert component in text


def test_java_records_of_one_name_keep_their_own_fields() -> None:
    def holding(key: str, **fields: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {key: {"type": "object", "properties": fields}}}

    text, number = {"type": "string"}, {"type": "number"}
    moved = {
        "type": "object",
        "properties": {
            "start": holding("place", city=text),
            "end": holding("place", code=number),
            "via": holding("place", city=text),
            "list": {"type": "object", "properties": {"first": text}},
            "moved": {"type": "object", "properties": {"by": text}},
        },
    }
    found = java.files({"moved": moved}, "events")["Moved.java"]
    for component in (
        'record Start(\n            @JsonProperty("place") Place place)',
        'record End(\n            @JsonProperty("place") Place2 place)',
        'record Via(\n            @JsonProperty("place") Place place)',
        'record Place2(\n            @JsonProperty("code") BigDecimal code)',
        '@JsonProperty("list") List2 list',
        '@JsonProperty("moved") Moved2 moved',
    ):
        assert component in found, found


@pytest.mark.example
def test_the_command_writes_the_catalogs_types(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "events"
    chosen = ["--type", "order.placed", "--type", "stock.reserved"]
    assert events.run(ROOT, parse(["events", "generate", "python", str(folder), *chosen])) == 0
    assert sorted(file.name for file in folder.iterdir()) == ["order_placed.py", "stock_reserved.py"]
    assert str(folder / "order_placed.py") in capsys.readouterr().out


@pytest.mark.example
def test_a_mistyped_type_is_told_what_it_is_close_to() -> None:
    with pytest.raises(UsageError, match=r"'order\.place' is no event type .*did you mean 'order\.placed'"):
        events.schemas(ROOT, ["order.place"])
