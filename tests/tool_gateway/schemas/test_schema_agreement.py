"""The engine that decides and the engine that explains, on schemas and values that nobody chose.

Hypothesis draws seeds; the schemas are grown from them by hand, because forty optional keywords drawn one by one cost
a hundred times as much.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tool_gateway.schemas.compiled import UnusableSchema, compile_schema
from tool_gateway.schemas.faults import Explainer
from tool_gateway.schemas.forms import vet

NAMES = ["a", "b", "ab", "", "c.d"]
SCALARS: list[Any] = [None, True, False, 0, 1, 2, -3, 7, 2**53 - 1, 0.0, 1.0, 0.5, 0.1, 0.3, -2.5, 1e300]
TEXTS = ["", "a", "b", "ab", "aab", "ä", "𝒳", "0", "a b"]
TYPES = ["string", "number", "integer", "boolean", "null", "object", "array"]
# Written the same for RE2 and for the deciding engine's own linear engine.
PATTERNS = ["^a", "b$", "^a+b?$", "[ab]{2}", "^$", "", "^[^a]*$", "a|b"]


def random_value(random: Random, depth: int = 3) -> Any:
    kind = random.randrange(6 if depth else 3)
    if kind < 2:
        return random.choice(SCALARS)
    if kind == 2:
        return random.choice(TEXTS)
    if kind == 3:
        return [random_value(random, depth - 1) for _ in range(random.randrange(4))]
    return {name: random_value(random, depth - 1) for name in random.sample(NAMES, random.randrange(4))}


def _schema(random: Random, depth: int = 3) -> Any:
    if random.random() < (0.15 if depth else 0.5):
        return random.random() < 0.7
    keywords = random.sample(sorted(KEYWORDS), random.randint(1, 4))
    return {keyword: KEYWORDS[keyword](random, depth - 1) for keyword in keywords if depth or keyword in LEAF}


def _subschemas(random: Random, depth: int) -> list[Any]:
    return [_schema(random, depth) for _ in range(random.randint(1, 3))]


def _count(random: Random, depth: int) -> int:
    return random.randrange(4)


def _names(random: Random, depth: int) -> list[str]:
    return random.sample(NAMES, random.randrange(3))


def _types(random: Random, depth: int) -> Any:
    return random.choice(TYPES) if random.random() < 0.5 else random.sample(TYPES, random.randint(1, 3))


LEAF: dict[str, Callable[[Random, int], Any]] = {
    "type": _types,
    "enum": lambda random, depth: [random_value(random) for _ in range(random.randint(1, 4))],
    "const": lambda random, depth: random_value(random),
    "multipleOf": lambda random, depth: random.choice([1, 2, 0.5, 0.1, 3]),
    "minimum": lambda random, depth: random.randint(-3, 3),
    "exclusiveMaximum": lambda random, depth: random.randint(-3, 3),
    "maximum": lambda random, depth: random.choice([0.5, 1, 2.0]),
    "minLength": _count,
    "maxLength": _count,
    "pattern": lambda random, depth: random.choice(PATTERNS),
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": lambda random, depth: random.random() < 0.8,
    "required": _names,
    "minProperties": _count,
    "maxProperties": _count,
    "dependentRequired": lambda random, depth: {name: _names(random, depth) for name in _names(random, depth)},
    "format": lambda random, depth: "ipv4",
    "$ref": lambda random, depth: random.choice(["#/$defs/x", "#/$defs/y", "#"]),
}
KEYWORDS: dict[str, Callable[[Random, int], Any]] = LEAF | {
    "contains": _schema,
    "minContains": _count,
    "maxContains": _count,
    "prefixItems": _subschemas,
    "items": _schema,
    "unevaluatedItems": _schema,
    "properties": lambda random, depth: {name: _schema(random, depth) for name in random.sample(NAMES, 3)},
    "patternProperties": lambda random, depth: {
        pattern: _schema(random, depth) for pattern in random.sample(PATTERNS, random.randint(1, 2))
    },
    "additionalProperties": _schema,
    "unevaluatedProperties": _schema,
    "propertyNames": _schema,
    "dependentSchemas": lambda random, depth: {name: _schema(random, depth) for name in random.sample(NAMES, 2)},
    "allOf": _subschemas,
    "anyOf": _subschemas,
    "oneOf": _subschemas,
    "not": _schema,
    "if": _schema,
    "then": _schema,
    "else": _schema,
}


def random_document(random: Random) -> dict[str, Any]:
    top = _schema(random)
    return {"allOf": [top], "$defs": {"x": _schema(random, 2), "y": _schema(random, 1)}}


seen: Counter[str] = Counter()


@settings(max_examples=2_500, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 2**64))
def test_the_two_engines_agree(seed: int) -> None:
    random = Random(seed)
    schema = random_document(random)
    try:
        checked = compile_schema(schema)
    except UnusableSchema:
        seen["unusable"] += 1
        return
    explainer = Explainer(vet(schema))
    for _ in range(6):
        value = random_value(random)
        accepted, found = checked.accepts(value), explainer.faults(value)
        assert accepted == (found == []), (schema, value, found)
        assert accepted == (checked.explain(value) == [])
        seen["accepted" if accepted else "refused"] += 1


def test_the_agreement_was_about_something() -> None:
    if not seen:  # run alone
        test_the_two_engines_agree()
    assert seen["accepted"] > 2_000, seen
    assert seen["refused"] > 2_000, seen
    assert seen["unusable"] < 750, seen
