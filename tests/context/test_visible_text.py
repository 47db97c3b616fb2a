"""Foreign text on a human surface: nothing acts, nothing vanishes."""

import ast
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.visible_text import escape, escape_line, is_hidden, quote


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J\x1b[1;31mok", "\\x1b[2J\\x1b[1;31mok"),
        ("\x1b]8;;https://a\x07b", "\\x1b]8;;https://a\\x07b"),
        ("allow\rdeny ", "allow\\x0ddeny "),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("a\u200bb", "a\\u200bb"),
        ("\U000e0041", "\\U000e0041"),
        ("x\ufe0f", "x\\ufe0f"),
        ("\u3164", "\\u3164"),
        ("Grüße, 世界 é", "Grüße, 世界 é"),
        ("two\nlines\tkept", "two\nlines\tkept"),
    ],
)
def test_hidden_characters_become_visible_and_readable_ones_stay(raw: str, shown: str) -> None:
    assert escape(raw) == shown


@given(st.text())
def test_nothing_hidden_survives(text: str) -> None:
    shown = escape(text)
    assert not any(is_hidden(char) for char in shown)
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs"} or char in "\n\t" for char in shown)


@given(st.text(), st.integers(1, 50))
def test_a_line_is_one_line_and_bounded(text: str, limit: int) -> None:
    line = escape_line(text, limit)
    assert "\n" not in line
    assert len(line) <= limit


_ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from('\\nt"\n\t\r\u202eu20x1b\u00a0'))


@given(_ANY_TEXT)
def test_a_quoted_text_can_be_read_back_and_hides_nothing(text: str) -> None:
    shown = quote(text)
    assert ast.literal_eval(shown) == text
    assert not any(is_hidden(char) or char in "\n\t" for char in shown)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a\nb", "a\\nb"), ("\u202e", "\\u202e"), ("a b", "a\u00a0b"), ('"', '\\"'), ("\U000e0041", "\udb40\udc41")],
)
def test_different_texts_never_look_the_same_in_quotes(one: str, other: str) -> None:
    assert quote(one) != quote(other)


@given(_ANY_TEXT, st.integers(2, 20))
def test_a_long_text_shows_its_head_and_tail_and_counts_the_rest(text: str, limit: int) -> None:
    shown = quote(text, limit)
    if len(text) <= limit:
        assert shown == quote(text)
        return
    head, rest = shown.split(f" … {len(text) - limit:,} more characters … ")
    assert text.startswith(ast.literal_eval(head))
    assert text.endswith(ast.literal_eval(rest))
    assert len(ast.literal_eval(head)) + len(ast.literal_eval(rest)) == limit
