"""Leaves the question in the journal: `gatehost approvals` answers it from any process, days later."""

from tool_gateway.interface import ApprovalRequest, Parked


class WaitingApprover:
    """Parks the run; `gatehost runs resume` goes on once the answer stands."""

    async def ask(self, request: ApprovalRequest) -> Parked:
        del request  # it stands in the journal already
        return Parked()
