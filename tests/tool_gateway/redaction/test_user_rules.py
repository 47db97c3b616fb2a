from pathlib import Path

import pytest

from context.errors import ConfigError
from host.config.toml_files import check, read_toml
from tool_gateway.redaction.redactor import Redactor
from tool_gateway.redaction.user_rules import UserRules, UserRulesFile, user_rules, with_shipped

KEY = b"k" * 32


def _load(folder: Path, text: str) -> UserRules:
    path = folder / "rules.toml"
    path.write_text(text)
    file = read_toml(path)
    return user_rules(check(file, UserRulesFile), fault=file.fault)


def _kinds(rules: UserRules, text: str) -> list[str]:
    redactor = Redactor(KEY, rules=rules.rules, personal=())
    return [finding.kind for finding in redactor.redact(text, server="a").findings]


GOOD = """
title = "ours"
[[rules]]
id = "Ticket-Key"
description = "keys of our ticket system"
regex = '''(?i)\\btk-([a-z0-9]{10})\\b'''
keywords = ["TK-"]
entropy = 2.0
tags = ["key"]
[[rules.allowlists]]
stopwords = ["example"]
regexes = ['''^0{10}$''']

[allowlist]
regexes = ["neverasecret"]
"""


def test_a_file_in_gitleaks_form_adds_rules(tmp_path: Path) -> None:
    rules = _load(tmp_path, GOOD)
    done = Redactor(KEY, rules=with_shipped(rules)).redact("use TK-a1b2c3d4e5 now", server="a")
    assert done.text.startswith("use TK-[[secret:ticket-key:")
    assert _kinds(rules, "tk-a1b2c3d4e5") == ["ticket-key"]


@pytest.mark.parametrize("text", ["tk-aaaaaaaaaa", "tk-1example23", "tk-0000000000", "a1b2c3d4e5", "tk-nevera"])
def test_entropy_keywords_and_allowlists_excuse(tmp_path: Path, text: str) -> None:
    assert _kinds(_load(tmp_path, GOOD), text) == []


def test_the_named_group_is_the_secret_and_the_first_otherwise(tmp_path: Path) -> None:
    text = "[[rules]]\nid = 'x'\nregex = '(user)=(\\w+)'\nsecretGroup = 2\n"
    done = Redactor(KEY, rules=_load(tmp_path, text).rules, personal=()).redact("user=secretname", server="a")
    assert done.text.startswith("user=[[")
    text = "[[rules]]\nid = 'x'\nregex = 'user=\\w+'\n"
    done = Redactor(KEY, rules=_load(tmp_path, text).rules, personal=()).redact("user=secretname", server="a")
    assert done.text.startswith("[[")


def test_all_conditions_of_an_and_must_hold_and_conditions_on_files_never_do(tmp_path: Path) -> None:
    rule = "[[rules]]\nid = 'x'\nregex = 'k-\\w+'\n[[rules.allowlists]]\ncondition = 'AND'\n"
    both = rule + "stopwords = ['test']\nregexes = ['9$']\n"
    assert _kinds(_load(tmp_path, both), "k-test9") == []
    assert _kinds(_load(tmp_path, both), "k-test8") == ["x"]
    assert _kinds(_load(tmp_path, rule + "stopwords = ['test']\npaths = ['.*']\n"), "k-test9") == ["x"]


@pytest.mark.parametrize(("target", "excused"), [("secret", False), ("match", False), ("line", True)])
def test_an_allowlist_looks_where_it_says(tmp_path: Path, target: str, excused: bool) -> None:
    text = "[[rules]]\nid = 'x'\nregex = 'k-(\\w+)'\n[[rules.allowlists]]\nregexes = ['fixture']\n"
    rules = _load(tmp_path, f"{text}regexTarget = '{target}'\n")
    assert (_kinds(rules, "other\n# fixture: k-abcdef") == []) is excused
    assert _kinds(rules, "fixture\nk-abcdef") == ["x"]


def test_rules_about_files_are_named_as_unused(tmp_path: Path) -> None:
    rules = _load(tmp_path, "[[rules]]\nid = 'a'\npath = '.*p12$'\n[[rules]]\nid = 'b'\nregex = 'x+y'\n")
    assert rules.unused == ("a",)
    assert [rule.name for rule in rules.rules] == ["b"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("title = 'x'\n", None, "no rules"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nregx = 1\n", 4, "regex"),
        ("[[rules]]\nid = 'a'\n", 1, "no `regex`"),
        ("[[rules]]\nid = 'a'\n\nregex = '(?=x)'\n", 4, "linear-time"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nsecretGroup = 2\n", 4, "0 groups"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\n[[rules]]\nid = 'A'\nregex = 'y'\n", 5, "two rules"),
        ("[[rules]]\nid = 'a b'\nregex = 'x'\n", 2, "cannot name"),
        ("[[rules]]\nid = 'phone'\nregex = 'x'\n", 2, "something else"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\n[rules.allowlist]\nregexes = ['(?!x)']\n", 5, "linear-time"),
        ("[[rules]]\nid = 'a'\nregex = 'x'\nentropy = 'high'\n", 4, "number"),
        ("[extend]\nuseDefault = true\n[[rules]]\nid = 'a'\nregex = 'x'\n", 1, "extend"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_next_step(
    tmp_path: Path, text: str, line: int | None, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    error = caught.value
    assert error.where is not None
    assert "rules.toml" + (f":{line}" if line else "") in error.where
    assert said in error.sentence()
    assert error.next_step
