"""The gate on existence: a call to what is not listed goes nowhere.

Decides: that a name means a listed tool. Does not decide which names mean which tools (`Directory`).
"""

from context.decisions import Allow, Decision, Deny, Reason
from context.visible_text import escape_line
from tool_gateway.interface import CallEvidence, CallProposal

_SHOWN = 80


class ResolveGate:
    """Refuses names that mean no listed tool, and says the nearest one in scope."""

    name = "resolve"

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        return Allow() if evidence.tool is not None else Deny((unknown_tool(call, evidence),))


def unknown_tool(call: CallProposal, evidence: CallEvidence) -> Reason:
    """The one answer to a name that means no tool and to one that means a tool out of scope.

    A model cannot tell the two apart, so it learns nothing about tools that it does not have.
    """
    shown = escape_line(call.name[: _SHOWN * 2], _SHOWN) or "(no name)"
    remedy = f"The nearest is {escape_line(evidence.nearest, _SHOWN)}" if evidence.nearest else None
    return Reason("resolve", "unknown_tool", f"there is no tool {shown} here", remedy=remedy)
