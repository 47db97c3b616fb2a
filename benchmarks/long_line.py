"""What does a line of 50 MB cost that nobody asked for, in time and memory?

The decoder alone, then the whole way through a real pipe and out of real sandboxes, then the SDK's own reader on a
line it can still take.
"""

import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest

from benchmarks.answers import Aim, Answer
from benchmarks.house import launcher
from benchmarks.stats import p50
from host.home import find_home
from sandboxes.interface import Program, SandboxHome, SandboxKind, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.lifecycle.warm_pool import Launch
from sandboxes.registry import kinds
from sandboxes.runtime.host_facts import HOST_PYTHON
from sandboxes.wire.decoder import Fault, LineDecoder, WireLimits

_MEGA = 1024**2
_CHUNK = 64 * 1024
_ROUNDS = 5
_TIME_LIMIT_MS, _MEMORY_LIMIT_MB = 50.0, 10.0

_PIPE = "a pipe, our transport"

# Waits for a request, then writes one long answer and a short notification behind it.
_TALKER = """
import sys
size = int(sys.argv[1])
sys.stdin.readline()
out = sys.stdout.buffer
out.write(b'{"jsonrpc":"2.0","id":1,"result":{"text":"')
for _ in range(size // 65536):
    out.write(b"x" * 65536)
out.write(b'"}}\\n{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"end"}}\\n')
out.flush()
sys.stdin.readline()
"""
_GO = SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/call", params={}))


async def measure(folder: Path) -> list[Answer]:
    """Milliseconds and peak memory of our decoder; milliseconds of both readers over a pipe, and out of sandboxes."""
    limits = WireLimits()
    alone, early = _decoder_alone(limits, 50 * _MEGA)
    peak = _peak(limits, 50 * _MEGA) / _MEGA
    rows: list[tuple[str | float, ...]] = [("the decoder alone", "50", early, alone, f"{peak:.1f}")]
    home = find_home().sandbox_home()
    ways: list[tuple[str, Launch]] = [
        (_PIPE, launcher(folder, "talker", _talker(50))),
    ]
    for name, kind in kinds().items():
        if kind.confines and kind.unavailable() is None:
            ways.append((f"{name}, our transport", _behind_walls(home, kind, 50)))
    piped = 0.0
    for name, launch in ways:
        answered, over = await _typical(lambda launch=launch: _through_us(launch))
        rows.append((name, "50", answered, over, ""))
        piped = over if name == _PIPE else piped
    answered, over = await _typical(lambda: _through_sdk(4))
    rows.append(("a pipe, the SDK's reader (delivered; grows with the square)", "4", answered, over, ""))
    aims = [
        Aim("a line of 50 MB in the decoder", alone, _TIME_LIMIT_MS, "ms"),
        Aim("a line of 50 MB through a pipe", piped, _TIME_LIMIT_MS, "ms"),
        Aim("peak memory of the decoder", peak, _MEMORY_LIMIT_MB, "MB"),
    ]
    columns = ("way", "MB", "ms until its caller has an error", "ms until the next message", "peak MB")
    return [Answer("An answer of 50 MB, where 4 MiB are the most", columns, rows, aims)]


async def _typical(once: Callable[[], Awaitable[tuple[float, float]]]) -> tuple[float, float]:
    taken = [await once() for _ in range(_ROUNDS)]
    return p50([answered for answered, _ in taken]), p50([over for _, over in taken])


def _chunks(size: int) -> Sequence[bytes]:
    head = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"'
    body = b"x" * _CHUNK
    return [head, *[body] * (size // _CHUNK), b'"}}\n']


def _decoder_alone(limits: WireLimits, size: int) -> tuple[float, float]:
    """Milliseconds until the line is over, and until no more of it was kept."""
    whole: list[float] = []
    early: list[float] = []
    chunks = _chunks(size)
    for _ in range(_ROUNDS):
        decoder = LineDecoder(limits)
        refused = 0.0
        found: list[Any] = []
        gc.collect()
        started = time.perf_counter()
        for chunk in chunks:
            found += decoder.feed(chunk)
            if decoder.discarded and not refused:
                refused = time.perf_counter() - started
        whole.append((time.perf_counter() - started) * 1e3)
        early.append(refused * 1e3)
        if not (len(found) == 1 and isinstance(found[0], Fault)):
            raise RuntimeError("the long line was not refused")
    return p50(whole), p50(early)


def _peak(limits: WireLimits, size: int) -> float:
    chunks = _chunks(size)
    decoder = LineDecoder(limits)
    tracemalloc.start()
    for chunk in chunks:
        decoder.feed(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def _talker(megabytes: int, python: str = sys.executable) -> list[str]:
    return [python, "-I", "-S", "-c", _TALKER, str(megabytes * _MEGA)]


def _behind_walls(home: SandboxHome, kind: SandboxKind, megabytes: int) -> Launch:
    program = Program(tuple(_talker(megabytes, HOST_PYTHON)))
    spec = SandboxSpec(server="talker", run_id="bench", owner=this_process(), program=program)
    return lambda: kind.make(home).open(spec)


async def _through_us(launch: Launch) -> tuple[float, float]:
    """See `_until_end`; with the usual limit of 4 MiB."""
    async with launch() as opened:
        return await _until_end(opened.read, opened.write)


async def _through_sdk(megabytes: int) -> tuple[float, float]:
    command, *args = _talker(megabytes)
    async with _quiet_sdk(command, args) as (read, write):
        return await _until_end(read, write)


@asynccontextmanager
async def _quiet_sdk(command: str, args: list[str]) -> AsyncGenerator[tuple[Any, Any], None]:
    async with stdio_client(StdioServerParameters(command=command, args=args)) as streams:
        yield streams[0], streams[1]


async def _until_end(read: Any, write: Any) -> tuple[float, float]:
    """Milliseconds from our request until something answers it, and until the message behind the long line is there."""
    await anyio.sleep(0.2)  # the child has started
    answered = 0.0
    started = time.perf_counter()
    await write.send(_GO)
    with anyio.fail_after(60):
        while True:
            message = getattr(await read.receive(), "message", None)
            taken = (time.perf_counter() - started) * 1e3
            if getattr(message, "id", None) == 1:
                answered = taken
            elif (getattr(message, "params", None) or {}).get("data") == "end":
                return answered, taken
