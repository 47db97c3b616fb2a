"""Argument paths: `order.files[].path` names every `path` of every item of `files` in `order`.

Decides: the syntax, what a path selects from a call's arguments, and whether a tool's schema has any
place for it. Does not decide what must hold there (`constraints.py`).

A name that contains a dot, a bracket, a quote or white space is written as a JSON text: `"a.b".c`.
Concrete paths carry positions, `order.files[0].path`, and are safe to show.
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias, cast

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line, is_hidden
from tool_gateway.schemas.forms import IN_PLACE_LISTS, IN_PLACE_MAPS, vet
from tool_gateway.schemas.patterns import linear_pattern

_PLAIN = re.compile(r'[^.\[\]"\s]+')
_USUAL = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""Names that are shown as they are: plain, visible, and not too long."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_STEPS_LIMIT = 32
_PLACES_LIMIT = 5_000
_SHOWN_NAME = 80

EACH: Literal["[]"] = "[]"


@dataclass(frozen=True, slots=True)
class Name:
    """A step into the property `text` of an object."""

    text: str


Step: TypeAlias = Name | Literal["[]"]


@functools.lru_cache(maxsize=1024)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path.

    Raises:
        ValueError: it is no argument path; says where and what is meant instead.
    """
    shown = escape_line(path, 120)
    if not path:
        raise ValueError("an argument path is empty; write for example order.files[].path")
    steps: list[Step] = []
    position = 0
    while position < len(path):
        if len(steps) >= _STEPS_LIMIT:
            raise ValueError(f"the argument path {shown} has more than {_STEPS_LIMIT} steps")
        if path.startswith("[]", position):
            if not steps:
                raise ValueError(f"the argument path {shown} must begin with a name: arguments are an object")
            steps.append(EACH)
            position += 2
            continue
        if steps:
            if path[position] != ".":
                raise ValueError(f"in the argument path {shown}, {_where(path, position)} is neither a dot nor []")
            position += 1
        match = _QUOTED.match(path, position) or _PLAIN.match(path, position)
        if match is None:
            raise ValueError(
                f"in the argument path {shown}, {_where(path, position)} is no name; "
                'list items are written [], and odd names in quotes: "a.b".c'
            )
        steps.append(Name(_unquoted(match[0], shown)))
        position = match.end()
    return tuple(steps)


def select(path: str, arguments: JsonObject) -> list[tuple[str, JsonValue]]:
    """Every value that stands at `path`, with its concrete path; none when it is absent."""
    return select_apart(path, arguments)[0]


def misfits(path: str, arguments: JsonObject) -> list[tuple[str, JsonValue]]:
    """Values on the way of `path` that have another shape than it says, e.g. one object where it says a list.

    What stands there cannot be judged by the path, and a lenient server may still use it. Null counts as absent.
    """
    return select_apart(path, arguments)[1]


def select_apart(path: str, arguments: JsonObject) -> tuple[list[tuple[str, JsonValue]], list[tuple[str, JsonValue]]]:
    """What `select` gives and what `misfits` gives."""
    found: list[tuple[str, JsonValue]] = []
    wrong: list[tuple[str, JsonValue]] = []
    for concrete, value, fits in _walk(path, arguments):
        (found if fits else wrong).append((concrete, value))
    return found, wrong


