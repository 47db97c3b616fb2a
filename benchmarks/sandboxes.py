"""What do walls cost: until the first call is answered, per line, and for fifty servers at once?

Real servers from both registries, the same files in every way: as a plain child through the SDK's own stdio client
(bare), in each sandbox, from a warm pool, and in `docker run` through that same stdio client.
"""

import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

from benchmarks.answers import Aim, Answer
from benchmarks.house import ECHO_RAW, HERE, silent
from benchmarks.stats import p50, p95, take_turns
from host.home import find_home
from host.servers.pool import ServerPool
from host.servers.session import ServerPlan
from sandboxes.interface import Mount, OpenSandbox, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.lifecycle.warm_pool import WarmPool
from sandboxes.packages import resolve, unpack
from sandboxes.registry import kinds
from sandboxes.runtime.image import facts, runtime_image

_PYTHON = ("Python, mcp-server-time", "pypi:mcp-server-time==2026.10.19", (), "get_current_time", {"timezone": "UTC"})
_NODE = (
    "Node, server-filesystem",
    "npm:@modelcontextprotocol/server-filesystem==2026.8.31",
    ("/bench-data",),
    "list_allowed_directories",
    {},
)
_ROUNDS = 12
_POOLED = ", warm pool"
_LOADED_SECONDS = 2.0
_LINES = 600
_FIFTY = 50
_WARM, _COLD, _BWRAP = 1.2, 1.3, 1.1

Start = Callable[[], AbstractAsyncContextManager[tuple[Any, Any]]]


@dataclass(frozen=True, slots=True)
class _Served:
    """One server in one way: how it is reached, and the call that shows that it is ready."""

    start: Start
    tool: str
    arguments: Mapping[str, Any]

    async def first_call(self) -> float:
        """Seconds until its call is answered; the teardown is not part of it."""
        began = time.perf_counter()
        async with self.start() as streams, Client(_given(streams)) as client:
            result = await client.call_tool(self.tool, dict(self.arguments))
            if result.is_error:
                raise RuntimeError(str(result.content))
            return time.perf_counter() - began


async def measure(folder: Path) -> list[Answer]:
    """Seconds to the first answer, microseconds per line, and what fifty servers take."""
    home, folder = find_home().sandbox_home(), await anyio.to_thread.run_sync(folder.resolve)
    usable = {name: kind for name, kind in kinds().items() if kind.unavailable() is None}
    answers = [await _first_calls(home, folder, *server, usable=set(usable)) for server in (_PYTHON, _NODE)]
    answers.append(await _lines(home, set(usable)))
    answers += [await _fifty(home, name) for name in usable]
    return answers


# Until the first call is answered.


async def _first_calls(
    home: SandboxHome,
    folder: Path,
    title: str,
    package: str,
    args: tuple[str, ...],
    tool: str,
    arguments: Mapping[str, Any],
    *,
    usable: set[str],
) -> Answer:
    locked = await resolve(package, home=home, runtime=await facts(home, "unconfined"))
    mounts = (Mount(folder, "/bench-data"),)

    async def program(kind: str) -> Program:
        return await unpack(locked, home=home, runtime=await facts(home, kind), entry=None, args=args)

    bare = _on_host(await program("unconfined"), mounts)
    ways: dict[str, Start] = {"bare (the SDK's stdio client)": lambda: _stdio(*bare)}
    for kind in sorted(usable):
        spec = _spec(await program(kind), mounts)
        ways[kind] = _opened(home, kind, spec)
    if "docker" in usable:
        argv = _docker_run(runtime_image(home), await program("docker"), mounts)
        ways["docker run (CLI)"] = lambda: _stdio(argv, {"PATH": os.environ["PATH"]})
    async with _pools(home, usable, {kind: _spec(await program(kind), mounts) for kind in sorted(usable)}) as pools:
        for kind, pool in pools.items():
            ways[kind + _POOLED] = lambda pool=pool: _taken(pool)
        served = {name: _Served(start, tool, arguments) for name, start in ways.items()}
        works, notes = await _trial(served)
        kept = [pool for kind, pool in pools.items() if kind + _POOLED in works]
        taken = await _timed(works, rounds=_ROUNDS, pools=kept)
    base = p50(taken["bare (the SDK's stdio client)"])
    rows = [(name, p50(values) * 1e3, p95(values) * 1e3, p50(values) / base) for name, values in taken.items()]
    aims: list[Aim] = []
    if {"docker", "docker run (CLI)", "docker, warm pool"} <= taken.keys():
        cold = p50(taken["docker"]) / p50(taken["docker run (CLI)"])
        aims += [
            Aim("warm docker over bare", p50(taken["docker, warm pool"]) / base, _WARM),
            Aim("cold docker over `docker run`", cold, _COLD),
        ]
    if "bubblewrap" in taken:
        aims.append(Aim("bubblewrap over bare", p50(taken["bubblewrap"]) / base, _BWRAP))
    return Answer(f"Until the first call is answered: {title}", ("way", "ms p50", "ms p95", "×"), rows, aims, notes)


