"""Quantiles, and taking turns.

All figures of one question come from one run in which the ways that are compared take turns, one call or one block
each: whatever else the machine does meets all of them alike, so their ratio means something where times do not.
"""

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    return quantile(values, 0.95)


async def take_turns(ways: Mapping[str, Callable[[], Awaitable[object]]], *, rounds: int) -> dict[str, list[float]]:
    """Call every way once a round, another one first each time; seconds of each call."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways.items())
    for _ in range(rounds):
        order.append(order.pop(0))
        for name, way in order:
            started = time.perf_counter()
            await way()
            taken[name].append(time.perf_counter() - started)
    return taken
