"""Endorsements that people gave with their answers, as rows: a resumed run has them again.

Decides: their stored form. Does not decide what a grant is worth (`tool_gateway.provenance`).
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from context.calls import ToolRef
from host.journal.database import Database
from host.journal.json_text import from_text, to_text
from tool_gateway.provenance.evidence import Grant, SourcePattern


def insert(connection: sqlite3.Connection, run_id: str, grants: Sequence[Grant]) -> None:
    """Add to what stands for the run, inside a transaction."""
    connection.executemany(
        "INSERT INTO grants (run_id, granted) VALUES (?, ?)", [(run_id, to_text(asdict(grant))) for grant in grants]
    )


def of_run(database: Database, run_id: str) -> tuple[Grant, ...]:
    """In the order in which they were given. Raises: JournalError."""
    rows = database.rows("SELECT granted FROM grants WHERE run_id = ? ORDER BY number", run_id)
    return tuple(_grant_from(row[0]) for row in rows)


def _grant_from(text: str) -> Grant:
    stored = from_text(text)
    source = stored["source"]
    return Grant(
        source=SourcePattern(ToolRef(**source["ref"]) if source["ref"] else None, source["argument"], source["value"]),
        ref=ToolRef(**stored["ref"]),
        argument=stored["argument"],
        given_by=stored["given_by"],
        because=stored["because"],
        pointers=tuple(stored["pointers"]),
        plural=bool(stored.get("plural", False)),
        kinds=tuple(stored.get("kinds", ())),
    )
