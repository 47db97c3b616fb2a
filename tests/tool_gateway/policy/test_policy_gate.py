"""Which facts of a call the rules are told, and that nothing known means no."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from context.calls import ToolDefinition, ToolRef
from context.decisions import Allow, Ask, Decision, Deny
from context.json_values import JsonObject, JsonValue, leaves
from context.labels import Label
from context.origins import Origin, Sighting, Source
from context.provenance.interface import Candidate
from tool_gateway.gates.policy import PolicyGate, call_question, send_question
from tool_gateway.interface import CallEvidence, CallProposal, KnownTool, Scope
from tool_gateway.policy.catalogue import tool_shapes
from tool_gateway.policy.question import ModelResource, PolicyQuestion, Principal
from tool_gateway.policy.shipped_set import load_with_shipped
from tool_gateway.provenance.evidence import ProvenanceEvidence
from tool_gateway.rules import ToolRule

REF = ToolRef("bank", "pay")
WHO = Principal("default", "alice")
WEB = Source("call_1", "tool", Label("untrusted", frozenset({"pii"})), ToolRef("web", "fetch"))
USER = Source("user:1", "user")


class Seen:
    """`Sources` that saw each text where a table says."""

    def __init__(self, seen: dict[JsonValue, Source], *, tainted: bool = True) -> None:
        self._seen = seen
        self.tainted = tainted

    @property
    def sources(self) -> Sequence[Source]:
        return list(self._seen.values())

    def origin(self, value: JsonValue, *, path: str = "") -> Origin:
        source = self._seen.get(value)  # type: ignore[arg-type]
        return Origin(path, value, (Sighting(source, "exact", "…"),) if source else ())

    def origins(self, arguments: JsonObject) -> tuple[Origin, ...]:
        return tuple(self.origin(value, path=path) for path, value in leaves(arguments))

    def candidates(self, source_id: str) -> tuple[Candidate, ...]:
        return ()

    def text(self, source_id: str) -> str:
        return ""

    def structure(self, source_id: str) -> JsonValue:
        return None


def known(**rule: Any) -> KnownTool:
    schema: JsonObject = {"type": "object", "properties": {"to": {"type": "string"}, "amount": {"type": "integer"}}}
    definition = ToolDefinition("pay", "", schema)
    return KnownTool(REF, definition, ToolRule(**{"effect": "write", **rule}), "sha256:x", owner="payments-team")


def proposal(**arguments: JsonValue) -> CallProposal:
    return CallProposal("call_2", "run_1", "default", 1, "bank__pay", dict(arguments))


def evidence(tool: KnownTool, sources: Seen | None = None, **facts: Any) -> CallEvidence:
    provenance = ProvenanceEvidence("strict", sources) if sources is not None else None
    return CallEvidence(100.0, tool, None, Scope(), provenance=provenance, principal=WHO, **facts)


class Remembers:
    """An engine that allows all and keeps what it was asked."""

    version = "1"

    def __init__(self) -> None:
        self.asked: list[PolicyQuestion] = []

    def judge(self, question: PolicyQuestion) -> Decision:
        self.asked.append(question)
        return Allow()


@pytest.mark.promise("a_policys_doubt_denies")
def test_no_rules_no_tool_or_nobody_means_no() -> None:
    engine = Remembers()
    good = evidence(known(), Seen({}), policy=engine)
    for lacking in (
        dataclasses.replace(good, policy=None),
        dataclasses.replace(good, principal=None),
        dataclasses.replace(good, tool=None),
    ):
        assert isinstance(PolicyGate().judge(proposal(), lacking), Deny)
    assert isinstance(PolicyGate().judge(dataclasses.replace(proposal(), arguments=None), good), Deny)
    assert engine.asked == []
    assert isinstance(PolicyGate().judge(proposal(), good), Allow)


def test_a_question_says_where_the_values_come_from() -> None:
    engine = Remembers()
    seen = Seen({"mallory": WEB, 5: USER})
    facts = evidence(
        known(groups=("payouts",), approve="never"),
        seen,
        policy=engine,
        budget={"turns": 3},
        attended=True,
        granted=frozenset({"big"}),
    )
    PolicyGate().judge(proposal(to="mallory", amount=5, note="made up"), facts)
    (question,) = engine.asked
    assert question == call_question(proposal(to="mallory", amount=5, note="made up"), facts, WHO)
    assert question.untrusted == {"to", "note"}
    assert question.labels == {"pii"}
    assert (question.tainted, question.attended, question.now) == (True, True, 100.0)
    assert (question.budget, question.approved, question.consent) == ({"turns": 3}, {"big"}, "never")
    assert question.resource == tool_shapes([known(groups=("payouts",))])[0].resource


@pytest.mark.promise("a_policys_doubt_denies")
def test_where_nothing_is_known_of_sources_all_is_untrusted() -> None:
    question = call_question(proposal(to="x", amount=1), evidence(known()), WHO)
    assert question.tainted
    assert question.untrusted == {"to", "amount"}


def test_a_send_carries_the_label_of_the_view() -> None:
    model = ModelResource("big", "openai_chat", "cloud")
    question = send_question(model, principal=WHO, label=Label("untrusted", frozenset({"pii"})), now=1.0)
    assert (question.action, question.labels, question.tainted) == ("send", {"pii"}, True)
    engine = load_with_shipped()
    assert isinstance(engine.judge(question), Deny)
    local = send_question(dataclasses.replace(model, location="local"), principal=WHO, label=Label(), now=1.0)
    assert isinstance(engine.judge(local), Allow)


def test_origins_are_looked_up_only_for_rules_that_look_at_them() -> None:
    tool = known()
    rule = '@id("a") forbid (principal, action == Action::"call", resource == Tool::"bank.pay") when { CONDITION };'

    class Dear(Seen):
        def origins(self, arguments: JsonObject) -> tuple[Origin, ...]:
            raise AssertionError("looked up")

    def asked(condition: str, *read: Source) -> Decision:
        engine = load_with_shipped({"a.cedar": rule.replace("CONDITION", condition)}, tools=tool_shapes([tool]))
        seen = Dear({source.source_id: source for source in read})
        return PolicyGate().judge(proposal(to="x"), evidence(tool, seen, policy=engine))

    assert isinstance(asked("context.tainted", WEB), Deny)
    # Nothing that was read has a label, so no value can.
    assert isinstance(asked('context.labels.contains("pii")', USER), Allow)
    for condition in ('context.labels.contains("pii")', 'context.untrusted.contains("to")', "context == context"):
        with pytest.raises(AssertionError, match="looked up"):
            asked(condition, USER, WEB)


def test_a_rule_about_untrusted_arguments_reaches_the_call() -> None:
    tool = known()
    rule = """@id("steered") @effect("ask") forbid (principal, action == Action::"call", resource is Tool)
    when { context.untrusted.contains("to") };"""
    engine = load_with_shipped({"a.cedar": rule}, tools=tool_shapes([tool]))
    seen = Seen({"mallory": WEB, "bob": USER})
    steered = PolicyGate().judge(proposal(to="mallory"), evidence(tool, seen, policy=engine))
    assert isinstance(steered, Ask)
    granted = evidence(tool, seen, policy=engine, granted=frozenset(steered.rules))
    assert isinstance(PolicyGate().judge(proposal(to="mallory"), granted), Allow)
    assert isinstance(PolicyGate().judge(proposal(to="bob"), evidence(tool, seen, policy=engine)), Allow)
