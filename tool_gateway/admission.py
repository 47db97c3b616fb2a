"""When a decided call may leave: rates, concurrency, and a breaker for what keeps failing.

Decides: whether a call waits, how long, and when it is refused instead. Does not decide whether it is allowed (the
gates do, before and again after a wait), nor how it is sent. No I/O besides waiting; the clock is handed in.

One `Admission` serves one process, so runs that share it share its bounds. A cancelled call is no failure, and
neither is a refusal or what a tool reports itself (`isError`): only a server that did not answer counts.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from context.calls import ToolRef
from context.decisions import Deny, Reason
from context.quantities import Rate
from tool_gateway.interface import KnownTool

GATE = "admission"
FAILURES = 5
"""Calls of one tool that went unanswered in a row open its breaker."""

COOL_DOWN = 30.0
"""Seconds; then one call is tried."""

_SHARED = ""
"""Stands for all tools of a server, where a tool's name would stand."""


@dataclass(slots=True)
class Ticket:
    """A call that may leave now.

    Attributes:
        waited: It had to wait, so all gates must judge it again.
    """

    waited: bool = False


@dataclass(slots=True)
class _Lane:
    """The traffic of one tool, or of all tools of a server."""

    left: deque[float] = field(default_factory=deque[float])
    running: int = 0
    freed: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    open_until: float = 0.0
    probing: bool = False


class Admission:
    """Lets calls leave one by one, each within what its tool and its server allow."""

    def __init__(self, *, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._lanes: dict[ToolRef, _Lane] = {}
        self._breakers: dict[ToolRef, _Breaker] = {}

    @asynccontextmanager
    async def admit(self, tool: KnownTool) -> AsyncGenerator[Ticket | Deny, None]:
        """Wait for the call's turn, at most its own deadline, and hold its place while it runs.

        Gives a `Deny` instead when the breaker is open or the turn would come too late.
        """
        refused = self._refused(tool)
        if refused is not None:
            yield refused
            return
        lanes = self._lanes_of(tool)
        ticket = Ticket()
        until = self._clock() + tool.call_timeout
        while (wait := self._wait(lanes)) is not None:
            if self._clock() + wait > until:
                yield _late(tool, wait)
                return
            ticket.waited = True
            await self._pause(lanes, wait, until)
            if self._clock() >= until and self._wait(lanes) is not None:
                yield _late(tool, self._wait(lanes) or 0.0)
                return
        breaker = self._breakers.setdefault(tool.ref, _Breaker())
        if breaker.open_until:
            # Somebody else may have become the one probe while this call waited.
            if (refused := self._refused(tool)) is not None:
                yield refused
                return
            breaker.probing = True
        now = self._clock()
        for lane, rate, _ in lanes:
            lane.running += 1
            if rate is not None:
                lane.left.append(now)
        try:
            yield ticket
        finally:
            breaker.probing = False
            for lane, _, _ in lanes:
                lane.running -= 1
                freed, lane.freed = lane.freed, anyio.Event()
                freed.set()

    def answered(self, ref: ToolRef) -> None:
        """The server answered, whatever it said."""
        self._breakers.pop(ref, None)

    def unanswered(self, ref: ToolRef) -> None:
        """The server did not answer: it died, broke the protocol, or the deadline passed."""
        breaker = self._breakers.setdefault(ref, _Breaker())
        breaker.failures += 1
        if breaker.failures >= FAILURES:
            breaker.open_until = self._clock() + COOL_DOWN

    def _lanes_of(self, tool: KnownTool) -> tuple[tuple[_Lane, Rate | None, int | None], ...]:
        own, server = tool.rule.limits, ToolRef(tool.ref.server, _SHARED)
        bounds = ((tool.ref, own.rate, own.concurrency), (server, tool.server_rate, tool.server_concurrency))
        return tuple(
            (self._lanes.setdefault(ref, _Lane()), rate, most)
            for ref, rate, most in bounds
            if rate is not None or most is not None
        )

    def _wait(self, lanes: tuple[tuple[_Lane, Rate | None, int | None], ...]) -> float | None:
        """Seconds until another look is worth it, infinite while only a place is missing; None: now."""
        longest: float | None = None
        now = self._clock()
        for lane, rate, most in lanes:
            if rate is not None:
                while lane.left and lane.left[0] <= now - rate.seconds:
                    lane.left.popleft()
                if len(lane.left) >= rate.count:
                    longest = max(longest or 0.0, lane.left[0] + rate.seconds - now)
            if most is not None and lane.running >= most:
                longest = longest or 0.0
        return longest

    async def _pause(self, lanes: tuple[tuple[_Lane, Rate | None, int | None], ...], wait: float, until: float) -> None:
        full = [lane for lane, _, most in lanes if most is not None and lane.running >= most]
        with anyio.move_on_after(max(0.0, until - self._clock()) if full else wait):
            if full:
                await full[0].freed.wait()
            else:
                await anyio.sleep(wait)

    def _refused(self, tool: KnownTool) -> Deny | None:
        breaker = self._breakers.get(tool.ref)
        if breaker is None or not breaker.open_until:
            return None
        left = breaker.open_until - self._clock()
        if left <= 0 and not breaker.probing:
            return None
        text = f"{tool.ref} did not answer {breaker.failures} times in a row, so it is left alone for a while"
        remedy = f"It may be tried again in {max(left, 1.0):.0f} s; other tools are not affected"
        return Deny((Reason(GATE, "breaker_open", text, remedy=remedy),))


def _late(tool: KnownTool, wait: float) -> Deny:
    text = f"{tool.ref} may not be called that often, and its turn would come too late"
    return Deny((Reason(GATE, "rate_exceeded", text, remedy=f"It may be tried again in {max(wait, 1.0):.0f} s"),))
