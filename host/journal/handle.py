"""One run under a lease: the only way to write it.

Decides: what belongs into one transaction, that the lease is checked in it, and the order in which the
journal, the record and the listeners learn of it. Does not decide what a run does next (`machine`).
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from context.errors import JournalError
from context.events import Event, utc_text
from context.json_values import JsonObject
from context.messages import Message
from context.runs import RunInfo, RunStatus, StoredCall, check_run
from host.journal import approvals, grants, leases, messages, rows, standing
from host.journal.json_text import to_text_or_none
from host.journal.leases import Lease
from host.journal.recorder import seal
from tool_gateway.approvals import StandingRule, Vote
from tool_gateway.interface import Approval, CallChange, Change, Entry
from tool_gateway.provenance.evidence import Grant

if TYPE_CHECKING:
    from host.journal.store import Journal

logger = logging.getLogger(__name__)

Listener = Callable[[Event], None]


class RunHandle:
    """A run that this process carries out. Implements `tool_gateway.Journal`.

    Every write raises LeaseLost once another process has taken the run over, and JournalError when journal or
    record cannot be written.
    """

    def __init__(self, journal: "Journal", lease: Lease, info: RunInfo, *, seq: int) -> None:
        self._journal = journal
        self._database = journal.database
        self._recorder = journal.record
        self._lease = lease
        self._session_id = info.session_id
        self._turns = info.turns
        self._seq = seq
        self._listeners: list[Listener] = []
        self._messages: list[Message] | None = None
        self._open = True

    @property
    def run_id(self) -> str:
        return self._lease.run_id

    @property
    def session_id(self) -> str:
        return self._session_id

    @property
    def epoch(self) -> int:
        return self._lease.epoch

    @property
    def turns(self) -> int:
        """Model turns stored so far, over all resumptions."""
        return self._turns

    def info(self) -> RunInfo:
        return self._journal.load_run(self.run_id)

    def messages(self) -> list[Message]:
        """The conversation so far, earlier runs of the session included. Kept, since only this handle appends."""
        if self._messages is None:
            self._messages = self._journal.messages(self.run_id)
        return list(self._messages)

    def calls(self) -> list[StoredCall]:
        return self._journal.calls(self.run_id)

    def unsettled_calls(self) -> list[StoredCall]:
        """Calls whose request may have left and whose end is unknown: `intended` or `awaiting_input`.

        After `take` these are what a dead process left. A `read` may go back to `proposed`; any other is in doubt.
        """
        return [call for call in self.calls() if call.state in {"intended", "awaiting_input"}]

    def approval(self, call_id: str) -> Approval | None:
        """The call's approval as stored, with what another process may have answered."""
        row = self._database.row(
            f"SELECT {approvals.COLUMNS} FROM approvals WHERE call_id = ? AND run_id = ?", call_id, self.run_id
        )
        return None if row is None else approvals.approval_from(row)

    def time_seen(self, approval_id: str) -> float:
        """See `Journal.time_seen`."""
        return self._journal.time_seen(approval_id)

    def votes(self, approval_id: str) -> list[Vote]:
        """What people said to a request so far."""
        return self._journal.votes(approval_id)

    def standing_rules(self) -> list[StandingRule]:
        """Those that may answer now, the oldest first (`tool_gateway.approvals.standing_answer`)."""
        query = f"SELECT {standing.COLUMNS} FROM standing_rules WHERE revoked_at IS NULL ORDER BY number"
        now = self._journal.now()
        found = (standing.row_from(row) for row in self._database.rows(query))
        return [row.rule for row in found if row.status(now) == "active"]

    def grants(self) -> tuple[Grant, ...]:
        """Endorsements that came with answers so far, over all resumptions."""
        return grants.of_run(self._database, self.run_id)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Give every later event to `listener`, deltas too, in order; the returned function ends it.

        A listener that raises is dropped: the journal does not stop for a closed pipe.
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    async def commit(
        self, *changes: Change, events: Sequence[Event] = (), entries: Sequence[Entry] = (), durable: bool = False
    ) -> None:
        """See `tool_gateway.Journal.commit`. The entries stand in the record on return."""

        def work(connection: sqlite3.Connection) -> None:
            for change in changes:
                if isinstance(change, CallChange):
                    rows.change_call(connection, self.run_id, change)
                else:
                    approvals.change(connection, change.approval, now=self._journal.now())
                    grants.insert(connection, self.run_id, change.grants)

        self._write(work, events=events, entries=entries)
        if durable:
            await self._database.reach_disk()

    def append(self, event: Event, *, entries: Sequence[Entry] = ()) -> Event:
        """Store one event (a `message.delta` only passes through); the event with `seq` and `ts`."""
        if event.type == "message.delta":
            return self._tell(self._numbered((event,), self._seq))[0]
        return self._write(_nothing, events=(event,), entries=entries)[0]

    def change_call(self, change: CallChange, *, events: Sequence[Event] = (), entries: Sequence[Entry] = ()) -> None:
        """One call's next state outside of the gateway: what a resumption finds, or a person settles."""
        self._write(
            lambda connection: rows.change_call(connection, self.run_id, change), events=events, entries=entries
        )

    def append_messages(self, new: Sequence[Message], *, turn: int) -> None:
        self._write(lambda connection: self._insert_messages(connection, new, turn), messages=new)

    def store_turn(
        self, turn: int, message: Message, calls: Sequence[StoredCall], events: Sequence[Event] = ()
    ) -> None:
        """A model turn with the calls it proposed, in one transaction."""

        def work(connection: sqlite3.Connection) -> None:
            self._insert_messages(connection, (message,), turn)
            for call in calls:
                rows.insert_call(connection, call)
            connection.execute("UPDATE runs SET turns = ? WHERE run_id = ?", (turn, self.run_id))

        self._write(work, events=events, messages=(message,))
        self._turns = turn

    def store_results(self, turn: int, message: Message, events: Sequence[Event] = ()) -> None:
        """What the model is shown next: the answers to a turn's calls, or what is to be mended."""
        self._write(
            lambda connection: self._insert_messages(connection, (message,), turn), events=events, messages=(message,)
        )

    def set_status(
        self,
        status: RunStatus,
        *,
        exit_code: int | None = None,
        answer: str | None = None,
        flags: JsonObject | None = None,
        events: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> None:
        """The run's next status, with the events and entries that tell of it, in one transaction.

        Args:
            flags: Replace the stored ones; None keeps them.

        Raises:
            IllegalTransition: see `context.runs`.
        """

        def work(connection: sqlite3.Connection) -> None:
            (before,) = connection.execute("SELECT status FROM runs WHERE run_id = ?", (self.run_id,)).fetchone()
            check_run(before, status)
            connection.execute(
                "UPDATE runs SET status = ?, ended_at = ?, exit_code = ?, answer = COALESCE(?, answer),"
                " flags = COALESCE(?, flags) WHERE run_id = ?",
                (
                    status,
                    None if status == "running" else utc_text(self._journal.now()),
                    exit_code,
                    None if answer is None else rows.to_ascii(answer),
                    to_text_or_none(flags),
                    self.run_id,
                ),
            )

        self._write(work, events=events, entries=entries)

    def renew(self) -> None:
        """Prolong the lease."""
        self._write(_nothing)

    async def keep(self) -> None:
        """Prolong the lease and tidy the files until cancelled; run it beside the run, in its task group.

        Raises:
            LeaseLost: the run must stop at once.
        """
        while True:
            await anyio.sleep(leases.BEAT_SECONDS)
            self.renew()
            await anyio.to_thread.run_sync(self._journal.tidy)

    def close(self) -> None:
        """Bring the record to the disk and give the run back. Safe to call twice, and after LeaseLost.

        Raises: JournalError.
        """
        if not self._open:
            return
        self._open = False
        self._journal.forget(self)
        try:
            self._recorder.settle()
        finally:
            with self._database.transaction() as connection:
                leases.release(connection, self._lease)

    def __enter__(self) -> "RunHandle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(
        self,
        work: Callable[[sqlite3.Connection], None],
        *,
        events: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
        messages: Sequence[Message] = (),
    ) -> list[Event]:
        """One fenced transaction, then the record, then the listeners."""
        if not self._open:
            raise JournalError("was given back already", where=f"run {self.run_id}")
        for event in events:
            if event.run_id != self.run_id:
                raise ValueError(f"an event of run {event.run_id} in run {self.run_id}")
        stored = sum(event.type != "message.delta" for event in events)
        now = self._journal.now()
        sealed = [seal(entry) for entry in entries]
        with self._database.lock:
            with self._database.transaction() as connection:
                last = leases.fence(connection, self._lease, events=stored, now=now)
                work(connection)
                numbered = self._numbered(events, last - stored)
                for event in numbered:
                    if event.type != "message.delta":
                        rows.insert_event(connection, event)
                self._recorder.insert(connection, sealed)
            self._seq = last
            if self._messages is not None:
                self._messages.extend(messages)
            self._recorder.write(sealed)
        return self._tell(numbered)

    def _numbered(self, events: Sequence[Event], seq: int) -> list[Event]:
        ts = utc_text(self._journal.now())
        numbered: list[Event] = []
        for event in events:
            seq += event.type != "message.delta"
            numbered.append(Event(event.type, event.run_id, event.ids, event.data, event.ts or ts, seq))
        return numbered

    def _tell(self, events: list[Event]) -> list[Event]:
        for event in events:
            for listener in tuple(self._listeners):
                try:
                    listener(event)
                except Exception:
                    logger.exception("a listener failed at %s %s and is dropped", event.run_id, event.seq)
                    self._listeners.remove(listener)
        return events

    def _insert_messages(self, connection: sqlite3.Connection, new: Sequence[Message], turn: int) -> None:
        insert_messages(connection, self.run_id, new, turn)


def insert_messages(connection: sqlite3.Connection, run_id: str, new: Sequence[Message], turn: int) -> None:
    """Append to the run's part of the conversation, inside a transaction."""
    (position,) = connection.execute(
        "SELECT COALESCE(max(position) + 1, 0) FROM messages WHERE run_id = ?", (run_id,)
    ).fetchone()
    connection.executemany(
        "INSERT INTO messages (run_id, position, turn, message) VALUES (?, ?, ?, ?)",
        [(run_id, position + index, turn, messages.to_row(message)) for index, message in enumerate(new)],
    )


def _nothing(connection: sqlite3.Connection) -> None:
    del connection
