import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.json_values import JsonObject
from context.visible_text import escape
from sandboxes.secrets.values import SecretValues
from tests.tool_gateway.redaction.texts import A36, PERSONAL, SECRETS
from tool_gateway.redaction.redactor import Redactor, finding_json, merge
from tool_gateway.redaction.rules import SHIPPED

KEY = b"k" * 32
TOKEN = "ghp_" + A36
CARD = "4111111111111111"


def _leaks(value: Any, secret: str) -> bool:
    if isinstance(value, dict):
        return any(_leaks(key, secret) or _leaks(item, secret) for key, item in value.items())
    if isinstance(value, list):
        return any(_leaks(item, secret) for item in value)
    return isinstance(value, str | int) and secret in str(value)


def test_the_same_value_has_the_same_placeholder_throughout_the_run_and_after_a_resume() -> None:
    first, resumed = Redactor(KEY), Redactor(KEY, resumed=True)
    one = first.redact(f"a {TOKEN}", server="a").text
    assert first.redact(f"b {TOKEN}", server="b").text == one.replace("a ", "b ")
    assert resumed.redact(f"a {TOKEN}", server="a").text == one
    assert Redactor(b"z" * 32).redact(f"a {TOKEN}", server="a").text != one
    assert first.redact(f"a {TOKEN[:-1]}X", server="a").text != one


def test_names_of_members_numbers_and_nested_values_are_read_too() -> None:
    value = {
        TOKEN: [{"deep": {"card": int(CARD)}}],
        "password": "correct horse battery",
        "Db-Passphrase": "xyzzy plugh",
        "api_key": "z9Y8x7W6v5U4t3S2",
        "plain": "text",
        "count": 17,
    }
    done = Redactor(KEY).redact_value(value, server="a", place="structured")
    for secret in (TOKEN, CARD, "horse", "xyzzy", "z9Y8"):
        assert not _leaks(done.value, secret)
    assert isinstance(done.value, dict)
    assert done.value["plain"] == "text"
    assert done.value["count"] == 17
    card = next(finding for finding in done.findings if finding.kind == "card-number")
    name = next(finding for finding in done.findings if finding.kind == "github-token").placeholders[0]
    assert card.places == (f"structured.{name}[0].deep.card",)
    assert not any(_leaks(finding_json(finding), CARD) for finding in done.findings)


@pytest.mark.promise("secrets_in_results_are_hidden")
def test_no_finding_holds_a_value_not_even_in_its_place() -> None:
    done = Redactor(KEY).redact_value({TOKEN: {"card": CARD}}, server="a")
    assert not _leaks([finding_json(finding) for finding in done.findings], TOKEN)


@pytest.mark.parametrize(
    "disguised",
    [
        TOKEN[:9] + "\u200b" + TOKEN[9:],
        escape(TOKEN[:9] + "\u200b" + TOKEN[9:]),
        "\\u0067" + TOKEN[1:],
        "".join(chr(ord(char) + 0xFEE0) if char.isalnum() else char for char in TOKEN),
        "\u202e".join(TOKEN),
        "\\x67\\x68p_" + TOKEN[4:],
    ],
)
def test_disguises_are_seen_through_and_restored_as_they_were(disguised: str) -> None:
    redactor = Redactor(KEY)
    text = f"é {disguised} é"
    done = redactor.redact(text, server="a")
    assert [finding.kind for finding in done.findings] == ["github-token"]
    assert done.text == f"é {done.findings[0].placeholders[0]} é"
    assert redactor.restore({"x": done.text}).arguments == {"x": text}


def test_findings_that_overlap_become_one_named_by_the_more_telling_rule() -> None:
    done = Redactor(KEY).redact(f'password = "{TOKEN} and more"', server="a")
    (finding,) = done.findings
    assert finding.kind == "github-token"
    assert done.text == f'password = "{finding.placeholders[0]}"'


def test_an_exception_leaves_its_kind_alone_and_is_reported() -> None:
    text = f"call {PERSONAL['phone']} with {CARD} and {PERSONAL['phone']}"
    done = Redactor(KEY).redact(text, server="a", unredacted=("phone",))
    assert PERSONAL["phone"] in done.text
    assert CARD not in done.text
    assert {(one.kind, one.excepted, one.count) for one in done.findings} == {
        ("phone", True, 2),
        ("card-number", False, 1),
    }
    number = Redactor(KEY).redact_value({"n": int(CARD)}, server="a", unredacted=("card-number",))
    assert number.value == {"n": int(CARD)}
    assert number.findings[0].excepted


def test_an_exception_covers_no_other_kind_that_matches_there() -> None:
    done = Redactor(KEY).redact(f"token: {TOKEN}", server="a", unredacted=("token",))
    assert TOKEN not in done.text


