"""Pydantic models, by datamodel-code-generator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datamodel_code_generator import InputFileType, generate
from datamodel_code_generator.enums import DataModelType
from datamodel_code_generator.format import Formatter, PythonVersion

from compose.cli.events.names import module_name, type_name

Files = dict[str, str]


def files(schemas: Mapping[str, Mapping[str, Any]]) -> Files:
    """A module for each event type, by the name of its file; the class of `order.placed` is OrderPlaced."""
    return {f"{module_name(name)}.py": _module(name, schema) for name, schema in schemas.items()}


def _module(event_type: str, schema: Mapping[str, Any]) -> str:
    code = generate(
        json.dumps(schema),
        input_filename=event_type,
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        class_name=type_name(event_type),
        target_python_version=PythonVersion.PY_311,
        disable_timestamp=True,
        use_annotated=True,
        use_schema_description=True,
        use_standard_collections=True,
        use_union_operator=True,
        formatters=[Formatter.BUILTIN],
    )
    return str(code)