def written(parts: Iterable[str | int]) -> str:
    """Keys and positions as one concrete path that is safe to show."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + _shown(part)
    return text


def reachable(path: str, schema: JsonObject) -> str | None:
    """None when some value that fits `schema` can have something at `path`, else the reason why not.

    Raises:
        ValueError: no argument path.
        UnusableSchema: the schema cannot be used at all.
    """
    places = places_of(path, schema)
    return places if isinstance(places, str) else None


@dataclass(frozen=True, slots=True)
class Places:
    """What a schema says about a path.

    Attributes:
        types: The JSON types that a value there can have, or None when anything goes.
    """

    types: frozenset[str] | None


def places_of(path: str, schema: JsonObject) -> Places | str:
    """The places that `path` reaches in `schema`, or the reason why it reaches none.

    Raises:
        ValueError: no argument path.
        UnusableSchema: the schema cannot be used at all.
    """
    steps = parse(path)
    document = vet(schema).document
    if isinstance(document, bool):
        return Places(None) if document else "the tool's schema allows no arguments at all"
    reader = _Reader(document)
    here: list[JsonValue] = [document]
    done: list[Step] = []
    for step in steps:
        below: list[JsonValue] = []
        names: set[str] = set()
        for place in here[:_PLACES_LIMIT]:
            below.extend(reader.below(place, step, names))
        if not below:
            return _unreachable(done, step, names)
        here = below
        done.append(step)
    return Places(reader.types(here))


class _Reader:
    """Reads a vetted document: bounded, and never around a cycle."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document

    def applied(self, schema: JsonValue) -> list[JsonValue]:
        """The subschemas that say something about the same value: through references and combinations."""
        found: list[JsonValue] = []
        seen: set[int] = set()
        pending = [schema]
        while pending and len(found) < _PLACES_LIMIT:
            place = pending.pop()
            if isinstance(place, dict):
                if id(place) in seen:
                    continue
                seen.add(id(place))
                if "$ref" in place:
                    pending.append(self._target(cast("str", place["$ref"])))
                for keyword in IN_PLACE_LISTS & place.keys():
                    pending.extend(cast("Sequence[JsonValue]", place[keyword]))
                for keyword in {"if", "then", "else"} & place.keys():
                    pending.append(place[keyword])
                for keyword in IN_PLACE_MAPS & place.keys():
                    pending.extend(cast("Mapping[str, JsonValue]", place[keyword]).values())
            found.append(place)
        return found

    def below(self, schema: JsonValue, step: Step, names: set[str]) -> list[JsonValue]:
        """Subschemas for what lies one step below; adds the property names met to `names`."""
        applied = self.applied(schema)
        listed = [item for place in applied for item in _stated(place, step, names)]
        if listed:
            return [item for item in listed if item is not False]
        # Nothing speaks of it. An object that lists its properties is taken to mean those: JSON Schema would
        # let any other pass, and a misspelt path would then constrain nothing.
        types = self.types([schema])
        wanted = "object" if isinstance(step, Name) else "array"
        if (types is not None and wanted not in types) or any(
            place is False or _closed(place, step) for place in applied
        ):
            return []
        return [] if isinstance(step, Name) and names else [True]

    def types(self, schemas: Sequence[JsonValue]) -> frozenset[str] | None:
        """Types that a value under any of `schemas` can have."""
        union: set[str] = set()
        for schema in schemas:
            types = self._types(schema, 0)
            if types is None:
                return None
            union |= types
        return frozenset(union)

    def _types(self, schema: JsonValue, depth: int) -> frozenset[str] | None:
        if not isinstance(schema, dict) or depth > _STEPS_LIMIT:
            return None
        limits: list[frozenset[str] | None] = [_own_types(schema)]
        if "$ref" in schema:
            limits.append(self._types(self._target(cast("str", schema["$ref"])), depth + 1))
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                options = [self._types(item, depth + 1) for item in cast("Sequence[JsonValue]", schema[keyword])]
                limits.append(
                    None if None in options else frozenset[str]().union(*(option or () for option in options))
                )
        for item in cast("Sequence[JsonValue]", schema.get("allOf", ())):
            limits.append(self._types(item, depth + 1))
        known = [limit for limit in limits if limit is not None]
        return functools.reduce(frozenset[str].intersection, known) if known else None

    def _target(self, reference: str) -> JsonValue:
        if reference == "#":
            return self._document
        return cast("Mapping[str, JsonValue]", self._document["$defs"])[reference.removeprefix("#/$defs/")]


