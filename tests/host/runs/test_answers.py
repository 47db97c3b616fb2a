"""The answer against `--schema`: where its JSON stands, what is no JSON, and what does not fit."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.errors import ConfigError
from context.json_values import JsonObject
from host.runs.answers import check_answer, compile_answer_schema, load_schema

ANYTHING = compile_answer_schema({}, where="test")
SCHEMA: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
NUMBER = compile_answer_schema(SCHEMA, where="test")


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 3}',
        '  {"n": 3}\n',
        '```json\n{"n": 3}\n```',
        '```\n{"n": 3}\n```',
        '```JSON \n{"n": 3}```',
        '```{"n": 3}```',
        '```{"n":\n 3}```',
        'Here it is:\n```json\n{"n": 3}\n```\nAnything else?',
    ],
)
def test_the_json_of_an_answer_is_found(text: str) -> None:
    checked = check_answer(text, NUMBER)
    assert (checked.output, checked.faults) == ({"n": 3}, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "three",
        '{"n": 3} and more',
        '{"n": 3',
        'Here: {"n": 3}',
        '```json\n{"n": 3}\n```\n```json\n{"n": 4}\n```',
        '```json\n{"n": 3}',
        '{"n": NaN}',
        '{"n": Infinity}',
        "[" * 100_000,
        '{"n": ' + "[" * 100 + "]" * 100 + "}",
    ],
)
def test_what_is_not_one_document_is_a_fault(text: str) -> None:
    for schema in (NUMBER, ANYTHING):
        checked = check_answer(text, schema)
        assert checked.output is None
        assert len(checked.faults) == 1


@pytest.mark.parametrize("text", ['{"n": "3"}', "{}", "[]", '{"n": 3.5}'])
def test_what_does_not_fit_says_where(text: str) -> None:
    checked = check_answer(text, NUMBER)
    assert checked.output is None
    assert checked.faults


def test_every_fault_is_named() -> None:
    schema = compile_answer_schema({"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}, where="test")
    checked = check_answer('{"a": "x", "b": "y"}', schema)
    assert [fault.partition(":")[0] for fault in sorted(checked.faults)] == ["a", "b"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_any_document_is_its_own_value(value: object) -> None:
    assert check_answer(json.dumps(value), ANYTHING).output == value


def _file(tmp_path: Path, text: bytes) -> Path:
    path = tmp_path / "schema.json"
    path.write_bytes(text)
    return path


def test_a_schema_is_read(tmp_path: Path) -> None:
    assert load_schema(_file(tmp_path, json.dumps(SCHEMA).encode())) == SCHEMA


@pytest.mark.promise("nothing_is_fetched_for_a_schema")
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"minimum": NaN}',
        b'{"type": "no-such-type"}',
        b'{"$ref": "https://example.com/schema.json"}',
    ],
)
def test_a_schema_that_cannot_be_used_is_an_error_that_names_it(tmp_path: Path, text: bytes) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_schema(path)
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_schema_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="--schema"):
        load_schema(tmp_path / name)
