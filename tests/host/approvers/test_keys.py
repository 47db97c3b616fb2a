"""What is typed at a card: nothing but a plain yes is one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.approvers.keys import NO, Choice, ForAll, ForEach, read

YES = Choice("yes")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ForAll(NO)),
        ("   \t", ForAll(NO)),
        ("y", ForAll(YES)),
        (" YES ", ForAll(YES)),
        ("n", ForAll(NO)),
        ("No too  risky", ForAll(Choice("no", "too risky"))),
        ("n 1y", ForAll(Choice("no", "1y"))),
        ("a", ForAll(Choice("always"))),
        ("a to amount", ForAll(Choice("always", same=("to", "amount")))),
        ("e", ForAll(Choice("endorse"))),
        ("?", "help"),
        ("v", "view"),
        ("1y", ForEach({1: YES})),
        ("1Y 2N 3a 4e", ForEach({1: YES, 2: NO, 3: Choice("always"), 4: Choice("endorse")})),
        ("1n wrong person 3y", ForEach({1: Choice("no", "wrong person"), 3: YES})),
        ("2n as 1y said", ForEach({2: Choice("no", "as 1y said")})),
        ("2a to[].account", ForEach({2: Choice("always", same=("to[].account",))})),
    ],
)
def test_what_is_typed_means_this(typed: str, meant: Any) -> None:
    assert read(typed, count=4) == meant


@pytest.mark.parametrize(
    "typed",
    ["yes but", "yess", "ye", "y y", "1", "1y please", "5y", "0y", "01y", "1 y", "y1", "e 1", "v all", "maybe", "ｙ"],
)
def test_what_is_not_understood_is_no_answer(typed: str) -> None:
    assert read(typed, count=4) == "unclear"


@given(st.text(max_size=40))
def test_only_a_line_that_begins_with_an_answer_grants_anything(typed: str) -> None:
    meant = read(typed, count=3)
    if isinstance(meant, ForAll) and meant.choice.word != "no":
        assert typed.strip().lower() in {"y", "yes", "e"} or typed.split()[0].lower() == "a"
    if isinstance(meant, ForEach):
        assert typed.split()[0][0] in "123"
        assert set(meant.choices) <= {1, 2, 3}
