"""What does a governed call cost, against the bare SDK's call to the same program?

Bare is `mcp.Client` over the SDK's own stdio transport. Governed is `Gateway.carry` over `ServerPool`: every gate,
the journal and the record on the disk, the bounded decoder, and the same SDK session underneath.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from benchmarks.answers import Aim, Answer
from benchmarks.breakdown import break_down
from benchmarks.house import ECHO_RAW, ECHO_SDK, TEXT, House, house
from benchmarks.stats import p50, p95

READ_LIMIT, WRITE_LIMIT = 1.35, 1.7
ADDED_LIMIT_MS = 0.35
_WARM, _ROUNDS = 50, 500
_BLOCK, _BLOCKS = 128, 4
_AT_ONCE = (1, 16, 64)
_TOOLS = {"echo": "governed read", "note": "governed write"}

_Way = Callable[[], Awaitable[object]]


async def measure(folder: Path) -> list[Answer]:
    """Latency, throughput and where the time goes, against two servers.

    The aims hold for a server as people write them. The other one answers in some 30 µs, which nobody's tool does;
    it shows what is added, as plainly as it can be seen.
    """
    sdk = await _against("SDK server", ECHO_SDK, folder / "sdk", aims=True)
    return sdk + await _against("standard-library server", ECHO_RAW, folder / "raw", aims=False)


async def _against(title: str, argv: Sequence[str], folder: Path, *, aims: bool) -> list[Answer]:
    async with AsyncExitStack() as stack:
        server = StdioServerParameters(command=argv[0], args=list(argv[1:]))
        bare = await stack.enter_async_context(Client(server))
        await bare.list_tools()
        home = await stack.enter_async_context(house(folder, argv))

        async def bare_call() -> None:
            result = await bare.call_tool("echo", {"text": TEXT})
            assert not result.is_error

        latency = await _latency(title, bare_call, home, aims=aims)
        throughput = await _throughput(title, bare_call, home)
        parts = await break_down(title, home)
    return [latency, throughput, parts]


async def _latency(title: str, bare_call: _Way, home: House, *, aims: bool) -> Answer:
    rows: list[tuple[str | float, ...]] = []
    judged: list[Aim] = []
    for (tool, name), limit in zip(_TOOLS.items(), (READ_LIMIT, WRITE_LIMIT), strict=True):
        bare, governed = await _in_turn(bare_call, tool, home)
        base, cost = p50(bare), p50(governed)
        rows.append(("bare, in turn with it", base * 1e3, p95(bare) * 1e3, 1.0, 1.0, 0.0))
        rows.append(
            (name, cost * 1e3, p95(governed) * 1e3, cost / base, p95(governed) / p95(bare), (cost - base) * 1e3)
        )
        judged.append(Aim(f"p50 of a {name} over bare", cost / base, limit))
        judged.append(Aim(f"added to a {name}", (cost - base) * 1e3, ADDED_LIMIT_MS, "ms"))
    columns = ("one call at a time", "p50 ms", "p95 ms", "p50 ×", "p95 ×", "added ms")
    return Answer(f"A governed call against the bare SDK call: {title}", columns, rows, judged if aims else ())


async def _in_turn(bare_call: _Way, tool: str, home: House) -> tuple[list[float], list[float]]:
    """Seconds of each bare and each governed call. Both servers are called equally often, so that none runs colder."""
    taken: dict[str, list[float]] = {"bare": [], "governed": []}
    ways: list[tuple[str, _Way]] = [("bare", bare_call), ("governed", partial(home.carry, tool))]
    for number in range(_WARM + _ROUNDS):
        home.propose(tool, 1)
        ways.reverse()
        for name, way in ways:
            started = time.perf_counter()
            await way()
            if number >= _WARM:
                taken[name].append(time.perf_counter() - started)
    return taken["bare"], taken["governed"]


async def _throughput(title: str, bare_call: _Way, home: House) -> Answer:
    ways: dict[str, _Way] = {"bare": bare_call}
    ways |= {name: partial(home.carry, tool) for tool, name in _TOOLS.items()}
    rates: dict[str, dict[int, list[float]]] = {name: {n: [] for n in _AT_ONCE} for name in ways}
    for _ in range(_BLOCKS):
        for at_once in _AT_ONCE:
            for tool in _TOOLS:
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
