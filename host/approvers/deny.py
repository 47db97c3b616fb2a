"""Nobody is there to ask, and nobody to ask means no."""

from collections.abc import Sequence
from shlex import quote

from tool_gateway.interface import Answered, ApprovalRequest


class DenyApprover:
    """Refuses every ask, saying how it could have been allowed."""

    @property
    def attended(self) -> bool:
        return False

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered]:
        return [
            Answered(
                False,
                by="nobody (unattended)",
                note=_note(request),
            )
            for request in requests
        ]


def _note(request: ApprovalRequest) -> str:
    """How it could have been allowed: what provenance asks about is better endorsed than waved through."""
    if any(rule.startswith("provenance:") for rule in request.rules):
        offered = [value.endorsement for value in request.values if value.endorsement is not None]
        endorse = f"start it with --endorse {quote(offered[0])}" if offered else "endorse its source"
        return f"nobody can be asked in this run; say the value in the task, {endorse}, or use --approvals wait"
    if request.approvers:
        return "nobody can be asked in this run; start it with --approvals wait"
    return f"nobody can be asked in this run; start it with --approve '{request.ref}' or --approvals wait"
