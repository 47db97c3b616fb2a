from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.calls import ToolRef
from context.json_values import NotCanonical
from context.runs import IllegalTransition
from tool_gateway.approvals import (
    APPROVAL_TRANSITIONS,
    StandingRule,
    Vote,
    adds,
    binding,
    check_approval,
    entitled,
    in_words,
    missing_roles,
    standing_answer,
    usable,
)
from tool_gateway.interface import Approval, ApprovalRequest

CALL: dict[str, Any] = {
    "agent": "default",
    "run_id": "run_1",
    "pin": "sha256:aa",
    "policy_version": "v1",
    "ref": ToolRef("git", "git_commit"),
    "arguments": {"message": "x", "files": ["a"]},
}
BOUND = binding(**CALL)
APPROVED = Approval(
    ApprovalRequest(
        "apr_1",
        "run_1",
        "call_1",
        "default",
        CALL["ref"],
        "write",
        CALL["arguments"],
        BOUND,
        ("approve:policy",),
        (),
        2000.0,
    ),
    "approved",
    by="terminal",
)


@pytest.mark.promise("an_approval_fits_one_call")
@pytest.mark.parametrize(
    "change",
    [
        {"agent": "other"},
        {"run_id": "run_2"},
        {"pin": "sha256:ab"},
        {"policy_version": "v2"},
        {"ref": ToolRef("git", "git_push")},
        {"ref": ToolRef("gut", "git_commit")},
        {"ref": ToolRef("git.git_commit", "")},
        {"arguments": {"message": "y", "files": ["a"]}},
        {"arguments": {"message": "x", "files": ["a"], "force": True}},
        {"arguments": {"message": "x", "files": ["a\u200b"]}},
    ],
)
def test_an_approval_is_for_no_other_call(change: dict[str, Any]) -> None:
    other = binding(**CALL | change)
    assert other != BOUND
    reason = usable(APPROVED, binding=other, now=1000.0)
    assert reason is not None
    assert reason.code == "another_call"


def test_an_approval_is_for_its_own_call_however_its_arguments_are_ordered() -> None:
    assert binding(**CALL | {"arguments": {"files": ["a"], "message": "x"}}) == BOUND
    assert usable(APPROVED, binding=BOUND, now=1000.0) is None


def test_arguments_that_are_not_canonical_cannot_be_bound() -> None:
    with pytest.raises(NotCanonical):
        binding(**CALL | {"arguments": {"n": 2**60}})


@pytest.mark.promise("an_approval_is_used_once")
@pytest.mark.parametrize(
    ("status", "code"), [("used", "used"), ("denied", "refused"), ("expired", "expired"), ("pending", "unanswered")]
)
def test_only_an_approved_approval_is_usable(status: Any, code: str) -> None:
    reason = usable(replace(APPROVED, status=status), binding=BOUND, now=1000.0)
    assert reason is not None
    assert reason.code == code


@pytest.mark.promise("an_approval_is_used_once")
@pytest.mark.parametrize(
    ("now", "seen", "good"),
    [(1999.9, (), True), (2000.0, (), False), (9999.0, (), False), (0.0, (2000.0,), False), (0.0, (1.0,), True)],
)
def test_an_approval_expires_also_when_the_clock_goes_back(now: float, seen: tuple[float, ...], good: bool) -> None:
    assert (usable(APPROVED, binding=BOUND, now=now, seen=seen) is None) == good


@pytest.mark.promise("doubt_denies_a_constraint")
def test_an_unreadable_time_expires() -> None:
    assert usable(APPROVED, binding=BOUND, now=float("nan")) is not None


@pytest.mark.promise("an_approval_is_used_once")
def test_no_way_leads_back_to_approved() -> None:
    assert check_approval("pending", "approved") is None
    assert check_approval("approved", "used") is None
    for before in ("approved", "denied", "expired", "used"):
        for after in ("pending", "approved", "denied"):
            with pytest.raises(IllegalTransition):
                check_approval(before, after)
    assert {status for ways in APPROVAL_TRANSITIONS.values() for status in ways} <= set(APPROVAL_TRANSITIONS)


# Whose yes is enough.


def yes(person: str, *roles: str, channel: str = "cli") -> Vote:
    return Vote(f"{channel}:{person}", frozenset(roles), True)


