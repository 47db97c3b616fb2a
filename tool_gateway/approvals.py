"""Approvals: bound to exactly one call, used once, expiring.

Decides: what a yes is bound to, the only ways from one status to the next, and whether an approval may
still be used. Does not decide who is asked (`Approver`) or when (`gates/approval.py`, `gateway.py`).
"""

from collections.abc import Iterable

from context.calls import ToolRef
from context.decisions import Reason
from context.json_values import JsonObject, digest
from context.runs import IllegalTransition
from tool_gateway.interface import Approval, ApprovalStatus

GATE = "approval"

APPROVAL_TRANSITIONS: dict[ApprovalStatus, frozenset[ApprovalStatus]] = {
    "pending": frozenset({"approved", "denied", "expired"}),
    # Used when the intent is written, in the same transaction: no yes carries two calls.
    "approved": frozenset({"used", "expired"}),
    "denied": frozenset(),
    "expired": frozenset(),
    "used": frozenset(),
}


def check_approval(before: ApprovalStatus, after: ApprovalStatus) -> None:
    """Raises: IllegalTransition."""
    if after not in APPROVAL_TRANSITIONS[before]:
        raise IllegalTransition(f"an approval cannot go from {before} to {after}")


def binding(*, agent: str, run_id: str, pin: str, policy_version: str, ref: ToolRef, arguments: JsonObject) -> str:
    """Digest of everything that was approved. Any difference, and the approval is for another call.

    Args:
        arguments: Canonical (`form.form`).

    Raises:
        NotCanonical: the arguments were not brought into form first.
    """
    return digest(
        {
            "agent": agent,
            "run": run_id,
            "server": ref.server,
            "tool": ref.tool,
            "pin": pin,
            "policy": policy_version,
            "arguments": arguments,
        }
    )


def usable(approval: Approval, *, binding: str, now: float, seen: Iterable[float] = ()) -> Reason | None:
    """None when the approval may carry the call that has this `binding`, else why not.

    Args:
        now: Seconds since the epoch.
        seen: Times that are known to have passed, e.g. of rows in the journal. A clock that was set back
            does not make an expired approval young again.
    """
    if approval.request.binding != binding:
        return Reason(
            GATE,
            "another_call",
            "the approval was given for another call: its agent, run, tool, rules or arguments differ",
            remedy="The call needs an approval of its own",
        )
    if approval.status == "used":
        return Reason(GATE, "used", "the approval was used already; one yes carries one call")
    if approval.status == "denied":
        return Reason(GATE, "refused", "the call was not approved")
    if approval.status == "expired" or not max((now, *seen)) < approval.request.expires:
        return Reason(GATE, "expired", "the approval has expired", remedy="The call needs a new approval")
    if approval.status != "approved":
        return Reason(GATE, "unanswered", "nobody has approved the call yet")
    return None
