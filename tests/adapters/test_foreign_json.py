"""Arguments are read in the only possible way or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.foreign_json import NoJsonObject, parse_object, read_object, well_formed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.booleans())
def test_every_object_is_read_back_as_it_was_written(value: dict[str, Any], ascii_only: bool):
    assert parse_object(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "3",
        '{"a": 1, "a": 2}',
        '{"deep": {"a": 1, "a": 1}}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        '{"\\udfff": 1}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "{'a': 1}",
    ],
)
def test_what_two_readers_could_read_differently_is_no_object(text: str):
    with pytest.raises(NoJsonObject):
        parse_object(text)


@given(st.text(st.characters(), max_size=30))
def test_whatever_comes_in_can_be_written_as_utf_8(text: str):
    well_formed(text).encode()
    for reader in (parse_object, read_object):
        try:
            reader(text)
        except NoJsonObject:
            continue


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_text_that_is_well_formed_stays_as_it_is(text: str):
    assert well_formed(text) == text


def test_the_halves_of_a_pair_are_joined_and_a_lone_one_is_replaced():
    assert well_formed("\ud83c" + "\udf88") == "🎈"
    assert well_formed("ä\ud83c!") == "ä\ufffd!"
