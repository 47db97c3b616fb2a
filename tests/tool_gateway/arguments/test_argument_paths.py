import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.json_values import JsonObject
from tool_gateway.arguments.paths import EACH, Name, misfits, parse, reachable, select, written

ORDER: JsonObject = {
    "order": {"files": [{"path": "a"}, {"path": "b", "size": 1}, {}], "note": None},
    "matrix": [[1, 2], [3]],
    "a.b": {"c[]": "odd"},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("order.files[].path", [("order.files[0].path", "a"), ("order.files[1].path", "b")]),
        (
            "order.files[]",
            [("order.files[0]", {"path": "a"}), ("order.files[1]", {"path": "b", "size": 1}), ("order.files[2]", {})],
        ),
        ("matrix[][]", [("matrix[0][0]", 1), ("matrix[0][1]", 2), ("matrix[1][0]", 3)]),
        ('"a.b"."c[]"', [('"a.b"."c[]"', "odd")]),
        ("order.note", [("order.note", None)]),
        ("order.none", []),
        ("none[].x", []),
    ],
)
def test_a_path_selects_every_value_that_it_names(path: str, found: list[Any]) -> None:
    assert select(path, ORDER) == found
    assert misfits(path, ORDER) == []


@pytest.mark.promise("doubt_denies_a_constraint")
@pytest.mark.parametrize(
    ("path", "arguments", "misfit"),
    [
        ("files[].path", {"files": {"path": "/etc"}}, "files"),
        ("files[].path", {"files": ["/etc"]}, "files[0]"),
        ("files[].path", {"files": "/etc"}, "files"),
        ("order.path", {"order": [{"path": "/etc"}]}, "order"),
        ("path[]", {"path": "/etc"}, "path"),
    ],
)
def test_a_value_of_another_shape_than_the_path_is_found_out(path: str, arguments: JsonObject, misfit: str) -> None:
    assert select(path, arguments) == []
    assert [concrete for concrete, _ in misfits(path, arguments)] == [misfit]


def test_null_on_the_way_counts_as_absent() -> None:
    assert misfits("order.files[].path", {"order": {"files": None}}) == []
    assert misfits("order.files[].path", {"order": None}) == []


@pytest.mark.parametrize(
    "path",
    ["", ".", "a.", ".a", "a..b", "a[0]", "a[", "a]", "[].a", "a b", "a[]b", '"a', '"a"b', "a.[]", "a" + ".a" * 40],
)
def test_what_is_no_path_says_so(path: str) -> None:
    with pytest.raises(ValueError, match="argument path"):
        parse(path)


def test_a_path_parses_into_steps() -> None:
    assert parse("order.files[].path") == (Name("order"), Name("files"), EACH, Name("path"))
    assert parse(r'"a.b"[]."\"x\u0041"') == (Name("a.b"), EACH, Name('"xA'))


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6))
def test_a_written_path_of_plain_parts_names_its_value(names: list[str]) -> None:
    value: Any = 1
    for name in reversed(names):
        value = {name: value}
    path = ".".join(json.dumps(name) for name in names)
    assert [found for _, found in select(path, value)] == [1]


@pytest.mark.promise("nothing_hidden_reaches_a_reader")
@given(st.lists(st.text(max_size=200) | st.integers(0, 9), max_size=5))
def test_a_written_path_hides_nothing_and_stays_short(parts: list[str | int]) -> None:
    text = written(parts)
    assert not any(ord(char) < 32 or char in "\x7f\u202e\u200b\u2028" for char in text)
    assert len(text) <= 90 * max(len(parts), 1)


SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "repo_path": {"type": "string"},
        "order": {"$ref": "#/$defs/order"},
        "any": True,
        "nothing": False,
        "env": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object"},
        "list": {"type": "array"},
        "pair": {"type": "array", "prefixItems": [{"properties": {"x": {}}}], "items": False},
        "maybe": {"anyOf": [{"type": "array", "items": {"properties": {"p": {"type": "string"}}}}, {"type": "null"}]},
        "both": {"allOf": [{"properties": {"l": {}}}, {"if": {"properties": {"r": {}}}, "then": {}}]},
        "coded": {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False},
        "text_or_list": {"anyOf": [{"type": "string"}, {"type": "array"}]},
    },
    "additionalProperties": False,
    "$defs": {
        "order": {
            "type": "object",
            "properties": {
                "files": {"type": "array", "items": {"$ref": "#/$defs/file"}},
                "next": {"$ref": "#/$defs/order"},
            },
        },
        "file": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}


@pytest.mark.parametrize(
    "path",
    [
        "repo_path",
        "order.files[].path",
        "order.next.next.next.files[].path",
        "any.thing[].at.all",
        "env.HOME",
        "free.form",
        "list[].x",
        "pair[].x",
        "maybe[].p",
        "both.l",
        "both.r",
        "coded.x-y",
        "text_or_list[]",
    ],
)
def test_a_path_that_the_schema_has_is_reachable(path: str) -> None:
    assert reachable(path, SCHEMA) is None


@pytest.mark.promise("a_rule_can_match")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("repo_pth", "the nearest is repo_path"),
        ("order.file[].path", "the nearest is order.files"),
        ("order.files[].pth", "the nearest is order.files[].path"),
        ("order.files.path", "cannot have a property path"),
        ("repo_path[]", "repo_path is no list"),
        ("repo_path.x", "cannot have a property x"),
        ("nothing", "cannot have a property nothing"),
        ("coded.y", "cannot have a property y"),
        ("pair[].y", "cannot have a property y"),
        ("free[]", "free is no list"),
    ],
)
def test_a_path_that_the_schema_lacks_says_the_nearest(path: str, told: str) -> None:
    assert told in (reachable(path, SCHEMA) or "")


def test_a_permissive_schema_reaches_everything() -> None:
    for schema in (
        {},
        {"type": "object"},
        {"additionalProperties": True},
        {"properties": {"a": {}}, "additionalProperties": {}},
    ):
        assert reachable("x.y[].z", schema) is None


def test_an_object_that_lists_its_properties_means_those() -> None:
    assert reachable("b", {"type": "object", "properties": {"a": {}}}) is not None
