"""Runs the probes in a real sandbox, opened as any server's is.

Decides: the declaration that the probes get, what the host sets up for them to reach (listeners that must stay alone, a
secret that must stay hidden), in which order attempts are made, and what a sandbox that ended, or that never answered,
means. Does not decide what is tried inside.

Nothing is ever tried without walls: a kind that confines nothing is refused, and so is a sandbox whose evidence shows a
difference. Addresses are tried only where the evidence shows that there is no network.
"""

import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import anyio.to_thread

from context.errors import SandboxError
from context.ids import new_id
from context.visible_text import escape_line
from sandboxes.background import beside
from sandboxes.docker import OF_THIS_KERNEL
from sandboxes.interface import Evidence, Mount, OpenSandbox, Program, SandboxHome, SandboxKind, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.lifecycle.slots import SlotLimits, slot
from sandboxes.probes.catalogue import PROBES, Attempt, Probe
from sandboxes.probes.inside.trials import Outcome
from sandboxes.probes.rows import Row, row
from sandboxes.processes.user_choice import NOBODY
from sandboxes.runtime.host_facts import HOST_PYTHON
from sandboxes.seccomp.system_call_numbers import NUMBERS

if TYPE_CHECKING:
    from mcp import Client

_NAME = "probe"
_CODE = Path(__file__).with_name("inside")
_MEMORY = 256 * 1024**2
_DISK = 32 * 1024**2
_TMPFS = 16 * 1024**2
_PIDS = 128
_KEPT_STDERR = 64 * 1024
_GATEWAYS = ("172.17.0.1", "10.0.2.2", "192.168.65.2")
_COLUMNS = {"x86_64": 0, "aarch64": 1}
_OPENINGS = 12
_END_SECONDS = 3.0
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of a whole run. `evidence` is that of the first sandbox."""

    rows: tuple[Row, ...]
    evidence: Evidence

    @property
    def held(self) -> bool:
        return all(item.outcome != "allowed" for item in self.rows)


async def probe_sandbox(
    kind: SandboxKind,
    home: SandboxHome,
    *,
    runtime: str = "runc",
    root_owned: bool = False,
    only: Sequence[int] = (),
    slots: SlotLimits | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Probed:
    """Carry out the probes, all or `only` these numbers, one after the other.

    Args:
        root_owned: As a server whose writable folder belongs to root, and which therefore runs as uid 0. Needs root.
        slots: Most sandboxes at once; the defaults when None.
        say: Is told each probe as it begins.

    Raises:
        SandboxError: the kind confines nothing, cannot be had, or its walls are not as declared.
    """
    if not kind.confines:
        raise SandboxError(
            f"the sandbox {kind.name} has no walls that could be probed, and the probes are attacks",
            next_step="Probe docker or bubblewrap",
        )
    if (fault := await anyio.to_thread.run_sync(kind.unavailable)) is not None:
        raise SandboxError(f"the sandbox {kind.name} cannot be had here: {fault}")
    async with _ground(root_owned=root_owned) as ground:
        bench = _Bench(kind, home, runtime, ground, slots)
        try:
            rows: list[Row] = []
            for probe in PROBES:
                if not only or probe.number in only:
                    say(f"{probe.number} {probe.name}")
                    rows.append(row(probe, [await bench.carry_out(probe, attempt) for attempt in probe.attempts]))
            evidence = await bench.evidence()
        finally:
            await bench.close()
    return Probed(tuple(rows), evidence)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What one run of the probes stands on.

    Attributes:
        folder: With `code`, `rw` and `ro` in it.
        reached: Listeners of ours that somebody connected to.
    """

    folder: Path
    listeners: tuple[str, ...]
    abstract: str
    secret: str
    reached: list[str] = field(default_factory=list[str])


