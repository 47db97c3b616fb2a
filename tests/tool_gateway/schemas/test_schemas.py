import time
from collections.abc import Callable
from typing import Any

import pytest

from tool_gateway.schemas.compiled import STEP_LIMIT, UnusableSchema, compile_schema, compiled


def _doubled(times: int, per_level: int = 2) -> dict[str, Any]:
    """`per_level` references to the next level, `times` over."""
    defs: dict[str, Any] = {"d0": {"type": "integer"}}
    for level in range(1, times + 1):
        defs[f"d{level}"] = {"allOf": [{"$ref": f"#/$defs/d{level - 1}"}] * per_level}
    return {"$ref": f"#/$defs/d{times}", "$defs": defs}


def _nested_unevaluated(times: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"properties": {"a": True}, "unevaluatedProperties": False}
    for _ in range(times):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    return schema


def _overlapping_tree() -> dict[str, Any]:
    """Both alternatives look at the same items: twice the work at each level of the value."""
    both = [{"properties": {"kind": {"const": kind}, "x": {"items": {"$ref": "#/$defs/n"}}}} for kind in "ab"]
    return {"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": both}}}


def _quick(work: Callable[[], object]) -> object:
    began = time.process_time()
    result = work()
    assert time.process_time() - began < 2
    return result


def test_a_value_that_fits_is_accepted_and_one_that_does_not_is_explained() -> None:
    schema = compile_schema(
        {
            "type": "object",
            "properties": {
                "path": {"type": "string", "maxLength": 3},
                "mode": {"enum": ["r", "w"]},
                "count": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}]},
                "tags": {"type": "array", "items": {"pattern": "^[a-z]+$"}},
            },
            "required": ["path"],
            "additionalProperties": False,
        }
    )
    assert schema.accepts({"path": "a", "count": None})
    assert schema.explain({"path": "a"}) == []
    told = dict(schema.explain({"mode": "x", "count": 9, "tags": ["ok", "NO"], "size": 1}))
    assert told["mode"] == 'must be one of "r", "w", not "x"'
    assert told["count"].startswith("must be at most 5, not 9")
    assert told["tags[1]"] == "must match the pattern ^[a-z]+$"
    assert "lacks property path" in [text for _, text in schema.explain({})]
    assert schema.explain({"path": "a", "count": "x"}) == [("count", "must be integer or null, not string")]
    assert schema.explain({"path": "a", "pth": 1}) == [
        ("", "has unknown property pth; allowed: path, mode, count, tags")
    ]


def test_without_a_dialect_it_is_2020_12() -> None:
    schema = compile_schema({"prefixItems": [{"type": "string"}], "items": False})
    assert schema.accepts(["a"])
    assert not schema.accepts(["a", "b"])


def test_draft_7_means_what_it_meant() -> None:
    schema = compile_schema(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": {"name": {"$id": "#name", "type": "string"}},
            "properties": {
                "pair": {"items": [{"type": "string"}], "additionalItems": False},
                "name": {"$ref": "#name", "type": "integer"},
            },
            "dependencies": {"a": ["b"], "c": {"required": ["d"]}},
        }
    )
    assert schema.accepts({"pair": ["x"], "name": "siblings of a reference mean nothing", "a": 1, "b": 2})
    assert not schema.accepts({"pair": ["x", "y"]})
    assert not schema.accepts({"name": 1})
    assert not schema.accepts({"a": 1})
    assert not schema.accepts({"c": 1})


@pytest.mark.parametrize("dialect", ["http://example.com/own", "http://json-schema.org/draft-04/schema#", 7])
def test_an_unknown_dialect_is_unusable(dialect: object) -> None:
    with pytest.raises(UnusableSchema, match="dialect"):
        compile_schema({"$schema": dialect})  # pyright: ignore[reportArgumentType]


@pytest.mark.promise("nothing_is_fetched_for_a_schema")
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:1/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json#/x"},
        {
            "properties": {"a": {"items": [{"$ref": "https://example.com/a"}]}},
            "$schema": "http://json-schema.org/draft-07/schema",
        },
        {"$dynamicRef": "https://example.com/a#x"},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        {"$id": "https://example.com/a", "$ref": "b"},
        {"properties": {"a": {"$id": "https://example.com/b", "$ref": "#/x"}}},
    ],
)
def test_a_reference_out_of_the_document_is_unusable(schema: dict[str, Any]) -> None:
    with pytest.raises(UnusableSchema, match=r"nothing is fetched|change what every reference"):
        compile_schema(schema)


