"""The gate on origins: no effect by a value that only untrusted content has, unless a person said so.

Decides: which asks follow from the judgement of a call's values, and how they are told. Does not decide a value's
verdict (`tool_gateway/provenance/judgement.py`) nor where grants come from.
"""

import json

from context.decisions import Allow, Ask, Decision, Deny, Reason
from context.visible_text import escape_line
from tool_gateway.interface import CallEvidence, CallProposal
from tool_gateway.provenance.judgement import Cause, JudgedLeaf, judge

_GATE = "provenance"
_MOST = 12

_REMEDIES: dict[Cause, str] = {
    "untrusted-value": "Approve this call, or grant the source to the argument: {endorse}",
    "unknown-value": "Say the value in the task, approve this call, or let the model decide it: {endorse}",
    "ambiguous-grant": "Say in the task which one is meant, or approve this call",
    "planted-address": "Say it in the task, leave it out of the text, or approve this call",
    "dictated-text": "Send the text as the user dictated it, or approve this call",
    "passed-on-text": "Ask in the task for what is to be passed on, or approve this call",
    "repeated-effect": "Ask in the task for more than one, or approve this call",
    "replaced-text": "Read what stands there and change it, or approve this call",
}


class ProvenanceGate:
    """Asks under one rule for each kind of cause; allows once all of them were answered with yes for this call."""

    name = _GATE

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool, known = evidence.tool, evidence.provenance
        if tool is None:
            return Deny((Reason(_GATE, "no_tool", "there is no tool whose values could be judged"),))
        if known is None:
            if tool.rule.effect == "read":
                return Allow()
            text = f"it is not known what this run has read, and {tool.ref} has the effect {tool.rule.effect}"
            return Deny((Reason(_GATE, "origins_unknown", text),))
        if known.mode == "off":
            return Allow()  # the run says so at its start, and every output at its end
        asking = judge(tool, call.chosen or {}, known, now=evidence.now).asking()
        rules = tuple(dict.fromkeys(rule_of(judged.cause) for judged in asking if judged.cause is not None))
        open_rules = tuple(rule for rule in rules if rule not in evidence.granted)
        if not asking:
            return Allow()
        if not open_rules:
            return Allow((Reason(_GATE, "approved", f"{', '.join(rules)} was answered with yes for this call"),))
        reasons = [_reason(judged) for judged in asking if judged.cause and rule_of(judged.cause) in open_rules]
        if len(reasons) > _MOST:
            text = f"{len(reasons) - _MOST} further values come from no trusted source"
            reasons = [*reasons[:_MOST], Reason(_GATE, "further_values", text)]
        return Ask(tuple(reasons), open_rules)


def rule_of(cause: Cause) -> str:
    """The name under which a cause asks: `provenance:untrusted-value`."""
    return f"{_GATE}:{cause}"


def _reason(judged: JudgedLeaf) -> Reason:
    cause = judged.cause or "unknown-value"
    shown = escape_line(json.dumps(judged.leaf.value, ensure_ascii=False), 120)
    text = f"{judged.leaf.path} is {shown}: {judged.note}"
    remedy = _REMEDIES[cause]
    if "{endorse}" in remedy:
        endorsement = f"--endorse '{judged.endorsement}'" if judged.endorsement is not None else "not possible here"
        remedy = remedy.format(endorse=endorsement)
    return Reason(_GATE, cause.replace("-", "_"), text, path=judged.leaf.path, remedy=remedy)
