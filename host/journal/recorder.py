"""The way of an entry from a transaction into the record, crashes included.

Decides: that an entry is acknowledged in the transaction of what it reports, stands in the record before that
commit returns, and is written again when the machine lost it. Does not decide what a line looks like
(`host.record`) or what is recorded.

An entry's row goes through three states: payload only (acknowledged), payload with `n` and `link` (written),
`n` and `link` only (on disk). The second step rides on the process's next transaction. After a `kill -9` the
lines are still in the page cache, so a written entry of this boot that is missing was removed by somebody, and
only `verify` speaks of it. What a dead process had acknowledged and not written, or what an earlier boot had
not brought to the disk, is written again and said so in the record itself.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from context.errors import JournalError
from context.events import utc_text
from context.ids import new_id
from host.journal.database import Database
from host.record.chain import link, payload, placed
from host.record.contents import Content, sealed
from host.record.log import Head, RecordLog
from host.record.verify import Known
from sandboxes.lifecycle.owners import is_dead
from tool_gateway.interface import Entry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry ready to be stored: its line without a place, and what is kept of its contents."""

    entry_id: str
    run_id: str
    payload: bytes
    contents: dict[str, Content]


@dataclass(frozen=True, slots=True)
class _Outstanding:
    entry_id: str
    owner: str
    payload: bytes
    n: int | None


def seal(entry: Entry) -> SealedEntry:
    """Salt and digest the contents and encode the line."""
    contents = {name: sealed(value) for name, value in entry.contents.items()}
    digests = {name: content.digest for name, content in contents.items()}
    return SealedEntry(entry.entry_id, entry.run_id, payload(entry, digests), contents)


