"""Who is asked when a call needs a person: a terminal, another process later, or nobody."""

from host.approvers.deny import DenyApprover
from host.approvers.terminal import TerminalApprover
from host.approvers.waiting import WaitingApprover

__all__ = ["DenyApprover", "TerminalApprover", "WaitingApprover"]
