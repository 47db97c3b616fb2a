from dataclasses import replace
from typing import Any

import pytest

from context.calls import ToolRef
from context.json_values import NotCanonical
from context.runs import IllegalTransition
from tool_gateway.approvals import APPROVAL_TRANSITIONS, binding, check_approval, usable
from tool_gateway.interface import Approval, ApprovalRequest

CALL: dict[str, Any] = {
    "agent": "default",
    "run_id": "run_1",
    "pin": "sha256:aa",
    "policy_version": "v1",
    "ref": ToolRef("git", "git_commit"),
    "arguments": {"message": "x", "files": ["a"]},
}
BOUND = binding(**CALL)
APPROVED = Approval(
    ApprovalRequest(
        "apr_1",
        "run_1",
        "call_1",
        "default",
        CALL["ref"],
        "write",
        CALL["arguments"],
        BOUND,
        ("approve:policy",),
        (),
        2000.0,
    ),
    "approved",
    by="terminal",
)


@pytest.mark.promise("an_approval_fits_one_call")
@pytest.mark.parametrize(
    "change",
    [
        {"agent": "other"},
        {"run_id": "run_2"},
        {"pin": "sha256:ab"},
        {"policy_version": "v2"},
        {"ref": ToolRef("git", "git_push")},
        {"ref": ToolRef("gut", "git_commit")},
        {"ref": ToolRef("git.git_commit", "")},
        {"arguments": {"message": "y", "files": ["a"]}},
        {"arguments": {"message": "x", "files": ["a"], "force": True}},
        {"arguments": {"message": "x", "files": ["a\u200b"]}},
    ],
)
def test_an_approval_is_for_no_other_call(change: dict[str, Any]) -> None:
    other = binding(**CALL | change)
    assert other != BOUND
    reason = usable(APPROVED, binding=other, now=1000.0)
    assert reason is not None
    assert reason.code == "another_call"


def test_an_approval_is_for_its_own_call_however_its_arguments_are_ordered() -> None:
    assert binding(**CALL | {"arguments": {"files": ["a"], "message": "x"}}) == BOUND
    assert usable(APPROVED, binding=BOUND, now=1000.0) is None


def test_arguments_that_are_not_canonical_cannot_be_bound() -> None:
    with pytest.raises(NotCanonical):
        binding(**CALL | {"arguments": {"n": 2**60}})


@pytest.mark.promise("an_approval_is_used_once")
@pytest.mark.parametrize(
    ("status", "code"), [("used", "used"), ("denied", "refused"), ("expired", "expired"), ("pending", "unanswered")]
)
def test_only_an_approved_approval_is_usable(status: Any, code: str) -> None:
    reason = usable(replace(APPROVED, status=status), binding=BOUND, now=1000.0)
    assert reason is not None
    assert reason.code == code


@pytest.mark.promise("an_approval_is_used_once")
@pytest.mark.parametrize(
    ("now", "seen", "good"),
    [(1999.9, (), True), (2000.0, (), False), (9999.0, (), False), (0.0, (2000.0,), False), (0.0, (1.0,), True)],
)
def test_an_approval_expires_also_when_the_clock_goes_back(now: float, seen: tuple[float, ...], good: bool) -> None:
    assert (usable(APPROVED, binding=BOUND, now=now, seen=seen) is None) == good


@pytest.mark.promise("doubt_denies_a_constraint")
def test_an_unreadable_time_expires() -> None:
    assert usable(APPROVED, binding=BOUND, now=float("nan")) is not None


@pytest.mark.promise("an_approval_is_used_once")
def test_no_way_leads_back_to_approved() -> None:
    assert check_approval("pending", "approved") is None
    assert check_approval("approved", "used") is None
    for before in ("approved", "denied", "expired", "used"):
        for after in ("pending", "approved", "denied"):
            with pytest.raises(IllegalTransition):
                check_approval(before, after)
    assert {status for ways in APPROVAL_TRANSITIONS.values() for status in ways} <= set(APPROVAL_TRANSITIONS)
