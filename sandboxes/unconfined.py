"""The kind `unconfined`: a plain child process, with this user's rights over everything. No walls at all.

Decides: a small environment, an empty folder as its home, and that the server ends with us as far as that can
be had. Does not decide that it may be used: the operator writes `sandbox = "unconfined"`, nothing falls back
to it, and its evidence says on every call that it is not isolated.

Nothing is mounted here, so a mount's inside path is replaced by its host path in the program's arguments and
environment.

Ends: `setpriv --pdeathsig` where it exists, so that the server dies with this process; its process group; and a
mark in its environment, by which whatever left the group is found. A lease file lets the next start find what
a killed host left. A server that clears the mark and leaves its group escapes all three: that is what
`unconfined` means.
"""

import json
import logging
import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import anyio.to_thread

from context.json_values import JsonObject
from sandboxes.interface import Evidence, Mount, SandboxHome, SandboxKind, SandboxSpec, WireCounts
from sandboxes.lifecycle.owners import is_dead
from sandboxes.opened import Gone, Opened
from sandboxes.processes.child_process import child_process
from sandboxes.processes.inner_env import inner_env
from sandboxes.processes.proc_facts import read_process
from sandboxes.processes.user_choice import all_mounts, check_mounts
from sandboxes.secrets.files import reap_secret_files, with_secret_files
from sandboxes.secrets.values import SecretValues
from sandboxes.wire.decoder import WireLimits
from sandboxes.wire.stderr_ring import StderrRing
from sandboxes.wire.transport import wire

logger = logging.getLogger(__name__)

MARK = "GATEHOST_LEASE"
_NOTES = (
    "this server is not isolated: it can do everything that the user running Gatehost can",
    "memory, cpus, pids, network and mount modes are not enforced",
    "nothing is mounted; inside paths in its arguments were replaced by host paths",
)


class UnconfinedSandbox:
    """See `interface.Sandbox`."""

    def __init__(self, home: SandboxHome) -> None:
        self._leases = home.folder / "leases"

    @asynccontextmanager
    async def open(self, spec: SandboxSpec) -> AsyncGenerator[Opened, None]:
        """See `interface.Sandbox.open`."""
        check_mounts(spec)
        async with with_secret_files(spec) as spec, self._run(spec) as opened:
            yield opened

    @asynccontextmanager
    async def _run(self, spec: SandboxSpec) -> AsyncGenerator[Opened, None]:
        logger.warning("server %s runs unconfined: it can do everything that this user can", spec.server)
        lease = f"unconfined-{spec.server}-{secrets.token_hex(6)}"
        folder = self._leases / lease
        work = await anyio.to_thread.run_sync(_take_lease, folder, spec.owner)
        hidden = SecretValues(spec.secrets)
        ring, gone, counts = StderrRing(secrets=hidden), Gone(), WireCounts()
        schemas: dict[str, JsonObject] = {}
        env = {**inner_env(spec), "HOME": str(work), "TMPDIR": str(work), **spec.program.env, **spec.env}
        mounts = all_mounts(spec)
        env = {name: _on_host(value, mounts) for name, value in env.items()}
        argv = [_on_host(part, mounts) for part in spec.program.argv]
        try:
            async with (
                child_process(
                    [*_death_signal(), *argv],
                    server=spec.server,
                    env={**env, MARK: lease},
                    cwd=work,
                    ring=ring,
                    gone=gone,
                    kill_family=partial(_kill_family, lease=lease),
                ) as child,
                wire(
                    child.stdin,
                    child.stdout,
                    server=spec.server,
                    limits=WireLimits(line_bytes=spec.line_bytes),
                    counts=counts,
                    output_schemas=schemas,
                    secrets=hidden,
                ) as (read, write),
            ):
                yield Opened(
                    read=read,
                    write=write,
                    evidence=_evidence(child.pid),
                    counts=counts,
                    output_schemas=schemas,
                    ring=ring,
                    gone=gone,
                )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def reap(self, servers: Collection[str] | None = None) -> list[str]:
        """See `interface.Sandbox.reap`."""
        return await anyio.to_thread.run_sync(lambda: [*_reap(self._leases, servers), *reap_secret_files(servers)])


def unavailable() -> str | None:
    """It can always be had."""
    return None


def _take_lease(folder: Path, owner: str) -> Path:
    """The server's home, in a folder whose lease is written before there is anything to lease."""
    work = folder / "home"
    work.mkdir(parents=True, mode=0o700)
    (folder / "lease.json").write_text(json.dumps({"owner": owner}), encoding="utf-8")
    return work


def _reap(leases: Path, servers: Collection[str] | None) -> list[str]:
    removed: list[str] = []
    for folder in sorted(leases.glob("unconfined-*")):
        if servers is not None and folder.name.partition("-")[2].rpartition("-")[0] not in servers:
            continue
        try:
            owner = str(json.loads((folder / "lease.json").read_text(encoding="utf-8"))["owner"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # Just being made or removed by its owner.
        if is_dead(owner):
            _kill_marked(folder.name, rest=0.02)
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed


def _death_signal() -> list[str]:
    setpriv = shutil.which("setpriv", path="/usr/local/bin:/usr/bin:/bin")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _kill_family(pid: int, *, lease: str) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _kill_marked(lease)


def _kill_marked(lease: str, *, rest: float = 0.0) -> None:
    """Kill whoever carries the mark, until two looks in a row find nobody: a process may fork between looks, and
    for a moment of its exec its environment reads as empty.

    Args:
        rest: Seconds between looks.
    """
    mark = f"{MARK}={lease}".encode()
    quiet = 0
    for _ in range(20):
        found = list(_marked(mark))
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        quiet = 0 if found else quiet + 1
        if quiet == 2:
            return
        time.sleep(rest)


def _marked(mark: bytes) -> Iterable[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The environment of a zombie reads as empty, so the dead do not count.
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def _on_host(text: str, mounts: Iterable[Mount]) -> str:
    """Inside paths as host paths, where they stand alone or behind `=`, `:` or `,`."""
    for mount in sorted(mounts, key=lambda mount: -len(mount.at)):
        place = re.escape(mount.at.rstrip("/"))
        text = re.sub(rf"(^|[=:,]){place}(?=$|[/:,])", lambda match: match[1] + str(mount.host), text)  # noqa: B023
    return text


def _evidence(pid: int) -> Evidence:
    process = read_process(pid)
    facts: JsonObject = {"pid": pid}
    if process is not None:
        facts |= {"uid": process.uid, "effective_capabilities": process.capabilities}
    return Evidence("unconfined", False, facts, (), _NOTES)


KIND = SandboxKind(name="unconfined", confines=False, unavailable=unavailable, make=UnconfinedSandbox)
