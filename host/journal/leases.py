"""Who may write a run: a lease with owner, epoch and expiry, checked in the transaction of every write.

Decides: when a lease is free, how it is renewed, and that a write under an old one fails. Does not decide
what is written.

The epoch fences (Kleppmann, "How to do distributed locking"): a process that was stopped for a minute and wakes
up still believes that the run is its own; its writes carry an epoch that no longer stands.
"""

import sqlite3
from dataclasses import dataclass

from context.errors import ConfigError, LeaseLost
from context.runs import FINISHED
from sandboxes.lifecycle.owners import is_dead

LEASE_SECONDS = 30.0
BEAT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: str
    owner: str
    epoch: int


def acquire(connection: sqlite3.Connection, run_id: str, *, owner: str, now: float) -> Lease:
    """Take the run, inside a transaction. A dead process of this machine holds nothing.

    Raises:
        ConfigError: there is no such run, it is over, or a living process holds it.
    """
    row = connection.execute(
        "SELECT status, owner, epoch, lease_until FROM runs WHERE run_id = ?", (run_id,)
    ).fetchone()
    if row is None:
        raise ConfigError("there is no such run", where=f"run {run_id}", next_step="`gatehost runs list` lists them")
    status, holder, epoch, until = row
    if status in FINISHED:
        raise ConfigError(
            f"is {status}, so there is nothing to go on with",
            where=f"run {run_id}",
            next_step=f"`gatehost runs show {run_id}` shows how it ended",
        )
    if holder is not None and until > now and not is_dead(holder):
        raise ConfigError(
            "is being carried out by another process",
            where=f"run {run_id}",
            next_step="Wait until it ends, or end that process",
        )
    connection.execute(
        "UPDATE runs SET owner = ?, epoch = ?, lease_until = ? WHERE run_id = ?",
        (owner, epoch + 1, now + LEASE_SECONDS, run_id),
    )
    return Lease(run_id, owner, epoch + 1)


def fence(connection: sqlite3.Connection, lease: Lease, *, events: int, now: float) -> int:
    """Check and renew the lease, and reserve numbers for `events` events; the last number given.

    Raises:
        LeaseLost: another process took the run.
    """
    row = connection.execute(
        "UPDATE runs SET last_seq = last_seq + ?, lease_until = ? WHERE run_id = ? AND owner = ? AND epoch = ?"
        " RETURNING last_seq",
        (events, now + LEASE_SECONDS, lease.run_id, lease.owner, lease.epoch),
    ).fetchone()
    if row is None:
        raise LeaseLost(
            "another process has taken this run over, so this one stops acting for it", where=f"run {lease.run_id}"
        )
    return int(row[0])


def release(connection: sqlite3.Connection, lease: Lease) -> None:
    """Give the run back; nothing happens when it was lost before."""
    connection.execute(
        "UPDATE runs SET owner = NULL, lease_until = 0 WHERE run_id = ? AND owner = ? AND epoch = ?",
        (lease.run_id, lease.owner, lease.epoch),
    )
