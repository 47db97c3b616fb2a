"""What does the policy gate cost with 50 policies and a 15-field schema, and what does it cost to load them?

Interleaved: a question that was asked before, one whose amount is new each time, one whose decision needs a person,
and one for which every policy's scope matches. `engine alone` is Cedar by itself on the same policies: parsed handles,
schema, entities, everything ready.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cedarpy

from benchmarks.answers import Answer
from benchmarks.stats import p50, p95
from context.calls import ToolDefinition, ToolRef
from context.decisions import Allow, Ask, Decision
from context.json_values import JsonObject, JsonValue
from context.origins import Origin, Source
from context.provenance.interface import Candidate
from tool_gateway.gates.policy import PolicyGate, call_question
from tool_gateway.interface import CallEvidence, CallProposal, KnownTool, Scope
from tool_gateway.policy.argument_types import Unfit, fit
from tool_gateway.policy.catalogue import tool_shapes
from tool_gateway.policy.cedar import CedarEngine
from tool_gateway.policy.facts import context_text, entities_text, request_of
from tool_gateway.policy.question import Principal
from tool_gateway.policy.shipped_set import load_with_shipped
from tool_gateway.provenance.evidence import ProvenanceEvidence
from tool_gateway.rules import ToolRule

_BLOCK, _BLOCKS = 20, 200
_POLICIES = 50
_TEXT: JsonObject = {"type": "string"}
_SCHEMA: JsonObject = {
    "type": "object",
    "required": ["amount", "to"],
    "properties": {
        "amount": {"type": "number"},
        "to": _TEXT,
        "order": {"type": "object", "properties": {"total": {"type": "integer"}, "currency": _TEXT}},
        "tags": {"type": "array", "items": _TEXT},
        "urgent": {"type": "boolean"},
        **{f"field{number}": _TEXT for number in range(10)},
    },
}
_ARGUMENTS: JsonObject = {
    "amount": 250,
    "to": "DE89370400440532013000",
    "order": {"total": 250, "currency": "EUR"},
    "tags": ["rent", "monthly"],
    "urgent": False,
    **{f"field{number}": "a value of some length" for number in range(10)},
}
_WHO = Principal("default", "alice", frozenset({"developer", "finance"}))


class _AllSaid:
    """`Sources` in which nothing needs to be looked for: what that costs is another question (`provenance`)."""

    sources: Sequence[Source] = ()
    tainted = False

    def origin(self, value: JsonValue, *, path: str = "") -> Origin:
        return Origin(path, value)

    def origins(self, arguments: JsonObject) -> tuple[Origin, ...]:
        return ()

    def candidates(self, source_id: str) -> tuple[Candidate, ...]:
        return ()

    def text(self, source_id: str) -> str:
        return source_id

    def structure(self, source_id: str) -> JsonValue:
        return source_id


async def measure(folder: Path) -> list[Answer]:
    """µs of each way; every decision is checked first, since a refusal takes another way."""
    del folder
    tool = KnownTool(
        ToolRef("bank", "pay"),
        ToolDefinition("pay", "", _SCHEMA),
        ToolRule(effect="external_write", groups=("payouts",)),
        "sha256:pinned",
    )
    started = time.perf_counter()
    scoped = _engine(tool, everywhere=False)
    loading = (time.perf_counter() - started) * 1e6
    every = _engine(tool, everywhere=True)
    amounts = itertools.count()

    def judged(engine: CedarEngine, amount: Callable[[], float]) -> Callable[[], Decision]:
        evidence = CallEvidence(
            1e9,
            tool,
            None,
            Scope(),
            policy=engine,
            principal=_WHO,
            provenance=ProvenanceEvidence("strict", _AllSaid()),
        )
        gate = PolicyGate()

        def judge() -> Decision:
            arguments: dict[str, JsonValue] = {**_ARGUMENTS, "amount": amount()}
            return gate.judge(CallProposal("call_1", "run_1", "default", 1, "bank__pay", arguments), evidence)

        return judge

    ways: dict[str, Callable[[], object]] = {
        "asked before": judged(scoped, lambda: 250),
        "new amount each time": judged(scoped, lambda: next(amounts) % 499_00 / 100),
        "needs a person, new each time": judged(scoped, lambda: 600 + next(amounts) / 100),
        "new, every scope matches": judged(every, lambda: next(amounts) % 499_00 / 100),
        "engine alone, every scope matches": _alone(every, tool),
    }
    for name, word in (("asked before", Allow), ("needs a person, new each time", Ask)):
        if not isinstance(ways[name](), word):
            raise RuntimeError(f"{name}: {ways[name]()}")
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_BLOCKS):
        for name, way in ways.items():
            begun = time.perf_counter()
            for _ in range(_BLOCK):
                way()
            taken[name].append((time.perf_counter() - begun) / _BLOCK * 1e6)
    rows = [(name, p50(times), p95(times)) for name, times in taken.items()]
    rows.append(("load and check all, once", loading, loading))
    title = f"The policy gate: {_POLICIES} policies beside the shipped ones, {len(_ARGUMENTS)} fields"
    return [Answer(title, ("question", "µs p50", "µs p95"), rows)]


def _engine(tool: KnownTool, *, everywhere: bool) -> CedarEngine:
    """50 policies: on amounts, texts, nested values, labels and time; most name another tool, or all of them ours."""
    conditions = (
        "context.arguments has amount && context.arguments.amount > 500",
        'context.arguments has to && context.arguments.to like "GB*"',
        "context.arguments has order && context.arguments.order has total && context.arguments.order.total > 9000",
        'context.labels.contains("salary") && context.tainted == false',
        'context.arguments has tags && context.arguments.tags.contains("forbidden")',
    )
    rules: list[str] = []
    for number in range(_POLICIES):
        resource = "" if everywhere or number < len(conditions) else f' == Tool::"other.tool{number}"'
        rules.append(
            f'@id("rule{number}") @effect("ask") forbid (principal, action == Action::"call", resource{resource})\n'
            f"when {{ {conditions[number % len(conditions)]} }};"
        )
    return load_with_shipped({"bench.cedar": "\n".join(rules)}, tools=tool_shapes([tool]))


def _alone(engine: CedarEngine, tool: KnownTool) -> Callable[[], object]:
    evidence = CallEvidence(1e9, tool, None, Scope(), policy=engine, principal=_WHO)
    question = call_question(CallProposal("c", "r", "default", 1, "bank__pay", _ARGUMENTS), evidence, _WHO)
    unit = engine.rulebook.unit("call", question.resource)
    arguments = fit(unit.arguments, question.arguments)
    if isinstance(arguments, Unfit):
        raise RuntimeError(arguments.why)
    request = request_of(question, context_text(question, unit.mentions, arguments))
    entities = cedarpy.Entities.from_json_str(entities_text(_WHO, question.resource), engine.rulebook.schema.base)
    return lambda: cedarpy.is_authorized(request, unit.compiled, entities, unit.schema)
