"""Sandboxes of one server that a long-lived process keeps started ahead of the runs that will need them.

Decides: how many wait, when new ones are started, and that each serves one taker only. Does not decide how a
sandbox is opened (the launcher does) nor which server has a pool.

What waits is started and attached, and nobody has spoken to it: its program is loaded, which is nearly all of a
start, but its MCP conversation, with its ids, its handshake and its listing, still belongs wholly to the run that
takes it. So nothing of one run can reach another, and pins are compared as after any start.

A sandbox's context must be left by the task that entered it, so each has an owner task in the pool's own group.
"""

import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import anyio
import anyio.abc

from context.errors import SandboxError
from context.json_values import JsonObject
from sandboxes.interface import Evidence, OpenSandbox, WireCounts
from sandboxes.lifecycle.restarts import Restarts

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage

logger = logging.getLogger(__name__)

Launch: TypeAlias = Callable[[], AbstractAsyncContextManager[OpenSandbox]]

_GONE_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class _Kept:
    opened: OpenSandbox
    since: float
    release: anyio.Event = field(default_factory=anyio.Event)
    gone: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True, eq=False)
class _Taker:
    served: anyio.Event = field(default_factory=anyio.Event)
    kept: _Kept | None = None
    fault: BaseException | None = None


class WarmPool:
    """Up to `size` sandboxes waiting. `keep` runs in a task group of the long-lived process; `take` from any task.

    Args:
        idle: Seconds without a taker after which none is kept; the next taker starts the keeping again.
        restarts: How soon one that did not stay up is replaced. A taker never waits for that: it starts its own.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        size: int,
        idle: float,
        restarts: Restarts | None = None,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._launch = launch
        self._size = size
        self._idle = idle
        self._clock = clock
        self._restarts = restarts or Restarts(clock=clock)
        self._group: anyio.abc.TaskGroup | None = None
        self._shelf: deque[_Kept] = deque()
        self._takers: deque[_Taker] = deque()
        self._starting = 0
        self._wanted = True
        self._used = clock()
        self._touched = anyio.Event()
        self._changed = anyio.Event()

    @property
    def waiting(self) -> int:
        """Sandboxes that are ready to be taken."""
        return len(self._shelf)

    async def filled(self) -> None:
        """Wait until as many wait as should."""
        while self._wanted and len(self._shelf) < self._size:
            await self._changed.wait()

    async def keep(self) -> None:
        """Keep the pool until cancelled; then nothing of it is left."""
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                self._top_up()
                try:
                    while True:
                        await self._until_idle()
                finally:
                    self._group = None
        finally:
            for taker in self._takers:
                taker.served.set()

    async def _until_idle(self) -> None:
        rest = self._used + self._idle - self._clock()
        if rest <= 0 and self._wanted:
            self._wanted = False
            for kept in self._shelf:
                kept.release.set()
            self._shelf.clear()
            self._say_changed()
        with anyio.move_on_after(rest) if self._wanted else anyio.CancelScope():
            await self._touched.wait()
            self._touched = anyio.Event()

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[OpenSandbox, None]:
        """A sandbox of the caller's own, ready or as soon as one is; on exit nothing of it is left.

        Raises:
            SandboxError, ServerError: as the launcher did.
        """
        kept = await self._obtain()
        try:
            yield _Waited(kept.opened, self._clock() - kept.since)
        finally:
            kept.release.set()
            with anyio.move_on_after(_GONE_SECONDS, shield=True):
                await kept.gone.wait()

    async def _obtain(self) -> _Kept:
        self._used, self._wanted = self._clock(), True
        self._touched.set()
        if self._group is None:
            raise SandboxError("the pool of started sandboxes was closed", next_step="Start the run again")
        if self._shelf:
            kept = self._shelf.popleft()
            self._top_up()
            return kept
        taker = _Taker()
        self._takers.append(taker)
        self._top_up()
        try:
            await taker.served.wait()
        except BaseException:
            if taker in self._takers:
                self._takers.remove(taker)
            if taker.kept is not None:
                self._hand_out(taker.kept)  # it came at the moment its taker was cancelled
            raise
        if taker.fault is not None:
            raise taker.fault
        if taker.kept is None:
            raise SandboxError("the pool of started sandboxes was closed", next_step="Start the run again")
        return taker.kept

    def _top_up(self) -> None:
        """Start what is missing: one for each taker, and those that wait, unless the last ones did not stay up."""
        if self._group is None:
            return
        resting = self._restarts.wait > 0 or self._restarts.refused > 0
        wanted = len(self._takers) + (self._size if self._wanted and not resting else 0)
        while self._starting + len(self._shelf) < wanted:
            self._starting += 1
            self._group.start_soon(self._own)

    async def _own(self) -> None:
        """One sandbox from its start to its end."""
        kept: _Kept | None = None
        try:
            async with self._launch() as opened:
                self._starting -= 1
                kept = _Kept(opened, self._clock())
                self._hand_out(kept)
                await self._until_released(kept)
        except Exception as error:
            if kept is None:
                self._starting -= 1
                self._failed(error)
            else:
                logger.warning("a kept sandbox did not end well: %s", error)
        finally:
            if kept is not None:
                if kept in self._shelf:
                    self._shelf.remove(kept)
                kept.gone.set()
        self._top_up()  # not when cancelled: the pool is being closed

    def _hand_out(self, kept: _Kept) -> None:
        if self._takers:
            taker = self._takers.popleft()
            taker.kept = kept
            taker.served.set()
        elif self._wanted and len(self._shelf) < self._size:
            self._shelf.append(kept)
        else:
            kept.release.set()
        self._say_changed()

    async def _until_released(self, kept: _Kept) -> None:
        async def watch() -> None:
            how = await kept.opened.exited()
            if kept in self._shelf:
                self._shelf.remove(kept)
                self._restarts.ended(self._clock() - kept.since)
                logger.info("a kept sandbox %s while it waited", how)
                kept.release.set()

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await kept.release.wait()
            group.cancel_scope.cancel()

    def _failed(self, error: Exception) -> None:
        self._restarts.ended(0.0)
        if self._takers:
            taker = self._takers.popleft()
            taker.fault = error
            taker.served.set()
        else:
            logger.info("no sandbox could be started ahead: %s", error)

    def _say_changed(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Waited:
    """A sandbox that waited, whose evidence says so: it was read when it started."""

    def __init__(self, opened: OpenSandbox, seconds: float) -> None:
        self.read: ReadStream[SessionMessage | Exception] = opened.read
        self.write: WriteStream[SessionMessage] = opened.write
        self._opened = opened
        self._note = f"started {seconds:.1f} s before it was needed, for this run alone; nobody had spoken to it"

    @property
    def evidence(self) -> Evidence:
        evidence = self._opened.evidence
        return replace(evidence, notes=(*evidence.notes, self._note))

    @property
    def counts(self) -> WireCounts:
        return self._opened.counts

    @property
    def output_schemas(self) -> Mapping[str, JsonObject]:
        return self._opened.output_schemas

    def stderr_tail(self) -> str:
        return self._opened.stderr_tail()

    async def exited(self) -> str:
        return await self._opened.exited()