@asynccontextmanager
async def _ground(*, root_owned: bool) -> AsyncGenerator[_Ground, None]:
    folder = Path(await anyio.to_thread.run_sync(tempfile.mkdtemp, None, "gatehost-probe-"))
    try:
        folder = await anyio.to_thread.run_sync(_lay_out, folder, root_owned)
        with ExitStack() as stack:
            abstract = f"gatehost-probe-{secrets.token_hex(8)}"
            socks: dict[str, socket.socket] = {}
            for host in ("127.0.0.1", _GATEWAYS[0]):
                sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                with suppress(OSError):  # No such address here.
                    sock.bind((host, 0))
                    socks[f"{host}:{sock.getsockname()[1]}"] = sock
            hidden = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            hidden.bind("\0" + abstract)
            ground = _Ground(folder, tuple(socks), abstract, secrets.token_hex(16))
            for sock in (*socks.values(), hidden):
                sock.listen()
                sock.setblocking(False)
            named = {**socks, "its socket without a file": hidden}
            async with beside(*(partial(_watch, sock, name, ground.reached) for name, sock in named.items())):
                yield ground
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))


def _lay_out(folder: Path, root_owned: bool) -> Path:
    folder = folder.resolve()
    package = folder / "code" / "sandboxes" / "probes" / "inside"
    package.mkdir(parents=True)
    for source in _CODE.glob("*.py"):
        (package / source.name).write_bytes(source.read_bytes())
    for above in (package.parent, package.parent.parent):
        (above / "__init__.py").write_text("")
    (folder / "code" / "__main__.py").write_text(
        "import sys\nfrom sandboxes.probes.inside.server import main\n\nmain(sys.argv[1])\n"
    )
    (folder / "ro").mkdir()
    (folder / "ro" / "there").write_text("there\n")
    (folder / "rw").mkdir()
    for path in (folder / "code").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for path in (folder / "code", folder / "ro"):
        path.chmod(0o755)
    if os.geteuid() == 0 and not root_owned:
        os.chown(folder / "rw", NOBODY, NOBODY)
    return folder


async def _watch(sock: socket.socket, name: str, reached: list[str]) -> None:
    while True:
        await anyio.wait_readable(sock)
        with suppress(OSError):
            sock.accept()[0].close()
            reached.append(name)


