"""Why a value does not fit a schema, in words that say what would be allowed.

Decides: the sentences. Does not decide whether the value fits: it was refused already, by the other
engine (`schemas.py`), and what is said here changes nothing about that.

`jsonschema` walks the vetted form. Where it would run a backtracking pattern, or differ from the
deciding engine, its keyword is replaced by one of ours. Everything said about the value or by the
schema is escaped and cut.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend  # pyright: ignore[reportUnknownVariableType]
from referencing import Registry

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from tool_gateway.arguments.paths import type_of, written
from tool_gateway.schemas.forms import SchemaForm
from tool_gateway.schemas.patterns import linear_pattern

MOST = 5
"""Faults that are told."""

_SEARCHED = 50
_SHOWN = 80

Faults = Iterator[ValidationError]


class Explainer:
    """Explains refusals by one schema."""

    def __init__(self, form: SchemaForm) -> None:
        # An empty registry: a reference out of the document finds nothing, and nothing is fetched.
        self._validator = _Validator(form.document, registry=Registry())  # pyright: ignore[reportArgumentType]

    def faults(self, value: object) -> list[tuple[str, str]]:
        """At most `MOST` (path, sentence); empty when this engine finds nothing wrong."""
        try:
            found = list(islice(self._validator.iter_errors(cast("Any", value)), _SEARCHED))
        except (RecursionError, ArithmeticError, ValueError):
            return []
        told = [_told(error) for error in found]
        return list(dict.fromkeys(told))[:MOST]


def _fault(error: ValidationError) -> tuple[str, Any, Any, Mapping[str, Any]]:
    """Keyword, its value, the value concerned, and the schema they met in."""
    return str(error.validator), cast("Any", error.validator_value), cast("Any", error.instance), _as_map(error.schema)


def _as_map(schema: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", schema) if isinstance(schema, dict) else {}


def _told(error: ValidationError) -> tuple[str, str]:
    """The fault itself, or the one that matters inside the alternative that comes nearest."""
    if error.validator in {"anyOf", "oneOf"} and error.context:
        wanted = _expected_types(error.context)
        if wanted:
            return _path(error), f"must be {_or(wanted)}, not {type_of(cast('JsonValue', error.instance))}"
        nearest = _nearest(error.context)
        if nearest is not None:
            path, sentence = _told(nearest)
            if sentence.endswith("allowed forms)"):
                return path, sentence
            return path, f"{sentence} (in the nearest of {len(_fault(error)[1])} allowed forms)"
    return _path(error), _sentence(error)


def _sentence(error: ValidationError) -> str:
    keyword, limit, value, _ = _fault(error)
    match keyword:
        case "type":
            return f"must be {_or([limit] if isinstance(limit, str) else limit)}, not {type_of(value)}"
        case "enum":
            shown = [_json(item) for item in islice(limit, 10)]
            more = f" and {len(limit) - 10} more" if len(limit) > 10 else ""
            return f"must be one of {', '.join(shown)}{more}, not {_json(value)}"
        case "const":
            return f"must be {_json(limit)}, not {_json(value)}"
        case "required":
            missing = [name for name in limit if name not in value]
            return f"lacks {_names(missing)}"
        case "additionalProperties" | "unevaluatedProperties":
            return _unexpected(error)
        case "pattern":
            return f"must match the pattern {escape_line(str(limit), _SHOWN)}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            words = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "more than",
                "exclusiveMaximum": "less than",
            }
            return f"must be {words[keyword]} {_json(limit)}, not {_json(value)}"
        case "multipleOf":
            return f"must be a multiple of {_json(limit)}, not {_json(value)}"
        case "minLength" | "maxLength":
            return f"must have {_bound(keyword)} {limit} characters; it has {len(value)}"
        case "minItems" | "maxItems":
            return f"must have {_bound(keyword)} {limit} items; it has {len(value)}"
        case "minProperties" | "maxProperties":
            return f"must have {_bound(keyword)} {limit} properties; it has {len(value)}"
        case "uniqueItems":
            return "must not hold the same item twice"
        case "contains" | "minContains" | "maxContains":
            return "does not hold as many items of the required form as it must"
        case "dependentRequired":
            return f"lacks {_names(_lacking(limit, value))}, which other properties need"
        case "oneOf":
            return "fits more than one of the alternatives of which exactly one must fit"
        case "not":
            return "has a form that the schema excludes"
        case "None":
            return "is not allowed here"
        case "items" | "unevaluatedItems":
            return "has more items than the schema allows"
        case _:
            return f"does not satisfy `{escape_line(keyword, _SHOWN)}` of the schema"


def _unexpected(error: ValidationError) -> str:
    keyword, _, value, schema = _fault(error)
    if keyword == "unevaluatedProperties" or "patternProperties" in schema:
        return "has properties that the schema does not know"
    known = cast("Mapping[str, JsonValue]", schema.get("properties", {}))
    extra = [name for name in cast("Mapping[str, JsonValue]", value) if name not in known]
    text = f"has unknown {_names(extra)}"
    return f"{text}; allowed: {_listed(list(known))}" if known else f"{text}; none is allowed"


def _lacking(needed: Mapping[str, Sequence[str]], value: Mapping[str, Any]) -> list[str]:
    return sorted({item for name, items in needed.items() if name in value for item in items if item not in value})


def _expected_types(context: Sequence[ValidationError]) -> list[str]:
    """The types wanted, when every alternative fails on the type of this very value."""
    wanted: list[str] = []
    for error in context:
        if error.validator != "type" or error.relative_path:
            return []
        limit = _fault(error)[1]
        wanted.extend([limit] if isinstance(limit, str) else limit)
    return list(dict.fromkeys(wanted))


def _nearest(context: Sequence[ValidationError]) -> ValidationError | None:
    """The fault of the alternative that the value comes nearest to: right type, fewest faults, deepest first."""
    branches: dict[object, list[ValidationError]] = {}
    for error in context:
        # A `false` alternative leaves no path behind it.
        branch = error.relative_schema_path[0] if error.relative_schema_path else None
        branches.setdefault(branch, []).append(error)

    def distance(branch: list[ValidationError]) -> tuple[bool, int, int]:
        wrong_type = any(error.validator in {"type", "const", "enum"} and not error.relative_path for error in branch)
        return wrong_type, len(branch), -max(len(error.relative_path) for error in branch)

    best = min(branches.values(), key=distance, default=None)
    return best[0] if best else None


def _path(error: ValidationError) -> str:
    return written(error.absolute_path)


def _bound(keyword: str) -> str:
    return "at least" if keyword.startswith("min") else "at most"


def _or(types: Sequence[str]) -> str:
    return " or ".join(escape_line(str(item), 20) for item in types)


def _json(value: object) -> str:
    if isinstance(value, dict | list):
        held = cast("Sequence[object]", value)
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(held)}"
    if isinstance(value, str):
        value = value[: _SHOWN * 2]
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return "a number of more than 256 bits"
    return escape_line(json.dumps(value, ensure_ascii=False), _SHOWN)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(escape_line(name, _SHOWN) for name in names[:10]) + more


def _names(names: Sequence[str]) -> str:
    return f"{'property' if len(names) == 1 else 'properties'} {_listed(names)}"


# The keywords that are ours.


def _pattern(validator: Any, text: str, instance: Any, schema: Any) -> Faults:
    if validator.is_type(instance, "string") and not linear_pattern(text).found_in(instance):
        yield ValidationError("pattern")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any) -> Faults:
    if not validator.is_type(instance, "object"):
        return
    for text, subschema in patterns.items():
        compiled = linear_pattern(text)
        for name, value in instance.items():
            if compiled.found_in(name):
                yield from validator.descend(value, subschema, path=name, schema_path=text)


def _additional_properties(validator: Any, additional: Any, instance: Any, schema: Any) -> Faults:
    if not validator.is_type(instance, "object"):
        return
    extra = [name for name in instance if not _stated(name, schema)]
    if additional is False and extra:
        yield ValidationError("additionalProperties")
        return
    for name in extra:
        yield from validator.descend(instance[name], additional, path=name)


def _unevaluated_properties(validator: Any, unevaluated: Any, instance: Any, schema: Any) -> Faults:
    if not validator.is_type(instance, "object"):
        return
    others = {keyword: value for keyword, value in schema.items() if keyword != "unevaluatedProperties"}
    seen = _evaluated_names(validator, instance, others)
    for name in instance:
        if name not in seen and not _fits(validator, instance[name], unevaluated):
            yield ValidationError("unevaluatedProperties")
            return


def _unevaluated_items(validator: Any, unevaluated: Any, instance: Any, schema: Any) -> Faults:
    if not validator.is_type(instance, "array"):
        return
    others = {keyword: value for keyword, value in schema.items() if keyword != "unevaluatedItems"}
    seen = _evaluated_items(validator, instance, others)
    for index, item in enumerate(instance):
        if index not in seen and not _fits(validator, item, unevaluated):
            yield ValidationError("unevaluatedItems")
            return


def _multiple_of(validator: Any, step: Any, instance: Any, schema: Any) -> Faults:
    # As decimal numbers, as the deciding engine does it: 0.3 is a multiple of 0.1.
    if validator.is_type(instance, "number") and not _is_multiple(instance, step):
        yield ValidationError("multipleOf")


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Any) -> Faults:
    if not unique or not validator.is_type(instance, "array"):
        return
    seen: set[object] = set()
    for item in instance:
        key = _comparable(item)
        if key in seen:
            yield ValidationError("uniqueItems")
            return
        seen.add(key)


_Validator = cast(
    "type[Draft202012Validator]",
    extend(
        Draft202012Validator,
        {
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
            "unevaluatedProperties": _unevaluated_properties,
            "unevaluatedItems": _unevaluated_items,
            "multipleOf": _multiple_of,
            "uniqueItems": _unique_items,
        },
    ),
)


def _stated(name: str, schema: JsonObject) -> bool:
    if name in cast("Mapping[str, JsonValue]", schema.get("properties", {})):
        return True
    patterns = cast("Mapping[str, JsonValue]", schema.get("patternProperties", {}))
    return any(linear_pattern(text).found_in(name) for text in patterns)


def _fits(validator: Any, instance: Any, schema: Any) -> bool:
    return next(validator.descend(instance, schema), None) is None


def _in_place(validator: Any, instance: Any, schema: Any) -> Iterator[tuple[Any, Any]]:
    """(validator, subschema) of those that apply to the same value and accept it."""
    if "$ref" in schema:
        resolved = validator._resolver.lookup(schema["$ref"])
        yield validator.evolve(schema=resolved.contents, _resolver=resolved.resolver), resolved.contents
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            if _fits(validator, instance, part):
                yield validator, part
    if "if" in schema:
        if _fits(validator, instance, schema["if"]):
            yield validator, schema["if"]
            if "then" in schema:
                yield validator, schema["then"]
        elif "else" in schema:
            yield validator, schema["else"]
    for name, part in schema.get("dependentSchemas", {}).items():
        if isinstance(instance, dict) and name in instance:
            yield validator, part


def _evaluated_names(validator: Any, instance: Any, schema: Any) -> set[str]:
    """Properties that `schema` and what it applies in place have looked at (core, section 11.3)."""
    if isinstance(schema, bool):
        return set()
    if "additionalProperties" in schema or "unevaluatedProperties" in schema:
        return set(instance)
    seen = {name for name in instance if _stated(name, schema)}
    for inner, part in _in_place(validator, instance, schema):
        seen |= _evaluated_names(inner, instance, part)
    return seen


def _evaluated_items(validator: Any, instance: Any, schema: Any) -> set[int]:
    """Positions that `schema` and what it applies in place have looked at (core, section 11.2)."""
    if isinstance(schema, bool):
        return set()
    if "items" in schema or "unevaluatedItems" in schema:
        return set(range(len(instance)))
    seen = set(range(len(schema.get("prefixItems", ()))))
    if "contains" in schema:
        seen |= {index for index, item in enumerate(instance) if _fits(validator, item, schema["contains"])}
    for inner, part in _in_place(validator, instance, schema):
        seen |= _evaluated_items(inner, instance, part)
    return seen


def _is_multiple(value: Any, step: Any) -> bool:
    one, other = Decimal(repr(value)), Decimal(repr(step))
    if not one.is_finite() or not other.is_finite() or not other:
        return False
    top, bottom = one.as_integer_ratio()
    step_top, step_bottom = other.as_integer_ratio()
    return (top * step_bottom) % (bottom * step_top) == 0


def _comparable(value: Any) -> object:
    """A hashable that is equal for equal JSON values: 1 is 1.0 and is not true."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return ("object", frozenset((name, _comparable(item)) for name, item in named.items()))
    if isinstance(value, list):
        return ("array", tuple(_comparable(item) for item in cast("list[Any]", value)))
    return ("number", value)
