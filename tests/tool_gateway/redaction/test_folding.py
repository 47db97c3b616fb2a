import pytest
from hypothesis import given
from hypothesis import strategies as st

from tool_gateway.redaction.folding import folded, offsets


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("a\u200bb\u00adc\ufe0f", "abc"),
        ("a\\u200bb\\xad", "ab"),
        ("ＡＢ１２：", "AB12:"),
        ("٤١١١", "4111"),
        ('\\"a\\/b\\n', '"a/b\n'),
        ("\\u0041\\x42\\U00000043", "ABC"),
        ("ünïcode 中文", "ünïcode 中文"),
        ("\\uZZZZ \\q \\", "\\uZZZZ \\q \\"),
        ("\\U99999999", "\\U99999999"),
    ],
)
def test_disguises_come_off(text: str, plain: str) -> None:
    assert folded(text) == plain


@given(st.text(st.sampled_from('a\\u0041xU\u200b１ﬁ"n\r\x1bé')))
def test_every_character_of_the_reading_has_its_place_in_the_original(text: str) -> None:
    places = offsets(text)
    assert len(places) == len(folded(text)) + 1
    assert places == sorted(places)
    assert places[-1] == len(text)
