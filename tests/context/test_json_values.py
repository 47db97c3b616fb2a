"""Canonical JSON: one value, one form, and nothing that would change on its way."""

import math

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from context.json_values import SAFE_INTEGER, NotCanonical, canonical_bytes, canonicalise, digest, leaves

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-SAFE_INTEGER, SAFE_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


# What a quick encoder could get wrong: order beyond the BMP, floats, escapes, unsafe integers, keys that are no text.
_any_texts = st.text(max_size=6) | st.text('\x00\x1f\x7f"\\/\b\n é\u2028\ue000\uffff😀\ud800', max_size=4)
_any_numbers = (
    st.integers()
    | st.sampled_from([SAFE_INTEGER, SAFE_INTEGER + 1, -SAFE_INTEGER - 1])
    | st.floats()
    | st.floats(-1e-3, 1e-3)
    | st.floats(1e14, 1e22)
    | st.integers(-(10**17), 10**17).map(lambda number: number / 1000)
)
anything = st.recursive(
    st.none() | st.booleans() | _any_numbers | _any_texts | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_any_texts | _any_texts | st.integers(0, 9) | st.booleans() | st.none(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(anything)
@example({"\ue000": 1, "😀": 2})
@example([0.0001, 123456789.125, 4503599627370495.5])
@example([1e-5])
@example([-0.00002])
@example([1.0, -0.0, 1e16, 1e300])
@example({1: "a"})
@example({True: "a"})
@example({"a": {None: [0.5]}})
@example([SAFE_INTEGER + 1])
def test_the_quick_way_writes_exactly_what_the_exact_encoder_does(value: object) -> None:
    try:
        expected: bytes | None = rfc8785.dumps(value)  # type: ignore[arg-type]
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        expected = None
    if expected is None:
        with pytest.raises(NotCanonical):
            canonical_bytes(value)
    else:
        assert canonical_bytes(value) == expected


def test_what_holds_itself_has_no_canonical_form() -> None:
    value: list[object] = []
    value.append({"again": value})
    with pytest.raises(NotCanonical):
        canonical_bytes(value)


@given(values)
def test_what_is_canonicalised_is_a_fixed_point(value: object) -> None:
    try:
        once = canonicalise(value)
    except NotCanonical:
        return  # a float whose canonical form is an integer beyond the limit
    assert canonicalise(once) == once
    assert canonical_bytes(once) == canonical_bytes(value)


def test_a_float_that_would_arrive_as_a_huge_integer_is_refused() -> None:
    with pytest.raises(NotCanonical, match="beyond"):
        canonicalise({"amount": 1e20})
    assert canonicalise({"amount": 1e21}) == {"amount": 1e21}


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9), min_size=2))
def test_the_order_of_keys_does_not_change_a_digest(value: dict[str, int]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("value", "path", "word"),
    [
        ({"a": {"b": [1, 2**53]}}, "a.b[1]", "beyond"),
        ({"a": -(2**53)}, "a", "beyond"),
        ({"a": math.nan}, "a", "not a JSON number"),
        ([math.inf], "[0]", "not a JSON number"),
        ({"a": "x\ud800"}, "a", "surrogate"),
    ],
)
def test_what_would_change_in_transit_is_refused_by_name(value: object, path: str, word: str) -> None:
    with pytest.raises(NotCanonical, match=word) as caught:
        canonical_bytes(value)
    assert caught.value.path == path


def test_the_largest_safe_integer_passes() -> None:
    assert canonical_bytes([SAFE_INTEGER, -SAFE_INTEGER]) == b"[9007199254740991,-9007199254740991]"


def test_leaves_come_with_their_paths() -> None:
    assert list(leaves({"a": [{"b": 1}, "x"], "c": None})) == [("a[0].b", 1), ("a[1]", "x"), ("c", None)]
