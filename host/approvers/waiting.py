"""Leaves the question in the journal: `gatehost approvals` answers it from any process, days later."""

from collections.abc import Sequence

from tool_gateway.interface import ApprovalRequest, Parked


class WaitingApprover:
    """Parks the run; `gatehost runs resume` goes on once the answer stands."""

    @property
    def attended(self) -> bool:
        return False

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Parked]:
        return [Parked() for _ in requests]  # they stand in the journal already
