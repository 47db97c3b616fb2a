"""The gate on the task: an effect that the user's words do not name is asked about, collapsed to one line.

Decides: whether a call's effect belongs to the task. Does not decide what the words name (`task/reading.py`),
which tools exist (`scope.py`), nor what any value is worth (`provenance.py`). It hides no tool and refuses no read.
"""

from fnmatch import fnmatchcase

from context.decisions import Allow, Ask, Decision, Deny, Reason
from tool_gateway.gates.scope import matches_any
from tool_gateway.interface import CallEvidence, CallProposal, KnownTool, Scope
from tool_gateway.provenance.evidence import ProvenanceEvidence

_GATE = "task_scope"
RULE = "task-scope"


class TaskScopeGate:
    """Asks, as a minor matter, for every effect outside the task."""

    name = _GATE

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool, known = evidence.tool, evidence.provenance
        if tool is None:
            return Deny((Reason(_GATE, "no_tool", "there is no tool that could belong to the task"),))
        if tool.rule.effect == "read":
            return Allow()
        if known is None:
            return Deny((Reason(_GATE, "task_unknown", f"it is not known whether the task asks for {tool.ref}"),))
        if known.mode == "off" or not known.means.task_scope or known.task is None:
            return Allow()  # no task was read from the user's words
        because = _widened(tool, known, evidence.scope)
        if because is not None:
            return Allow((Reason(_GATE, "in_task", because),))
        if RULE in evidence.granted:
            return Allow((Reason(_GATE, "approved", f"{RULE} was answered with yes for this call"),))
        text = f"{tool.ref} has the effect {tool.rule.effect}, which the user's words do not ask for"
        remedy = f"Say so in the task, start the run with --tools {tool.ref}, or approve this call"
        return Ask((Reason(_GATE, "outside_task", text, remedy=remedy),), (RULE,), minor=True)


def _widened(tool: KnownTool, known: ProvenanceEvidence, scope: Scope) -> str | None:
    """Why the effect belongs to the task; None where nothing says so."""
    if known.task is not None and known.task.names(tool.ref):
        return "the user's words ask for it"
    if matches_any(scope.preapproved, tool.ref):
        return "it was authorised when the run was started"
    if any(_names(glob, tool) for glob in scope.run_tools or ()):
        return "the run was started for this tool"
    if any(grant.ref == tool.ref for grant in known.grants):
        return "a source was granted to one of its arguments"
    return None


def _names(glob: str, tool: KnownTool) -> bool:
    """Whether a glob of `--tools` means this tool, and not just everything."""
    return bool(glob.strip("*?.")) and fnmatchcase(str(tool.ref), glob)
