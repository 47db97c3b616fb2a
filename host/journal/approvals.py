"""Approvals and votes as rows: one approval per call, asked by the run, answered by whoever may, used once.

Decides: their stored form, that an answer is one atomic step, one voice a person, and what counts as the time that
has passed. Does not decide whether a call must be asked for or whether an approval fits it (the gateway), nor whose
yes is enough (`tool_gateway.approvals`).
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from context.calls import ToolRef
from context.decisions import Reason
from context.errors import JournalError
from context.events import utc_text
from context.json_values import JsonObject, JsonValue, leaves
from host.journal import standing
from host.journal.json_text import from_text, to_text
from host.journal.rows import to_ascii
from tool_gateway.approvals import APPROVAL_TRANSITIONS, Vote, missing_roles
from tool_gateway.interface import Approval, ApprovalRequest, ApprovalStatus, CardValue

COLUMNS = (
    "approval_id, run_id, call_id, agent, server, tool, effect, arguments, binding, rules, reasons, status, expires,"
    " answered_by, note, card_values, approvers, minor, pin"
)


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
        values=tuple(CardValue(**value) for value in from_text(row[15])),
        approvers=tuple(from_text(row[16])),
        minor=bool(row[17]),
        pin=row[18],
    )
    return Approval(request, row[11], row[13], row[14])


def change(connection: sqlite3.Connection, approval: Approval, *, now: float) -> None:
    """A new request, or the next status of an old one, inside a transaction of the run's owner.

    A request with another id replaces the call's earlier one: what it was bound to has changed, so an answer to
    the old question must not count for the new one.

    Raises:
        JournalError: the status cannot follow the stored one, e.g. because somebody else answered first, or
            because the approval was used before; or a yes that needs certain people was not given by them.
    """
    request = approval.request
    watch(connection, now)
    row = connection.execute(
        "SELECT approval_id, status FROM approvals WHERE call_id = ?", (request.call_id,)
    ).fetchone()
    if row is None or row[0] != request.approval_id:
        if approval.status != "pending":
            raise JournalError("was never asked for", where=f"approval {request.approval_id}")
        connection.execute("DELETE FROM approvals WHERE call_id = ?", (request.call_id,))
        _insert(connection, approval, asked_at=latest(connection))
        return
    before: ApprovalStatus = row[1]
    if approval.status not in APPROVAL_TRANSITIONS[before]:
        raise JournalError(
            f"cannot become {approval.status}, because it is {row[1]} already", where=f"approval {request.approval_id}"
        )
    if approval.status == "approved" and request.approvers:
        wanting = missing_roles(request.approvers, _yeses(connection, approval))
        if wanting:
            raise JournalError(
                f"still needs a yes of: {'; also '.join(wanting)}", where=f"approval {request.approval_id}"
            )
    connection.execute(
        "UPDATE approvals SET status = ?, answered_by = COALESCE(?, answered_by), note = COALESCE(?, note)"
        " WHERE approval_id = ?",
        (approval.status, approval.by, _note(approval.note), request.approval_id),
    )


def settle(
    connection: sqlite3.Connection, approval_id: str, status: ApprovalStatus, *, by: str | None, note: str | None
) -> Approval:
    """The answer to an open request; the caller has made sure, in the same transaction, that it is open."""
    row = connection.execute(
        "UPDATE approvals SET status = ?, answered_by = ?, note = ?"
        f" WHERE approval_id = ? AND status = 'pending' RETURNING {COLUMNS}",
        (status, None if by is None else to_ascii(by), _note(note), approval_id),
    ).fetchone()
    return approval_from(row)


def add_vote(connection: sqlite3.Connection, approval_id: str, vote: Vote) -> None:
    """The caller has made sure that this person has not voted yet."""
    connection.execute(
        "INSERT INTO votes (approval_id, person, voter, roles, granted, note, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            approval_id,
            to_ascii(vote.person),
            to_ascii(vote.by),
            to_text(sorted(vote.roles)),
            vote.granted,
            _note(vote.note),
            vote.at,
        ),
    )


VOTES = "SELECT voter, roles, granted, note, at FROM votes WHERE approval_id = ? ORDER BY rowid"


def vote_from(row: Sequence[Any]) -> Vote:
    """A row of `VOTES`."""
    return Vote(row[0], frozenset(from_text(row[1])), bool(row[2]), row[3], row[4])


# What time it is at least. A clock that was set back makes nothing young again.

_WATCHED = "latest_time"
LATEST = (
    "SELECT max(known) FROM (SELECT max(max(started_at, COALESCE(ended_at, ''))) AS known FROM runs"
    " UNION ALL SELECT value FROM meta WHERE name = 'latest_time'"
    " UNION ALL SELECT max(e.ts) FROM runs r JOIN events e ON e.run_id = r.run_id AND e.seq = r.last_seq"
    " WHERE r.status = 'running')"
)


def latest(connection: sqlite3.Connection) -> str:
    """The latest time that stands in the journal, as `utc_text`; empty in a new one."""
    return str(connection.execute(LATEST).fetchone()[0] or "")


def watch(connection: sqlite3.Connection, now: float) -> None:
    """Remember that this time has come."""
    connection.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        (_WATCHED, utc_text(now)),
    )


def passed(known: str, asked_at: str) -> float:
    """What the journal has learnt of the time since a request was asked; 0.0 when nothing.

    A time that was known before does not count: a clock that once ran ahead would end every later request at once.
    """
    if not known or known <= asked_at:
        return 0.0
    try:
        return datetime.fromisoformat(known).timestamp()
    except ValueError as error:
        raise JournalError(f"a stored time is damaged: {error}") from error


def status_now(approval: Approval, now: float) -> ApprovalStatus:
    """The status as it stands at `now`: unanswered or unused past its time is expired."""
    if approval.status in {"pending", "approved"} and not now < approval.request.expires:
        return "expired"
    return approval.status


def approval_json(approval: Approval, *, now: float, votes: Sequence[Vote] = ()) -> JsonObject:
    """The row as listings show it.

    `values` names every leaf of the arguments and where it was first seen. Of a request that was asked without
    tracking, each `origin` is `unknown` and each `passage` null: nothing is claimed.
    """
    request = approval.request
    return {
        "id": request.approval_id,
        "run_id": request.run_id,
        "agent": request.agent,
        "server": request.ref.server,
        "tool": request.ref.tool,
        "arguments": request.arguments,
        "values": _values_json(request),
        "rules": list(request.rules),
        "status": status_now(approval, now),
        "expires": utc_text(request.expires),
        "call_id": request.call_id,
        "effect": request.effect,
        "reasons": _reasons(request),
        "approvers": list(request.approvers),
        "minor": request.minor,
        "by": approval.by,
        "note": approval.note,
        "votes": [
            {
                "by": vote.by,
                "roles": [*sorted(vote.roles)],
                "granted": vote.granted,
                "note": vote.note,
                "at": utc_text(vote.at),
            }
            for vote in votes
        ],
    }


def _values_json(request: ApprovalRequest) -> list[JsonValue]:
    values = request.values or tuple(CardValue(path, value, "unknown") for path, value in leaves(request.arguments))
    return [
        {
            "path": value.path,
            "value": value.value,
            "origin": value.origin,
            "passage": value.passage,
            "trusted": value.trusted,
            "note": value.note,
            "endorsement": value.endorsement,
        }
        for value in values
    ]


def _yeses(connection: sqlite3.Connection, approval: Approval) -> list[Vote]:
    """The votes that stand, and the giver of the standing rule that speaks, if one does."""
    votes = [vote_from(row) for row in connection.execute(VOTES, (approval.request.approval_id,))]
    channel, _, rule_id = (approval.by or "").partition(":")
    if channel == "rule":
        query = f"SELECT {standing.COLUMNS} FROM standing_rules WHERE rule_id = ? AND revoked_at IS NULL"
        found = connection.execute(query, (rule_id,)).fetchone()
        if found is not None:
            rule = standing.row_from(found).rule
            votes.append(Vote(rule.given_by, rule.roles, True))
    return votes


def _insert(connection: sqlite3.Connection, approval: Approval, *, asked_at: str) -> None:
    request = approval.request
    connection.execute(
        f"INSERT INTO approvals ({COLUMNS}, asked_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            to_text([asdict(value) for value in request.values]),
            to_text(list(request.approvers)),
            request.minor,
            request.pin,
            asked_at,
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
