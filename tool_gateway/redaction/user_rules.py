"""Rules that an operator adds, in the form of gitleaks' configuration file.

Decides: which keys such a file may have, what they mean for results, and what is wrong with a rule. Does not decide
where the file is or how its lines are found: whoever reads it passes `fault`, which names file and line.

What results do not have, files and commits, no condition on them can meet: a rule for certain paths finds nothing here
(`unused` names it), and an allowlist of paths or commits excuses nothing, so the doubt redacts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from context.errors import ConfigError
from context.visible_text import escape_line
from tool_gateway.redaction.guards import entropy
from tool_gateway.redaction.personal import personal_rules
from tool_gateway.redaction.placeholders import KIND
from tool_gateway.redaction.rules import SHIPPED, Excuse, Guard, SecretRule, compiled
from tool_gateway.rules import Settings

MAX_RULES = 1_000
MOST = 2_000
"""Matches of one rule in one text; past them the rest of the text is redacted. A pattern that somebody wrote without
thinking of hostile text may cost time with each match."""

Text = Annotated[str, StringConstraints(min_length=1)]
Fault = Callable[..., ConfigError]


class Allowlist(Settings):
    """What is no secret although the rule's pattern matches.

    Attributes:
        regexes: Expressions that occur in it.
        stopwords: Texts that occur in the secret, in any case.
        regexTarget: What `regexes` are tried on: the secret, the whole match, or the line around it.
        condition: `OR`: one of them suffices; `AND`: each kind that is given must hold.
    """

    description: str = ""
    id: str = ""
    condition: Literal["OR", "AND", "||", "&&", "or", "and"] = "OR"
    regexes: tuple[Text, ...] = ()
    regexTarget: Literal["", "secret", "match", "line"] = ""
    stopwords: tuple[Text, ...] = ()
    paths: tuple[Text, ...] = ()
    commits: tuple[Text, ...] = ()
    targetRules: tuple[Text, ...] = ()


class UserRule(Settings):
    """One `[[rules]]` table. `description` and `tags` are for people."""

    id: Text
    description: str = ""
    regex: Text | None = None
    secretGroup: int | None = Field(default=None, ge=0, le=100)
    entropy: float | None = Field(default=None, ge=0, le=8)
    keywords: tuple[Text, ...] = ()
    path: Text | None = None
    tags: tuple[str, ...] = ()
    allowlist: Allowlist | None = None
    allowlists: tuple[Allowlist, ...] = ()


class UserRulesFile(Settings):
    """The whole file."""

    title: str = ""
    description: str = ""
    minVersion: str = ""
    allowlist: Allowlist | None = None
    allowlists: tuple[Allowlist, ...] = ()
    rules: tuple[UserRule, ...] = ()


@dataclass(frozen=True, slots=True)
class UserRules:
    """Rules ready for use.

    Attributes:
        unused: Ids of rules that can find nothing in a result, because they are about files.
    """

    rules: tuple[SecretRule, ...]
    unused: tuple[str, ...] = ()


def user_rules(document: UserRulesFile, *, fault: Fault) -> UserRules:
    """The file's rules.

    Args:
        fault: `TomlFile.fault`: key path, what is wrong and `next_step` to an error that names file and line.

    Raises:
        ConfigError: from `fault`.
    """
    if not document.rules:
        raise fault((), "the file has no rules", next_step="Add a [[rules]] table with `id` and `regex`")
    if len(document.rules) > MAX_RULES:
        raise fault(("rules",), f"there are more than {MAX_RULES:,} rules", next_step="Remove some")
    everywhere = tuple(
        (("allowlist",) if index is None else ("allowlists", index), one)
        for index, one in _numbered(document.allowlist, document.allowlists)
    )
    seen: dict[str, int] = {}
    rules: list[SecretRule] = []
    unused: list[str] = []
    for index, rule in enumerate(document.rules):
        at = ("rules", index)
        name = _kind(rule, seen, (*at, "id"), fault)
        seen[name] = index
        if rule.path is not None or rule.regex is None:
            if rule.path is None:
                raise fault(at, f"the rule `{name}` has no `regex`", next_step="Add `regex`")
            unused.append(rule.id)
            continue
        _compile(rule.regex, (*at, "regex"), fault)
        groups = compiled(rule.regex).groups
        if rule.secretGroup is not None and rule.secretGroup > groups:
            raise fault(
                (*at, "secretGroup"),
                f"the pattern has {groups} groups",
                next_step="Name one of them, or leave `secretGroup` out",
            )
        own = tuple(
            ((*at, "allowlist") if number is None else (*at, "allowlists", number), one)
            for number, one in _numbered(rule.allowlist, rule.allowlists)
        )
        excuses = tuple(_excuse(one, keys, fault) for keys, one in (*own, *everywhere) if _is_for(one, rule.id))
        rules.append(
            SecretRule(
                name,
                rule.regex,
                tuple(word.lower() for word in rule.keywords),
                _at_least(rule.entropy) if rule.entropy is not None else None,
                rule.secretGroup or None,
                MOST,
                _any(excuses),
            )
        )
    return UserRules(tuple(rules), tuple(unused))


def _kind(rule: UserRule, seen: dict[str, int], keys: tuple[str | int, ...], fault: Fault) -> str:
    name = rule.id.lower()
    if not KIND.fullmatch(name):
        raise fault(
            keys,
            f"`{escape_line(rule.id, 80)}` cannot name a kind of secret",
            next_step="Write letters, digits, `-`, `_` and `.`, at most 64, a letter or digit first",
        )
    if name in seen:
        raise fault(keys, f"two rules have the id `{name}`", next_step="Rename one of them")
    if name == "declared" or any(one.name == name for one in personal_rules()):
        raise fault(keys, f"`{name}` is the name of something else", next_step="Rename the rule")
    return name


def _compile(pattern: str, keys: tuple[str | int, ...], fault: Fault) -> None:
    try:
        compiled(pattern)
    except ValueError as error:
        raise fault(
            keys, str(error), next_step="Write it without look-around and back-references, or shorter"
        ) from error


def _excuse(one: Allowlist, keys: tuple[str | int, ...], fault: Fault) -> Excuse | None:
    for index, pattern in enumerate(one.regexes):
        _compile(pattern, (*keys, "regexes", index), fault)
    patterns = tuple(compiled(pattern) for pattern in one.regexes)
    words = tuple(word.lower() for word in one.stopwords)
    every = one.condition.upper() in {"AND", "&&"}
    if every and (one.paths or one.commits):
        return None

    def excuses(secret: str, match: str, line: str) -> bool:
        target = {"match": match, "line": line}.get(one.regexTarget, secret)
        data, lowered = target.encode("utf-8", "replace"), secret.lower()
        matched = any(pattern.search(data) is not None for pattern in patterns)
        stopped = any(word in lowered for word in words)
        if every:
            return bool(patterns or words) and (matched or not patterns) and (stopped or not words)
        return matched or stopped

    return excuses


def _at_least(bits: float) -> Guard:
    def guard(secret: str) -> bool:
        return entropy(secret) > bits

    return guard


def _any(excuses: tuple[Excuse | None, ...]) -> Excuse | None:
    given = tuple(one for one in excuses if one is not None)
    if not given:
        return None

    def excuse(secret: str, match: str, line: str) -> bool:
        return any(one(secret, match, line) for one in given)

    return excuse


def _is_for(one: Allowlist, rule_id: str) -> bool:
    return not one.targetRules or rule_id in one.targetRules


def _numbered(single: Allowlist | None, several: tuple[Allowlist, ...]) -> tuple[tuple[int | None, Allowlist], ...]:
    return (*(((None, single),) if single is not None else ()), *enumerate(several))


def with_shipped(added: UserRules) -> tuple[SecretRule, ...]:
    """The shipped rules and behind them the operator's, which name a secret only where no shipped rule does."""
    return (*SHIPPED, *added.rules)
