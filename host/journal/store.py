"""The journal: every run of this home, from any process.

Decides: how runs are made, found, taken over and followed, and how an approval is answered from outside its
run. Does not decide how a run is written while it is carried out (`handle`).
"""

import logging
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

from context.errors import ConfigError, JournalError, LeaseLost
from context.events import TERMINAL, Event, utc_text
from context.ids import new_id
from context.json_values import JsonObject
from context.messages import Message
from context.runs import RunInfo, RunStatus, StoredCall, check_run
from context.visible_text import escape_line
from host.journal import answering, approvals, leases, messages, rows, standing
from host.journal.database import Database
from host.journal.handle import RunHandle, insert_messages
from host.journal.json_text import to_text
from host.journal.leases import Lease
from host.journal.recorder import Recorder, RecordIndex, SealedEntry, seal
from host.journal.rows import to_ascii
from host.journal.standing import StandingRow, StandingScope
from host.record.chain import Line, Malformed, parse
from host.record.contents import Content
from host.record.log import RecordLog
from host.record.segments import read_lines
from host.record.verify import Verdict, verify
from sandboxes.lifecycle.owners import is_dead, this_process
from tool_gateway.approvals import Vote
from tool_gateway.interface import Approval, Entry
from tool_gateway.provenance.evidence import Grant

logger = logging.getLogger(__name__)

_POLL_SHORTEST, _POLL_LONGEST = 0.01, 0.5


