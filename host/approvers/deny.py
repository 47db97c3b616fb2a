"""Nobody is there to ask, and nobody to ask means no."""

from collections.abc import Sequence

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
                note=f"nobody can be asked in this run; start it with --approve '{request.ref}' or --approvals wait",
            )
            for request in requests
        ]
