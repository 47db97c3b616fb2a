"""The places that a tool's pinned schema has for arguments, and the leaves of one call, each at its place.

Decides: which place of the schema a leaf belongs to, and what the schema says there. Does not decide what a place is
for (`sinks.py`) nor whether a value is fine (`judgement.py`).

The schema as it was pinned is read, not the vetted form: formats, defaults and descriptions say what a place is for,
though they assert nothing. It is foreign, so that every walk is bounded.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from context.json_values import JsonObject, JsonValue
from tool_gateway.arguments.paths import written

ANY: Literal["*"] = "*"
EACH: Literal["[]"] = "[]"
PlaceStep: TypeAlias = str
"""A property's name, `[]` for list items, `*` for a key of the caller's choice."""

_DEEPEST = 8
_MOST = 400
_MOST_TOGETHER = 50
_MOST_LEAVES = 2_000
_SHORT = 64
_TOGETHER = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True, slots=True)
class Place:
    """What a schema says of one place.

    Attributes:
        name: The last property's name on the way, as the schema spells it.
        types: JSON types that it allows; empty when it does not say.
        allowed: The values of an `enum` or `const`; None where there is neither.
        defaults: Values that stand for leaving it out.
        below: Places inside it.
    """

    path: str
    name: str
    types: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()
    allowed: tuple[JsonValue, ...] | None = None
    defaults: tuple[JsonValue, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    description: str = ""
    below: Mapping[PlaceStep, "Place"] = field(default_factory=dict[PlaceStep, "Place"])

    def walk(self) -> Iterator["Place"]:
        """This place and all inside it, outer before inner."""
        yield self
        for place in self.below.values():
            yield from place.walk()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One scalar of a call's arguments, or one key that the caller chose.

    Attributes:
        path: Concrete and safe to show: `to[0].address`; of a key it ends in `{key}`.
        steps: The way to it.
        place: Where the schema has it; None where the schema does not speak of it.
        chosen_key: The value is a key, or lies under one: its name says nothing about it.
    """

    path: str
    steps: tuple[str | int, ...]
    value: JsonValue
    place: Place | None
    chosen_key: bool = False

    @property
    def rule_path(self) -> str:
        """The path as a rule writes it: `to[].address`."""
        return rule_path(self.steps)

    @property
    def name(self) -> str:
        """The last property's name on the way."""
        return next((step for step in reversed(self.steps) if isinstance(step, str)), "")


