"""How many sandboxes may stand at once, in this process and in this state folder.

Decides: the cap, and how it is counted: a file each in `slots`, named after its owner, so that what a dead process
held is free at once. Does not decide what a sandbox is, nor what becomes of a dead owner's (`reap`).

A slot is taken first and counted afterwards, so that two processes at the same moment may both be refused but never
both pass the cap.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from context.errors import SandboxError
from sandboxes.interface import SandboxHome
from sandboxes.lifecycle.owners import is_dead, this_process

_FOLDER = "slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotLimits:
    """Most sandboxes at once."""

    process: int = 64
    home: int = 64


def at_most(sandboxes: int) -> SlotLimits:
    """One cap for the process and for the state folder: what an operator's single number means."""
    return SlotLimits(process=sandboxes, home=sandboxes)


def standing(home: SandboxHome) -> int:
    """How many slots of this state folder are held now, by any process that lives."""
    folder = home.folder / _FOLDER
    ours = _written(this_process())
    return sum(not _freed(path, ours) for path in folder.iterdir()) if folder.is_dir() else 0


@asynccontextmanager
async def slot(home: SandboxHome, *, server: str, limits: SlotLimits | None = None) -> AsyncGenerator[None, None]:
    """Hold one slot while the body runs.

    Raises:
        SandboxError: all are taken; says by whom.
    """
    taken = await anyio.to_thread.run_sync(_take, home, server, limits or SlotLimits())
    try:
        yield
    finally:
        taken.unlink(missing_ok=True)  # one system call: not worth a thread, and never cancelled


def _take(home: SandboxHome, server: str, limits: SlotLimits) -> Path:
    folder = home.folder / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = _written(this_process())
    mine = folder / f"{ours}-{secrets.token_hex(8)}"
    mine.touch(mode=0o600)
    owners = [path.name.rpartition("-")[0] for path in folder.iterdir() if not _freed(path, ours)]
    for count, most, whose in (
        (owners.count(ours), limits.process, "of this process"),
        (len(owners), limits.home, "of this state folder"),
    ):
        if count > most:
            mine.unlink(missing_ok=True)
            raise SandboxError(
                f"{count - 1} sandboxes {whose} stand already, and {most} are the most",
                where=f"server {server}",
                next_step="Wait for a run to end, lower `pool` in mcp_servers.toml, or give the run fewer servers",
            )
    return mine


def _freed(path: Path, ours: str) -> bool:
    owner = path.name.rpartition("-")[0]
    if owner == ours or not is_dead(owner.replace("_", ":")):
        return False
    path.unlink(missing_ok=True)
    return True


def _written(owner: str) -> str:
    return owner.replace(":", "_")
