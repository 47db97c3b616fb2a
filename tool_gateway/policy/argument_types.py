"""The type that Cedar gives a tool's arguments, read from the tool's accepted input schema.

Decides: how JSON values become Cedar values, and which cannot. Does not decide whether arguments fit the tool's
schema (the schema gate did), nor what rules make of them.

    string → String      integer → Long      boolean → Bool      number → decimal (four digits behind the point)
    object → record      array → Set         null → absent       anything else → no rule can look at it

A schema comes from a server, so it is bounded here, and so are the names that it may bring into Cedar: in Cedar's
JSON the keys `__entity` and `__extn` turn a record into something else.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast

from context.json_values import JsonObject, JsonValue
from tool_gateway.policy.mentions import ArgumentPath

_DEEPEST = 8
_MOST_NODES = 4000
_NAME = re.compile(r"(?!__)[^\x00-\x1f\x7f\"\\]{1,128}")
_LARGEST_DECIMAL = Decimal("922337203685477.5807")
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Scalar:
    kind: Literal["String", "Long", "Bool", "decimal"]


@dataclass(frozen=True, slots=True)
class SetOf:
    item: "Scalar | Record"


@dataclass(frozen=True, slots=True)
class Untyped:
    """Cedar has no type for it. `why` completes "its value …"."""

    why: str


@dataclass(frozen=True, slots=True)
class Field:
    type: "ArgumentType"
    required: bool


@dataclass(frozen=True, slots=True)
class Record:
    """An object.

    Attributes:
        closed: A rule looks at it as a whole, so a value that has no place here must not be passed over.
    """

    fields: Mapping[str, Field] = field(default_factory=dict[str, Field])
    closed: bool = False


ArgumentType: TypeAlias = Scalar | SetOf | Record | Untyped


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that a rule looks at and that Cedar cannot hold. `why` completes "its value …"."""

    path: str
    why: str


def arguments_type(schema: JsonObject) -> Record:
    """The type of all arguments of a tool with this input schema."""
    reader = _Reader(schema)
    found = reader.read(schema, _DEEPEST)[0]
    return found if isinstance(found, Record) else Record()


def looked_at(full: Record, paths: Iterable[tuple[ArgumentPath, bool]]) -> Record:
    """The part of a type at which rules look. A path that it does not have stays in it as an untyped one."""
    kept = Record()
    for path, whole in paths:
        kept = _with_path(kept, full, path, whole)
    return kept


def type_at(record: Record, path: ArgumentPath) -> ArgumentType | None:
    """The type at a path; None where the schema declares none."""
    found: ArgumentType = record
    for name in path:
        if not isinstance(found, Record) or name not in found.fields:
            return found if isinstance(found, Untyped) else None
        found = found.fields[name].type
    return found


def type_text(kind: ArgumentType) -> str:
    """As the Cedar schema writes it. Untyped fields are left out."""
    match kind:
        case Scalar():
            return kind.kind
        case SetOf():
            return f"Set<{type_text(kind.item)}>"
        case Record():
            parts = [
                f'"{name}"{"" if held.required else "?"}: {type_text(held.type)}'
                for name, held in kind.fields.items()
                if not isinstance(held.type, Untyped)
            ]
            return "{ " + ", ".join(parts) + " }" if parts else "{}"
        case Untyped():
            raise ValueError(kind.why)


def fit(kind: Record, arguments: JsonObject) -> JsonObject | Unfit:
    """The arguments as Cedar's JSON writes them, as far as `kind` reaches, or the first value that cannot be."""
    try:
        return _fit_record(kind, arguments, "")
    except _DoesNotFit as error:
        return Unfit(error.path, error.why)


def decimal_text(value: int | float) -> str | None:
    """`12.5000`; None for what has more digits than Cedar's decimal."""
    exact = Decimal(repr(value))
    if abs(exact) > _LARGEST_DECIMAL or exact != exact.quantize(Decimal(1).scaleb(-_DIGITS)):
        return None
    return f"{exact:.{_DIGITS}f}"


