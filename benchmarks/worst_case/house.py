"""A real gateway around one world: the only file that knows how a gateway is put together.

Decides: nothing that is measured. The journal is in memory; all else is what runs in the product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.worst_case.people import Person
from benchmarks.worst_case.world import World
from context.calls import ToolRef
from context.json_values import JsonObject
from tests.fakes.gateway import FakeJournal
from tool_gateway.approvals import StandingRule
from tool_gateway.gateway import Gateway
from tool_gateway.interface import CallEnd, CallProposal, KnownTool, PolicyEngine, Scope
from tool_gateway.policy.catalogue import tool_shapes
from tool_gateway.policy.shipped_set import load_with_shipped
from tool_gateway.provenance.endorsements import parse_endorsement
from tool_gateway.provenance.evidence import Means, ProvenanceMode
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.task.reading import WordReading, read_words
from tool_gateway.trail import RunScope

AGENT = "default"
SCOPE = Scope()
NOW = 1_795_165_200.0
"""20 November 2026, 09:00 UTC."""

ALL_MEANS = Means()


@dataclass(frozen=True)
class Rules:
    """What is in force.

    Attributes:
        endorsed: The task's endorsements are given up front.
    """

    mode: ProvenanceMode
    means: Means = ALL_MEANS
    endorsed: bool = False


class _Journal(FakeJournal):
    """Of a run that is its user's first: no earlier answer stands, no time has passed."""

    def time_seen(self, approval_id: str) -> float:
        del approval_id
        return 0.0

    def standing_rules(self) -> Sequence[StandingRule]:
        return ()


class House:
    """One run. `turn` carries what a model proposes in one turn."""

    def __init__(self, world: World, *, prompt: str, rules: Rules, person: Person, endorse: Sequence[str]) -> None:
        self._turns = 0
        self._calls = 0
        self._gateway = Gateway(
            run=RunScope(
                "run_1", AGENT, SCOPE, {"agent": AGENT, "session_id": "ses_1", "trace_id": "0" * 32}, "sha256:0"
            ),
            directory=world,
            caller=world,
            approver=person,
            journal=_Journal(),
            clock=lambda: NOW,
            knowledge=_knowledge(world, prompt, rules, endorse),
            policy=_policy(world.tools),
        )

    async def turn(self, calls: Sequence[tuple[str, JsonObject]]) -> list[CallEnd]:
        """One turn's calls, by `server.tool`; their ends in the same order."""
        self._turns += 1
        proposed: list[CallProposal] = []
        for tool, arguments in calls:
            self._calls += 1
            name = ToolRef(*tool.split(".", 1)).model_name
            proposed.append(CallProposal(f"call_{self._calls}", "run_1", AGENT, self._turns, name, arguments))
        if len(proposed) > 1:
            await self._gateway.foresee(proposed)
        return [await self._gateway.carry(call) for call in proposed]


def _knowledge(world: World, prompt: str, rules: Rules, endorse: Sequence[str]) -> RunKnowledge:
    knowledge = RunKnowledge(rules.mode, means=rules.means)
    knowledge.user_said(prompt)
    reading = _reading(prompt, world.tools)
    knowledge.task(reading.task)
    if rules.means.word_grants:
        for grant in reading.grants:
            knowledge.grant(grant)
    for text in endorse:
        knowledge.grant(parse_endorsement(text, world.tools))
    return knowledge


_READ: dict[str, WordReading] = {}


def _reading(prompt: str, tools: tuple[KnownTool, ...]) -> WordReading:
    if prompt not in _READ:
        _READ[prompt] = read_words(prompt, tools, scope=SCOPE)
    return _READ[prompt]


_LOADED: dict[str, PolicyEngine] = {}


def _policy(tools: tuple[KnownTool, ...]) -> PolicyEngine:
    key = tools[0].pin
    if key not in _LOADED:
        _LOADED[key] = load_with_shipped(tools=tool_shapes(tools))
    return _LOADED[key]
