"""The gate on policy: what the project's rules and the shipped ones say about this very call.

Decides: which facts the rules are told. Does not decide what they make of them (`PolicyEngine`).
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from context.decisions import Decision, Deny, Reason
from context.json_values import JsonObject, leaves
from context.labels import Label, join_all
from context.origins import Origin
from tool_gateway.interface import CallEvidence, CallProposal, PolicyEngine
from tool_gateway.policy.catalogue import tool_resource
from tool_gateway.policy.question import Action, ModelResource, PolicyQuestion, Principal, Resource, ToolResource
from tool_gateway.provenance.evidence import ProvenanceEvidence

_GATE = "policy"


@runtime_checkable
class SparingEngine(Protocol):
    """An engine that can tell at which facts none of its rules looks."""

    def looks_at(self, attribute: str, *, action: Action, resource: Resource) -> bool: ...


class PolicyGate:
    """Asks the engine. Without rules, or without knowing for whom, it denies."""

    name = _GATE

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        if evidence.policy is None:
            return Deny((Reason(_GATE, "no_policy", "there are no rules to judge it by"),))
        if evidence.principal is None or evidence.tool is None or call.arguments is None:
            return Deny((Reason(_GATE, "no_question", "it is not known who wants to do what"),))
        return evidence.policy.judge(call_question(call, evidence, evidence.principal))


def call_question(call: CallProposal, evidence: CallEvidence, principal: Principal) -> PolicyQuestion:
    """The question that a call puts to the rules.

    Labels are those of every source in which one of its values was seen. Where nothing is known of sources, every
    value counts as untrusted. Neither is looked up where it makes no difference.

    Raises:
        ValueError: the evidence names no tool.
    """
    if evidence.tool is None:
        raise ValueError("a call without a tool")
    known = evidence.provenance
    resource = tool_resource(evidence.tool)
    origins: tuple[Origin, ...] = ()
    if _needs_origins(evidence.policy, resource, known):
        chosen = call.chosen or {}
        origins = known.sources.origins(chosen) if known is not None else _unknown(chosen)
    return PolicyQuestion(
        action="call",
        principal=principal,
        resource=resource,
        arguments=call.arguments or {},
        labels=_labels(origins),
        tainted=known.sources.tainted if known is not None else True,
        untrusted=frozenset(origin.path for origin in origins if not origin.trusted),
        budget=evidence.budget,
        now=evidence.now,
        attended=evidence.attended,
        approved=evidence.granted,
        consent=evidence.tool.rule.approve,
    )


def send_question(
    model: ModelResource,
    *,
    principal: Principal,
    label: Label,
    now: float,
    budget: Mapping[str, int] | None = None,
    attended: bool = False,
) -> PolicyQuestion:
    """The question that sending content to a model puts to the rules.

    Args:
        label: The join of all content of the view.
    """
    return PolicyQuestion(
        action="send",
        principal=principal,
        resource=model,
        labels=label.confidentiality,
        tainted=label.integrity == "untrusted",
        budget=budget or {},
        now=now,
        attended=attended,
    )


def _needs_origins(engine: PolicyEngine | None, resource: ToolResource, known: ProvenanceEvidence | None) -> bool:
    """Whether it matters where the values come from. Finding out costs more than all else in this gate."""
    if not isinstance(engine, SparingEngine) or engine.looks_at("untrusted", action="call", resource=resource):
        return True
    if not engine.looks_at("labels", action="call", resource=resource):
        return False
    return known is None or any(source.label.confidentiality for source in known.sources.sources)


def _unknown(arguments: JsonObject) -> tuple[Origin, ...]:
    return tuple(Origin(path, value) for path, value in leaves(arguments))


def _labels(origins: tuple[Origin, ...]) -> frozenset[str]:
    return join_all(sighting.source.label for origin in origins for sighting in origin.sightings).confidentiality