class _Bench:
    """The sandbox that attempts are made in; a new one when an attempt ended it."""

    def __init__(
        self, kind: SandboxKind, home: SandboxHome, runtime: str, ground: _Ground, slots: SlotLimits | None
    ) -> None:
        self._kind = kind
        self._home = home
        self._runtime = runtime
        self._ground = ground
        self._slots = slots
        self._stack: AsyncExitStack | None = None
        self._opened: OpenSandbox | None = None
        self._client: Client | None = None
        self._evidence: Evidence | None = None
        self._openings = 0

    async def evidence(self) -> Evidence:
        if self._evidence is None:
            await self._open()
        assert self._evidence is not None
        return self._evidence

    async def carry_out(self, probe: Probe, attempt: Attempt) -> tuple[Outcome, str]:
        """One attempt: its outcome, and what was seen."""
        client = await self._open()
        evidence = await self.evidence()
        if attempt.network and evidence.facts.get("network") != "none":
            return "allowed", "not tried, because this sandbox has a network"
        before = len(self._ground.reached)
        found = await self._ask(client, attempt)
        if len(self._ground.reached) > before:
            return "allowed", f"reached the host at {', '.join(self._ground.reached[before:])}"
        if attempt.name == "logs" and found is not None:
            return self._judge_logs()
        if found is not None:
            return found
        how = await self._how_it_ended()
        await self.close()
        if attempt.may_end and how:
            return "denied", f"{attempt.name.replace('_', ' ')}: the sandbox was ended: it {how}"
        if attempt.may_end:
            told = f"no answer within {attempt.seconds:g} s, and the sandbox was removed with all that was in it"
            return "denied", f"{attempt.name.replace('_', ' ')}: {told}"
        return "allowed", f"no answer ({how or 'it was still running'}), which tells nothing"

    async def close(self) -> None:
        stack, self._stack = self._stack, None
        self._opened = self._client = None
        if stack is not None:
            await stack.aclose()

    async def _ask(self, client: "Client", attempt: Attempt) -> tuple[Outcome, str] | None:
        from mcp import MCPError

        with anyio.move_on_after(attempt.seconds):
            try:
                result = await client.session.call_tool("attempt", {"name": attempt.name})
            except (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                return None
            content = cast("list[Any]", getattr(result, "content", []))
            try:
                found = json.loads(content[0].text)
                outcome = str(found["outcome"])
                if outcome in ("denied", "allowed", "not_applicable"):
                    return outcome, escape_line(str(found["detail"]), 1500)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                pass
            return "allowed", "the attempt's answer makes no sense, which tells nothing"
        return None

    def _judge_logs(self) -> tuple[Outcome, str]:
        """The engine's log is part of the evidence, so a sandbox that had one would not have been opened."""
        assert self._opened is not None
        kept = len(self._opened.stderr_tail())
        if kept > _KEPT_STDERR:
            return "allowed", f"{kept:,} characters of stderr were kept"
        return "denied", f"of 4 MiB of stderr {kept // 1024} KiB are kept, in memory, and nobody writes a log"

    async def _how_it_ended(self) -> str:
        with anyio.move_on_after(_END_SECONDS):
            assert self._opened is not None
            return escape_line(await self._opened.exited(), 200)
        return ""

    async def _open(self) -> "Client":
        if self._client is not None:
            return self._client
        from mcp import Client, MCPError

        self._openings += 1
        if self._openings > _OPENINGS:
            raise SandboxError("the sandbox ended too often to be probed", where=f"sandbox {self._kind.name}")
        stack = AsyncExitStack()
        await stack.enter_async_context(slot(self._home, server=_NAME, limits=self._slots))
        try:
            opened = await stack.enter_async_context(self._kind.make(self._home).open(self._spec()))
        except BaseException:
            await stack.aclose()
            raise
        try:
            if opened.evidence.differences:
                raise SandboxError(
                    f"its walls are not as declared, so nothing is tried: {'; '.join(opened.evidence.differences)}",
                    where=f"sandbox {self._kind.name}",
                    next_step="Run `gatehost sandbox check`",
                )

            @asynccontextmanager
            async def transport() -> AsyncGenerator[Any, None]:
                yield opened.read, opened.write

            client = Client(transport(), mode="legacy", read_timeout_seconds=_START_SECONDS)
            await stack.enter_async_context(client)
        except (MCPError, ExceptionGroup) as error:
            said = escape_line(opened.stderr_tail().strip()[-300:])
            await stack.aclose()
            raise SandboxError(
                f"the probes did not start ({escape_line(str(error), 200)}): {said or 'they said nothing'}",
                where=f"sandbox {self._kind.name}",
                next_step="Run `gatehost sandbox check`",
            ) from error
        except BaseException:
            await stack.aclose()
            raise
        self._stack, self._opened, self._client = stack, opened, client
        self._evidence = self._evidence or opened.evidence
        return client

    def _spec(self) -> SandboxSpec:
        ground = self._ground
        column = _COLUMNS.get(os.uname().machine)
        numbers = {name: both[column] for name, both in NUMBERS.items()} if column is not None else {}
        setup = {
            "rw": "/probe/rw",
            "ro": "/probe/ro",
            "numbers": {name: number for name, number in numbers.items() if number is not None},
            "listeners": ground.listeners,
            "gateways": _GATEWAYS,
            "abstract": ground.abstract,
            "own_kernel": self._kind.name == "docker" and self._runtime not in OF_THIS_KERNEL,
            "memory": _MEMORY,
            "pids": _PIDS,
            "disk": _DISK,
            "tmpfs": _TMPFS,
        }
        return SandboxSpec(
            server=_NAME,
            run_id=new_id("probe"),
            owner=this_process(),
            program=Program(
                argv=(HOST_PYTHON, "-I", "/probe/code", json.dumps(setup)),
                mounts=(Mount(ground.folder / "code", "/probe/code"),),
            ),
            mounts=(Mount(ground.folder / "rw", "/probe/rw", "rw"), Mount(ground.folder / "ro", "/probe/ro")),
            secrets={"PROBE": ground.secret},
            runtime=self._runtime,
            memory=_MEMORY,
            pids=_PIDS,
            disk=_DISK,
            tmpfs=_TMPFS,
        )
