"""The gate on scope: what this agent, in this run, has at all.

Decides: whether a listed tool is in the agent's scope and in the run's. Both must match; the run's can
only narrow (docs/threat-model.md, "Scope per task"). Does not decide what a tool may do.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from context.calls import ToolRef
from context.decisions import Allow, Decision, Deny
from tool_gateway.gates.resolve import unknown_tool
from tool_gateway.interface import CallEvidence, CallProposal, Scope


class ScopeGate:
    """Refuses what is out of scope in the very words for what does not exist."""

    name = "scope"

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        if evidence.tool is not None and in_scope(evidence.scope, evidence.tool.ref):
            return Allow()
        return Deny((unknown_tool(call, evidence),))


def in_scope(scope: Scope, ref: ToolRef) -> bool:
    """Whether the agent has the tool and the run did not leave it out."""
    if not matches_any(scope.agent_tools, ref):
        return False
    return scope.run_tools is None or matches_any(scope.run_tools, ref)


def matches_any(globs: Iterable[str], ref: ToolRef) -> bool:
    """Whether one of the `server.tool` globs names the tool. Case counts; none names nothing."""
    address = str(ref)
    return any(fnmatchcase(address, glob) for glob in globs)
