"""When a server that ended may be started again: a growing wait, and a breaker for one that does not stay up.

Decides: how long to wait before the next start, and when no start is tried for a while. Does not decide what
counts as an end (a cancelled call is none) nor who starts anything. No I/O; the clock is handed in.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartLimits:
    """Seconds, but for `failures`.

    Attributes:
        first_wait, longest_wait: The wait after the first end; it doubles with each further one up to the longest.
        steady: One that lived this long was well: what came before is forgotten, and its end counts as a first.
        failures, window: So many ends within so many seconds, of servers that were not steady, open the breaker.
        cool_down: How long it stays open. After it, one start is tried; if that fails too, it opens again.
    """

    first_wait: float = 0.5
    longest_wait: float = 8.0
    steady: float = 20.0
    failures: int = 3
    window: float = 60.0
    cool_down: float = 60.0


class Restarts:
    """What one server did so far."""

    def __init__(self, limits: RestartLimits | None = None, *, clock: Callable[[], float] = anyio.current_time) -> None:
        self._limits = limits or RestartLimits()
        self._clock = clock
        self._streak = 0
        self._next = 0.0
        self._failures: deque[float] = deque()
        self._closed_at = 0.0
        self._tripped = False

    def ended(self, lived: float, *, costly: bool = False) -> None:
        """Note an end.

        Args:
            lived: Seconds since it was ready; 0 when it never was.
            costly: Trying again would cost a call as much as this did (a start that ran into its timeout), so the
                breaker opens at once.
        """
        now, limits = self._clock(), self._limits
        if lived >= limits.steady:
            self._streak, self._tripped = 0, False
            self._failures.clear()
        else:
            self._failures.append(now)
            while now - self._failures[0] > limits.window:
                self._failures.popleft()
            if costly or self._tripped or len(self._failures) >= limits.failures:
                self._tripped, self._closed_at = True, now + limits.cool_down
        self._next = now + min(limits.first_wait * 2 ** min(self._streak, 30), limits.longest_wait)
        self._streak += 1

    @property
    def wait(self) -> float:
        """Seconds until the next start; 0 when it may be now."""
        return max(0.0, self._next - self._clock())

    @property
    def refused(self) -> float:
        """Seconds that the breaker stays open; 0 when it is closed."""
        return max(0.0, self._closed_at - self._clock())