class Recorder:
    """The record of one home, as this process writes it. Implements `tool_gateway.Record`."""

    def __init__(self, database: Database, log: RecordLog, *, owner: str, clock: Callable[[], float]) -> None:
        self._database = database
        self._log = log
        self._owner = owner
        self._clock = clock
        self._unwritten: list[SealedEntry] = []
        self._unmarked: list[tuple[int, str, str]] = []
        self._unsynced: list[str] = []

    @property
    def log(self) -> RecordLog:
        return self._log

    def append(self, entries: Sequence[Entry]) -> None:
        """Record what belongs to no run, on disk on return.

        Raises: JournalError.
        """
        ready = [seal(entry) for entry in entries]
        with self._database.lock:
            with self._database.transaction() as connection:
                self.insert(connection, ready)
            self.write(ready)
        self.settle()
        self._database.reach_disk_now()

    def head(self) -> Head:
        """How many entries the record has, and the hash of the last. Raises: JournalError."""
        return self._log.head()

    # The three steps of a commit; the caller holds the database's lock around them.

    def insert(self, connection: sqlite3.Connection, entries: Sequence[SealedEntry]) -> None:
        """Acknowledge: inside the transaction that the entries report."""
        for entry in entries:
            position = connection.execute(
                "INSERT INTO record_entries (entry_id, run_id, owner, payload) VALUES (?, ?, ?, ?)",
                (entry.entry_id, entry.run_id, self._owner, entry.payload),
            ).lastrowid
            for name, content in entry.contents.items():
                connection.execute(
                    "INSERT INTO contents (position, name, salt, value) VALUES (?, ?, ?, ?)",
                    (position, name, content.salt, content.value),
                )
        if self._unmarked:
            connection.executemany("UPDATE record_entries SET n = ?, link = ? WHERE entry_id = ?", self._unmarked)

    def write(self, entries: Sequence[SealedEntry]) -> None:
        """Append: right after that transaction. What failed before is tried first, so nothing goes out in between.

        Raises: JournalError.
        """
        self._unmarked.clear()
        self._unwritten.extend(entries)
        if not self._unwritten:
            return
        heads = self._log.append([entry.payload for entry in self._unwritten])
        for entry, head in zip(self._unwritten, heads, strict=True):
            self._unmarked.append((head.entries, head.link, entry.entry_id))
            self._unsynced.append(entry.entry_id)
        self._unwritten.clear()

    def settle(self) -> None:
        """Bring the record to the disk and empty the outbox of it. May run in a worker thread.

        Raises: JournalError.
        """
        with self._database.lock:
            if self._unwritten:
                self.write(())
            settled = list(self._unsynced)
        if not settled:
            return
        self._log.sync()
        with self._database.lock:
            with self._database.transaction() as connection:
                self.insert(connection, ())
                connection.executemany(
                    "UPDATE record_entries SET payload = NULL WHERE entry_id = ?", [(entry_id,) for entry_id in settled]
                )
            self._unmarked.clear()
            del self._unsynced[: len(settled)]

    def recover(self) -> int:
        """Write again what dead processes left unwritten or the machine lost; how many entries that were.

        Raises: JournalError.
        """
        if not self._left_by_dead():
            return 0
        with self._database.lock, self._log.locked():
            # Again under the lock: another process may have done it meanwhile.
            left = self._left_by_dead()
            self._log.head()  # mends a torn end
            doubtful = [row for row in left if row.n is None or _other_boot(row.owner, self._owner)]
            found = self._log.find(row.entry_id for row in doubtful) if doubtful else {}
            lost = [row for row in doubtful if row.entry_id not in found]
            marks = [
                # Not the hash of the line that stands there: it may have been edited since.
                (line.n, link(placed(row.payload, line.n, line.prev)), row.entry_id)
                for row in doubtful
                if (line := found.get(row.entry_id)) is not None
            ]
            notice = self._notice(lost) if lost or self._log.cut else None
            with self._database.transaction() as connection:
                ids = [(row.entry_id,) for row in doubtful]
                connection.executemany("UPDATE record_entries SET n = NULL, link = NULL WHERE entry_id = ?", ids)
                connection.executemany("UPDATE record_entries SET n = ?, link = ? WHERE entry_id = ?", marks)
                self.insert(connection, [notice] if notice else [])
            payloads = [row.payload for row in lost] + ([notice.payload] if notice else [])
            heads = self._log.append(payloads) if payloads else []
            self._log.forget_cut()
            self._log.sync()
            written = [row.entry_id for row in lost] + ([notice.entry_id] if notice else [])
            with self._database.transaction() as connection:
                connection.executemany(
                    "UPDATE record_entries SET n = ?, link = ? WHERE entry_id = ?",
                    [(head.entries, head.link, entry_id) for head, entry_id in zip(heads, written, strict=True)],
                )
                connection.executemany(
                    "UPDATE record_entries SET payload = NULL WHERE entry_id = ?",
                    [(entry_id,) for entry_id in [*(row.entry_id for row in left), *written]],
                )
        if lost:
            logger.warning("the record lacked %s acknowledged entries; they were written again", len(lost))
        return len(lost)

    def close(self) -> None:
        """Raises: JournalError."""
        try:
            self.settle()
        finally:
            self._log.close()

    def _left_by_dead(self) -> list[_Outstanding]:
        rows = self._database.rows(
            "SELECT entry_id, owner, payload, n FROM record_entries WHERE payload IS NOT NULL ORDER BY position"
        )
        dead: dict[str, bool] = {self._owner: False}
        for row in rows:
            if row[1] not in dead:
                dead[row[1]] = is_dead(row[1])
        return [_Outstanding(*row) for row in rows if dead[row[1]]]

    def _notice(self, lost: Sequence[_Outstanding]) -> SealedEntry:
        cut = self._log.cut
        return seal(
            Entry(
                entry_id=new_id("ent"),
                type="record_repaired",
                run_id="",
                ts=utc_text(self._clock()),
                body={"written_again": [row.entry_id for row in lost], "cut_bytes": self._log.cut_bytes},
                contents={"cut": cut.decode("utf-8", "backslashreplace")} if cut else {},
            )
        )


class RecordIndex:
    """The journal as a witness of the record (`host.record.verify.Index`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, entry_id: str) -> Known | None:
        row = self._database.row("SELECT payload, n, link FROM record_entries WHERE entry_id = ?", entry_id)
        return None if row is None else Known(*row)

    def last(self) -> int:
        row = self._database.row("SELECT max(n) FROM record_entries")
        if row is None:
            raise JournalError("the journal's index cannot be read")
        return int(row[0] or 0)

    def contested(self) -> int | None:
        row = self._database.row(
            "SELECT n FROM record_entries WHERE n IS NOT NULL GROUP BY n HAVING count(*) > 1 ORDER BY n LIMIT 1"
        )
        return None if row is None else int(row[0])

    def content(self, entry_id: str, name: str) -> Content | None:
        row = self._database.row(
            "SELECT c.salt, c.value FROM contents c JOIN record_entries e ON e.position = c.position"
            " WHERE e.entry_id = ? AND c.name = ?",
            entry_id,
            name,
        )
        # A tampered column may hold text; it must fail to match, not crash.
        return (
            None if row is None else Content(*(part if isinstance(part, bytes) else str(part).encode() for part in row))
        )


def _other_boot(owner: str, own: str) -> bool:
    return owner.split(":")[0] != own.split(":")[0]
