"""What does a line of 50 MB cost that nobody asked for, in time and memory?

The decoder alone, then the whole way through a real pipe, then the SDK's own reader on a line it can still take.
"""

import gc
import sys
import time
import tracemalloc
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification

from benchmarks.answers import Aim, Answer
from benchmarks.house import launcher
from benchmarks.stats import p50
from sandboxes.wire.decoder import Fault, LineDecoder, WireLimits

_MEGA = 1024**2
_CHUNK = 64 * 1024
_ROUNDS = 5
_TIME_LIMIT_MS, _MEMORY_LIMIT_MB = 50.0, 10.0

# Waits for a line, then writes one long answer-like line and a short notification behind it.
_TALKER = """
import sys
size = int(sys.argv[1])
sys.stdin.readline()
out = sys.stdout.buffer
out.write(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"')
for _ in range(size // 65536):
    out.write(b"x" * 65536)
out.write(b'"}}\\n{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"end"}}\\n')
out.flush()
sys.stdin.readline()
"""
_GO = SessionMessage(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized"))


async def measure(folder: Path) -> list[Answer]:
    """Milliseconds and peak memory of our decoder; milliseconds of both readers over a pipe."""
    limits = WireLimits()
    alone, early = _decoder_alone(limits, 50 * _MEGA)
    peak = _peak(limits, 50 * _MEGA) / _MEGA
    rows: list[tuple[str | float, ...]] = [
        ("decoder alone, 50 MB line", alone, peak, f"refused after {early:.1f} ms, at its limit of 4 MiB")
    ]
    for size in (4, 50):
        times = [await _through_us(folder, size * _MEGA) for _ in range(_ROUNDS)]
        rows.append(
            (f"through a pipe and our transport, {size} MB line", p50(times), "", "refused, the next message read")
        )
    times = [await _through_sdk(4 * _MEGA) for _ in range(_ROUNDS)]
    rows.append(("through a pipe and the SDK's reader, 4 MB line", p50(times), "", "delivered; grows with the square"))
    aims = [
        Aim("50 MB line in the decoder", alone, _TIME_LIMIT_MS, "ms"),
        Aim("peak memory meanwhile", peak, _MEMORY_LIMIT_MB, "MB"),
    ]
    return [Answer("A line of 50 MB", ("way", "ms p50", "peak MB", ""), rows, aims)]


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


def _talker(size: int) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _TALKER, str(size)]


async def _through_us(folder: Path, size: int) -> float:
    """Milliseconds from our sign to the message behind a line of `size` bytes, with the usual limit of 4 MiB."""
    async with launcher(folder, "talker", _talker(size + _MEGA))() as opened:
        return await _until_end(opened.read, opened.write)


async def _through_sdk(size: int) -> float:
    command, *args = _talker(size)
    async with _quiet_sdk(command, args) as (read, write):
        return await _until_end(read, write)


@asynccontextmanager
async def _quiet_sdk(command: str, args: list[str]) -> AsyncGenerator[tuple[Any, Any], None]:
    async with stdio_client(StdioServerParameters(command=command, args=args)) as streams:
        yield streams[0], streams[1]


async def _until_end(read: Any, write: Any) -> float:
    await anyio.sleep(0.2)  # the child has started
    started = time.perf_counter()
    await write.send(_GO)
    with anyio.fail_after(60):
        while True:
            item = await read.receive()
            params = getattr(getattr(item, "message", None), "params", None) or {}
            if params.get("data") == "end":
                return (time.perf_counter() - started) * 1e3
