"""What an answer of Cedar means: default deny, forbids win, asks, approvals, and the ways in which it fails open."""

import dataclasses
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.decisions import Allow, Ask, Deny
from tests.tool_gateway.policy.worlds import (
    ALICE,
    CLOUD,
    DELETE,
    LOCAL,
    PAY,
    STATUS,
    TOOLS,
    call,
    send,
    shape,
)
from tool_gateway.policy.cedar import CedarEngine, load
from tool_gateway.policy.question import PolicyQuestion, Principal
from tool_gateway.policy.shipped_set import load_with_shipped, shipped_schema

EXAMPLE = """
@id("git-under-root")
forbid (principal, action == Action::"call", resource in ToolGroup::"git")
unless { context.arguments has path && context.arguments.path like "/srv/*" && !(context.arguments.path like "*..*") };

@id("payout-approval") @effect("ask") @approvers("finance") @reason("payouts over 5000 need finance.")
forbid (principal, action == Action::"call", resource in ToolGroup::"payouts")
when { context.arguments has amount && context.arguments.amount > 5000 };

@id("tainted-external-write") @effect("ask") @approvers("operator")
forbid (principal, action == Action::"call", resource is Tool)
when { context.tainted && resource.effect == "external_write" };
"""


def engine(text: str = "", **more: Any) -> CedarEngine:
    return load_with_shipped({"policies/own.cedar": text} if text else None, tools=TOOLS, **more)


@pytest.fixture(scope="module")
def example() -> CedarEngine:
    return engine(EXAMPLE)


PAYOUT, TAINT = "payout-approval", "tainted-external-write"


@pytest.mark.parametrize(
    ("question", "word", "rules"),
    [
        (call(STATUS, {"path": "/srv/app"}), "allow", ()),
        (call(STATUS, {"path": "/etc"}), "deny", ("git-under-root",)),
        (call(STATUS, {"path": "/srv/../etc"}), "deny", ("git-under-root",)),
        (call(PAY, {"amount": 5000, "to": "x"}), "allow", ()),
        (call(PAY, {"amount": 5000.01, "to": "x"}), "ask", (PAYOUT,)),
        (call(PAY, {"amount": 9000, "to": "x"}, approved=frozenset({PAYOUT})), "allow", ()),
        (send(CLOUD, "pii"), "deny", ("gatehost-labels-stay-local",)),
        (send(LOCAL, "pii"), "allow", ()),
        (call(PAY, {"amount": 1, "to": "x"}, tainted=True), "ask", (TAINT,)),
        (call(PAY, {"amount": 9000, "to": "x"}, tainted=True), "ask", (PAYOUT, TAINT)),
        (call(PAY, {"amount": 9000, "to": "x"}, tainted=True, approved=frozenset({PAYOUT})), "ask", (TAINT,)),
        (call(PAY, {"amount": 9000, "to": "x"}, tainted=True, approved=frozenset({PAYOUT, TAINT})), "allow", ()),
    ],
)
def test_the_worked_example(example: CedarEngine, question: PolicyQuestion, word: str, rules: tuple[str, ...]) -> None:
    decision = example.judge(question)
    assert decision.word == word, decision
    if isinstance(decision, Ask):
        assert decision.rules == rules
    for rule in rules:
        assert any(f"`{rule}`" in reason.text for reason in decision.reasons)


def test_an_ask_names_rule_place_reason_and_who_may_answer(example: CedarEngine) -> None:
    decision = example.judge(call(PAY, {"amount": 9000, "to": "x"}, tainted=True))
    assert isinstance(decision, Ask)
    assert decision.approvers == ("finance", "operator")
    text = "the rule `payout-approval` (policies/own.cedar:6) asks first: payouts over 5000 need finance"
    assert decision.reasons[0].text == text


# The shipped set.


@pytest.mark.promise("effects_ask")
def test_without_rules_of_its_own_a_project_has_the_shipped_ones() -> None:
    shipped = engine()
    assert isinstance(shipped.judge(call(STATUS, {"path": "/"})), Allow)
    assert isinstance(shipped.judge(call(PAY, {"amount": 1, "to": "x"}, tainted=True)), Allow)
    assert isinstance(shipped.judge(call(DELETE, {"path": "/"})), Ask)
    assert isinstance(shipped.judge(call(DELETE, {"path": "/"}, consent="never")), Allow)
    for label in ("restricted", "secret", "pii"):
        assert isinstance(shipped.judge(send(CLOUD, label, "x")), Deny)
        assert isinstance(shipped.judge(send(LOCAL, label)), Allow)
    assert isinstance(shipped.judge(send(CLOUD, "public")), Allow)
    for action in ("read_context", "serve"):
        for resource in (LOCAL, PAY.resource):
            assert isinstance(shipped.judge(PolicyQuestion(action, ALICE, resource)), Allow)


@pytest.mark.promise("labelled_content_stays_local")
def test_an_unknown_location_counts_as_far_away() -> None:
    assert isinstance(engine().judge(send(dataclasses.replace(CLOUD, location="moon"), "pii")), Deny)


