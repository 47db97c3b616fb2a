"""Canonical JSON: one value, one form, and nothing that would change on its way."""

import math

import pytest
from hypothesis import given
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
