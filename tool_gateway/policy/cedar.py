"""The policy engine on Cedar (`cedarpy`): questions in, `Allow | Ask | Deny` out.

Decides: what an answer of Cedar means here. Does not decide which rules there are, nor who is asked.

Cedar denies unless some permit holds and no forbid does. A forbid with `@effect("ask")` turns into a question for a
person when nothing but such forbids stands in the way. Cedar *skips* a policy that fails while it is evaluated, a
forbid too: so any error, whatever the decision, denies.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from typing import Any, TypeVar

import cedarpy

from context.calls import ToolRef
from context.decisions import Allow, Ask, Decision, Deny, Reason
from context.json_values import digest
from context.visible_text import escape_line
from tool_gateway.policy.argument_types import Unfit, fit
from tool_gateway.policy.catalogue import ToolShape
from tool_gateway.policy.facts import context_text, entities_text, request_of
from tool_gateway.policy.faults import SCHEMA_NAME, Fault, PolicyFault
from tool_gateway.policy.mentions import Mentions
from tool_gateway.policy.question import Action, ModelResource, PolicyQuestion, Principal, Resource, ToolResource
from tool_gateway.policy.reach import ACTIONS
from tool_gateway.policy.reading import Policy, read_policies
from tool_gateway.policy.rulebook import Rulebook, Unit
from tool_gateway.policy.schema_text import SchemaText

logger = logging.getLogger(__name__)

GATE = "policy"
_FORMAT = 1
_REMEMBERED = 2048
_LONGEST_KEY = 8192

_KeyT = TypeVar("_KeyT")
_ValueT = TypeVar("_ValueT")


class CedarEngine:
    """Implements `PolicyEngine`. Built once, holds no state but caches of pure results."""

    def __init__(self, rulebook: Rulebook, version: str) -> None:
        self.rulebook = rulebook
        self._version = version
        self._units = _Cache[tuple[Action, Resource], Unit]()
        self._entities = _Cache[tuple[Principal, Resource], cedarpy.Entities]()
        self._parts = _Cache[tuple[Unit, frozenset[str]], cedarpy.PolicySet]()
        self._decisions = _Cache[tuple[Unit, Principal, Action, Resource, frozenset[str], str], Decision]()

    @property
    def version(self) -> str:
        return self._version

    def judge(self, question: PolicyQuestion) -> Decision:
        """See `PolicyEngine`. Never raises."""
        try:
            return self._judged(question)
        except Exception:
            logger.exception("the policy engine failed")
            return _deny("policy_failed", "the rules could not be evaluated, so it is refused")

    def looks_at(self, attribute: str, *, action: Action, resource: Resource) -> bool:
        """Whether any rule that can apply looks at this attribute of the context."""
        return self._unit(action, resource).mentions.looks_at(attribute)

    def explain(self, question: PolicyQuestion) -> "Explained":
        """The decision, and of each rule that could apply whether it held. Slower than `judge`."""
        decision = self.judge(question)
        unit = self._unit(question.action, question.resource)
        arguments = fit(unit.arguments, question.arguments if question.action == "call" else {})
        held: set[str] = set()
        if unit.fault is None and not isinstance(arguments, Unfit):
            request = request_of(question, context_text(question, unit.mentions, arguments))
            for name in unit.policies:
                alone = unit.without(unit.policies.keys() - {name})
                said, names = _ask_cedar(request, alone, self._entities_of(question), unit.schema)
                if said == "allow" or (said == "deny" and names):
                    held.add(name)
        return Explained(decision, tuple(unit.policies.values()), frozenset(held))

    def _judged(self, question: PolicyQuestion) -> Decision:
        resource = question.resource
        unit = self._unit(question.action, resource)
        if unit.fault is not None:
            return _deny("policy_unusable", f"a rule does not fit what is asked: {unit.fault.sentence()}")
        arguments = fit(unit.arguments, question.arguments if question.action == "call" else {})
        if isinstance(arguments, Unfit):
            path = escape_line(arguments.path, 200)
            text = f"a rule looks at the argument `{path}`, and its value {arguments.why}"
            return _deny("argument_unfit", text, path=path)
        context = context_text(question, unit.mentions, arguments)
        approved = frozenset(question.approved & unit.policies.keys())
        if len(context) > _LONGEST_KEY:
            return self._evaluated(question, unit, context, approved)
        key = (unit, question.principal, question.action, resource, approved, context)
        return self._decisions.get_or(key, lambda: self._evaluated(question, unit, context, approved))

    def _evaluated(self, question: PolicyQuestion, unit: Unit, context: str, approved: frozenset[str]) -> Decision:
        entities = self._entities_of(question)
        request = request_of(question, context)
        # A yes settles the very rules that asked and no other; what they forbade is asked again without them.
        settled = {name for name in approved if unit.policies[name].asks}
        policies = self._without(unit, frozenset(settled))
        said, names = _ask_cedar(request, policies, entities, unit.schema)
        if said == "allow":
            return Allow(tuple(_approved(unit.policies[name]) for name in sorted(settled)))
        if said == "failed":
            return _deny("policy_failed", f"the rules could not be evaluated, so it is refused: {names[0]}")
        forbids = [unit.policies[name] for name in unit.policies if name in names]
        plain = [policy for policy in forbids if not policy.asks]
        if plain or not forbids:
            return Deny(tuple(map(_forbidden, plain))) if plain else _no_permit(question)
        # Nobody is asked for what no permit would allow after a yes.
        said, _ = _ask_cedar(request, self._without(unit, frozenset({*settled, *names})), entities, unit.schema)
        if said != "allow":
            return _no_permit(question)
        return Ask(
            tuple(map(_asking, forbids)),
            tuple(policy.id for policy in forbids),
            tuple(dict.fromkeys(policy.approvers for policy in forbids if policy.approvers)),
        )

    def _unit(self, action: Action, resource: Resource) -> Unit:
        return self._units.get_or((action, resource), lambda: self.rulebook.unit(action, resource))

    def _without(self, unit: Unit, ids: frozenset[str]) -> cedarpy.PolicySet:
        return self._parts.get_or((unit, ids), lambda: unit.without(ids)) if ids else unit.compiled

    def _entities_of(self, question: PolicyQuestion) -> cedarpy.Entities:
        key = (question.principal, question.resource)
        return self._entities.get_or(
            key, lambda: cedarpy.Entities.from_json_str(entities_text(*key), self.rulebook.schema.base)
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision and what led to it.

    Attributes:
        applying: The rules whose scope reaches the question.
        held: Ids of those that matched; none where the question could not be judged at all.
    """

    decision: Decision
    applying: tuple[Policy, ...]
    held: frozenset[str]

    @property
    def deciding(self) -> tuple[str, ...]:
        """Ids of the rules that made the decision; none where no rule did."""
        match self.decision:
            case Ask():
                return self.decision.rules
            case Allow():
                return tuple(rule.id for rule in self.applying if rule.permits and rule.id in self.held)
            case Deny():
                forbids = (rule for rule in self.applying if not (rule.permits or rule.asks))
                return tuple(rule.id for rule in forbids if rule.id in self.held)


