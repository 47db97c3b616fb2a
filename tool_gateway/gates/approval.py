"""The gate on consent: which calls need a person's yes.

Decides: whether to ask because the operator wrote `approve = "always"`. Does not decide what rules ask
(`policy.py`), who is asked, or what an answer is bound to (`approvals.py`, `gateway.py`).
"""

from context.decisions import Allow, Ask, Decision, Deny, Reason
from tool_gateway.gates.scope import matches_any
from tool_gateway.interface import CallEvidence, CallProposal, KnownTool, Scope

_GATE = "approval"
ALWAYS = "approve:always"


class ApprovalGate:
    """Asks under a rule's name; allows once exactly that rule was answered with yes for this call."""

    name = _GATE

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool = evidence.tool
        if tool is None:
            return Deny((Reason(_GATE, "no_tool", "there is no tool to ask about"),))
        rule = _asking_rule(tool)
        if rule is None:
            return Allow()
        if rule in evidence.granted:
            return Allow((Reason(_GATE, "approved", f"{rule} was answered with yes for this call"),))
        text = f"{tool.ref} has the effect {tool.rule.effect} and always needs approval"
        return Ask((Reason(_GATE, "approval_needed", text),), (rule,))

    @staticmethod
    def preauthorises(scope: Scope, tool: KnownTool) -> bool:
        """Whether asks for this tool were authorised when the run was started (`--approve`)."""
        return matches_any(scope.preapproved, tool.ref)


def _asking_rule(tool: KnownTool) -> str | None:
    return ALWAYS if tool.rule.approve == "always" else None
