"""Event data to JSON and back without a number losing digits."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Never

import msgspec

from observability.http.json_body import unique

_MAX_DIGITS: Final = 1000  # int() takes the square of them
_exact: Final = msgspec.json.Encoder(decimal_format="number")


def encode(data: Any) -> str:
    """JSON text of what `json.dumps` takes, and of Decimals, which become numbers with all their digits.

    Raises TypeError or ValueError for anything else, NaN and infinities included.
    """
    try:
        return json.dumps(data, allow_nan=False, ensure_ascii=False)
    except TypeError:
        _require_json(data)
        return _exact.encode(data).decode()


def decode(body: bytes) -> Any:
    """The data of JSON. A number that no float says exactly (12345678901234567.89, 1e400) is a Decimal.

    Raises ValueError, RecursionError: it is no JSON, or an object in it has a member twice.
    """
    try:
        return json.loads(
            body,
            object_pairs_hook=unique,
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_no_constant,
        )
    except ArithmeticError as error:
        raise ValueError(f"a number is beyond the range of Decimal: {error!r}") from error


def _number(literal: str) -> float | Decimal:
    near, exact = float(literal), Decimal(literal)
    return near if Decimal(repr(near)) == exact else exact


def _integer(literal: str) -> int | Decimal:
    return int(literal) if len(literal) <= _MAX_DIGITS else Decimal(literal)


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _require_json(value: Any) -> None:
    """Refuse what msgspec would make JSON of and `json` would not, and what neither says as it is."""
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        for member in value.values():
            _require_json(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _require_json(member)
    elif isinstance(value, float | Decimal):
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise ValueError(f"{value} is no JSON")
    elif value is not None and not isinstance(value, str | int):
        raise TypeError(f"{type(value).__name__} is no JSON")
