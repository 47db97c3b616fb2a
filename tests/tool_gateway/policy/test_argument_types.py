"""How a tool's input schema becomes a Cedar type, and which values do not fit it."""

from decimal import Decimal
from typing import Any

import pytest
from cedarpy import Schema
from hypothesis import given, settings
from hypothesis import strategies as st

from context.json_values import JsonObject
from tool_gateway.policy.argument_types import (
    Record,
    Unfit,
    arguments_type,
    decimal_text,
    fit,
    looked_at,
    type_text,
)


def typed(schema: Any, *, required: bool = True) -> str:
    return type_text(arguments_type({"properties": {"a": schema}, "required": ["a"] if required else []}))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, '"a": String'),
        ({"type": "integer"}, '"a": Long'),
        ({"type": "boolean"}, '"a": Bool'),
        ({"type": "number"}, '"a": decimal'),
        ({"type": ["integer", "number"]}, '"a": decimal'),
        ({"type": ["string", "null"]}, '"a"?: String'),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, '"a"?: Long'),
        ({"allOf": [{"type": "string"}]}, '"a": String'),
        ({"enum": ["x", "y"]}, '"a": String'),
        ({"enum": ["x", None]}, '"a"?: String'),
        ({"const": True}, '"a": Bool'),
        ({"type": "array", "items": {"type": "string"}}, '"a": Set<String>'),
        ({"type": "array", "items": {"type": "number"}}, '"a": Set<decimal>'),
        ({"type": "object", "properties": {"b": {"type": "string"}}}, '"a": { "b"?: String }'),
        ({"properties": {"b": {"type": "string"}}, "required": ["b"]}, '"a": { "b": String }'),
    ],
)
def test_types(schema: Any, text: str) -> None:
    assert typed(schema) == "{ " + text + " }"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"type": ["string", "integer"]},
        {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        {"enum": ["x", 1]},
        {"type": "array"},
        {"type": "array", "items": {"type": ["string", "null"]}},
        {"type": "array", "items": {"type": "object", "properties": {"b": {}}}},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.org/schema"},
        {"type": "strange"},
    ],
)
def test_what_has_no_one_type_is_left_out(schema: Any) -> None:
    assert typed(schema) == "{}"


def test_references_are_followed_and_never_for_ever() -> None:
    nested: JsonObject = {
        "properties": {"a": {"$ref": "#/$defs/node"}},
        "$defs": {
            "node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}}
        },
    }
    assert type_text(arguments_type(nested)).startswith('{ "a"?: { "v"?: Long, "next"?: { "v"?: Long')
    loop: JsonObject = {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}}
    assert type_text(arguments_type(loop)) == "{}"
    wide: JsonObject = {"type": "object"}
    for _ in range(8):
        wide = {"type": "object", "properties": {str(i): wide for i in range(20)}}
    Schema.from_str(f"type A = {type_text(arguments_type(wide))};")


@pytest.mark.parametrize("name", ["__entity", "__extn", 'x": Long, "y', "a\\", "a\nb", "", "x" * 200])
def test_a_servers_names_cannot_become_syntax(name: str) -> None:
    kind = arguments_type({"properties": {name: {"type": "string"}, "ok": {"type": "string"}}})
    assert type_text(kind) == '{ "ok"?: String }'


def test_only_what_rules_look_at_is_told() -> None:
    full = arguments_type({"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]})
    some = looked_at(full, [(("a",), True)])
    assert fit(some, {"a": "1", "b": 5}) == {"a": "1"}
    assert type_text(some) == '{ "a": String }'


def test_a_value_at_which_a_rule_looks_must_be_told_exactly() -> None:
    full = arguments_type({"properties": {"n": {"type": "number"}, "u": {}, "s": {"type": "string"}}})
    looking = looked_at(full, [(("n",), True), (("u",), False), (("other", "x"), True)])
    assert fit(looking, {"n": 12.5, "s": 3}) == {"n": "12.5000"}
    assert fit(looking, {"n": 7}) == {"n": "7.0000"}
    assert fit(looking, {"n": None, "u": None}) == {}
    assert fit(looking, {"n": 0.00001}) == Unfit(
        "n", "has more than 4 digits behind the point, or is too large, to be compared"
    )
    for path, value in (("u", 1), ("other", {"x": 1}), ("n", True), ("n", "1"), ("n", 10**15), ("n", 1e300)):
        found = fit(looking, {path: value})
        assert isinstance(found, Unfit)
        assert found.path == path


def test_a_rule_that_looks_at_the_whole_passes_over_nothing() -> None:
    full = arguments_type({"properties": {"o": {"type": "object", "properties": {"a": {"type": "string"}}}}})
    whole = looked_at(full, [((), True)])
    assert fit(whole, {"o": {"a": "x"}}) == {"o": {"a": "x"}}
    assert fit(whole, {"o": {"a": "x", "b": 1}}) == Unfit("o.b", "is not declared by the tool's input schema")
    assert isinstance(fit(whole, {"p": 1}), Unfit)
    assert fit(looked_at(full, [(("o", "a"), True)]), {"o": {"a": "x", "b": 1}}) == {"o": {"a": "x"}}


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
@settings(max_examples=300, deadline=None)
def test_a_decimal_is_exact_or_absent(value: float) -> None:
    text = decimal_text(value)
    if text is not None:
        assert Decimal(text) == Decimal(repr(value))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
words = st.sampled_from(["type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "$ref", "enum", "const"])
wild = st.recursive(
    json_values | st.sampled_from(["string", "object", "array", "number", "null", "#", "#/properties/a", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.just("a"), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(words, wild, max_size=4), st.dictionaries(st.text(max_size=4), json_values, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_schema_gives_a_type_that_cedar_takes(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    kind = arguments_type(schema)
    assert isinstance(kind, Record)
    Schema.from_str(f"type A = {type_text(kind)};")
    fit(looked_at(kind, [((), True)]), arguments)
