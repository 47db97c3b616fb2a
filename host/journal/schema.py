"""The journal's tables and the steps from one version of them to the next.

Decides: tables, columns, and that an older program never touches a newer file. Does not decide what
is written into them (`handle`, `store`, `recorder`).

Every tree that a row stands in costs a page of log per commit, so tables on a call's way have few indexes and
keys that grow.

Statements of a released version never change; a new version appends a tuple to `MIGRATIONS`.
"""

import sqlite3

from context.errors import JournalError

_VERSION_1 = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # `number` orders the runs of a session. `last_seq` numbers events; `owner`, `epoch`, `lease_until` are the lease.
    """CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL UNIQUE,
        session_id TEXT NOT NULL,
        parent_run_id TEXT,
        status TEXT NOT NULL,
        agent TEXT NOT NULL,
        task TEXT NOT NULL,
        folder TEXT NOT NULL,
        flags TEXT NOT NULL,
        trace_id TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        exit_code INTEGER,
        answer TEXT,
        turns INTEGER NOT NULL DEFAULT 0,
        last_seq INTEGER NOT NULL DEFAULT 0,
        owner TEXT,
        epoch INTEGER NOT NULL DEFAULT 1,
        lease_until REAL NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX runs_session ON runs (session_id, number)",
    "CREATE INDEX runs_folder ON runs (folder, number)",
    "CREATE INDEX runs_running ON runs (owner) WHERE status = 'running'",
    """CREATE TABLE messages (
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        position INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (run_id, position)
    )""",
    # `key` fences: one key leaves once, whoever tries. Only calls that left have one.
    """CREATE TABLE calls (
        call_id TEXT PRIMARY KEY,
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        turn INTEGER NOT NULL,
        position INTEGER NOT NULL,
        provider_id TEXT NOT NULL,
        name TEXT NOT NULL,
        server TEXT,
        tool TEXT,
        effect TEXT,
        state TEXT NOT NULL,
        arguments TEXT,
        malformed TEXT,
        decision TEXT,
        reasons TEXT,
        key TEXT,
        result TEXT,
        legs INTEGER NOT NULL DEFAULT 0,
        duration_ms REAL,
        approval TEXT,
        input_state TEXT,
        UNIQUE (run_id, position)
    )""",
    "CREATE UNIQUE INDEX calls_key ON calls (key) WHERE key IS NOT NULL",
    """CREATE TABLE approvals (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        approval_id TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        call_id TEXT NOT NULL UNIQUE REFERENCES calls (call_id),
        agent TEXT NOT NULL,
        server TEXT NOT NULL,
        tool TEXT NOT NULL,
        effect TEXT NOT NULL,
        arguments TEXT NOT NULL,
        binding TEXT NOT NULL,
        rules TEXT NOT NULL,
        reasons TEXT NOT NULL,
        status TEXT NOT NULL,
        expires REAL NOT NULL,
        answered_by TEXT,
        note TEXT
    )""",
    """CREATE TABLE events (
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        seq INTEGER NOT NULL,
        ts TEXT NOT NULL,
        type TEXT NOT NULL,
        ids TEXT NOT NULL,
        data TEXT NOT NULL,
        PRIMARY KEY (run_id, seq)
    ) WITHOUT ROWID""",
    # Outbox and index of the record in one: `payload` stays until the line is known to be on disk; `n` and `link`
    # say where it stands and what it hashes to, so that a cut or rewritten record differs from what is written here.
    # No row is ever deleted, so that `position` grows without a counter of its own.
    """CREATE TABLE record_entries (
        position INTEGER PRIMARY KEY,
        entry_id TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        payload BLOB,
        n INTEGER,
        link TEXT
    )""",
    "CREATE INDEX record_entries_outbox ON record_entries (position) WHERE payload IS NOT NULL",
    # What entries hold only a salted digest of. Deleting a row erases the content and keeps the record verifiable.
    """CREATE TABLE contents (
        position INTEGER NOT NULL REFERENCES record_entries (position),
        name TEXT NOT NULL,
        salt BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (position, name)
    ) WITHOUT ROWID""",
)

_VERSION_2 = (
    # `asked_at` is the latest time that the journal knew when it was asked: only what it learns later has passed since.
    "ALTER TABLE approvals ADD COLUMN card_values TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE approvals ADD COLUMN approvers TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE approvals ADD COLUMN minor INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE approvals ADD COLUMN pin TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE approvals ADD COLUMN asked_at TEXT NOT NULL DEFAULT ''",
    # One voice a person: `person` is the same for every channel, `voter` names both.
    """CREATE TABLE votes (
        approval_id TEXT NOT NULL REFERENCES approvals (approval_id) ON DELETE CASCADE,
        person TEXT NOT NULL,
        voter TEXT NOT NULL,
        roles TEXT NOT NULL,
        granted INTEGER NOT NULL,
        note TEXT,
        at REAL NOT NULL,
        PRIMARY KEY (approval_id, person)
    )""",
    """CREATE TABLE standing_rules (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        rule_id TEXT NOT NULL UNIQUE,
        run_id TEXT NOT NULL,
        agent TEXT NOT NULL,
        server TEXT NOT NULL,
        tool TEXT NOT NULL,
        effect TEXT NOT NULL,
        pin TEXT NOT NULL,
        rules TEXT NOT NULL,
        arguments TEXT NOT NULL,
        same TEXT,
        given_by TEXT NOT NULL,
        roles TEXT NOT NULL,
        given_at REAL NOT NULL,
        expires REAL,
        origin TEXT NOT NULL,
        revoked_at REAL,
        revoked_by TEXT
    )""",
    # Endorsements that came with an answer. They outlive their approval's row, which a changed question replaces.
    """CREATE TABLE grants (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        run_id TEXT NOT NULL REFERENCES runs (run_id),
        granted TEXT NOT NULL
    )""",
    "CREATE INDEX grants_run ON grants (run_id)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2)
VERSION = len(MIGRATIONS)
APPLICATION_ID = 0x47415445
"""`GATE`: marks the file as ours (SQLite file format, offset 68)."""


def prepare(connection: sqlite3.Connection, *, where: str) -> None:
    """Bring the file to `VERSION`, inside one transaction.

    Raises:
        JournalError: another program's database, or a newer version's.
    """
    if _version(connection, where) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: twenty processes may have started in one new folder at once.
        for statements in MIGRATIONS[_version(connection, where) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, where: str) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if owner != (APPLICATION_ID if version else 0) or (version == 0 and tables):
        raise JournalError(
            "is a database of another program", where=where, next_step="Set GATEHOST_HOME to another folder"
        )
    if version > VERSION:
        raise JournalError(
            f"was written by a newer gatehost (journal version {version}; this one knows {VERSION})",
            where=where,
            next_step="Use the newer gatehost, or set GATEHOST_HOME to another folder",
        )
    return version
