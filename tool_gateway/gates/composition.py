"""The gate on composition: no tool writes what another program will execute.

Decides: that a call with an effect may not name a file of the class `executable_paths.EXECUTABLE`, unless the operator
wrote `executable_paths = "allow"` for that tool. Does not decide the class. The sandbox's mounts are the guarantee.
"""

from context.decisions import Allow, Decision, Deny, Reason
from context.visible_text import escape_line
from tool_gateway.arguments.executable_paths import executable, named_files
from tool_gateway.interface import CallEvidence, CallProposal

_GATE = "composition"
_MOST = 5
_HOW = {
    "path": "names",
    "patch": "contains a patch of",
    "command": "contains",
    "archive": "unpacks",
}


class CompositionGate:
    """Refuses with one reason for each such file, also where a link or `..` leads to one; at most five."""

    name = _GATE

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision:
        tool = evidence.tool
        if tool is None or call.arguments is None:
            return Deny((Reason(_GATE, "no_arguments", "there are no arguments to check"),))
        if tool.rule.effect == "read" or tool.rule.executable_paths == "allow":
            return Allow()
        reasons: list[Reason] = []
        for named in named_files(call.arguments):
            resolved = evidence.paths.get(named.text)
            found = executable(named.text)
            if found is None and resolved is not None and resolved != named.text:
                found = executable(resolved)
            if found is None:
                continue
            shown = escape_line(named.text, 120)
            text = f"{named.path} {_HOW[named.how]} {shown}, whose content other programs execute ({found})"
            remedy = (
                f'The operator can allow it with `executable_paths = "allow"` in'
                f" [servers.{tool.ref.server}.tools.{tool.ref.tool}]"
            )
            reasons.append(Reason(_GATE, "executable_path", text, path=named.path, remedy=remedy))
            if len(reasons) == _MOST:
                break
        return Deny(tuple(reasons)) if reasons else Allow()
