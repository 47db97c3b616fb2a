"""Runs, calls and events as rows and back.

Decides: the columns' order and their stored form. Does not decide who may write them (`leases`).
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from context.errors import JournalError
from context.events import Event
from context.runs import RunInfo, StoredCall, check_call
from host.journal.json_text import from_text, from_text_or_none, to_text, to_text_or_none
from tool_gateway.interface import CallChange

RUN_COLUMNS = (
    "run_id, session_id, status, agent, task, folder, flags, trace_id, started_at, ended_at, exit_code, answer,"
    " parent_run_id, owner, turns"
)
CALL_COLUMNS = (
    "call_id, run_id, turn, position, provider_id, name, server, tool, effect, state, arguments, malformed, decision,"
    " reasons, result, legs, duration_ms, approval"
)


def run_from(row: Sequence[Any]) -> RunInfo:
    """A row of `RUN_COLUMNS`."""
    return RunInfo(
        run_id=row[0],
        session_id=row[1],
        status=row[2],
        agent=row[3],
        task=row[4],
        folder=row[5],
        flags=from_text(row[6]),
        trace_id=row[7],
        started_at=row[8],
        ended_at=row[9],
        exit_code=row[10],
        answer=row[11],
        parent_run_id=row[12],
        owner=row[13],
        turns=row[14],
    )


def call_from(row: Sequence[Any]) -> StoredCall:
    """A row of `CALL_COLUMNS`."""
    return StoredCall(
        *row[:10],
        arguments=from_text_or_none(row[10]),
        malformed=from_text_or_none(row[11]),
        decision=row[12],
        reasons=tuple(from_text_or_none(row[13]) or ()),
        result=from_text_or_none(row[14]),
        legs=row[15],
        duration_ms=row[16],
        approval=row[17],
    )


def event_from(row: Sequence[Any]) -> Event:
    """A row of `type, run_id, ids, data, ts, seq`."""
    return Event(row[0], row[1], from_text(row[2]), from_text(row[3]), row[4], row[5])


def insert_event(connection: sqlite3.Connection, event: Event) -> None:
    connection.execute(
        "INSERT INTO events (run_id, seq, ts, type, ids, data) VALUES (?, ?, ?, ?, ?, ?)",
        (event.run_id, event.seq, event.ts, event.type, to_text(event.ids), to_text(event.data)),
    )


def insert_call(connection: sqlite3.Connection, call: StoredCall) -> None:
    connection.execute(
        f"INSERT INTO calls ({CALL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            call.call_id,
            call.run_id,
            call.turn,
            call.position,
            to_ascii(call.provider_id),
            to_ascii(call.name),
            call.server,
            call.tool,
            call.effect,
            call.state,
            to_text_or_none(call.arguments),
            to_text_or_none(call.malformed),
            call.decision,
            to_text_or_none(list(call.reasons) or None),
            to_text_or_none(call.result),
            call.legs,
            call.duration_ms,
            call.approval,
        ),
    )


def change_call(connection: sqlite3.Connection, run_id: str, change: CallChange) -> None:
    """One step of a call, inside a transaction that is fenced already. None leaves a column as it is.

    Raises:
        IllegalTransition: the call's state does not allow it.
        JournalError: no such call, or its key has left before.
    """
    row = connection.execute(
        "SELECT state FROM calls WHERE call_id = ? AND run_id = ?", (change.call_id, run_id)
    ).fetchone()
    if row is None:
        raise JournalError("there is no such call in this run", where=f"call {change.call_id}")
    check_call(row[0], change.state)
    columns: dict[str, Any] = {
        "state": change.state,
        "server": change.ref.server if change.ref else None,
        "tool": change.ref.tool if change.ref else None,
        "effect": change.effect,
        "arguments": to_text_or_none(change.arguments),
        "decision": change.decision,
        "reasons": None if change.reasons is None else to_text(list(change.reasons)),
        "key": change.key,
        "result": to_text_or_none(change.result),
        "legs": change.legs,
        "duration_ms": change.duration_ms,
        "approval": change.approval,
        "input_state": to_text_or_none(change.input_state),
    }
    # Only what changes is named: SQLite writes the index of every column that is, also where its value stays.
    known = {name: value for name, value in columns.items() if value is not None}
    try:
        connection.execute(
            f"UPDATE calls SET {', '.join(f'{name} = ?' for name in known)} WHERE call_id = ?",
            (*known.values(), change.call_id),
        )
    except sqlite3.IntegrityError as error:
        raise JournalError(
            "this very call went out before, as another row; it is not sent twice", where=f"call {change.call_id}"
        ) from error


def to_ascii(text: str) -> str:
    """Text that SQLite takes: unpaired surrogates, which only a hostile peer sends, become visible escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