def rule_path(steps: Sequence[str | int]) -> str:
    """`files[].path` for `files`, 3, `path`."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += "[]"
        else:
            text += ("." if text else "") + (_short(step) if len(step) <= _SHORT else written((step,)))
    return text


@functools.lru_cache(maxsize=4096)
def _short(name: str) -> str:
    return written((name,))


def places(schema: JsonObject) -> Place:
    """The whole schema as places, at most 400 and eight steps deep. Never raises."""
    walk = _Walk(schema)
    return walk.place(schema, "", "", 0) or Place("", "")


def leaves_of(arguments: JsonObject, root: Place) -> tuple[Leaf, ...]:
    """Every scalar and every key of the caller's choice, in document order, at most 2,000 and one that stands for
    the rest, which no schema has a place for and no source can have."""
    found: list[Leaf] = []
    for leaf in _leaves(arguments, (), root, False):
        if len(found) >= _MOST_LEAVES:
            found.append(Leaf("…", ("…",), "more values than are looked at", None, True))
            break
        found.append(leaf)
    return tuple(found)


def _leaves(value: JsonValue, steps: tuple[str | int, ...], place: Place | None, chosen: bool) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for key, item in value.items():
            below = place.below.get(key) if place is not None and key not in (ANY, EACH) else None
            inside = (*steps, key)
            if below is None:
                yield Leaf(written(inside) + "{key}", inside, key, None, True)
                below = place.below.get(ANY) if place is not None else None
                yield from _leaves(item, inside, below, True)
            else:
                yield from _leaves(item, inside, below, chosen)
    elif isinstance(value, list):
        below = place.below.get(EACH) if place is not None else None
        for index, item in enumerate(value):
            yield from _leaves(item, (*steps, index), below, chosen)
    else:
        yield Leaf(_concrete(steps), steps, value, place, chosen)


def _concrete(steps: tuple[str | int, ...]) -> str:
    only = steps[0]
    return _short(only) if len(steps) == 1 and isinstance(only, str) and len(only) <= _SHORT else written(steps)


class _Walk:
    """One pass over a foreign schema. Its steps are counted: one that refers to itself could branch for ever."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _MOST

    def place(self, schema: JsonValue, path: str, name: str, depth: int) -> Place | None:
        if self._left == 0 or depth > _DEEPEST:
            return None
        self._left -= 1
        applied = self._applied(schema)
        types = frozenset(kind for one in applied for kind in _types(one)) - {"null"}
        below: dict[PlaceStep, Place] = {}
        for one in applied:
            properties = one.get("properties")
            for key, inner in properties.items() if isinstance(properties, dict) else ():
                if key not in below and key not in (ANY, EACH):
                    step = f"{path}.{written((key,))}" if path else written((key,))
                    self._put(below, key, self.place(inner, step, key, depth + 1))
        for item in [one["items"] for one in applied if isinstance(one.get("items"), dict)][:1]:
            self._put(below, EACH, self.place(item, f"{path}[]", name, depth + 1))
        if "array" in types and EACH not in below:
            self._put(below, EACH, self.place({}, f"{path}[]", name, depth + 1))
        if "object" in types and not any(one.get("additionalProperties") is False for one in applied):
            named = any(isinstance(one.get("properties"), dict) for one in applied)
            further = next((one["additionalProperties"] for one in applied if one.get("additionalProperties")), None)
            if further is not None or not named:
                inner = further if isinstance(further, dict) else {}
                self._put(below, ANY, self.place(inner, f"{path}.*" if path else "*", name, depth + 1))
        return Place(
            path,
            name,
            types,
            frozenset(kind for one in applied if isinstance(kind := one.get("format"), str)),
            _allowed(applied),
            tuple(one["default"] for one in applied if "default" in one),
            _bound(applied, ("minimum", "exclusiveMinimum")),
            _bound(applied, ("maximum", "exclusiveMaximum")),
            next((text for one in applied if isinstance(text := one.get("description"), str)), "")[:1000],
            below,
        )

    @staticmethod
    def _put(below: dict[PlaceStep, Place], key: PlaceStep, place: Place | None) -> None:
        if place is not None:
            below[key] = place

    def _applied(self, schema: JsonValue) -> list[JsonObject]:
        """All subschemas that speak of the same value: through references and combinations, each once."""
        found: list[JsonObject] = []
        seen: set[int] = set()
        pending = [schema]
        while pending and len(found) < _MOST_TOGETHER:
            one = pending.pop(0)
            if not isinstance(one, dict) or id(one) in seen:
                continue
            seen.add(id(one))
            found.append(one)
            reference = one.get("$ref")
            if isinstance(reference, str):
                pending.append(self._target(reference))
            for keyword in _TOGETHER:
                options = one.get(keyword)
                if isinstance(options, list):
                    pending.extend(options[:_MOST_TOGETHER])
        return found

    def _target(self, reference: str) -> JsonValue:
        if not reference.startswith("#"):
            return None
        place: JsonValue = self._root
        for step in reference.split("/")[1:_MOST_TOGETHER]:
            place = place.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
        return place


def _types(schema: JsonObject) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    return [item for item in kind if isinstance(item, str)] if isinstance(kind, list) else []


def _allowed(applied: Sequence[JsonObject]) -> tuple[JsonValue, ...] | None:
    """The closed set of values, where the schema's outermost words give one; of several, the first."""
    if any(_open(one) for one in applied):
        return None
    for one in applied:
        if "const" in one:
            return (one["const"],)
        options = one.get("enum")
        if isinstance(options, list):
            return tuple(options[:200])
    return None


def _open(schema: JsonObject) -> bool:
    """A subschema that takes texts of any kind beside those of an enum: then nothing is closed."""
    said = {"enum", "const", "$ref", *_TOGETHER} & schema.keys()
    kinds = _types(schema)
    return not said and bool(kinds) and kinds != ["null"]


def _bound(applied: Sequence[JsonObject], keywords: tuple[str, ...]) -> float | None:
    for one in applied:
        for keyword in keywords:
            value = one.get(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return cast("float", value)
    return None