def test_references_inside_the_document_are_followed() -> None:
    schema = compile_schema(
        {
            "$id": "https://example.com/tool",
            "$defs": {"a/b": {"type": "string"}, "n": {"$anchor": "num", "type": "integer"}},
            "properties": {
                "s": {"$ref": "#/$defs/a~1b"},
                "n": {"$ref": "#num"},
                "o": {"$ref": "https://example.com/tool#/$defs/n"},
                "again": {"$ref": "#"},
            },
        }
    )
    assert schema.accepts({"s": "x", "n": 1, "o": 2, "again": {"again": {"s": "y"}}})
    for wrong in ({"s": 1}, {"n": "x"}, {"o": "x"}, {"again": {"again": {"s": 1}}}):
        assert not schema.accepts(wrong)


def test_a_recursive_schema_by_dynamic_reference_works() -> None:
    node = {"$dynamicAnchor": "n", "properties": {"c": {"items": {"$dynamicRef": "#n"}}}, "additionalProperties": False}
    schema = compile_schema({"$ref": "#n", "$defs": {"n": node}})
    assert schema.accepts({"c": [{"c": []}]})
    assert schema.explain({"c": [{"c": [{"d": 1}]}]}) == [("c[0].c[0]", "has unknown property d; allowed: c")]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/none"},
        {"$ref": "#none"},
        {"$ref": 5},
        {"$ref": "#a", "$defs": {"x": {"$anchor": "a"}, "y": {"$anchor": "a"}}},
        {"properties": 5},
        {"properties": {"a": "string"}},
        {"anyOf": {"a": {}}},
        {"type": "text"},
        {"required": True},
        {"items": [{}]},
        {"maximum": "5"},
        {"pattern": 5},
        {"$ref": "#/properties/a/default", "properties": {"a": {"default": 5}}},
    ],
)
def test_a_malformed_schema_is_unusable(schema: dict[str, Any]) -> None:
    with pytest.raises(UnusableSchema):
        compile_schema(schema)


@pytest.mark.promise("a_pattern_stalls_nothing")
def test_a_pattern_of_exponential_time_stalls_nothing() -> None:
    texts = ["a" * 50_000 + "!", "a" * 40 + "!"]  # the short one is explained too
    for schema in (
        {"properties": {"x": {"pattern": "^(a+)+$"}}},
        {"patternProperties": {"^(a+)+$": {"type": "integer"}}, "additionalProperties": {"pattern": "^(a+)+$"}},
        {"patternProperties": {"^(a+)+$": True}, "unevaluatedProperties": False},
        {"propertyNames": {"pattern": "^(a+)+$"}},
    ):
        compiled_schema = compile_schema(schema)
        for value in [{key: text} for text in texts for key in ("x", text)]:
            _quick(lambda c=compiled_schema, v=value: (c.accepts(v), c.explain(v)))


@pytest.mark.parametrize("pattern", ["(?=a)", r"(a)\1", "x" * 5_000])
def test_a_tool_whose_pattern_is_not_linear_is_unusable(pattern: str) -> None:
    for schema in ({"pattern": pattern}, {"patternProperties": {pattern: True}}, {"not": {"pattern": pattern}}):
        with pytest.raises(UnusableSchema):
            compile_schema(schema)


@pytest.mark.promise("a_schema_check_is_bounded")
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"not": {"$ref": "#"}},
        {"if": {"$ref": "#/else"}, "else": {"$ref": "#/if"}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
        {"$dynamicRef": "#m", "$dynamicAnchor": "m"},
        {"dependentSchemas": {"a": {"$ref": "#"}}},
    ],
)
def test_a_schema_that_never_ends_is_unusable(schema: dict[str, Any]) -> None:
    with pytest.raises(UnusableSchema, match="never end"):
        compile_schema(schema)