@pytest.mark.promise("shipped_rules_stay")
def test_a_permit_of_the_project_does_not_outweigh_a_shipped_forbid() -> None:
    own = engine('@id("everything") permit (principal, action, resource);')
    assert isinstance(own.judge(send(CLOUD, "pii")), Deny)
    assert isinstance(own.judge(call(DELETE, {"path": "/"})), Ask)


def test_the_version_changes_with_every_text() -> None:
    versions = {
        engine().version,
        engine('@id("a") forbid (principal, action, resource);').version,
        engine('@id("b") forbid (principal, action, resource);').version,
        load_with_shipped(schema=shipped_schema() + "// mine\n").version,
    }
    assert len(versions) == 4
    assert engine().version == engine().version


# Failing closed.


@pytest.mark.promise("a_policys_doubt_denies")
def test_no_permit_means_deny() -> None:
    alone = load({"a.cedar": '@id("a") permit (principal, action == Action::"send", resource);'}, shipped_schema())
    decision = alone.judge(call(STATUS, {"path": "/"}))
    assert isinstance(decision, Deny)
    assert decision.reasons[0].text == "no policy permits call"


def test_nobody_is_asked_for_what_no_permit_would_allow() -> None:
    asks = '@id("a") @effect("ask") forbid (principal, action, resource);'
    decision = load({"a.cedar": asks}, shipped_schema()).judge(call(STATUS, {"path": "/"}))
    assert isinstance(decision, Deny)
    assert decision.reasons[0].code == "no_permit"


@pytest.mark.promise("a_policys_doubt_denies")
def test_a_forbid_whose_attribute_is_missing_denies_though_cedar_would_skip_it() -> None:
    rule = """@id("big") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")
    when { context.arguments.amount > 500 };"""
    skipped = cedarpy.is_authorized(
        {"principal": 'Agent::"a"', "action": 'Action::"call"', "resource": 'Tool::"bank.pay"', "context": {}},
        '@id("p") permit (principal, action, resource);' + rule,
        [],
    )
    assert skipped.allowed, "the trap itself: without a schema the failing forbid does not count"
    decision = engine(rule).judge(call(PAY, {"to": "x"}))
    assert isinstance(decision, Deny)
    assert decision.reasons[0].code == "policy_failed"


@pytest.mark.promise("a_policys_doubt_denies")
def test_an_error_while_a_forbid_is_evaluated_denies() -> None:
    overflow = """@id("sum") forbid (principal, action == Action::"call", resource == Tool::"shop.buy")
    when { context.arguments.n * 9007199254740991 > 0 };"""
    buy = shape("shop.buy", "write", required=("n",), n={"type": "integer"})
    judge = load_with_shipped({"a.cedar": overflow}, tools=[buy])
    assert isinstance(judge.judge(call(buy, {"n": 0})), Allow)
    decision = judge.judge(call(buy, {"n": 9007199254740991}))
    assert isinstance(decision, Deny)
    assert decision.reasons[0].code == "policy_failed"


def test_decisions_name_the_authors_ids_not_those_of_the_engine(example: CedarEngine) -> None:
    decision = example.judge(call(STATUS, {"path": "/etc"}))
    assert "git-under-root" in decision.reasons[0].text
    assert "policy0" not in str(decision)


def test_a_plain_forbid_is_no_question_even_beside_one_that_asks(example: CedarEngine) -> None:
    both = engine(EXAMPLE + '@id("stop") forbid (principal, action == Action::"call", resource == Tool::"bank.pay");')
    decision = both.judge(call(PAY, {"amount": 9000, "to": "x"}, approved=frozenset({PAYOUT})))
    assert isinstance(decision, Deny)
    assert "`stop`" in decision.reasons[0].text
    assert isinstance(example.judge(call(PAY, {"amount": 9000, "to": "x"})), Ask)


@pytest.mark.promise("a_policys_doubt_denies")
def test_a_yes_to_a_plain_forbid_means_nothing() -> None:
    judge = engine('@id("stop") forbid (principal, action, resource);')
    assert isinstance(judge.judge(call(STATUS, {"path": "/"}, approved=frozenset({"stop"}))), Deny)


def test_a_rule_may_ask_for_the_approval_of_another_by_name() -> None:
    text = """
    @id("first") @effect("ask") forbid (principal, action == Action::"call", resource == Tool::"bank.pay");
    @id("second") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")
    unless { context.approved.contains("first") };"""
    judge = engine(text)
    question = call(PAY, {"amount": 1, "to": "x"})
    assert isinstance(judge.judge(question), Deny)
    assert isinstance(judge.judge(dataclasses.replace(question, approved=frozenset({"first"}))), Allow)


@pytest.mark.promise("a_policys_doubt_denies")
def test_a_question_that_breaks_the_engine_denies(example: CedarEngine) -> None:
    broken = call(PAY, {"amount": 1, "to": "x"}, labels=frozenset({"\ud800"}))
    assert isinstance(
        engine('@id("l") forbid (principal, action, resource) when { context.labels.contains("x") };').judge(broken),
        Deny,
    )
    assert isinstance(example.judge(call(PAY, {"amount": float("nan"), "to": "x"})), Deny)


