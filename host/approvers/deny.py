"""Nobody is there to ask, and nobody to ask means no."""

from tool_gateway.interface import Answered, ApprovalRequest


class DenyApprover:
    """Refuses every ask, saying how it could have been allowed."""

    async def ask(self, request: ApprovalRequest) -> Answered:
        return Answered(
            False,
            by="nobody (unattended)",
            note=f"nobody can be asked in this run; start it with --approve '{request.ref}' or --approvals wait",
        )