class Journal:
    """One home's state. Implements `context.RunStore` and `context.Events`."""

    def __init__(
        self, database: Database, record: Recorder, *, owner: str, clock: Callable[[], float], restored: int
    ) -> None:
        self.database = database
        self.record = record
        self.restored = restored
        self._owner = owner
        self._clock = clock
        self._handles: dict[str, RunHandle] = {}

    @staticmethod
    def open(
        path: Path,
        *,
        record: Path | None = None,
        clock: Callable[[], float] = time.time,
        owner: str | None = None,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> "Journal":
        """Open or make the journal at `path` and its record, and repair what a crash left of the latter.

        Args:
            record: The record's folder; `record` beside the journal when left out.
            owner: This process, as leases name it.

        Raises:
            JournalError: unusable, damaged, or written by a newer version.
        """
        own = owner or this_process()
        database = Database.open(path, sync=sync)
        try:
            recorder = Recorder(database, RecordLog(record or path.parent / "record"), owner=own, clock=clock)
            restored = recorder.recover()
        except BaseException:
            database.close()
            raise
        return Journal(database, recorder, owner=own, clock=clock, restored=restored)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def close(self) -> None:
        """Give back every run that is still held, bring the record to the disk, and close the files."""
        try:
            for handle in tuple(self._handles.values()):
                handle.close()
            self.record.close()
        finally:
            self.database.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Making and taking runs.

    def create_run(
        self,
        *,
        agent: str,
        task: str,
        folder: str,
        flags: JsonObject,
        trace_id: str,
        run_id: str | None = None,
        session_id: str | None = None,
        parent_run_id: str | None = None,
        messages: Sequence[Message] = (),
        entries: Sequence[Entry] = (),
    ) -> RunHandle:
        """A new run, held by this process.

        Args:
            session_id: Continue this session; a new one when left out.
            messages: The conversation it starts with: earlier messages given by the user, then the task.

        Raises:
            ConfigError: there is no such session.
            JournalError: it could not be written.
        """
        lease = Lease(run_id or new_id("run"), self._owner, 1)
        session = session_id or new_id("ses")
        now = self._clock()
        sealed = [seal(entry) for entry in entries]
        with self.database.lock:
            with self.database.transaction() as connection:
                if session_id is not None and not _has_session(connection, session_id):
                    raise ConfigError(
                        "there is no such session",
                        where=f"session {session_id}",
                        next_step="`gatehost runs list --json` shows the session of each run",
                    )
                connection.execute(
                    "INSERT INTO runs (run_id, session_id, parent_run_id, status, agent, task, folder, flags, trace_id,"
                    " started_at, owner, epoch, lease_until) VALUES (?, ?, ?, 'running', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        lease.run_id,
                        session,
                        parent_run_id,
                        agent,
                        to_ascii(task),
                        folder,
                        to_text(flags),
                        trace_id,
                        utc_text(now),
                        lease.owner,
                        lease.epoch,
                        now + leases.LEASE_SECONDS,
                    ),
                )
                insert_messages(connection, lease.run_id, messages, 0)
                self.record.insert(connection, sealed)
            self.record.write(sealed)
        return self._handle(lease)

    def take(self, run_id: str) -> RunHandle:
        """Take up a run that nobody alive carries out; it is `running` again.

        Raises:
            ConfigError: there is no such run, it is completed or cancelled, or another process is carrying it out.
            JournalError: it could not be written.
        """
        sealed: list[SealedEntry] = []
        with self.database.lock:
            with self.database.transaction() as connection:
                lease = leases.acquire(connection, run_id, owner=self._owner, now=self._clock())
                info = self._load(connection, run_id)
                if info.status == "running":
                    sealed = self._interrupt(connection, info)
                check_run("interrupted" if sealed else info.status, "running")
                connection.execute(
                    "UPDATE runs SET status = 'running', ended_at = NULL, exit_code = NULL WHERE run_id = ?", (run_id,)
                )
            self.record.write(sealed)
        return self._handle(lease)

    def reap(self) -> list[str]:
        """Mark as interrupted what dead processes were carrying out; the runs' ids."""
        holders = self.database.rows("SELECT DISTINCT owner FROM runs WHERE status = 'running'")
        dead = [owner for (owner,) in holders if owner is None or is_dead(owner)]
        reaped: list[str] = []
        for owner in dead:
            sealed: list[SealedEntry] = []
            with self.database.lock:
                with self.database.transaction() as connection:
                    held = connection.execute(
                        f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE status = 'running' AND owner IS ?", (owner,)
                    ).fetchall()
                    for info in map(rows.run_from, held):
                        sealed += self._interrupt(connection, info)
                        connection.execute("UPDATE runs SET owner = NULL WHERE run_id = ?", (info.run_id,))
                        reaped.append(info.run_id)
                self.record.write(sealed)
        if reaped:
            self.record.settle()
        return reaped

    def forget(self, handle: RunHandle) -> None:
        """The handle was given back."""
        if self._handles.get(handle.run_id) is handle:
            del self._handles[handle.run_id]

    # Reading: context.RunStore.

    def load_run(self, run_id: str) -> RunInfo:
        """Raises: ConfigError when there is no such run."""
        row = self.database.row(f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE run_id = ?", run_id)
        if row is None:
            raise _no_run(run_id)
        return rows.run_from(row)

    def list_runs(self, *, limit: int = 100) -> list[RunInfo]:
        """The newest first."""
        query = f"SELECT {rows.RUN_COLUMNS} FROM runs ORDER BY number DESC LIMIT ?"
        return [rows.run_from(row) for row in self.database.rows(query, limit)]

    def latest_session(self, folder: str) -> str | None:
        """The session of the newest run that was started in `folder`."""
        row = self.database.row("SELECT session_id FROM runs WHERE folder = ? ORDER BY number DESC LIMIT 1", folder)
        return None if row is None else str(row[0])

    def messages(self, run_id: str) -> list[Message]:
        """The conversation: earlier runs of the session first, up to and including this run."""
        found = self.database.rows(
            "SELECT m.message FROM messages m JOIN runs r ON r.run_id = m.run_id JOIN runs this ON this.run_id = ?"
            " WHERE r.session_id = this.session_id AND r.number <= this.number ORDER BY r.number, m.position",
            run_id,
        )
        if not found:
            self.load_run(run_id)
        return [messages.from_row(row[0]) for row in found]

    def calls(self, run_id: str) -> list[StoredCall]:
        """In the model's order."""
        query = f"SELECT {rows.CALL_COLUMNS} FROM calls WHERE run_id = ? ORDER BY position"
        return [rows.call_from(row) for row in self.database.rows(query, run_id)]

    # Writing through the run's handle: context.RunStore and context.Events.

    def append_messages(self, run_id: str, new: Sequence[Message], *, turn: int) -> None:
        """Raises: LeaseLost when this process does not hold the run."""
        self._held(run_id).append_messages(new, turn=turn)

    def set_status(
        self,
        run_id: str,
        status: RunStatus,
        *,
        exit_code: int | None = None,
        answer: str | None = None,
        flags: JsonObject | None = None,
    ) -> None:
        """Raises: IllegalTransition; LeaseLost when this process does not hold the run."""
        self._held(run_id).set_status(status, exit_code=exit_code, answer=answer, flags=flags)

    def append(self, event: Event) -> Event:
        """Raises: LeaseLost when this process does not hold the event's run."""
        return self._held(event.run_id).append(event)

    async def tail(self, run_id: str, *, after: int = 0) -> AsyncGenerator[Event, None]:
        """Events with `seq > after`, then new ones as they come, from whichever process.

        Ends after a terminal event that nothing follows. A run whose process died is reaped here, so nobody
        waits for the dead.

        Raises:
            ConfigError: there is no such run.
        """
        self.load_run(run_id)
        delay = _POLL_SHORTEST
        while True:
            found = self.events(run_id, after=after)
            for event in found:
                after = event.seq
                yield event
            if found:
                delay = _POLL_SHORTEST
                continue
            if self._has_ended(run_id):
                return
            if delay == _POLL_LONGEST:
                self.reap()
            await anyio.sleep(delay)
            delay = min(delay * 1.5, _POLL_LONGEST)

    def events(self, run_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """Stored events with `seq > after`, at most `limit`."""
        query = "SELECT type, run_id, ids, data, ts, seq FROM events WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
        return [rows.event_from(row) for row in self.database.rows(query, run_id, after, limit)]

    # Approvals, from any process.

    def approvals(self, *, limit: int = 100) -> list[Approval]:
        """Open ones first, then the newest; statuses as they stand now."""
        now, known = self._clock(), self._latest()
        found = self.database.rows(
            f"SELECT {approvals.COLUMNS}, asked_at FROM approvals"
            " ORDER BY status = 'pending' AND expires > ? DESC, number DESC LIMIT ?",
            now,
            limit,
        )
        return [_as_of(approvals.approval_from(row), max(now, approvals.passed(known, row[-1]))) for row in found]

    def find_approval(self, approval_id: str) -> Approval:
        """Raises: ConfigError when there is none with this id."""
        row = self._approval_row(approval_id)
        if row is None:
            raise ConfigError(
                "there is no such approval",
                where=f"approval {escape_line(approval_id, 60)}",
                next_step="`gatehost approvals list` lists them",
            )
        return _as_of(approvals.approval_from(row), self._now_for(row))

    def votes(self, approval_id: str) -> list[Vote]:
        """What people said to it, in their order."""
        return [approvals.vote_from(row) for row in self.database.rows(approvals.VOTES, approval_id)]

    def time_seen(self, approval_id: str) -> float:
        """The latest moment known to have passed since it was asked; 0.0 when none is. For `approvals.usable`."""
        row = self._approval_row(approval_id)
        return 0.0 if row is None else approvals.passed(self._latest(), row[-1])

    def answer(
        self,
        approval_id: str,
        *,
        granted: bool,
        by: str,
        roles: frozenset[str] = frozenset(),
        note: str | None = None,
        always: StandingScope | None = None,
        grants: Sequence[Grant] = (),
    ) -> answering.Counted:
        """Answer an open request, from any process; on disk and in the record on return.

        An attempt that comes too late, or from somebody who may not, changes nothing and is recorded as well.

        Args:
            by: Channel and person: `cli:alice`.
            roles: Of that person, as the operator configured them.
            always: Make a standing rule of the yes.
            grants: Endorsements that come with the yes.

        Raises:
            ConfigError: there is no such request, it is not open any more, or this person's answer does not count.
            JournalError: the answer could not be written.
        """
        self.find_approval(approval_id)
        with self.database.lock:
            with self.database.transaction() as connection:
                query = f"SELECT {approvals.COLUMNS}, asked_at FROM approvals WHERE approval_id = ?"
                row = connection.execute(query, (approval_id,)).fetchone()
                if row is None:
                    raise ConfigError("was replaced by a newer request", where=f"approval {approval_id}")
                now = max(self._clock(), approvals.passed(approvals.latest(connection), row[-1]))
                known = approvals.approval_from(row)
                run = self._load(connection, known.request.run_id)
                vote = Vote(by, roles, granted, note, now)
                done = answering.answer(connection, known, run, vote, now=now, scope=always, endorsed=grants)
                sealed = [seal(entry) for entry in answering.entries(done, run, vote, grants)]
                self.record.insert(connection, sealed)
            self.record.write(sealed)
        self.record.settle()
        self.database.reach_disk_now()
        if done.refusal is not None:
            raise ConfigError(
                f"cannot be {'approved' if granted else 'denied'}: {done.refusal}",
                where=f"approval {approval_id}",
                next_step="`gatehost approvals list` shows what is open",
            )
        return done

    def standing_rules(self) -> list[StandingRow]:
        """All of them, the newest first, also those that are over."""
        query = f"SELECT {standing.COLUMNS} FROM standing_rules ORDER BY number DESC"
        return [standing.row_from(row) for row in self.database.rows(query)]

    def revoke_rule(self, rule_id: str, *, by: str) -> StandingRow:
        """End a standing rule, from any process; on disk and in the record on return.

        Raises:
            ConfigError: there is no such rule, or it was revoked before.
            JournalError: it could not be written.
        """
        with self.database.lock:
            with self.database.transaction() as connection:
                now = self._clock()
                row = connection.execute(
                    "UPDATE standing_rules SET revoked_at = ?, revoked_by = ? WHERE rule_id = ? AND revoked_at IS NULL"
                    f" RETURNING {standing.COLUMNS}",
                    (now, to_ascii(by), rule_id),
                ).fetchone()
                if row is None:
                    raise ConfigError(
                        "there is no such standing rule in force",
                        where=f"rule {escape_line(rule_id, 60)}",
                        next_step="`gatehost approvals rules` lists them",
                    )
                revoked = standing.row_from(row)
                run = self._load(connection, revoked.run_id)
                sealed = [seal(answering.rule_entry(revoked, run, now=now))]
                self.record.insert(connection, sealed)
            self.record.write(sealed)
        self.record.settle()
        self.database.reach_disk_now()
        return revoked

    # The record, read together with what is kept of its contents.

    def verify(self) -> Verdict:
        """Check the whole record against itself and against this journal.

        Raises: JournalError.
        """
        index = RecordIndex(self.database)
        last = index.last()
        try:
            return verify(self.record.log.extent(), index, last=last)
        except OSError as error:
            raise JournalError(f"cannot be read: {error.strerror}", where=f"record {self.record.log.folder}") from error

    def entries(self, run_id: str) -> Iterator[tuple[Line, dict[str, Content | None]]]:
        """The run's entries in the record's order, each with its contents; None for an erased one.

        Lines that cannot be read are passed over; `verify` names them.
        """
        index = RecordIndex(self.database)
        mark = run_id.encode()
        for raw in read_lines(self.record.log.extent()):
            if mark not in raw.data:
                continue
            try:
                line = parse(raw.data)
            except Malformed:
                continue
            if line.run_id == run_id:
                digests = line.fields.get("contents")
                names = list(digests) if isinstance(digests, dict) else []
                yield line, {name: index.content(line.entry_id, name) for name in names}

    def tidy(self) -> None:
        """Bring the record to the disk and move the grown log; for a worker thread, now and then."""
        self.record.settle()
        self.database.tidy()

    def _handle(self, lease: Lease) -> RunHandle:
        info = self.load_run(lease.run_id)
        row = self.database.row("SELECT last_seq FROM runs WHERE run_id = ?", lease.run_id)
        handle = RunHandle(self, lease, info, seq=int(row[0]) if row else 0)
        self._handles[lease.run_id] = handle
        return handle

    def _held(self, run_id: str) -> RunHandle:
        handle = self._handles.get(run_id)
        if handle is None:
            raise LeaseLost("this process does not carry this run out", where=f"run {run_id}")
        return handle

    def _load(self, connection: sqlite3.Connection, run_id: str) -> RunInfo:
        row: Any = connection.execute(f"SELECT {rows.RUN_COLUMNS} FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        if row is None:
            raise _no_run(run_id)
        return rows.run_from(row)

    def _interrupt(self, connection: sqlite3.Connection, info: RunInfo) -> list[SealedEntry]:
        """A running run lost its process: say so to followers and in the record, inside a transaction."""
        check_run(info.status, "interrupted")
        ts = utc_text(self._clock())
        (seq,) = connection.execute(
            "UPDATE runs SET status = 'interrupted', ended_at = ?, exit_code = 130, last_seq = last_seq + 1"
            " WHERE run_id = ? RETURNING last_seq",
            (ts, info.run_id),
        ).fetchone()
        ids = {"agent": info.agent, "session_id": info.session_id, "trace_id": info.trace_id}
        data: JsonObject = {"status": "interrupted", "exit_code": 130, "answer": None, "reason": "its process is gone"}
        rows.insert_event(connection, Event("run.suspended", info.run_id, ids, data, ts, seq))
        body: JsonObject = {"status": "interrupted", "reason": "its process is gone", "found_by": self._owner}
        sealed = [seal(Entry(new_id("ent"), "run_interrupted", info.run_id, ts, body, ids))]
        self.record.insert(connection, sealed)
        return sealed

    def _has_ended(self, run_id: str) -> bool:
        row = self.database.row("SELECT type FROM events WHERE run_id = ? ORDER BY seq DESC LIMIT 1", run_id)
        return row is not None and row[0] in TERMINAL

    def _approval_row(self, approval_id: str) -> Any | None:
        query = f"SELECT {approvals.COLUMNS}, asked_at FROM approvals WHERE approval_id = ?"
        return self.database.row(query, approval_id)

    def _now_for(self, row: Any) -> float:
        """What time it is for a row of `_approval_row`, also after the clock was set back."""
        return max(self._clock(), approvals.passed(self._latest(), row[-1]))

    def _latest(self) -> str:
        row = self.database.row(approvals.LATEST)
        return str(row[0] or "") if row else ""


def _as_of(approval: Approval, now: float) -> Approval:
    return replace(approval, status=approvals.status_now(approval, now))


def _has_session(connection: sqlite3.Connection, session_id: str) -> bool:
    query = "SELECT 1 FROM runs WHERE session_id = ? LIMIT 1"
    return connection.execute(query, (session_id,)).fetchone() is not None


def _no_run(run_id: str) -> ConfigError:
    return ConfigError("there is no such run", where=f"run {run_id}", next_step="`gatehost runs list` lists them")
