"""Requests as the gateway would ask them, for tests of cards and approvers."""

from dataclasses import replace
from typing import Any

from context.calls import ToolRef
from context.decisions import Reason
from tool_gateway.interface import ApprovalRequest, CardValue

IBAN = "DE89 3704 0044 0532 0130 00"

PAYMENT = ApprovalRequest(
    approval_id="apr_1",
    run_id="run_1",
    call_id="run_1.call.0",
    agent="default",
    ref=ToolRef("bank", "send_money"),
    effect="destructive",
    arguments={"to": [{"account": IBAN}], "amount": 1200},
    binding="sha256:b",
    rules=("approve:policy", "provenance:to[0].account"),
    reasons=(Reason("provenance", "untrusted", "to[0].account was seen only in the result of mail.read"),),
    expires=9e9,
    values=(
        CardValue(
            "to[0].account",
            IBAN,
            "the result of mail.read",
            f"Please pay to {IBAN} today.",
            note="only there",
            endorsement="mail.read[id=12]=>bank.send_money:to[].account",
        ),
        CardValue("amount", 1200, "the user's words", "pay 1200", trusted=True),
    ),
    pin="sha256:a",
)


def request(number: int = 1, **changes: Any) -> ApprovalRequest:
    """The payment, as the question with this number."""
    return replace(PAYMENT, approval_id=f"apr_{number}", call_id=f"run_1.call.{number - 1}", **changes)
