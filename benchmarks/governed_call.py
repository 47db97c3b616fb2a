"""What does a governed call cost, against the bare SDK's call to the same program?

Bare is `mcp.Client` over the SDK's own stdio transport. Governed is `Gateway.carry` over `ServerPool`: every gate,
the journal and the record on the disk, the bounded decoder, and the same SDK session underneath.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from benchmarks.answers import Aim, Answer
from benchmarks.breakdown import break_down
from benchmarks.house import ECHO_RAW, ECHO_SDK, TEXT, House, house
from benchmarks.stats import p50, p95, take_turns

READ_LIMIT, WRITE_LIMIT = 1.35, 1.7
_WARM, _ROUNDS = 50, 600
_BLOCK, _BLOCKS = 128, 4
_AT_ONCE = (1, 16, 64)

_Way = Callable[[], Awaitable[object]]


async def measure(folder: Path) -> list[Answer]:
    """Latency and throughput against two servers, and where the time goes."""
    found: list[Answer] = []
    for title, argv in (("SDK server", ECHO_SDK), ("standard-library server", ECHO_RAW)):
        place = folder / argv[1].rpartition("/")[2].removesuffix(".py")
        found += await _against(title, argv, place)
    return found


async def _against(title: str, argv: Sequence[str], folder: Path) -> list[Answer]:
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(
            Client(StdioServerParameters(command=argv[0], args=list(argv[1:]))),
        )
        await bare.list_tools()
        home = await stack.enter_async_context(house(folder, argv))

        async def bare_call() -> None:
            result = await bare.call_tool("echo", {"text": TEXT})
            assert not result.is_error

        ways: dict[str, _Way] = {
            "bare": bare_call,
            "governed read": lambda: home.carry("echo"),
            "governed write": lambda: home.carry("note"),
        }
        latency = await _latency(title, ways, home)
        throughput = await _throughput(title, ways, home)
        parts = await break_down(title, home)
    return [latency, throughput, parts]


async def _latency(title: str, ways: dict[str, _Way], home: House) -> Answer:
    for tool in ("echo", "note"):
        home.propose(tool, _WARM + _ROUNDS)
    await take_turns(ways, rounds=_WARM)
    taken = await take_turns(ways, rounds=_ROUNDS)
    base50, base95 = p50(taken["bare"]), p95(taken["bare"])
    rows = [
        (name, p50(times) * 1e3, p95(times) * 1e3, p50(times) / base50, p95(times) / base95)
        for name, times in taken.items()
    ]
    # Against the cheapest server there is, for information: the aims speak of a server as they are written.
    aims = [
        Aim(f"{title}: p50 of a governed read over bare", p50(taken["governed read"]) / base50, READ_LIMIT),
        Aim(f"{title}: p50 of a governed write over bare", p50(taken["governed write"]) / base50, WRITE_LIMIT),
    ]
    columns = ("one call at a time", "p50 ms", "p95 ms", "p50 ×", "p95 ×")
    return Answer(f"A governed call against the bare SDK call: {title}", columns, rows, aims)


async def _throughput(title: str, ways: dict[str, _Way], home: House) -> Answer:
    rates: dict[str, dict[int, list[float]]] = {name: {n: [] for n in _AT_ONCE} for name in ways}
    for _ in range(_BLOCKS):
        for at_once in _AT_ONCE:
            for tool in ("echo", "note"):
                home.propose(tool, _BLOCK)
            for name, way in ways.items():
                rates[name][at_once].append(await _block(way, at_once))
    base = {n: statistics.median(rates["bare"][n]) for n in _AT_ONCE}
    rows: list[tuple[str | float, ...]] = []
    for name, found in rates.items():
        medians = [statistics.median(found[n]) for n in _AT_ONCE]
        shares = [rate / base[n] for rate, n in zip(medians, _AT_ONCE, strict=True)]
        rows.append((name, *medians, *shares))
    columns = ("calls/s with N at once", *(f"{n}" for n in _AT_ONCE), *(f"{n}: × bare" for n in _AT_ONCE))
    return Answer(f"Throughput of one session: {title}", columns, rows)


async def _block(way: _Way, at_once: int) -> float:
    """Calls per second of one block, `at_once` of them under way at any time."""
    left = _BLOCK

    async def worker() -> None:
        nonlocal left
        while left:
            left -= 1
            await way()

    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(at_once):
            group.start_soon(worker)
    return _BLOCK / (time.perf_counter() - started)