def load(
    policies: Mapping[str, str],
    schema: str,
    *,
    tools: Iterable[ToolShape] = (),
    schema_name: str = SCHEMA_NAME,
    shipped: frozenset[str] = frozenset(),
) -> CedarEngine:
    """Parse and check everything once.

    Args:
        policies: File name → text. No shipped rule is added (`shipped_set.load_with_shipped`).
        schema: The text of a Cedar schema.
        tools: The tools in use; rules are checked against their arguments.
        schema_name: How errors name the schema.
        shipped: Names among `policies` of the files that ship with the program.

    Raises:
        PolicyFault: names file, line and the nearest name.
    """
    read, faults = read_policies(policies, shipped=shipped)
    try:
        words = SchemaText(schema_name, schema)
    except PolicyFault as error:
        raise PolicyFault([*faults, *error.faults]) from error
    if faults:
        raise PolicyFault(faults)
    _try_schema(words)
    return CedarEngine(
        Rulebook(read, words, tools),
        digest({"format": _FORMAT, "engine": installed_version("cedarpy"), "schema": schema, "files": dict(policies)}),
    )


def _try_schema(words: SchemaText) -> None:
    """Ask once what will be asked: a schema of a project's own that declares something else would deny everything."""
    principal = Principal("agent", "user", frozenset({"role"}))
    tool = ToolResource(ToolRef("server", "tool"), "read", "owner", frozenset({"group"}))
    model = ModelResource("model", "adapter", "local")
    every = cedarpy.PolicySet.from_str("permit (principal, action, resource);")
    for action in ACTIONS:
        for resource in (tool, model):
            if (action == "call" and resource is model) or (action == "send" and resource is tool):
                continue
            question = PolicyQuestion(action, principal, resource)
            try:
                entities = cedarpy.Entities.from_json_str(entities_text(principal, resource), words.base)
            except ValueError as error:
                raise _misfit(words.file, str(error)) from error
            context = context_text(question, Mentions(attributes=None), {})
            said, names = _ask_cedar(request_of(question, context), every, entities, words.base)
            if said != "allow":
                raise _misfit(words.file, f"{action}: {'; '.join(names)}")


def _misfit(file: str, said: str) -> PolicyFault:
    step = "Start from the shipped schema: `gatehost policy check --show-schema`"
    return PolicyFault(
        [Fault(file, 0, f"the schema does not fit what rules are asked: {escape_line(said, 300)}", step)]
    )


def _ask_cedar(
    request: dict[str, Any], policies: cedarpy.PolicySet, entities: cedarpy.Entities, schema: cedarpy.Schema
) -> tuple[str, list[str]]:
    """`allow`, `deny` or `failed`, with the deciding policies' ids, or with what failed, escaped."""
    result = cedarpy.is_authorized(request, policies, entities, schema)
    errors = result.diagnostics.errors
    if errors or result.decision is cedarpy.Decision.NoDecision:
        return "failed", [escape_line("; ".join(errors) or "there is no decision", 300)]
    return ("allow" if result.decision is cedarpy.Decision.Allow else "deny"), list(result.diagnostics.reasons)


def _deny(code: str, text: str, *, path: str | None = None) -> Deny:
    return Deny((Reason(GATE, code, text, path=path),))


def _no_permit(question: PolicyQuestion) -> Deny:
    return _deny("no_permit", f"no policy permits {question.action}")


def _forbidden(policy: Policy) -> Reason:
    because = f": {policy.reason}" if policy.reason else ""
    return Reason(GATE, "policy_forbids", f"the rule `{policy.id}` ({policy.where}) forbids it{because}")


def _asking(policy: Policy) -> Reason:
    because = f": {policy.reason}" if policy.reason else ""
    return Reason(GATE, "policy_asks", f"the rule `{policy.id}` ({policy.where}) asks first{because}")


def _approved(policy: Policy) -> Reason:
    return Reason(GATE, "approved", f"the rule `{policy.id}` was answered with yes for this call")


class _Cache(OrderedDict[_KeyT, _ValueT]):
    """The results last used."""

    def get_or(self, key: _KeyT, make: Callable[[], _ValueT]) -> _ValueT:
        if key in self:
            self.move_to_end(key)
            return self[key]
        made = self[key] = make()
        if len(self) > _REMEMBERED:
            self.popitem(last=False)
        return made
