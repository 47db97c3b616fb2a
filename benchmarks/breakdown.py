"""Where does the time of a governed call go? Stopwatches around the gateway's ports, in a pass of its own."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

from benchmarks.answers import Answer
from benchmarks.house import House
from benchmarks.stats import p50
from context.calls import ToolRef
from context.events import Event
from context.json_values import JsonObject
from host.journal import RunHandle
from host.record.log import Head
from host.servers.pool import ServerPool
from tool_gateway.interface import Approval, Change, Entry, RawResult

_ROUNDS = 100


class _Stopwatch:
    """Seconds per part of the call under way."""

    def __init__(self) -> None:
        self.calls: list[dict[str, float]] = []
        self._now: dict[str, float] = {}

    def begin(self) -> None:
        self._now = defaultdict(float)
        self.calls.append(self._now)

    @contextmanager
    def part(self, name: str) -> Generator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._now[name] += time.perf_counter() - started


class _TimedJournal:
    def __init__(self, handle: RunHandle, watch: _Stopwatch) -> None:
        self._handle = handle
        self._watch = watch

    async def commit(
        self, *changes: Change, events: Sequence[Event] = (), entries: Sequence[Entry] = (), durable: bool = False
    ) -> None:
        with self._watch.part("commits"):
            await self._handle.commit(*changes, events=events, entries=entries, durable=durable)

    def approval(self, call_id: str) -> Approval | None:
        return self._handle.approval(call_id)


class _TimedCaller:
    def __init__(self, pool: ServerPool, watch: _Stopwatch) -> None:
        self._pool = pool
        self._watch = watch

    async def call(
        self,
        ref: ToolRef,
        arguments: JsonObject,
        *,
        timeout: float,
        meta: JsonObject,
        on_progress: Callable[[float, float | None, str | None], Awaitable[None]] | None = None,
    ) -> RawResult:
        with self._watch.part("transport"):
            return await self._pool.call(ref, arguments, timeout=timeout, meta=meta, on_progress=on_progress)


async def break_down(title: str, home: House) -> Answer:
    """Medians of each part, for a read and for a write."""
    rows: list[tuple[str | float, ...]] = []
    read, write = await _parts(home, "echo"), await _parts(home, "note")
    for name, label in (
        ("transport", "transport: SDK session, decoder, pipes, server"),
        ("journal", "journal: two commits"),
        ("record", "record: two appends"),
        ("disk", "one disk sync, in a worker thread"),
        ("gates", "gates, words, digests"),
        ("total", "the whole call"),
    ):
        rows.append((label, read[name] * 1e6, write[name] * 1e6))
    return Answer(f"Where the time of a call goes: {title}", ("part", "read, µs p50", "write, µs p50"), rows)


async def _parts(home: House, tool: str) -> dict[str, float]:
    watch = _Stopwatch()
    gateway = home.gateway_over(_TimedJournal(home.handle, watch), _TimedCaller(home.pool, watch))
    log, database = home.journal.record.log, home.journal.database
    append, reach = log.append, database.reach_disk

    def timed_append(payloads: Sequence[bytes]) -> list[Head]:
        with watch.part("record"):
            return append(payloads)

    async def timed_reach() -> None:
        with watch.part("disk"):
            await reach()

    log.append, database.reach_disk = timed_append, timed_reach  # type: ignore[method-assign]
    try:
        for _ in range(_ROUNDS):
            home.propose(tool, 1)
            watch.begin()
            with watch.part("total"):
                await home.carry(tool, gateway)
    finally:
        del log.append, database.reach_disk
    for call in watch.calls:
        call["journal"] = call["commits"] - call["record"] - call["disk"]
        call["gates"] = call["total"] - call["transport"] - call["commits"]
    names = ("transport", "journal", "record", "disk", "gates", "total")
    return {name: p50([call[name] for call in watch.calls]) for name in names}
