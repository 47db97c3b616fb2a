"""The arguments that a tool's schema names, each with the path by which a rule reaches it.

Decides: which places of a schema are worth naming to a person or to a rule. Does not decide what a schema
means for a call: `tool_gateway` vets and applies it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

_PLAIN = re.compile(r'[^.\[\]"\s]+')
_DEEPEST = 6
_MOST = 200
_MOST_TOGETHER = 50
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
        words = [escape_line(" or ".join(self.types), 100) or "anything"]
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
    walk = _Walk(schema)
    return tuple(walk.within(schema, "", 0))


class _Walk:
    """One pass over a foreign schema. Its steps are counted: one that refers to itself could branch for ever."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _MOST

    def within(self, place: JsonValue, path: str, depth: int) -> list[Argument]:
        """The arguments below the object at `path`."""
        found: list[Argument] = []
        for schema in self._applied(place) if depth <= _DEEPEST else ():
            properties = schema.get("properties")
            required = texts(schema.get("required"))
            for name, inner in properties.items() if isinstance(properties, dict) else ():
                step = f"{path}.{_written(name)}" if path else _written(name)
                found += self._argument(inner, step, name, name in required, depth)
        return found

    def _argument(self, place: JsonValue, path: str, name: str, required: bool, depth: int) -> list[Argument]:
        if self._left == 0:
            return []
        self._left -= 1
        applied = self._applied(place)
        types = {kind for schema in applied for kind in _types(schema)} - {"null"}
        told: dict[str, JsonValue] = {}
        for schema in applied:
            told.update({key: schema[key] for key in _TOLD if key in schema and key not in told})
        inner = self.within(place, path, depth + 1)
        items = [schema["items"] for schema in applied if isinstance(schema.get("items"), dict)]
        for item in items if depth < _DEEPEST else ():
            inner += self._argument(item, f"{path}[]", name, False, depth + 1)
        return [Argument(path, name, tuple(sorted(types)), required, told, leaf=not inner), *inner]

    def _applied(self, place: JsonValue) -> list[JsonObject]:
        """All subschemas that speak of the same value: through references and combinations, each once."""
        found: list[JsonObject] = []
        seen: set[int] = set()
        pending = [place]
        while pending and len(found) < _MOST_TOGETHER:
            schema = pending.pop(0)
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            found.append(schema)
            reference = schema.get("$ref")
            if isinstance(reference, str):
                pending.append(self._target(reference))
            for keyword in _TOGETHER:
                options = schema.get(keyword)
                if isinstance(options, list):
                    pending.extend(options[:_MOST_TOGETHER])
        return found

    def _target(self, reference: str) -> JsonValue:
        if not reference.startswith("#"):
            return None
        place: JsonValue = self._root
        for step in reference.split("/")[1:_MOST_TOGETHER]:
            place = place.get(step) if isinstance(place, dict) else None
        return place


def texts(value: JsonValue) -> list[str]:
    """The texts in a list; none where it is no list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _types(schema: JsonObject) -> list[str]:
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else texts(kind)


def _written(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.isprintable() else json.dumps(name)