def _stated(place: JsonValue, step: Step, names: set[str]) -> Iterator[JsonValue]:
    """What one subschema says about the step itself."""
    if not isinstance(place, dict):
        return
    types = _own_types(place)
    if isinstance(step, Name):
        properties = cast("Mapping[str, JsonValue]", place.get("properties", {}))
        names.update(properties)
        if types is not None and "object" not in types:
            return
        if step.text in properties:
            yield properties[step.text]
        patterns = cast("Mapping[str, JsonValue]", place.get("patternProperties", {}))
        matched = [item for text, item in patterns.items() if linear_pattern(text).found_in(step.text)]
        yield from matched
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if keyword in place and step.text not in properties and not matched and place[keyword] is not False:
                yield place[keyword]
        return
    if types is not None and "array" not in types:
        return
    yield from cast("Sequence[JsonValue]", place.get("prefixItems", ()))
    for keyword in ("items", "unevaluatedItems", "contains"):
        if keyword in place and place[keyword] is not False:
            yield place[keyword]


def _closed(place: JsonValue, step: Step) -> bool:
    if not isinstance(place, dict):
        return False
    named = ("additionalProperties", "unevaluatedProperties")
    return any(
        place.get(keyword) is False for keyword in (named if isinstance(step, Name) else ("items", "unevaluatedItems"))
    )


def _own_types(schema: JsonObject) -> frozenset[str] | None:
    written_types = schema.get("type")
    if isinstance(written_types, str):
        return frozenset({written_types})
    if isinstance(written_types, list):
        return frozenset(item for item in written_types if isinstance(item, str))
    values: list[JsonValue] | None = None
    if "const" in schema:
        values = [schema["const"]]
    elif isinstance(schema.get("enum"), list):
        values = cast("list[JsonValue]", schema["enum"])
    return None if values is None else frozenset(type_of(value) for value in values)


def type_of(value: JsonValue) -> str:
    """JSON Schema's name for the type of `value`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _unreachable(done: Sequence[Step], step: Step, names: set[str]) -> str:
    place = _joined(done) or "the arguments"
    if step == EACH:
        return f"{place} is no list in the tool's schema"
    name = step.text
    text = f"{place} cannot have a property {escape_line(name, _SHOWN_NAME)} in the tool's schema"
    near = get_close_matches(name, sorted(names)[:500], n=1, cutoff=0.5)
    if near:
        return f"{text}; the nearest is {_joined([*done, Name(near[0])])}"
    if names:
        listed = ", ".join(escape_line(each, _SHOWN_NAME) for each in sorted(names)[:8])
        return f"{text}; it has {listed}" + (", …" if len(names) > 8 else "")
    return text


def _joined(steps: Sequence[Step]) -> str:
    text = ""
    for step in steps:
        if isinstance(step, Name):
            text += ("." if text else "") + _shown(step.text)
        else:
            text += "[]"
    return text


def _walk(path: str, arguments: JsonObject) -> Iterator[tuple[str, JsonValue, bool]]:
    places: list[tuple[str, JsonValue]] = [("", arguments)]
    for step in parse(path):
        below: list[tuple[str, JsonValue]] = []
        for concrete, value in places:
            if isinstance(step, Name):
                if isinstance(value, dict):
                    if step.text in value:
                        below.append(((concrete + "." if concrete else "") + _shown(step.text), value[step.text]))
                    continue
            elif isinstance(value, list):
                below.extend((f"{concrete}[{index}]", item) for index, item in enumerate(value))
                continue
            if value is not None:
                yield concrete, value, False
        places = below
    for concrete, value in places:
        yield concrete, value, True


def _shown(name: str) -> str:
    if _USUAL.fullmatch(name):
        return name
    if _PLAIN.fullmatch(name) and not any(map(is_hidden, name)):
        return escape_line(name, _SHOWN_NAME)
    return escape_line(json.dumps(name[: _SHOWN_NAME * 2], ensure_ascii=False), _SHOWN_NAME)


def _unquoted(token: str, shown: str) -> str:
    if not token.startswith('"'):
        return token
    try:
        return cast("str", json.loads(token))
    except ValueError as exc:
        raise ValueError(f"in the argument path {shown}, {escape_line(token, 60)} is no JSON text") from exc


def _where(path: str, position: int) -> str:
    return f"{escape_line(path[position : position + 12], 24) or 'its end'} (character {position + 1})"
