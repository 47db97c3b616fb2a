"""Approvals as rows: one per call, asked by the run, answered by whoever comes first, used once.

Decides: the ways from one status to the next, and that an answer is one atomic step. Does not decide whether a
call must be asked for or whether an approval fits it (the gateway).
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from context.calls import ToolRef
from context.decisions import Reason
from context.errors import JournalError
from context.events import utc_text
from context.json_values import JsonObject, JsonValue, leaves
from host.journal.json_text import from_text, to_text
from host.journal.rows import to_ascii
from tool_gateway.interface import Approval, ApprovalRequest, ApprovalStatus

COLUMNS = (
    "approval_id, run_id, call_id, agent, server, tool, effect, arguments, binding, rules, reasons, status, expires,"
    " answered_by, note"
)

_TRANSITIONS: dict[str, frozenset[str]] = {
    "pending": frozenset({"approved", "denied", "expired"}),
    "approved": frozenset({"used", "expired"}),
    "denied": frozenset(),
    "expired": frozenset(),
    "used": frozenset(),
}


def approval_from(row: Sequence[Any]) -> Approval:
    """A row of `COLUMNS`."""
    request = ApprovalRequest(
        approval_id=row[0],
        run_id=row[1],
        call_id=row[2],
        agent=row[3],
        ref=ToolRef(row[4], row[5]),
        effect=row[6],
        arguments=from_text(row[7]),
        binding=row[8],
        rules=tuple(from_text(row[9])),
        reasons=tuple(Reason(**reason) for reason in from_text(row[10])),
        expires=row[12],
    )
    return Approval(request, row[11], row[13], row[14])


def change(connection: sqlite3.Connection, approval: Approval) -> None:
    """A new request, or the next status of an old one, inside a transaction of the run's owner.

    A request with another id replaces the call's earlier one: what it was bound to has changed, so an answer to
    the old question must not count for the new one.

    Raises:
        JournalError: the status cannot follow the stored one, e.g. because somebody else answered first, or
            because the approval was used before.
    """
    request = approval.request
    row = connection.execute(
        "SELECT approval_id, status FROM approvals WHERE call_id = ?", (request.call_id,)
    ).fetchone()
    if row is None or row[0] != request.approval_id:
        if approval.status != "pending":
            raise JournalError("was never asked for", where=f"approval {request.approval_id}")
        connection.execute("DELETE FROM approvals WHERE call_id = ?", (request.call_id,))
        _insert(connection, approval)
        return
    if approval.status not in _TRANSITIONS[row[1]]:
        raise JournalError(
            f"cannot become {approval.status}, because it is {row[1]} already", where=f"approval {request.approval_id}"
        )
    connection.execute(
        "UPDATE approvals SET status = ?, answered_by = COALESCE(?, answered_by), note = COALESCE(?, note)"
        " WHERE approval_id = ?",
        (approval.status, approval.by, _note(approval.note), request.approval_id),
    )


def settle(
    connection: sqlite3.Connection, approval_id: str, status: ApprovalStatus, *, by: str, note: str | None, now: float
) -> Approval | None:
    """Answer an open request in one step; None when it was not open any more."""
    row = connection.execute(
        "UPDATE approvals SET status = ?, answered_by = ?, note = ?"
        f" WHERE approval_id = ? AND status = 'pending' AND expires > ? RETURNING {COLUMNS}",
        (status, to_ascii(by), _note(note), approval_id, now),
    ).fetchone()
    return None if row is None else approval_from(row)


def status_now(approval: Approval, now: float) -> ApprovalStatus:
    """The status as it stands at `now`: unanswered or unused past its time is expired."""
    if approval.status in {"pending", "approved"} and approval.request.expires <= now:
        return "expired"
    return approval.status


def approval_json(approval: Approval, *, now: float) -> JsonObject:
    """The row as listings show it.

    `values` names every leaf of the arguments. Where a value was first seen is not tracked yet, so each `origin`
    is `unknown` and each `passage` null: nothing is claimed.
    """
    request = approval.request
    values: list[JsonValue] = [
        {"path": path, "origin": "unknown", "passage": None} for path, _ in leaves(request.arguments)
    ]
    return {
        "id": request.approval_id,
        "run_id": request.run_id,
        "agent": request.agent,
        "server": request.ref.server,
        "tool": request.ref.tool,
        "arguments": request.arguments,
        "values": values,
        "rules": list(request.rules),
        "status": status_now(approval, now),
        "expires": utc_text(request.expires),
        "call_id": request.call_id,
        "effect": request.effect,
        "reasons": _reasons(request),
        "by": approval.by,
        "note": approval.note,
    }


def _insert(connection: sqlite3.Connection, approval: Approval) -> None:
    request = approval.request
    connection.execute(
        f"INSERT INTO approvals ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            request.approval_id,
            request.run_id,
            request.call_id,
            request.agent,
            request.ref.server,
            request.ref.tool,
            request.effect,
            to_text(request.arguments),
            request.binding,
            to_text(list(request.rules)),
            to_text(_reasons(request)),
            approval.status,
            request.expires,
            approval.by,
            _note(approval.note),
        ),
    )


def _reasons(request: ApprovalRequest) -> list[JsonValue]:
    return [
        {
            "gate": reason.gate,
            "code": reason.code,
            "text": reason.text,
            "path": reason.path,
            "remedy": reason.remedy,
        }
        for reason in request.reasons
    ]


def _note(note: str | None) -> str | None:
    return None if note is None else to_ascii(note)
