"""Changes of event schemas that events already written, or their consumers, would not survive.

Events wait in outboxes and in Rio while `up` puts a changed schema in force. One that no longer keeps to its
type's schema is refused, and blocks its subject's later events. A change that could have this effect is
therefore refused before anything is touched; what consumers may not expect, and what cannot be decided from
the schemas alone (a changed pattern), is a warning.

Compared are JSON Schemas of 2020-12. References within a schema are followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from compose.cli import hints
from compose.cli.catalog import FOLDER, MANIFEST, Catalog
from compose.cli.errors import Failure

Schema = Mapping[str, Any]

_TYPES = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})
_UPPER = ("maxLength", "maxItems", "maxProperties", "maxContains")
_LOWER = ("minLength", "minItems", "minProperties")
# Each of these pairs a keyword with the exclusive one: a schema may have both.
_NUMERIC = (("maximum", "exclusiveMaximum", 1), ("minimum", "exclusiveMinimum", -1))
_WIDER_FORMATS = frozenset({("uri", "uri-reference"), ("iri", "iri-reference"), ("uri", "iri")})
_REFUSED_LATER = "events already written that break it will be refused"
_UNDECIDABLE = (
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "propertyNames",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
)


@dataclass(frozen=True, order=True)
class Change:
    """One difference. pointer: where in the schema, RFC 6901 behind a `#`. breaks: whether it is refused.
    undecided: whether it might break events, which the schemas alone do not tell."""

    pointer: str
    text: str
    breaks: bool = True
    undecided: bool = False


class _Fit(IntEnum):
    """The answer to: is every value that is valid by one schema valid by another?"""

    NO = 0
    PERHAPS = 1
    YES = 2


def check(catalog: Catalog, applied: Path) -> list[str]:
    """Compare the catalog's schemas with those in force: `applied` is the last `rio-catalog.json`.

    Returns warnings. Raises Failure when events already written could break a schema. Without a readable file
    there is nothing to compare.
    """
    before, emitted = _applied(applied)
    refused, warnings = list[str](), list[str]()
    for service in catalog:
        for event_type, schema in service.schemas.items():
            place = f"{FOLDER / service.name / MANIFEST}: {service.name} emits {event_type}"
            found = compare(before[event_type], schema) if event_type in before else []
            if event_type in emitted and event_type not in before:
                found = [Change("#", f"is its first schema; {_REFUSED_LATER}", breaks=False)]
            for change in found:
                (refused if change.breaks else warnings).append(f"{place}: {change.pointer}: {change.text}")
    if refused:
        raise Failure(
            "a schema of events is refused: events already written may break it and block their outbox",
            tail=refused,
            advice="Keep the schema as wide as it was (a new member has to be optional), or give the changed "
            f"events a new type. Where no data is to be kept: {hints.command('down --purge')}",
        )
    return warnings


def compare(old: Any, new: Any) -> list[Change]:
    """The changes from `old` to `new` by which an event or a consumer may break."""
    return [] if old == new else sorted(set(_Comparison(old, new).changes(old, new, "#")))


def _applied(path: Path) -> tuple[Mapping[str, Any], set[str]]:
    """The schemas in force by event type, and all types that services emit."""
    try:
        content = json.loads(path.read_text())
        return dict(content["schemas"]), {name for types in content["emitters"].values() for name in types}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, set()


@dataclass
class _Comparison:
    """Two whole schemas, and what of them has been compared: schemas may refer to themselves."""

    old_root: Any
    new_root: Any
    fitting: dict[tuple[str, str], _Fit] = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)

    def changes(self, old: Any, new: Any, at: str) -> Iterator[Change]:
        """The differences of two subschemas; `at` is the pointer of the new one."""
        old, _ = _resolved(self.old_root, old, at)
        parts = list(_parts(new, at))
        new, at = _resolved(self.new_root, new, at)
        compared = (at, _json(old), _json(new))
        if compared in self.seen or old is False or new is True:
            return
        self.seen.add(compared)
        if new is False:
            yield Change(at, "nothing is allowed any more")
            return
        before: Schema = {} if old is True else old
        for name in ("anyOf", "oneOf"):
            if name in before and name not in new:
                rest = {key: value for key, value in before.items() if key != name}
                for alternative in before[name]:
                    narrowed = {"allOf": [rest, alternative]}
                    yield from self._breaking(narrowed, new, at)
                return
        found = list(self._own(before, new, at))
        yield from found
        if not any(change.breaks for change in found):
            # Merged into one schema they may say less than each by itself.
            for pointer, part in parts:
                yield from self._breaking(old, part, pointer)

    def _breaking(self, old: Any, new: Any, at: str) -> Iterator[Change]:
        return (change for change in self.changes(old, new, at) if change.breaks or change.undecided)

    def _own(self, old: Schema, new: Schema, at: str) -> Iterator[Change]:
        for of_keywords in (_types, _values, _bounds, _texts, _required):
            yield from of_keywords(old, new, at)
        for of_subschemas in (self._members, self._items, self._alternatives):
            yield from of_subschemas(old, new, at)
        for name in _UNDECIDABLE:
            if name in new and old.get(name) != new[name]:
                yield _undecided(f"{at}/{name}")

    def _members(self, old: Schema, new: Schema, at: str) -> Iterator[Change]:
        before, now = old.get("properties", {}), new.get("properties", {})
        for name in sorted(before.keys() & now.keys()):
            yield from self.changes(before[name], now[name], f"{at}/properties/{_escaped(name)}")
        rest = new.get("additionalProperties", True)
        for name in sorted(before.keys() - now.keys()) if "patternProperties" not in new else ():
            if rest is not False:
                yield from self.changes(before[name], rest, f"{at}/additionalProperties")
            elif before[name] is not False:
                text = f"{name!r} is removed while other members are not allowed"
                yield Change(f"{at}/properties", text)
        if new.get("patternProperties", {}) != old.get("patternProperties", {}):
            yield _undecided(f"{at}/patternProperties")
        yield from self.changes(old.get("additionalProperties", True), rest, f"{at}/additionalProperties")

    def _items(self, old: Schema, new: Schema, at: str) -> Iterator[Change]:
        before, now = old.get("prefixItems", []), new.get("prefixItems", [])
        others, rest = old.get("items", True), new.get("items", True)
        for number in range(max(len(before), len(now))):
            was = before[number] if number < len(before) else others
            item = now[number] if number < len(now) else rest
            step = f"/prefixItems/{number}" if number < len(now) else "/items"
            yield from self.changes(was, item, at + step)
        yield from self.changes(others, rest, f"{at}/items")
        if new.get("uniqueItems") and not old.get("uniqueItems"):
            yield Change(f"{at}/uniqueItems", "items have to be unique now")

    def _alternatives(self, old: Schema, new: Schema, at: str) -> Iterator[Change]:
        """Each alternative there was has to fit into one that there is."""
        for name in ("anyOf", "oneOf"):
            # Without alternatives, the schema itself is the only one there was.
            for number, alternative in enumerate(old.get(name, [old]) if name in new else (), 1):
                fit = self._best_fit(alternative, new[name])
                if fit is _Fit.NO:
                    text = f"alternative {number} of those there were is removed or narrower"
                    yield Change(f"{at}/{name}", text)
                elif fit is _Fit.PERHAPS:
                    yield _undecided(f"{at}/{name}")
        if self._may_fit_twice(old.get("oneOf", []), new.get("oneOf", [])):
            yield _undecided(f"{at}/oneOf")

    def _may_fit_twice(self, old: Sequence[Any], new: Sequence[Any]) -> bool:
        """Whether something may fit two of the new alternatives that fitted one before."""
        if all(new.count(alternative) <= old.count(alternative) for alternative in new):
            return False
        types = [_allowed_types(self._new(alternative)) for alternative in new]
        return any(one & other for one, other in combinations(types, 2))

    def _new(self, schema: Any) -> Schema:
        resolved, _ = _resolved(self.new_root, schema, "#")
        return resolved if isinstance(resolved, Mapping) else {"type": list(_TYPES) if resolved else []}

    def _best_fit(self, old: Any, alternatives: Sequence[Any]) -> _Fit:
        best = _Fit.NO
        for new in alternatives:
            best = max(best, self._fits(old, new))
            if best is _Fit.YES:
                break
        return best

    def _fits(self, old: Any, new: Any) -> _Fit:
        pair = (_json(old), _json(new))
        if pair not in self.fitting:
            self.fitting[pair] = _Fit.YES  # as far as is known, for schemas that refer to themselves
            apart = _Comparison(self.old_root, self.new_root, self.fitting)
            found = list(apart.changes(old, new, "#"))
            broken, unknown = any(one.breaks for one in found), any(one.undecided for one in found)
            self.fitting[pair] = _Fit.NO if broken else _Fit.PERHAPS if unknown else _Fit.YES
        return self.fitting[pair]


def _parts(schema: Any, at: str) -> Iterator[tuple[str, Any]]:
    """The parts of a schema that all apply at once, through `allOf` or a reference, each with its place."""
    if not isinstance(schema, Mapping) or not schema.keys() & {"allOf", "$ref"} or schema.keys() == {"$ref"}:
        return
    yield at, {name: value for name, value in schema.items() if name not in ("$ref", "allOf")}
    if "$ref" in schema:
        yield schema["$ref"], {"$ref": schema["$ref"]}
    for number, part in enumerate(schema.get("allOf", ())):
        yield f"{at}/allOf/{number}", part


def _types(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, now = _allowed_types(old), _allowed_types(new)
    if lost := before - now:
        yield Change(f"{at}/type", f"{_words(lost)} {'is' if len(lost) == 1 else 'are'} no longer allowed")
    elif (gained := now - before) and "type" in old:
        others = _words(gained) if "type" in new else "other types"
        yield Change(f"{at}/type", f"consumers may not expect {others}", breaks=False)


def _allowed_types(schema: Schema) -> frozenset[str]:
    given = schema.get("type", list(_TYPES))
    types = frozenset([given] if isinstance(given, str) else given)
    return types | {"integer"} if "number" in types else types


def _values(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, now = _allowed_values(old), _allowed_values(new)
    where = f"{at}/{'const' if 'const' in new else 'enum'}"
    if now is None:
        return
    if before is None:
        yield Change(where, "only certain values are allowed now")
    elif lost := before - now:
        yield Change(where, f"{', '.join(sorted(lost))} no longer allowed")
    elif gained := now - before:
        yield Change(where, f"consumers may not expect {', '.join(sorted(gained))}", breaks=False)


def _allowed_values(schema: Schema) -> set[str] | None:
    """As JSON text; None where any value is allowed."""
    if "const" in schema:
        return {_json(schema["const"])}
    return {_json(value) for value in schema["enum"]} if "enum" in schema else None


def _bounds(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    for inclusive, exclusive, sign in _NUMERIC:
        before, now = _bound(old, inclusive, exclusive, sign), _bound(new, inclusive, exclusive, sign)
        if now is not None and (before is None or now < before):
            name = exclusive if now[1] else inclusive
            yield Change(f"{at}/{name}", f"{new[name]} is a tighter bound than before")
    for name in _UPPER:
        if name in new and new[name] < old.get(name, float("inf")):
            yield Change(f"{at}/{name}", f"{new[name]} is a tighter bound than before")
    for name in _LOWER:
        if new.get(name, 0) > old.get(name, 0):
            yield Change(f"{at}/{name}", f"{new[name]} is a tighter bound than before")
    step = new.get("multipleOf")
    if step is not None and ("multipleOf" not in old or _decimal(old["multipleOf"]) % _decimal(step)):
        yield Change(f"{at}/multipleOf", f"numbers have to be multiples of {step} now")


def _decimal(number: float) -> Decimal:
    return Decimal(str(number))  # as it is written: 0.1 is a multiple of 0.01


def _bound(schema: Schema, inclusive: str, exclusive: str, sign: int) -> tuple[float, int] | None:
    """The tightest of both, ordered so that less is tighter."""
    found = [
        (sign * schema[name], step) for name, step in ((inclusive, 0), (exclusive, -1)) if name in schema
    ]
    return min(found, default=None)


def _texts(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    pattern, was = new.get("pattern"), old.get("pattern")
    if pattern is not None and pattern != was:
        where = f"{at}/pattern"
        yield Change(where, "texts have to match a pattern now") if was is None else _undecided(where)
    found, before = new.get("format"), old.get("format")
    if found is not None and found != before and (before, found) not in _WIDER_FORMATS:
        yield Change(f"{at}/format", f"texts have to be of format {found!r} now")


def _required(old: Schema, new: Schema, at: str) -> Iterator[Change]:
    before, now = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(now - before):
        yield Change(f"{at}/required", f"{name!r} is newly required")
    for name in sorted(before - now):
        yield Change(f"{at}/required", f"consumers may not expect {name!r} to be missing", breaks=False)
    dependent, were = new.get("dependentRequired", {}), old.get("dependentRequired", {})
    for name, needed in dependent.items():
        for missing in sorted(set(needed) - set(were.get(name, [])) - before):
            where = f"{at}/dependentRequired/{_escaped(name)}"
            yield Change(where, f"{missing!r} is newly required beside {name!r}")


def _undecided(at: str) -> Change:
    return Change(at, f"has changed; {_REFUSED_LATER}", breaks=False, undecided=True)


def _resolved(root: Any, schema: Any, at: str, followed: frozenset[str] = frozenset()) -> tuple[Any, str]:
    """The schema with what it refers to and what its `allOf` holds merged into it, and its pointer.

    followed: references that led here; one that leads to itself says nothing more.
    """
    if not isinstance(schema, Mapping):
        return schema, at
    merged = {name: value for name, value in schema.items() if name not in ("$ref", "allOf")}
    parts = list(schema.get("allOf", ()))
    reference = schema.get("$ref")
    if reference is not None and reference not in followed:
        at = reference
        followed |= {reference}
        parts.append(_at(root, reference))
    for part in parts:
        resolved, _ = _resolved(root, part, at, followed)
        if resolved is False:
            return False, at
        if resolved is not True:
            merged = _merged(merged, resolved)
    return merged, at


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    """Both at once; of keywords that contradict each other, the first's."""
    merged = {**other, **one}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**other["properties"], **one["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*one["required"], *other["required"]]
    return merged


def _at(root: Any, reference: str) -> Any:
    """The subschema at `#` or `#/...`; True, which allows everything, for one that cannot be found."""
    found = root
    for part in unquote(reference).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            return True
    return True if reference != "#" and "/" not in reference else found


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _words(types: frozenset[str]) -> str:
    return ", ".join(sorted(types))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