@pytest.mark.promise("certain_people_are_needed")
@pytest.mark.parametrize(
    ("expressions", "votes", "missing"),
    [
        ((), (), ("anybody",)),
        ((), (yes("ann"),), ()),
        ((), (replace(yes("ann"), granted=False),), ("anybody",)),
        (("finance",), (yes("ann", "operator"),), ("finance",)),
        (("finance",), (yes("ann", "finance"),), ()),
        (("finance,operator",), (yes("ann", "operator"),), ()),
        (("finance,operator",), (), ("finance, or operator",)),
        (("finance+operator",), (yes("ann", "finance"),), ("operator",)),
        (("finance+operator",), (yes("ann", "finance", "operator"),), ("operator, or finance",)),
        (("a+b+c",), (yes("ann", "b"),), ("a and another person: c",)),
        (("finance+operator",), (yes("ann", "finance", "operator"), yes("bob", "finance")), ()),
        (("finance+finance",), (yes("ann", "finance"), yes("ann", "finance", channel="terminal")), ("finance",)),
        (("finance+finance",), (yes("ann", "finance"), yes("bob", "finance")), ()),
        (("finance+finance,owner",), (yes("ann", "owner"),), ()),
        (("finance+finance,owner",), (yes("ann", "finance"),), ("finance, or owner",)),
        (("finance", "operator"), (yes("ann", "finance"),), ("operator",)),
        (("finance", "operator"), (yes("ann", "finance", "operator"),), ()),
    ],
)
def test_each_person_fills_one_place(
    expressions: tuple[str, ...], votes: tuple[Vote, ...], missing: tuple[str, ...]
) -> None:
    assert missing_roles(expressions, votes) == missing


@pytest.mark.promise("certain_people_are_needed")
@pytest.mark.promise("doubt_denies_a_constraint")
@pytest.mark.parametrize("expression", ["", "+", ",", "finance+", "fin ance", "a" * 3000])
def test_an_expression_that_means_nothing_is_never_satisfied(expression: str) -> None:
    everybody = [
        yes(name, "", "finance", expression, "nobody, because the rule names no roles that can be read")
        for name in ("ann", "bob", "cid")
    ]
    assert missing_roles((expression,), everybody)


ROLES = ("a", "b", "c")
TEAMS = st.lists(st.lists(st.sampled_from(ROLES), min_size=1, max_size=3), min_size=1, max_size=3)
PEOPLE = st.dictionaries(
    st.sampled_from(["ann", "bob", "cid", "dan"]), st.frozensets(st.sampled_from(ROLES)), max_size=4
)


def _holds(teams: list[list[str]], people: dict[str, frozenset[str]]) -> bool:
    """By trying everybody in every place."""
    return any(
        all(role in people[person] for role, person in zip(team, chosen, strict=True))
        for team in teams
        for chosen in permutations(people, len(team))
    )


@pytest.mark.promise("certain_people_are_needed")
@given(TEAMS, PEOPLE)
def test_votes_are_enough_exactly_when_some_team_can_be_filled(
    teams: list[list[str]], people: dict[str, frozenset[str]]
) -> None:
    expression = ",".join("+".join(team) for team in teams)
    votes = [Vote(f"cli:{person}", roles, True) for person, roles in people.items()]
    assert (missing_roles((expression,), votes) == ()) == _holds(teams, people)
    assert missing_roles((expression,), [*votes, *votes]) == missing_roles((expression,), votes)
    assert (missing_roles((expression,), reversed(votes)) == ()) == _holds(teams, people)
    assert missing_roles((expression,), [replace(vote, granted=False) for vote in votes])


@given(TEAMS, PEOPLE)
def test_a_yes_that_adds_nothing_leaves_everything_as_it_was(
    teams: list[list[str]], people: dict[str, frozenset[str]]
) -> None:
    expression = ",".join("+".join(team) for team in teams)
    votes: list[Vote] = []
    for person, roles in people.items():
        vote = Vote(f"cli:{person}", roles, True)
        if not adds((expression,), votes, vote):
            assert missing_roles((expression,), [*votes, vote]) == missing_roles((expression,), votes)
        votes.append(vote)


def test_who_has_a_say_and_how_it_reads() -> None:
    assert entitled((), frozenset())
    assert entitled(("a+b,c",), frozenset("c"))
    assert not entitled(("a+b,c",), frozenset("d"))
    assert not entitled(("+",), frozenset("d"))
    assert in_words(()) == "whoever runs this"
    assert in_words(("a+b,c", "d")) == "a and another person: b, or c; also d"


# What stands for a person's yes.

