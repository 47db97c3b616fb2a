import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.decisions import Deny, Reason
from context.json_values import canonical_bytes
from tests.fakes.gateway import proposal
from tool_gateway.form import MAX_BYTES, MAX_VALUES, form
from tool_gateway.interface import CallProposal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def _formed(arguments: Any) -> Any:
    result = form(proposal("t", arguments))
    assert isinstance(result, CallProposal), result
    return result.arguments


def _refused(arguments: Any, **changes: Any) -> Reason:
    result = form(proposal("t", arguments, **changes))
    assert isinstance(result, Deny)
    return result.reasons[0]


def _nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.promise("arguments_have_one_form")
def test_arguments_become_canonical() -> None:
    assert json.dumps(_formed({"b": 1.0, "a": [-0.0, 1e2, "é"]})) == json.dumps({"a": [0, 100, "é"], "b": 1})


@pytest.mark.promise("arguments_have_one_form")
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_forming_twice_changes_nothing_more(arguments: dict[str, Any]) -> None:
    once = form(proposal("t", arguments))
    if isinstance(once, CallProposal):
        twice = form(once)
        assert isinstance(twice, CallProposal)
        assert canonical_bytes(twice.arguments) == canonical_bytes(once.arguments)
        assert json.dumps(twice.arguments) == json.dumps(once.arguments)


def test_arguments_that_were_left_out_are_an_empty_object() -> None:
    assert _formed(None) == {}


def test_malformed_arguments_are_refused_with_a_short_safe_excerpt() -> None:
    reason = _refused(None, malformed="{'path': \x1b[31m" + "x" * 10_000)
    assert reason.code == "malformed_arguments"
    assert "one JSON object" in (reason.remedy or "")
    assert "\x1b" not in reason.text
    assert len(reason.text) < 250
    assert _refused(None, malformed="").text.endswith("empty")


@pytest.mark.promise("arguments_have_one_form")
@pytest.mark.parametrize(
    "value", [2**53, -(2**53), 10**5000, float(2**53), 1e20, -1e20, 2**63 - 1], ids=lambda value: type(value).__name__
)
def test_an_integer_that_would_change_in_transit_is_refused_by_name(value: float) -> None:
    reason = _refused({"order": {"ids": [1, value]}})
    assert reason.code == "integer_too_large"
    assert reason.path == "order.ids[1]"
    assert "order.ids[1]" in reason.text
    assert len(reason.text) < 200


def test_the_largest_exact_integers_and_large_fractions_pass() -> None:
    assert _formed({"a": 2**53 - 1, "b": -(2**53) + 1, "c": 1e21, "d": 1e300}) == {
        "a": 2**53 - 1,
        "b": -(2**53) + 1,
        "c": 1e21,
        "d": 1e300,
    }


@pytest.mark.promise("arguments_have_one_form")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"a": float("nan")}, "not_a_number"),
        ({"a": float("inf")}, "not_a_number"),
        ({"a": ["\ud800"]}, "not_unicode"),
        ({"\udfff": 1}, "not_unicode"),
        ({"a": {"b\udfff": 1}}, "not_unicode"),
        ({"a": b"x"}, "not_json"),
        ({"a": {1, 2}}, "not_json"),
    ],
)
def test_what_json_cannot_say_exactly_is_refused(arguments: Any, code: str) -> None:
    assert _refused(arguments).code == code


@pytest.mark.promise("arguments_are_bounded")
def test_depth_size_and_number_of_values_are_bounded() -> None:
    assert _formed(_nested(20))
    assert _refused(_nested(33)).code == "arguments_too_deep"
    assert _refused(_nested(100_000)).code == "arguments_too_deep"
    assert _refused({"a": "x" * (MAX_BYTES + 1)}).code == "arguments_too_large"
    assert _refused({"a": [0] * (MAX_VALUES + 1)}).code == "arguments_too_large"
    assert _refused({str(number): 0 for number in range(MAX_VALUES + 1)}).code == "arguments_too_large"


@given(st.text() | st.dictionaries(st.text(max_size=300), JSON, max_size=3))
def test_a_refusal_is_short_and_hides_nothing(hostile: Any) -> None:
    call = proposal("t", None, malformed=hostile) if isinstance(hostile, str) else proposal("t", hostile)
    result = form(call)
    if isinstance(result, Deny):
        sentence = result.reasons[0].sentence()
        assert len(sentence) < 800
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in sentence)