def test_declared_secrets_are_hidden_in_every_form_and_never_restored() -> None:
    redactor = Redactor(KEY, declared=SecretValues({"DEPLOY": "plain-words-here"}).hide)
    for form in ("plain-words-here", "cGxhaW4td29yZHMtaGVyZQ", b"plain-words-here".hex()):
        done = redactor.redact(f"x {form} y", server="other")
        assert form not in done.text
        assert [finding.kind for finding in done.findings] == ["declared"]
        assert redactor.restore({"a": done.text}).restored == ()
        assert redactor.redact_value({"a": [form]}, server="other").findings


@pytest.mark.promise("secrets_in_results_are_hidden")
def test_a_line_of_a_server_is_redacted_before_it_is_cut() -> None:
    done = Redactor(KEY).spoken(f"failed\r\nwith {TOKEN} in it", server="a", limit=40)
    assert len(done.text) == 40
    assert TOKEN[:6] not in done.text
    assert "\n" not in done.text


def test_findings_of_several_parts_add_up() -> None:
    redactor = Redactor(KEY)
    parts = [redactor.redact(TOKEN, server="a", place=f"content[{index}]").findings for index in range(3)]
    (finding,) = merge(*parts)
    assert finding.count == 3
    assert len(finding.placeholders) == 1
    assert finding.places == ("content[0]", "content[1]", "content[2]")


def test_the_key_of_a_run_must_be_long() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Redactor(b"short")


def test_values_are_in_no_repr() -> None:
    redactor = Redactor(KEY)
    done = redactor.redact(f"x {TOKEN}", server="a")
    restored = redactor.restore({"a": done.text})
    assert TOKEN not in repr((redactor, done, restored.restored, restored.unknown))


PLANTED = st.sampled_from(
    [secret for _, secret in SECRETS.values() if secret.startswith(("ghp_", "sk-ant", "glpat", "npm_", "AIza", "hvs."))]
    + [CARD, PERSONAL["iban"], PERSONAL["phone"], PERSONAL["it-codice-fiscale"]]
)
AROUND = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "L", "N", "Pc", "Pd", "Sm", "M", "Lm", "So", "Sk"])
)


@st.composite
def _nested(draw: st.DrawFn) -> tuple[Any, str]:
    """A value of any shape with one secret somewhere in it."""
    secret = draw(PLANTED)
    value: Any = f"{draw(AROUND)} {secret} {draw(AROUND)}"
    for _ in range(draw(st.integers(0, 5))):
        match draw(st.integers(0, 3)):
            case 0:
                value = [draw(st.text(max_size=5)), value]
            case 1:
                value = {draw(st.text(max_size=8)): value, "other": draw(st.integers())}
            case 2:
                value = {"list": [value, None, True]}
            case _:
                value = {f"{secret} key": value}
    return value, secret


@pytest.mark.promise("secrets_in_results_are_hidden")
@settings(max_examples=200, deadline=None)
@given(_nested())
def test_a_planted_secret_never_comes_through(planted: tuple[Any, str]) -> None:
    value, secret = planted
    assert not _leaks(Redactor(KEY).redact_value(value, server="a").value, secret)
    if isinstance(value, str):
        assert secret not in Redactor(KEY).redact(value, server="a").text


PIECES = st.one_of(
    PLANTED,
    st.text(max_size=8),
    st.sampled_from(
        ["[[", "]]", "'", "secret:", "pii:", "[[secret:x:12345678]]", "[['pii:", "password=", '\\"', "\u200b"]
    ),
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**16) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, TREES, max_size=3))
def test_what_is_restored_is_what_was_there(value: JsonObject) -> None:
    redactor = Redactor(KEY)
    hidden = redactor.redact_value(value, server="a").value
    assert isinstance(hidden, dict)
    restored = redactor.restore(hidden)
    assert restored.arguments == value
    assert restored.unknown == ()
    assert all(one.servers == ("a",) for one in restored.restored)


HOSTILE = {
    "openings": "-----BEGIN PRIVATE KEY-----\n" * 35_000,
    "prefixes": "ghp_" * 250_000,
    "assignments": 'password="' * 100_000,
    "urls": "://a:b@" * 140_000,
    "digits": "4 " * 500_000,
    "one run": "1" * 1_000_000,
    "ibans": "DE89 " * 200_000,
    "escapes": "\\u0041" * 160_000,
    "hidden": "a\u200b" * 300_000,
    "jwt": "eyJ" * 330_000,
    "look-alikes": "[[secret:" * 110_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_megabyte_takes_no_longer_than_its_length(name: str) -> None:
    redactor = Redactor(KEY)
    text = HOSTILE[name]
    redactor.redact("warm " + "4111 1111 1111 1111 DE89 3704 0044 0532 0130 00", server="a")
    began = time.process_time()
    redactor.redact(text, server="a")
    assert time.process_time() - began < 5


def test_a_rule_with_a_bound_takes_the_rest_of_the_text_when_it_is_reached() -> None:
    from dataclasses import replace

    rule = replace(next(rule for rule in SHIPPED if rule.name == "npm-token"), most=3)
    text = " ".join("npm_" + f"{number:036d}" for number in range(10))
    done = Redactor(KEY, rules=(rule,), personal=()).redact(text, server="a")
    assert done.text.startswith("[[")
    assert "npm_" not in done.text