ASKED = replace(APPROVED.request, pin="sha256:aa")
RULE = StandingRule(
    rule_id="rule_1",
    agent="default",
    ref=CALL["ref"],
    effect="write",
    pin="sha256:aa",
    rules=frozenset({"approve:policy"}),
    arguments=CALL["arguments"],
    same=None,
    given_by="cli:ann",
    given_at=100.0,
    origin="apr_0",
    roles=frozenset({"finance"}),
    expires=2000.0,
)


def test_a_standing_rule_answers_for_the_same_call() -> None:
    assert standing_answer([replace(RULE, pin="old"), RULE], ASKED, now=1000.0) == RULE


@pytest.mark.promise("a_standing_rule_is_no_wider")
@pytest.mark.parametrize(
    "change",
    [
        {"agent": "other"},
        {"ref": ToolRef("git", "git_push")},
        {"effect": "destructive"},
        {"pin": "sha256:ab"},
        {"pin": ""},
        {"arguments": {"message": "y", "files": ["a"]}},
        {"arguments": {"message": "x", "files": ["a"], "force": True}},
        {"arguments": {"message": "x"}},
        {"rules": ("approve:policy", "provenance:message")},
        {"rules": ()},
        {"approvers": ("operator",)},
        {"approvers": ("finance+finance",)},
        {"approvers": ("finance", "operator")},
    ],
)
def test_a_standing_rule_answers_for_nothing_else(change: dict[str, Any]) -> None:
    assert standing_answer([RULE], replace(ASKED, **change), now=1000.0) is None


@pytest.mark.promise("a_standing_rule_ends")
def test_a_standing_rule_never_answers_without_a_pin_or_after_its_time() -> None:
    assert standing_answer([replace(RULE, pin="")], replace(ASKED, pin=""), now=1000.0) is None
    assert standing_answer([RULE], ASKED, now=2000.0) is None
    assert standing_answer([RULE], ASKED, now=float("nan")) is None
    assert standing_answer([replace(RULE, expires=None)], ASKED, now=9e9) is not None


@pytest.mark.promise("a_standing_rule_is_no_wider")
def test_a_standing_rule_has_the_roles_of_who_gave_it() -> None:
    assert standing_answer([RULE], replace(ASKED, approvers=("finance,boss",)), now=1000.0) == RULE


@pytest.mark.promise("a_standing_rule_is_no_wider")
@pytest.mark.parametrize(
    ("same", "arguments", "answers"),
    [
        (("to",), {"to": "ann", "text": "other", "cc": [{"name": "x"}]}, True),
        (("to",), {"to": "ann"}, True),
        (("to",), {"to": "bob", "text": "hello"}, False),
        (("to",), {"to": ["ann"], "text": "hello"}, False),
        (("to",), {"text": "hello"}, False),
        (("to",), {"to": "ann", "text": "hello", "bcc": "evil"}, False),
        (("to",), {"to": "ann", "text": {"bcc": "evil"}}, False),
        (("to",), {"to": "ann", "cc": [{"name": "x", "more": 1}]}, False),
        (("cc[].name",), {"to": "bob", "cc": [{"name": "cid"}, {"name": "dan"}]}, True),
        (("cc[].name",), {"to": "bob", "cc": [{"name": "dan"}, {"name": "cid"}]}, False),
        (("cc[].name",), {"to": "bob", "cc": [{"name": "cid"}, {"name": "dan"}, {"name": "x"}]}, False),
        (("cc[].name",), {"to": "bob", "cc": {"name": "cid"}}, False),
        (("n",), {"n": True}, False),
        (("n",), {"n": 1}, True),
        (("absent",), {"to": "ann"}, False),
        (("to..",), {"to": "ann"}, False),
    ],
)
def test_named_arguments_are_equal_and_no_other_appears(same: tuple[str, ...], arguments: Any, answers: bool) -> None:
    approved: Any = {"to": "ann", "text": "hello", "cc": [{"name": "cid"}, {"name": "dan"}], "n": 1}
    rule = replace(RULE, arguments=approved, same=same)
    assert (standing_answer([rule], replace(ASKED, arguments=arguments), now=1000.0) is not None) == answers


def test_what_stands_beside_the_shape_of_a_named_argument_is_not_answered_for() -> None:
    approved: Any = {"to": [{"name": "ann"}, "bob"]}
    rule = replace(RULE, arguments=approved, same=("to[].name",))
    other: Any = {"to": [{"name": "ann"}, "evil"]}
    assert standing_answer([rule], replace(ASKED, arguments=other), now=1000.0) is None