# Who asks, for whom.


def test_roles_are_those_of_agent_and_user() -> None:
    judge = engine('@id("devs") forbid (principal in Role::"developer", action, resource);')
    assert isinstance(judge.judge(send(LOCAL)), Deny)
    other = Principal("default", "alice", frozenset({"finance"}))
    assert isinstance(judge.judge(PolicyQuestion("send", other, LOCAL)), Allow)


def test_rules_tell_users_servers_and_agents_apart() -> None:
    for condition in (
        'principal == Agent::"default"',
        'principal.user == User::"alice"',
        'resource in Server::"bank"',
        'resource.name == "pay" && resource.server == Server::"bank"',
    ):
        judge = engine(
            f'@id("a") forbid (principal, action == Action::"call", resource is Tool) when {{ {condition} }};'
        )
        assert isinstance(judge.judge(call(PAY, {"amount": 1, "to": "x"})), Deny), condition
        other = Principal("other", "bob")
        assert isinstance(judge.judge(call(STATUS, {"path": "/"}, principal=other)), Allow), condition


def test_ids_that_look_like_syntax_are_only_names() -> None:
    judge = engine('@id("a") forbid (principal == Agent::"default", action, resource);')
    sly = Principal('x", action, resource); permit (principal == Agent::"', 'u"\n', frozenset({'"'}))
    assert isinstance(judge.judge(PolicyQuestion("send", sly, LOCAL)), Allow)
    own = Principal("default", '{"__entity": 1}')
    assert isinstance(judge.judge(PolicyQuestion("send", own, LOCAL)), Deny)


# Time and other facts.


def test_hours_weekdays_and_budgets_are_facts() -> None:
    judge = engine("""
    @id("nights") forbid (principal, action == Action::"call", resource) when { context.hour < 6 };
    @id("sundays") forbid (principal, action == Action::"call", resource) when { context.weekday == 7 };
    @id("after") forbid (principal, action == Action::"call", resource) when { context.time >= 1800000000 };
    @id("spent") forbid (principal, action == Action::"call", resource)
    when { context.budget has turns && context.budget.turns < 3 };
    @id("alone") forbid (principal, action == Action::"call", resource) unless { context.attended };
    """)
    noon = 1_795_780_800  # Friday, 2026-11-27

    def word(**facts: Any) -> str:
        return judge.judge(call(STATUS, {"path": "/"}, **{"now": noon, "attended": True, **facts})).word

    assert word() == "allow"
    assert word(now=noon - 8 * 3600) == "deny"
    assert word(now=noon + 2 * 86400) == "deny"
    assert word(now=1_800_000_000.0 + 86400) == "deny"
    assert word(attended=False) == "deny"
    assert word(budget={"turns": 2}) == "deny"
    assert word(budget={"turns": 3, "seconds": 1}) == "allow"


def test_a_remembered_decision_is_not_given_to_another_question() -> None:
    judge = engine("""@id("a") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")
    when { context.arguments.to == "mallory" || context.hour == 3 };""")
    for _ in range(2):
        assert judge.judge(call(PAY, {"amount": 1, "to": "bob"}, now=0.0)).word == "allow"
        assert judge.judge(call(PAY, {"amount": 1, "to": "mallory"}, now=0.0)).word == "deny"
        assert judge.judge(call(PAY, {"amount": 1, "to": "bob"}, now=3 * 3600.0)).word == "deny"
        assert judge.judge(call(PAY, {"amount": 1, "to": "bob"}, now=0.0, approved=frozenset({"a"}))).word == "allow"


# Anything that a model may write.

leaf = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
json_values = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["amount", "to", "note", "order", "urgent", "cc", "__extn", "__entity", "x"])
GUARDED = engine("""
@id("always") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")
when { context.arguments.to like "*" };
@id("looks") forbid (principal, action == Action::"call", resource == Tool::"bank.pay")
when { context.arguments.amount > 500 || (context.arguments has order && context.arguments.order has total
       && context.arguments.order.total > 3) || (context.arguments has note && context.arguments.note == "x") };
""")
HARMLESS = engine()


@given(st.dictionaries(names, json_values, max_size=6), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_arguments_crash_it_or_get_past_a_forbid(arguments: dict[str, Any], tainted: bool) -> None:
    assert isinstance(GUARDED.judge(call(PAY, arguments, tainted=tainted)), Deny)
    assert isinstance(HARMLESS.judge(call(PAY, arguments, tainted=tainted)), Allow), "no rule looks at an argument"


@given(st.floats(0, 1e6, allow_nan=False) | st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_an_amount_beyond_the_bound_is_never_allowed(amount: float) -> None:
    judge = GUARDED_AMOUNT.judge(call(PAY, {"amount": amount, "to": "x"}))
    if amount > 500:
        assert not isinstance(judge, Allow)
    elif round(amount, 4) == amount:
        assert isinstance(judge, Allow)


GUARDED_AMOUNT = engine("""@id("big") @effect("ask") forbid (principal, action == Action::"call", resource)
when { context.arguments has amount && 500 < context.arguments.amount };""")
