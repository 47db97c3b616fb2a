"""Secrets as files in memory that only their own server sees, and that do not outlive it.

Decides: where they lie (a folder on a tmpfs of this host, closed to every other user), how they reach a server (mounted
read-only at `/run/secrets`), and that what a killed host left is removed. Does not decide who gets which secret, nor
that no answer repeats one (`values`).

No value ever stands in an argument, an environment, a label or an engine's `inspect`: only the folder's path does.
Besides, `NAME_FILE` in the server's environment tells where the file is, a convention that many programs follow.
"""

import json
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread

from context.errors import SandboxError
from sandboxes.interface import Mount, SandboxSpec
from sandboxes.lifecycle.owners import is_dead

INSIDE = "/run/secrets"

_LEASE = "owner.json"
_MOUNTINFO = Path("/proc/self/mountinfo")


@asynccontextmanager
async def with_secret_files(spec: SandboxSpec) -> AsyncGenerator[SandboxSpec, None]:
    """The spec with its secrets mounted and named; on exit the files are gone. A spec without secrets stays as it is.

    Raises:
        SandboxError: there is no tmpfs to keep them on.
    """
    if not spec.secrets:
        yield spec
        return
    folder = await anyio.to_thread.run_sync(_write, spec)
    try:
        program = spec.program
        named = {f"{name}_FILE": f"{INSIDE}/{name}" for name in spec.secrets}
        yield replace(
            spec,
            program=replace(
                program,
                mounts=(*program.mounts, Mount(folder / "secrets", INSIDE)),
                env={**named, **program.env},
            ),
        )
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(_remove, folder)


def reap_secret_files(servers: Collection[str] | None = None) -> list[str]:
    """Remove what dead owners left; the folders' names.

    Args:
        servers: Only the secrets of these; all when None.
    """
    removed: list[str] = []
    for folder in _folders():
        try:
            lease = json.loads((folder / _LEASE).read_text(encoding="utf-8"))
            owner, server = str(lease["owner"]), str(lease.get("server", ""))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Just being made or removed by its owner.
        if (servers is None or server in servers) and is_dead(owner):
            _remove(folder)
            removed.append(folder.name)
    return removed


def _write(spec: SandboxSpec) -> Path:
    base = _memory()
    if base is None:
        raise SandboxError(
            "there is no tmpfs of this user's to keep its secrets on, and they are never written to a disk",
            where=f"server {spec.server}",
            next_step="Mount a tmpfs at /dev/shm, or set XDG_RUNTIME_DIR to a folder on one",
        )
    # 0700: nobody else gets past it. Inside the sandbox only what lies below is mounted, readable by any uid there.
    folder = Path(tempfile.mkdtemp(prefix=_prefix(), dir=base))
    try:
        (folder / _LEASE).write_text(json.dumps({"owner": spec.owner, "server": spec.server}), encoding="utf-8")
        inner = folder / "secrets"
        inner.mkdir()
        for name, value in spec.secrets.items():
            path = inner / name
            path.write_text(value, encoding="utf-8")
            path.chmod(0o444)
        inner.chmod(0o555)
    except BaseException:
        _remove(folder)
        raise
    return folder


def _remove(folder: Path) -> None:
    inner = folder / "secrets"
    with suppress(OSError):
        inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _folders() -> Iterator[Path]:
    for base in _candidates():
        for folder in sorted(base.glob(f"{_prefix()}*")):
            with suppress(OSError):
                if not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
                    yield folder


def _prefix() -> str:
    return f"gatehost-secrets-{os.geteuid()}-"


def _memory() -> Path | None:
    return next((base for base in _candidates() if os.access(base, os.W_OK | os.X_OK)), None)


def _candidates() -> list[Path]:
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    wanted = [Path("/dev/shm"), *([Path(named)] if Path(named).is_absolute() else [])]
    return [base for base in wanted if _is_tmpfs(base)]


def _is_tmpfs(folder: Path) -> bool:
    """Whether the innermost mount that holds `folder` is a tmpfs, as the kernel lists it."""
    best, kind = "", ""
    with suppress(OSError):
        place = os.path.realpath(folder)
        for line in _MOUNTINFO.read_text().splitlines():
            front, _, back = line.partition(" - ")
            at = front.split(" ")[4]
            if (place == at or place.startswith(at.rstrip("/") + "/")) and len(at) >= len(best):
                best, kind = at, back.split(" ")[0]
    return kind in {"tmpfs", "ramfs"}
