import time
from typing import Any

import pytest
from pydantic import ValidationError

from context.labels import Label
from tool_gateway.redaction.personal import personal_rules
from tool_gateway.redaction.rules import SHIPPED
from tool_gateway.redaction.scanner import Scanner
from tool_gateway.stages import AFTER, AnswerFacts, ReadSource, StageSettings, answer_faults

READ = [
    ReadSource("call_1", {"path": "/repo/src/app.py"}, "see https://Example.org/a/ and lib/util.py"),
    ReadSource("call_2", {"url": "https://news.example/x?id=1", "name": "docs/README.md"}, "nothing"),
]


def _faults(answer: str | AnswerFacts, **settings: Any) -> tuple[str, ...]:
    facts = AnswerFacts(answer, sources=READ) if isinstance(answer, str) else answer
    return answer_faults(facts, StageSettings.model_validate(settings))


def test_by_default_any_answer_is_good() -> None:
    assert _faults("See https://unread.example and [call:none] with card 4111111111111111") == ()


@pytest.mark.parametrize(
    ("wanted", "answer", "good"),
    [
        ("## Sources", "text\n## Sources\n- x", True),
        ("## Sources", "text\n  ##   sources ##\n", True),
        ("## Sources", "# Sources", False),
        ("## Sources", "```\n## Sources\n```", False),
        ("## Sources", "the ## Sources", False),
        ("/total", '{"total": null}', True),
        ("/items/1/na~1me", '{"items": [{}, {"na/me": 1}]}', True),
        ("/total", '{"sum": 1}', False),
        ("/items/9", '{"items": []}', False),
        ("/total", "no JSON", False),
        ("re:(?i)total: \\d+", "Total: 17", True),
        ("re:^x$", "y", False),
        ("Regards", "Kind Regards", True),
        ("Regards", "regards", False),
    ],
)
def test_required_elements(wanted: str, answer: str, good: bool) -> None:
    assert (_faults(answer, required=[wanted]) == ()) is good


def test_a_pointer_reads_the_checked_output() -> None:
    facts = AnswerFacts("```json\n{}\n```", output={"total": 1}, has_output=True)
    assert _faults(facts, required=["/total"]) == ()
    assert _faults(facts, required=["/other"])


@pytest.mark.parametrize(
    "answer",
    [
        "As https://example.org/a says.",
        "As [it](https://example.org/a#part) says (https://news.example/x?id=1).",
        "In /repo/src/app.py, `src/app.py` and lib/util.py.",
        "In docs/README.md [call:call_2].",
        "and/or at 5 km/h over TCP/IP, 1/2, no citation at all",
    ],
)
def test_citations_of_what_was_read_are_good(answer: str) -> None:
    assert _faults(answer, citations="checked") == ()


@pytest.mark.promise("an_answer_is_text")
@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ("https://example.org/other", "https://example.org/other"),
        ("https://example.org/a/deeper", "deeper"),
        ("https://news.example/x", "news.example"),
        ("http://example.org/a", "http://example.org/a"),
        ("in /etc/passwd.d/x", "/etc/passwd.d/x"),
        ("in rc/app.py", "rc/app.py"),
        ("in src/app.pyc", "src/app.pyc"),
        ("[call:call_3]", "[call:call_3]"),
    ],
)
def test_citations_of_what_was_not_read_are_named(answer: str, named: str) -> None:
    (fault,) = _faults(answer, citations="checked")
    assert named in fault
    assert "not read" in fault


def test_a_citation_can_be_required() -> None:
    assert _faults("no source", citations="required")
    assert _faults("[call:call_1]", citations="required") == ()


@pytest.mark.promise("an_answer_is_text")
def test_forbidden_content_is_named_by_its_pattern_and_not_repeated() -> None:
    (fault,) = _faults("the LAUNCH CODE 1234", forbidden=["never", r"(?i)launch code \d+"])
    assert "pattern 2" in fault
    assert "1234" not in fault


def test_kinds_of_secrets_and_personal_data_can_be_kept_out() -> None:
    scanner = Scanner(SHIPPED, personal_rules())
    facts = AnswerFacts("card 4111111111111111, phone +49 30 901820", scanner=scanner)
    assert len(_faults(facts, answer_without=["pii"])) == 2
    (fault,) = _faults(facts, answer_without=["phone"])
    assert "phone" in fault
    assert "901820" not in fault
    assert _faults(facts, answer_without=["secret"]) == ()
    assert _faults(AnswerFacts("x"), answer_without=["pii"])


def test_an_answer_from_labelled_content_can_be_refused() -> None:
    facts = AnswerFacts("x", label=Label("untrusted", frozenset({"pii", "team"})))
    assert _faults(facts, answer_labels=["pii", "restricted"]) == ("the answer may not come from content labelled pii",)


def test_many_faults_are_told_in_part() -> None:
    faults = _faults("x", required=[f"word {number}" for number in range(50)])
    assert len(faults) == 21
    assert "30 more" in faults[-1]


@pytest.mark.parametrize("answer", ["a/" * 200_000, "a+" * 200_000, "a." * 200_000, "https://" * 50_000, "#" * 300_000])
def test_hostile_answers_take_no_longer_than_their_length(answer: str) -> None:
    began = time.process_time()
    facts = AnswerFacts(answer, sources=[ReadSource("c", {}, answer)])
    _faults(facts, citations="required", required=["# x", "re:(a+)+b"], forbidden=["(x+x+)+y"])
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "settings",
    [
        {"repeated_call": 3},
        {"patterns": [{"pattern": "(?=x)"}]},
        {"patterns": [{"pattern": "x", "action": "explode"}]},
        {"required": ["re:("]},
        {"forbidden": ["(a)\\1"]},
        {"citations": "sometimes"},
        {"no_progress": -1},
        {"output_tokens": 0},
    ],
)
def test_settings_that_cannot_be_used_are_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StageSettings.model_validate(settings)


def test_the_order_is_what_is_missing_then_what_is_wrong() -> None:
    assert [check.name for check in AFTER] == ["required", "citations", "forbidden"]
