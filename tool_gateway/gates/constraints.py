"""The gate on values: every rule that the operator wrote for an argument holds.

Decides: that all rules are asked. Does not decide what a rule means (`tool_gateway/arguments/constraints.py`).
"""

from context.decisions import Allow, Decision, Deny, Reason
from tool_gateway.arguments.constraints import check
from tool_gateway.interface import CallEvidence, CallProposal

_MOST = 10


class ConstraintsGate:
    """Refuses with one reason for each value that breaks a rule, at most ten."""

    name = "constraints"

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool = evidence.tool
        if tool is None or call.arguments is None:
            return Deny((Reason(self.name, "no_arguments", "there are no arguments to check"),))
        reasons = [
            reason
            for path, rule in tool.rule.arguments.items()
            for reason in check(rule, path, call.arguments, evidence.paths)
        ]
        return Deny(tuple(reasons[:_MOST])) if reasons else Allow()
