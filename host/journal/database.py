"""One SQLite file, one connection, one lock: how the journal reads, writes and reaches the disk.

Decides: transactions, waiting for other processes, and durability. Does not decide what is stored.

A transaction is committed with `synchronous=NORMAL`: some 20 µs, so it may run in the event loop. A durable
one then waits until the write-ahead log is synced, in a worker thread and outside every lock. That is what
`synchronous=FULL` does (https://sqlite.org/pragma.html#pragma_synchronous: it syncs the log after each
transaction), except that FULL holds SQLite's writer lock meanwhile: a cheap commit right behind would stop the
whole event loop for one disk sync. Syncing apart has two more merits: concurrent callers share one sync while
each keeps a transaction of its own, so that a bad change fails nobody else.

Why that is enough: a committed transaction stands either in the log, which the sync covers, or, after a
checkpoint, in the database file, which SQLite syncs before it reuses the log. The log exists as long as any
connection is open, so our descriptor stays the right one; `_sync_log` checks.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from context.errors import JournalError
from host.journal import schema
from host.journal.group_sync import GroupSync

BUSY_SECONDS = 30.0
"""How long a writer waits for others; each holds the lock for well under a millisecond."""

_TIDY_BYTES = 4 * 1024**2
_AUTOCHECKPOINT_PAGES = 16000


class Database:
    """The open file. Safe from any thread; every use holds `lock` for microseconds."""

    def __init__(self, path: Path, connection: sqlite3.Connection, log: int, sync: Callable[[int], None]) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._connection = connection
        self._log = log
        self._sync = sync
        self._group = GroupSync(self._sync_log)

    @staticmethod
    def open(path: Path, *, sync: Callable[[int], None] = os.fdatasync) -> "Database":
        """Open or make the file at `path`, private to this user.

        Raises:
            JournalError: it cannot be opened, is damaged, or belongs to a newer version.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_private(path)
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise _fault(path, "cannot be opened", error) from error
        try:
            _configure(connection)
            schema.prepare(connection, where=f"journal {path}")
            connection.execute("SELECT count(*) FROM meta").fetchone()
            log = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, sqlite3.Error) as error:
            connection.close()
            raise _fault(path, "cannot be opened", error) from error
        except BaseException:
            connection.close()
            raise
        return Database(path, connection, log, sync)

    @contextlib.contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """A write transaction: all of it or none.

        Raises:
            JournalError: SQLite refused; nothing of it stands.
        """
        with self.lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    # A full disk may have rolled back by itself.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise _fault(self.path, "cannot be written, so nothing goes out", error) from error

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Raises: JournalError."""
        with self.lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise _fault(self.path, "cannot be read", error) from error

    def row(self, query: str, *values: Any) -> Any | None:
        """The first row or None. Raises: JournalError."""
        rows = self.rows(query, *values)
        return rows[0] if rows else None

    async def reach_disk(self) -> None:
        """Return once every transaction that was committed before this call is on disk. Not cancellable.

        Raises:
            JournalError: the disk refused; nothing may rely on it any more.
        """
        await self._group.reach()

    def reach_disk_now(self) -> None:
        """Like `reach_disk`, blocking; for commands without an event loop."""
        self._group.reach_now()

    def tidy(self) -> None:
        """Move a grown log into the file, with a connection of its own so that nobody waits for its syncs."""
        with contextlib.suppress(OSError, sqlite3.Error):
            if os.fstat(self._log).st_size < _TIDY_BYTES:
                return
            with contextlib.closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as other:
                other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        with self.lock:
            self._connection.close()
            if self._log >= 0:
                os.close(self._log)
                self._log = -1

    def _sync_log(self) -> None:
        if os.fstat(self._log).st_nlink == 0:
            raise OSError("the write-ahead log was removed while in use")
        self._sync(self._log)


def _make_private(path: Path) -> None:
    # Only when it is new: closing a descriptor of a file drops every POSIX lock that this process holds on it,
    # those of another connection included.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _configure(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            # The switch to WAL does not always honour the busy timeout when many processes start at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_AUTOCHECKPOINT_PAGES}").fetchone()


def _fault(path: Path, what: str, error: Exception) -> JournalError:
    # The primary code is in the low byte (https://sqlite.org/rescode.html).
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return JournalError(
            f"{what}: the file is damaged or is no journal ({error})",
            where=f"journal {path}",
            next_step=f"Move {path.name} away, with {path.name}-wal and {path.name}-shm where they exist; a new one is "
            "made, without the runs of the old one; the decision record remains",
        )
    return JournalError(
        f"{what}: {error}",
        where=f"journal {path}",
        next_step="Check the disk's free space and the folder's permissions",
    )
