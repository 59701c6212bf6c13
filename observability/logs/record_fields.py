"""The fields of a log record as JSON values, within the bounds of the log store."""

import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from opentelemetry import trace

from observability.logs import error_fields
from observability.logs.bounded_fields import MAX_FIELD_BYTES, MAX_FIELDS, BoundedFields, field_name
from observability.logs.log_line import level_name, time_of
from observability.masking import mask, mask_value
from observability.propagation import hex_trace_id
from observability.synthetic import FIELD as SYNTHETIC
from observability.synthetic import synthetic_type
from observability.text import Json, bounded, plain, simple

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

#: Names that the record itself has, or may have.
RESERVED = (
    frozenset({"time", "level", "message", "logger", "service", "instance", "trace_id", "span_id", SYNTHETIC})
    | error_fields.NAMES
)

#: Of a text of which MAX_FIELDS / 2 fit into a record.
_SHORT_TEXT = MAX_FIELD_BYTES // MAX_FIELDS // 4
#: Names that the log store keeps as they are, of those that were seen.
_good_names = set[str]()
_PLAIN_NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
_MAX_GOOD_NAMES = 1024


def common_fields(created: int, level: int, message: str, logger: str) -> dict[str, Json]:
    """The fields that every line has."""
    fields: dict[str, Json] = {
        "time": time_of(created),
        "level": level_name(level),
        "message": message,
        "logger": logger,
    }
    trace_id, span_id, _, _, state, is_valid = trace.get_current_span().get_span_context()
    if is_valid:
        fields["trace_id"] = hex_trace_id(trace_id)
        fields["span_id"] = f"{span_id:016x}"
        if synthetic := synthetic_type(state):
            fields[SYNTHETIC] = synthetic
    return fields


def fields_of(record: logging.LogRecord) -> dict[str, Json]:
    """A record's fields, all of them valid JSON; `extra` fields lie flat beside the record's own."""
    message = mask(bounded(_message(record)))
    fields = common_fields(created_at(record), record.levelno, message, record.name)
    if record.exc_info and record.exc_info[1]:
        fields |= error_fields.error_fields(record.exc_info[1], record.exc_info[2])
    extra = {
        (key := _key(name)): mask_value(key, value if simple(value) else plain(value))
        for name, value in vars(record).items()
        if name not in _STANDARD
    }
    # Of the record's own fields only those of an error and the logger may be long; the message has its bound.
    is_short = not record.exc_info and len(record.name) <= _SHORT_TEXT
    if is_short and _fit(extra) and has_good_names(extra):
        return fields | extra
    del fields["message"]
    bounded_fields = BoundedFields()
    for name, value in (fields | extra).items():
        bounded_fields.add(name, value)
    return {"message": message} | bounded_fields.kept


def _fit(fields: Mapping[str, Json]) -> bool:
    """Whether fields are surely within the bounds of a record. `BoundedFields` cuts any others to them."""
    for value in fields.values():
        if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > _SHORT_TEXT):
            return False
    return len(fields) <= MAX_FIELDS // 2


def has_good_names(fields: Mapping[str, Any]) -> bool:
    """Whether each field has a name that the log store takes. Few names are used, again and again."""
    if _good_names.issuperset(fields):
        return True
    checked = BoundedFields()
    for name in fields:
        checked.add(name, None)
    if list(checked.kept) != list(fields):
        return False
    if len(_good_names) < _MAX_GOOD_NAMES:
        _good_names.update(name for name in fields if _PLAIN_NAME.fullmatch(name))
    return True


def created_at(record: logging.LogRecord) -> int:
    """When a record was made, in nanoseconds since the epoch."""
    return int(record.created * 1e9)


@lru_cache(512)
def _key(name: str) -> str:
    return f"extra_{name}" if name in RESERVED else field_name(name)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit their format must not cost the line
        return f"{plain(record.msg)} {plain(record.args)}"