@pytest.mark.promise("a_schema_check_is_bounded")
@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(_doubled(15, 8), id="doubled"),
        pytest.param(_doubled(200), id="long"),
        pytest.param(_nested_unevaluated(25), id="unevaluated"),
        pytest.param({"enum": list(range(50_000))}, id="large"),
        pytest.param({"properties": {f"p{n}": {"description": "x" * 4_000} for n in range(100)}}, id="wordy"),
        pytest.param({f"k{n}": "x" for n in range(30_000)}, id="wide"),
        pytest.param({"patternProperties": {f"a{n}": True for n in range(500)}}, id="patterns"),
        pytest.param(
            {"properties": {f"p{i}": {"allOf": [{"$ref": f"#/properties/p{j}"} for j in range(i)]} for i in range(60)}},
            id="web",
        ),
        pytest.param(
            {
                "properties": {
                    f"p{i}": {"properties": {f"q{j}": {"$ref": f"#/properties/p{j}"} for j in range(80)}}
                    for i in range(80)
                }
            },
            id="copies",
        ),
    ],
)
def test_a_schema_bomb_is_refused_quickly(schema: dict[str, Any]) -> None:
    def compiling() -> None:
        with pytest.raises(UnusableSchema):
            compile_schema(schema)

    _quick(compiling)


@pytest.mark.promise("a_schema_check_is_bounded")
def test_a_deeply_nested_schema_is_refused_before_anything_recurses() -> None:
    schema: dict[str, Any] = {}
    for _ in range(10_000):
        schema = {"not": schema}
    with pytest.raises(UnusableSchema, match="deeper"):
        compile_schema(schema)


@pytest.mark.promise("a_schema_check_is_bounded")
def test_a_value_that_would_take_too_many_steps_is_refused_and_told_so() -> None:
    schema = compile_schema(_overlapping_tree())
    value: dict[str, Any] = {"kind": "a", "x": []}
    for _ in range(3):
        value = {"kind": "a", "x": [value]}
    assert schema.accepts(value)
    for _ in range(25):
        value = {"kind": "a", "x": [value]}
    assert not _quick(lambda: schema.accepts(value))
    assert f"the limit is {STEP_LIMIT:,}" in schema.explain(value)[0][1]


@pytest.mark.promise("a_schema_check_is_bounded")
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param(_doubled(15), {}, id="doubled"),
        pytest.param(_nested_unevaluated(12), {"b": 1}, id="unevaluated"),
        pytest.param({"uniqueItems": True}, [[{"a": n}] for n in range(50_000)] + [[{"a": 0}]], id="unique"),
        pytest.param({"items": {"enum": [f"e{n}" for n in range(5_000)]}}, ["e"] * 5_000, id="enum"),
        pytest.param({"items": {"oneOf": [{"const": n} for n in range(500)]}}, [-1] * 5_000, id="alternatives"),
        pytest.param(_overlapping_tree(), {"kind": "a", "x": [{"kind": "c", "x": ["y" * 100_000]}] * 500}, id="tree"),
    ],
)
def test_a_heavy_check_and_its_explanation_stay_short(schema: dict[str, Any], value: object) -> None:
    checked = compile_schema(schema)
    assert _quick(lambda: checked.accepts(value)) is False
    assert _quick(lambda: checked.explain(value))


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    schema = compile_schema({})
    assert not schema.accepts(value)
    assert "deeper" in schema.explain(value)[0][1]


def test_format_is_no_assertion() -> None:
    assert compile_schema({"format": "ipv4"}).accepts("no address")


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, object(), b"x"])
def test_what_is_no_json_is_not_accepted(value: object) -> None:
    assert not compile_schema({"type": ["string", "object"], "additionalProperties": {"type": "string"}}).accepts(value)


@pytest.mark.promise("nothing_hidden_reaches_a_reader")
def test_an_explanation_shows_foreign_text_escaped_and_short() -> None:
    schema = compile_schema(
        {"properties": {"a\x1b[31m": {"enum": ["\u202e" + "x" * 500]}}, "additionalProperties": False}
    )
    told = schema.explain({"a\x1b[31m": "\r" + "y" * 500, "\u200bk": 1})
    for path, text in told:
        assert not any(ord(char) < 32 or char in "\x7f\u202e\u200b" for char in path + text)
        assert len(text) < 400
    assert len(told) == 2


def test_at_most_five_faults_are_told() -> None:
    schema = compile_schema({"additionalProperties": {"type": "integer"}})
    assert len(schema.explain({f"k{n}": "x" for n in range(50)})) == 5


def test_what_was_compiled_is_remembered_and_so_is_what_is_unusable() -> None:
    schema: dict[str, Any] = {"type": "object"}
    assert compiled(schema) is compiled(schema)
    assert compiled(schema) is not compiled({"type": "object"})
    unusable: dict[str, Any] = {"type": "nothing"}
    for _ in range(2):
        with pytest.raises(UnusableSchema):
            compiled(unusable)