async def _trial(ways: Mapping[str, _Served]) -> tuple[dict[str, _Served], list[str]]:
    """The ways that work here, each used once before anything is measured; and what the others said."""
    works: dict[str, _Served] = {}
    notes: list[str] = []
    for name, way in ways.items():
        try:
            with anyio.fail_after(30):
                await way.first_call()
        except Exception as error:
            notes.append(f"NOT MEASURED: {name} does not work here ({type(error).__name__})")
        else:
            works[name] = way
    return works, notes


async def _timed(ways: Mapping[str, _Served], *, rounds: int, pools: Sequence[WarmPool]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways.items())
    for pool in pools:
        await pool.filled()
    await anyio.sleep(_LOADED_SECONDS)
    for _ in range(rounds):
        order.append(order.pop(0))
        for name, way in order:
            taken[name].append(await way.first_call())
            if name.endswith(_POOLED):
                # What takes its place is started and loads its program; nothing may do so beside what is measured.
                for pool in pools:
                    await pool.filled()
                await anyio.sleep(_LOADED_SECONDS)
    return taken


@asynccontextmanager
async def _pools(
    home: SandboxHome, usable: set[str], specs: Mapping[str, SandboxSpec]
) -> AsyncGenerator[dict[str, WarmPool], None]:
    pools = {
        kind: WarmPool(_launcher(home, kind, specs[kind]), size=1, idle=3600)
        for kind in sorted(usable)
        if kind != "unconfined"
    }
    async with anyio.create_task_group() as group:
        for pool in pools.values():
            group.start_soon(pool.keep)
        await anyio.lowlevel.checkpoint()
        yield pools
        group.cancel_scope.cancel()


# Per line.


async def _lines(home: SandboxHome, usable: set[str]) -> Answer:
    """An echo of one line: bytes over a plain pipe, then messages through our transport over each kind's stdio."""
    taken: dict[str, list[float]] = {}
    inside = "/bench"
    program = Program(("/usr/bin/python3", "-I", f"{inside}/echo_raw.py"), mounts=(Mount(HERE, inside),))
    async with _raw_pipe([sys.executable, "-I", *ECHO_RAW[1:]]) as raw:
        ways: dict[str, Callable[[], Awaitable[object]]] = {"plain pipe, bytes": raw}
        async with _talkers(home, sorted(usable), program) as talkers:
            ways |= talkers
            await take_turns(ways, rounds=50)
            taken = await take_turns(ways, rounds=_LINES)
    base = p50(taken["plain pipe, bytes"])
    rows = [(name, p50(values) * 1e6, p95(values) * 1e6, p50(values) / base) for name, values in taken.items()]
    notes = ["all but the first row: a message to the SDK's stream and back, decoded, judged and counted"]
    return Answer("Round trip of one line", ("way", "µs p50", "µs p95", "×"), rows, notes=notes)


@asynccontextmanager
async def _raw_pipe(argv: list[str]) -> AsyncGenerator[Callable[[], Awaitable[object]], None]:
    async with await anyio.open_process(argv, stderr=None) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        async def once() -> None:
            await stdin.send(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"text":"x"}}}\n')
            while b"\n" not in await stdout.receive():
                pass

        yield once
        await stdin.aclose()


@asynccontextmanager
async def _talkers(
    home: SandboxHome, names: list[str], program: Program
) -> AsyncGenerator[dict[str, Callable[[], Awaitable[object]]], None]:
    if not names:
        yield {}
        return
    kind, *rest = names
    async with _launcher(home, kind, _spec(program))() as opened, _talkers(home, rest, program) as others:
        yield {f"{kind}, our transport": _exchange(opened), **others}


def _exchange(opened: OpenSandbox) -> Callable[[], Awaitable[object]]:
    number = 0

    async def once() -> None:
        nonlocal number
        number += 1
        request = JSONRPCRequest(jsonrpc="2.0", id=number, method="tools/call", params={"arguments": {"text": "x"}})
        await opened.write.send(SessionMessage(request))
        await opened.read.receive()

    return once


