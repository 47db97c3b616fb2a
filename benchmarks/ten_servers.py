"""Do ten servers start as fast as the slowest of them?

Servers that wait while they start (for a download, a database) overlap. Servers that compute share the cores, and no
host can change that: the second half of the table says what is left of it.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.answers import Aim, Answer
from benchmarks.house import ECHO_RAW, ECHO_SDK, launcher, silent
from benchmarks.stats import p50
from host.servers.pool import ServerPool
from host.servers.session import ServerPlan

_LIMIT = 1.3
_SLOW_SECONDS = "1.0"
_ROUNDS = 4
_HEAVY_ROUNDS = 2
_TEN = 10


async def measure(folder: Path) -> list[Answer]:
    """Seconds until every server has listed its tools; alone and as ten, taking turns."""
    slow = {"slow": [*ECHO_RAW, "--sleep", _SLOW_SECONDS]}
    light = {f"light{number}": ECHO_RAW for number in range(_TEN - 1)}
    heavy = {f"heavy{number}": ECHO_SDK for number in range(_TEN)}
    one_heavy = {"heavy0": ECHO_SDK}
    ways = {"slow": slow, "slow and light": {**slow, **light}, "one heavy": one_heavy, "ten heavy": heavy}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(_ROUNDS):
        for name, servers in ways.items():
            if "heavy" not in name or number < _HEAVY_ROUNDS:
                taken[name].append(await _start(folder, servers))
    cores = len(os.sched_getaffinity(0))
    waiting = p50(taken["slow and light"]) / p50(taken["slow"])
    computing = p50(taken["ten heavy"]) / p50(taken["one heavy"])
    rows: list[tuple[str | float, ...]] = [
        (f"one that sleeps {_SLOW_SECONDS} s, alone", p50(taken["slow"]), 1.0),
        ("the same and nine light ones", p50(taken["slow and light"]), waiting),
        ("one that computes (imports the SDK), alone", p50(taken["one heavy"]), 1.0),
        ("ten of those", p50(taken["ten heavy"]), computing),
    ]
    note = f"ten that compute on {cores} cores can at best take {_TEN / min(cores, _TEN):g} ×"
    aims = [Aim("ten servers over the slowest one alone", waiting, _LIMIT)]
    return [Answer("Ten servers start side by side", ("servers", "s p50", "×"), rows, aims, [note])]


async def _start(folder: Path, servers: Mapping[str, Sequence[str]]) -> float:
    plans = [ServerPlan(name=name, launch=launcher(folder, name, argv), tools={}) for name, argv in servers.items()]
    pool = ServerPool(plans, notify=silent)
    started = time.perf_counter()
    async with pool.running():
        for session in pool.sessions.values():
            await session.settled()
        taken = time.perf_counter() - started
        failed = [session.detail for session in pool.sessions.values() if session.state != "ready"]
    if failed:
        raise RuntimeError(failed[0])
    return taken
