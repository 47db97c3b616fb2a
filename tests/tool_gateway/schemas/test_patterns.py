import time

import pytest

from tool_gateway.schemas.patterns import LARGEST_PROGRAM, LinearPattern, linear_pattern


@pytest.mark.promise("a_pattern_stalls_nothing")
@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|a)*b", "(a*)*b", "(.*a){12}c", "(x+x+)+y"])
def test_a_catastrophic_pattern_is_quick_on_hostile_text(pattern: str) -> None:
    compiled = LinearPattern(pattern)
    began = time.process_time()
    assert not compiled.matches_whole("a" * 50_000 + "!")
    assert not compiled.found_in("x" * 50_000 + "!")
    assert time.process_time() - began < 1


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(?<!x)y", "a++", "(?>a)b"])
def test_what_needs_backtracking_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="linear-time"):
        LinearPattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "[", "a{2,1}", r"\Z", "*"])
def test_a_malformed_pattern_is_refused_with_its_text(pattern: str) -> None:
    with pytest.raises(ValueError, match="the pattern") as caught:
        LinearPattern(pattern)
    assert pattern in str(caught.value)


def test_a_pattern_that_would_take_much_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        LinearPattern(r"(\pL?){0,10}(\pL){10}z")
    with pytest.raises(ValueError, match="characters long"):
        LinearPattern("a" * 5_000)
    assert LinearPattern("a{1000}").size <= LARGEST_PROGRAM


def test_a_constraint_must_match_the_whole_value() -> None:
    pattern = LinearPattern("[a-z]+")
    assert pattern.matches_whole("abc")
    for text in ("abc1", "1abc", "abc\n", "\nabc", ""):
        assert not pattern.matches_whole(text)
    assert pattern.found_in("1abc\n")


def test_an_alternative_does_not_escape_the_anchors() -> None:
    assert not LinearPattern("main|dev").matches_whole("main; rm")
    assert not LinearPattern("^main$").matches_whole("main\nevil")


def test_a_text_that_is_no_unicode_matches_nothing() -> None:
    assert not LinearPattern(".*").matches_whole("\ud800")
    assert not LinearPattern(".*").found_in("\ud800")


def test_an_error_shows_no_control_characters() -> None:
    with pytest.raises(ValueError, match=r"\\x1b") as caught:
        LinearPattern("(\x1b[31m")
    assert "\x1b" not in str(caught.value)


def test_a_pattern_is_compiled_once() -> None:
    assert linear_pattern("a+b") is linear_pattern("a+b")