class _Reader:
    """Reads one schema; counts what it has read."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _MOST_NODES

    def read(self, schema: JsonValue, depth: int) -> tuple[ArgumentType, bool]:
        """A type, and whether the value may be null."""
        self._left -= 1
        if depth < 0 or self._left < 0:
            return Untyped("is nested too deeply to be typed"), True
        if not isinstance(schema, dict):
            return Untyped("has no declared type"), True
        if "$ref" in schema:
            target = self._resolve(schema["$ref"])
            return self.read(target, depth - 1) if target is not None else (Untyped("has no declared type"), True)
        for word in ("anyOf", "oneOf"):
            if isinstance(schema.get(word), list):
                return self._one_of(cast("list[JsonValue]", schema[word]), depth)
        parts = schema.get("allOf")
        if isinstance(parts, list) and "type" not in schema:
            return self.read(parts[0], depth - 1) if len(parts) == 1 else (Untyped("has several types at once"), True)
        words, null = _type_words(schema)
        if len(words) != 1:
            return Untyped("may have several types" if words else "has no declared type"), null
        return self._plain(words[0], schema, depth), null

    def _one_of(self, options: list[JsonValue], depth: int) -> tuple[ArgumentType, bool]:
        others = [option for option in options if option != {"type": "null"}]
        null = len(others) != len(options)
        read = [self.read(option, depth - 1) for option in others[:20]]
        kinds = [kind for kind, _ in read]
        if len(others) > 20 or not kinds or any(kind != kinds[0] for kind in kinds):
            return Untyped("may have several types"), True
        return kinds[0], null or any(may for _, may in read)

    def _plain(self, word: str, schema: JsonObject, depth: int) -> ArgumentType:
        match word:
            case "string":
                return Scalar("String")
            case "integer":
                return Scalar("Long")
            case "boolean":
                return Scalar("Bool")
            case "number":
                return Scalar("decimal")
            case "array":
                item, null = self.read(schema.get("items"), depth - 1)
                if isinstance(item, Scalar | Record) and not null:
                    return SetOf(item) if not _holds_untyped(item) else Untyped("is a list of untyped values")
                return Untyped("is a list whose items have no one type")
            case "object":
                return self._record(schema, depth)
            case _:
                return Untyped("has a type that JSON Schema does not know")

    def _record(self, schema: JsonObject, depth: int) -> Record:
        properties = schema.get("properties")
        required = schema.get("required")
        needed = set(cast("list[str]", required)) if _is_texts(required) else set[str]()
        fields: dict[str, Field] = {}
        if isinstance(properties, dict):
            for name, part in properties.items():
                kind, null = self.read(part, depth - 1)
                if not _NAME.fullmatch(name):
                    kind = Untyped("has a name that Cedar cannot hold")
                fields[name] = Field(kind, name in needed and not null)
        return Record(fields)

    def _resolve(self, ref: JsonValue) -> JsonValue:
        if not isinstance(ref, str) or not ref.startswith("#/"):
            return None
        found: JsonValue = self._root
        for part in ref[2:].split("/")[:20]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found


def _type_words(schema: JsonObject) -> tuple[list[str], bool]:
    """The types that a schema names or implies, without null, and whether null is one."""
    declared = schema.get("type")
    values: JsonValue = [schema["const"]] if "const" in schema else schema.get("enum")
    if declared is None and isinstance(values, list):
        declared = cast("JsonValue", sorted({_type_word(value) for value in values}))
    if declared is None and isinstance(schema.get("properties"), dict):
        declared = "object"
    words = [declared] if isinstance(declared, str) else cast("list[str]", declared) if _is_texts(declared) else []
    plain = [word for word in words if word != "null"]
    null = len(plain) != len(words) or not words
    if plain in (["integer", "number"], ["number", "integer"]):
        plain = ["number"]
    return plain, null


def _type_word(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[Any]", value))


def _holds_untyped(kind: ArgumentType) -> bool:
    match kind:
        case Untyped():
            return True
        case Record():
            return any(_holds_untyped(held.type) for held in kind.fields.values())
        case SetOf():
            return _holds_untyped(kind.item)
        case Scalar():
            return False


_UNDECLARED = Untyped("is not declared by the tool's input schema")


def _with_path(kept: Record, full: ArgumentType, path: ArgumentPath, whole: bool) -> Record:
    source = full if isinstance(full, Record) else Record()
    if not path:
        return _closed(source) if whole else kept
    name, rest = path[0], path[1:]
    held = source.fields.get(name, Field(_UNDECLARED, False))
    before = kept.fields.get(name)
    kind: ArgumentType = held.type
    if isinstance(kind, Record):
        inner = before.type if before is not None and isinstance(before.type, Record) else Record()
        kind = inner if inner.closed else _with_path(inner, kind, rest, whole)
    elif rest and not isinstance(kind, Untyped):
        kind = Untyped("is no object")
    return replace(kept, fields={**kept.fields, name: Field(kind, held.required and not isinstance(kind, Untyped))})


def _closed(record: Record) -> Record:
    fields = {
        name: replace(held, type=_closed(held.type) if isinstance(held.type, Record) else held.type)
        for name, held in record.fields.items()
    }
    return Record(fields, closed=True)


class _DoesNotFit(Exception):
    def __init__(self, path: str, why: str) -> None:
        super().__init__(path)
        self.path = path
        self.why = why


def _fit_record(kind: Record, value: JsonValue, path: str) -> JsonObject:
    if not isinstance(value, dict):
        raise _DoesNotFit(path, "is no object")
    found: JsonObject = {}
    for name, held in kind.fields.items():
        item = value.get(name)
        if item is not None:
            found[name] = _FIT[type(held.type)](held.type, item, f"{path}.{name}" if path else name)
    if kind.closed:
        for name, item in value.items():
            if name not in kind.fields and item is not None:
                raise _DoesNotFit(f"{path}.{name}" if path else name, _UNDECLARED.why)
    return found


def _fit_scalar(kind: Scalar, value: JsonValue, path: str) -> JsonValue:
    match kind.kind, value:
        case ("String", str()) | ("Bool", bool()):
            return value
        case (("Long" | "decimal"), bool()):
            pass
        case "Long", int():
            return value
        case "decimal", int() | float():
            text = decimal_text(value)
            if text is None:
                raise _DoesNotFit(
                    path, f"has more than {_DIGITS} digits behind the point, or is too large, to be compared"
                )
            return text
        case _:
            pass
    raise _DoesNotFit(path, f"is no {kind.kind}")


def _fit_set(kind: SetOf, value: JsonValue, path: str) -> JsonValue:
    if not isinstance(value, list):
        raise _DoesNotFit(path, "is no list")
    one = _FIT[type(kind.item)]
    return [one(kind.item, item, f"{path}[{index}]") for index, item in enumerate(value)]


def _fit_untyped(kind: Untyped, value: JsonValue, path: str) -> JsonValue:
    raise _DoesNotFit(path, kind.why)


_FIT: dict[type, Callable[[Any, JsonValue, str], JsonValue]] = {
    Record: _fit_record,
    Scalar: _fit_scalar,
    SetOf: _fit_set,
    Untyped: _fit_untyped,
}