# Fifty at once.


async def _fifty(home: SandboxHome, kind: str) -> Answer:
    inside = "/bench"
    program = Program(("/usr/bin/python3", "-I", f"{inside}/echo_raw.py"), mounts=(Mount(HERE, inside),))
    spec = replace(_spec(program), memory=64 * 1024**2, start_timeout=120.0)

    def plan(number: int) -> ServerPlan:
        name = f"s{number}"
        return ServerPlan(
            name=name, launch=_launcher(home, kind, replace(spec, server=name)), tools={}, start_timeout=120.0
        )

    rows: list[tuple[str | float, ...]] = []
    for count in (1, _FIFTY):
        before, began = _resident(), time.perf_counter()
        pool = ServerPool([plan(number) for number in range(count)], notify=silent)
        async with pool.running():
            for session in pool.sessions.values():
                await session.settled()
            seconds, memory = time.perf_counter() - began, _resident() - before
            if failed := [session.detail for session in pool.sessions.values() if session.state != "ready"]:
                raise RuntimeError(failed[0])
            ending = time.perf_counter()
        rows.append((f"{count}", seconds, memory, time.perf_counter() - ending))
    return Answer(
        f"Servers at once: {kind}", ("servers", "s until all list", "MB of the host", "s until none is left"), rows
    )


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024**2


# The ways.


def _spec(program: Program, mounts: tuple[Mount, ...] = ()) -> SandboxSpec:
    return SandboxSpec(server="bench", run_id="bench", owner=this_process(), program=program, mounts=mounts)


def _launcher(
    home: SandboxHome, kind: str, spec: SandboxSpec
) -> Callable[[], AbstractAsyncContextManager[OpenSandbox]]:
    sandbox = kinds()[kind].make(home)
    return lambda: sandbox.open(spec)


def _opened(home: SandboxHome, kind: str, spec: SandboxSpec) -> Start:
    launch = _launcher(home, kind, spec)

    @asynccontextmanager
    async def start() -> AsyncGenerator[tuple[Any, Any], None]:
        async with launch() as opened:
            yield opened.read, opened.write

    return start


@asynccontextmanager
async def _taken(pool: WarmPool) -> AsyncGenerator[tuple[Any, Any], None]:
    async with pool.take() as opened:
        yield opened.read, opened.write


@asynccontextmanager
async def _stdio(argv: list[str], env: dict[str, str]) -> AsyncGenerator[tuple[Any, Any], None]:
    parameters = StdioServerParameters(command=argv[0], args=argv[1:], env=env)
    with Path(os.devnull).open("w") as nowhere:  # noqa: ASYNC230 -- it never blocks
        async with stdio_client(parameters, errlog=nowhere) as streams:
            yield streams[0], streams[1]


@asynccontextmanager
async def _given(streams: tuple[Any, Any]) -> AsyncGenerator[tuple[Any, Any], None]:
    yield streams


def _on_host(program: Program, mounts: tuple[Mount, ...]) -> tuple[list[str], dict[str, str]]:
    """The program as a plain child: inside paths replaced by host paths."""

    def outside(text: str) -> str:
        for mount in (*program.mounts, *mounts):
            text = text.replace(mount.at + "/", f"{mount.host}/")
            text = str(mount.host) if text == mount.at else text
        return text

    env = {"PATH": os.environ["PATH"], **{name: outside(value) for name, value in program.env.items()}}
    return [outside(part) for part in program.argv], env


def _docker_run(image: str, program: Program, mounts: tuple[Mount, ...]) -> list[str]:
    """What a careful person would type: the same walls by hand."""
    docker = shutil.which("docker")
    if docker is None:
        raise RuntimeError("`docker` is not installed")
    walls = [
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--user=65534:65534",
    ]
    walls += ["--memory=512m", "--pids-limit=128", "--cpus=1", "--tmpfs=/tmp:rw,noexec,nosuid,size=64m", "--init"]
    for mount in (*program.mounts, *mounts):
        walls.append(f"--mount=type=bind,source={mount.host},target={mount.at},readonly")
    for name, value in program.env.items():
        walls.append(f"--env={name}={value}")
    entry = f"--entrypoint={program.argv[0]}"
    return [docker, "run", "--rm", "-i", "--log-driver=none", *walls, entry, image, *program.argv[1:]]
