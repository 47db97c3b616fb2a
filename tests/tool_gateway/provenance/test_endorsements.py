import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.calls import ToolRef
from context.errors import UsageError
from context.origins import Source
from tests.tool_gateway.provenance.world import TOOLS
from tool_gateway.provenance.endorsements import parse_endorsement


@pytest.mark.parametrize(
    "text",
    [
        "files.read=>bank.pay:iban",
        "files.read[path=bill.txt]=>bank.pay:amount",
        "files.read[path=a=>b]=>bank.pay:amount",
        "model=>mail.send:subject",
        "calendar.search=>mail.send:to[]",
        "web.fetch[page=2]=>mail.send:body",
    ],
)
def test_an_endorsement_reads_as_it_is_written(text: str) -> None:
    assert str(parse_endorsement(text, TOOLS, given_by="prompt")) == text


@pytest.mark.promise("an_endorsement_is_one_source_for_one_argument")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no endorsement"),
        ("files.read", "no endorsement"),
        ("files.read=>bank.pay", "names no argument"),
        ("files.read=>bank.pay:", "names no argument"),
        ("files.reed=>bank.pay:iban", "did you mean files.read"),
        ("files.read=>bank.pya:iban", "did you mean bank.pay"),
        ("files.read=>bank.pay:ibam", "the nearest is iban"),
        ("files.read=>mail.send:to.name", "to"),
        ("files.read[=x]=>bank.pay:iban", "does not pick out one call"),
        ("files.read[path=bill.txt=>bank.pay:iban", "does not pick out one call"),
        ("files.read[pth=x]=>bank.pay:iban", "the nearest is path"),
        ("user=>bank.pay:iban", "there is no tool user"),
        ("files.read=>bank.pay:a[0]", "neither a dot nor []"),
        ("f\x1b[2J=>bank.pay:iban", "\\x1b"),
    ],
)
def test_a_wrong_endorsement_says_what_and_where(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_endorsement(text, TOOLS, where="task.md: endorse")
    assert told in str(caught.value)
    assert str(caught.value).startswith("task.md: endorse: ")
    assert caught.value.next_step
    assert "\x1b" not in str(caught.value)


@pytest.mark.promise("an_endorsement_is_one_source_for_one_argument")
def test_the_source_is_only_the_result_of_that_one_call() -> None:
    pattern = parse_endorsement("web.fetch[page=2]=>mail.send:body", TOOLS).source
    ref = ToolRef("web", "fetch")
    assert pattern.matches(Source("1", "tool", ref=ref, arguments={"page": 2}))
    assert not pattern.matches(Source("2", "tool", ref=ref, arguments={"page": 3}))
    assert not pattern.matches(Source("3", "tool", ref=ToolRef("web", "fetch2"), arguments={"page": 2}))
    assert not pattern.matches(Source("4", "user"))


@given(st.text(max_size=80))
def test_any_text_is_a_grant_or_a_usage_error(text: str) -> None:
    for whole in (text, f"files.read[path={text}]=>bank.pay:iban", f"files.read=>bank.pay:{text}"):
        try:
            parse_endorsement(whole, TOOLS)
        except UsageError:
            continue
