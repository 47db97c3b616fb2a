"""The TOML block that a task may begin with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.errors import UsageError
from tool_gateway.task.front_matter import FrontMatter, front_matter

ENDORSE = "files.read_file[path=bill.txt]=>bank.send_money:amount"


def test_a_block_is_taken_off_the_prompt() -> None:
    text = f'+++\nendorse = ["{ENDORSE}"]\ntools = ["files.*"]\napprove = ["bank.send_money"]\n+++\n\nPay it.\n'
    assert front_matter(text) == (FrontMatter((ENDORSE,), ("files.*",), ("bank.send_money",)), "Pay it.\n")


def test_an_empty_block_narrows_nothing() -> None:
    assert front_matter("+++\n+++\nPay it.") == (FrontMatter(), "Pay it.")
    assert front_matter("+++\ntools = []\n+++\nPay it.")[0].tools == ()


def test_lines_may_end_as_on_windows() -> None:
    assert front_matter('+++\r\ntools = ["a.*"]\r\n+++\r\nPay it.') == (FrontMatter(tools=("a.*",)), "Pay it.")


@pytest.mark.parametrize(
    "text", ["Pay it.", "", "\n+++\ntools = []\n+++\n", "Hi\n+++\nfoo = 1\n+++", "---\na: b\n---\n"]
)
def test_anything_else_is_plain_prompt(text: str) -> None:
    assert front_matter(text) == (FrontMatter(), text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("+++\nendorsed = []\n+++\n", "`endorse`"),
        ("+++\ntool = []\n+++\n", "`tools`"),
        ("+++\nendorse = 'x'\n+++\n", "list of texts"),
        ("+++\nendorse = [1]\n+++\n", "list of texts"),
        ('+++\ntools = [""]\n+++\n', "list of texts"),
        ("+++\nendorse = [\n+++\n", "no TOML"),
        ("+++\ntools = []\nPay it.", "never closed"),
        ("+++\n" + "#" * 70_000 + "\n+++\n", "longer than"),
    ],
)
def test_a_wrong_block_is_an_error_that_says_what_is_right(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        front_matter(text)


@given(st.text())
def test_a_body_is_never_lost(text: str) -> None:
    body = "x" + text
    assert front_matter(body) == (FrontMatter(), body)
    assert front_matter(f"+++\n+++\n{body}")[1] == body
