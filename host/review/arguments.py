"""The arguments that a tool's schema names, each with the path by which a rule reaches it.

Decides: which places of a schema are worth naming to a person or to a rule. Does not decide what a schema
means for a call: `tool_gateway` vets and applies it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

_PLAIN = re.compile(r'[^.\[\]"\s]+')
_DEEPEST = 6
_MOST = 200
_TOGETHER = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True, slots=True)
class Argument:
    """One place of a tool's arguments.

    Attributes:
        path: As a rule writes it, e.g. `edits[].oldText`.
        name: The last name in it.
        types: JSON types that the schema allows there, sorted; empty when it does not say.
        required: In the object that holds it.
        told: What the schema says of it besides: description, default, enum, pattern, limits.
        leaf: No further argument lies inside it.
    """

    path: str
    name: str
    types: tuple[str, ...]
    required: bool
    told: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    leaf: bool = True

    def line(self) -> str:
        """`max_count  integer, required, default 10: how many`, escaped."""
        words = [" or ".join(self.types) or "anything"]
        if self.required:
            words.append("required")
        for key, value in self.told.items():
            if key not in {"description", "title", "format"}:
                words.append(f"{key} {escape_line(json.dumps(value, ensure_ascii=False, default=str), 300)}")
        description = self.told.get("description")
        tail = f": {escape_line(description, 1000)}" if isinstance(description, str) and description else ""
        return f"{escape_line(self.path, 200)}  {', '.join(words)}{tail}"


_TOLD = (
    *("description", "title", "format", "default", "enum", "const", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "maxLength", "maxItems"),
)


def arguments_of(schema: JsonObject) -> tuple[Argument, ...]:
    """Every argument, outer before inner, at most 200 and six steps deep. Never raises: the schema is foreign."""
    found: list[Argument] = []
    for argument in _within(_Place(schema, schema), "", 0):
        if len(found) == _MOST:
            break
        found.append(argument)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Place:
    """A subschema and the document that its references point into."""

    schema: JsonValue
    root: JsonObject

    def applied(self) -> list[JsonObject]:
        """All that speaks of the same value: through references and combinations, each once."""
        found: list[JsonObject] = []
        seen: set[int] = set()
        pending = [self.schema]
        while pending and len(found) < _MOST:
            place = pending.pop(0)
            if not isinstance(place, dict) or id(place) in seen:
                continue
            seen.add(id(place))
            found.append(place)
            reference = place.get("$ref")
            if isinstance(reference, str):
                pending.append(self._target(reference))
            for keyword in _TOGETHER:
                options = place.get(keyword)
                if isinstance(options, list):
                    pending.extend(options)
        return found

    def _target(self, reference: str) -> JsonValue:
        place: JsonValue = self.root
        for step in reference.removeprefix("#").split("/")[1:] if reference.startswith("#") else [""]:
            place = place.get(step) if isinstance(place, dict) else None
        return place


def _within(place: _Place, path: str, depth: int) -> Iterator[Argument]:
    if depth > _DEEPEST:
        return
    for schema in place.applied():
        properties, required = schema.get("properties"), schema.get("required")
        if isinstance(properties, dict):
            for name, inner in properties.items():
                step = f"{path}.{_written(name)}" if path else _written(name)
                is_required = isinstance(required, list) and name in required
                yield from _argument(_Place(inner, place.root), step, name, is_required, depth)


def _argument(place: _Place, path: str, name: str, required: bool, depth: int) -> Iterator[Argument]:
    applied = place.applied()
    types = {kind for schema in applied for kind in _types(schema)} - {"null"}
    told: dict[str, JsonValue] = {}
    for schema in applied:
        told.update({key: schema[key] for key in _TOLD if key in schema and key not in told})
    inner = list(_within(place, path, depth + 1))
    items = [schema["items"] for schema in applied if isinstance(schema.get("items"), dict)]
    if depth < _DEEPEST:
        for item in items:
            inner.extend(_argument(_Place(item, place.root), f"{path}[]", name, False, depth + 1))
    yield Argument(path, name, tuple(sorted(types)), required, told, leaf=not inner)
    yield from inner


def _types(schema: JsonObject) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    return [item for item in kind if isinstance(item, str)] if isinstance(kind, list) else []


def _written(name: str) -> str:
    if _PLAIN.fullmatch(name) and name.isprintable():
        return name
    return json.dumps(name)


def strings(value: JsonValue) -> list[str]:
    """The texts of a list."""
    return [item for item in cast("list[JsonValue]", value) if isinstance(item, str)] if isinstance(value, list) else []
