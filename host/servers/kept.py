"""What a long-lived host keeps of servers between its runs: started sandboxes, and servers declared stateless.

Decides: which runs share what. A server with `pool = N` finds started sandboxes that each serve one run; one that is
declared `stateless` is connected to once, and runs use that one session side by side. Does not decide how either is
started (`ServerPlan.launch`, `ServerKeeper`, `WarmPool`).

`gatehost run` has no such object and pays nothing for its being possible.

Everything is kept under the key of a plan, which covers configuration, package, mounts and pins: after a change of
any of them a run meets a server started after it, and the old ones end when they were idle for long enough.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import anyio
import anyio.abc

from context.errors import SandboxError
from context.events import EventType
from context.json_values import JsonObject
from host.servers.keeper import ServerKeeper
from host.servers.session import Notify, ServerPlan
from sandboxes.lifecycle.warm_pool import Launch, WarmPool


@dataclass(slots=True, eq=False)
class _Shared:
    keeper: ServerKeeper
    told: list[Notify] = field(default_factory=list[Notify])
    left: anyio.Event = field(default_factory=anyio.Event)
    used: float = 0.0


class KeptServers:
    """One for a long-lived process. `running` encloses every run that uses it."""

    def __init__(self, *, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._group: anyio.abc.TaskGroup | None = None
        self._pools: dict[str, WarmPool] = {}
        self._shared: dict[str, list[_Shared]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["KeptServers", None]:
        """On exit nothing that was kept is left."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                yield self
            finally:
                self._group = None
                group.cancel_scope.cancel()

    def launcher(self, key: str, launch: Launch, *, size: int, idle: float) -> Launch:
        """A launcher that hands out started sandboxes of `key`; keeping them starts now, in the background.

        Args:
            launch: Opens one in any run's name.
            idle: Seconds without a taker after which none is kept.
        """
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = WarmPool(launch, size=size, idle=idle, clock=self._clock)
            self._owner().start_soon(pool.keep)
        return pool.take

    async def filled(self) -> None:
        """Wait until every pool holds what it should."""
        for pool in list(self._pools.values()):
            await pool.filled()

    @contextmanager
    def shared(self, plan: ServerPlan, notify: Notify) -> Generator[ServerKeeper]:
        """The keeper of a stateless server, started by whoever comes first. `notify` hears of it while the body runs.

        Up to `max(1, pool)` of them stand side by side; a run gets the one that the fewest others use.
        """
        places = self._shared.setdefault(plan.key, [])
        place = min(places, key=lambda place: len(place.told), default=None)
        if place is None or (place.told and len(places) < plan.pool):
            place = self._start_shared(plan)
            places.append(place)
        else:
            _catch_up(place.keeper, notify)
        place.told.append(notify)
        try:
            yield place.keeper
        finally:
            place.keeper.session.tell_wire()  # the session goes on; who leaves hears no more of it
            place.told.remove(notify)
            place.used = self._clock()
            place.left.set()

    def _start_shared(self, plan: ServerPlan) -> _Shared:
        def tell(kind: EventType, data: JsonObject) -> None:
            for told in list(place.told):
                told(kind, {**data, "shared": True})

        place = _Shared(ServerKeeper(plan, notify=tell, clock=self._clock), used=self._clock())
        self._owner().start_soon(self._own_shared, plan, place)
        return place

    async def _own_shared(self, plan: ServerPlan, place: _Shared) -> None:
        """Until nobody has used it for the idle time."""
        try:
            async with anyio.create_task_group() as group:
                place.keeper.start(group)
                while place.told or self._clock() < place.used + plan.idle:
                    rest = float("inf") if place.told else place.used + plan.idle - self._clock()
                    with anyio.move_on_after(rest):
                        await place.left.wait()
                        place.left = anyio.Event()
                self._forget(plan.key, place)
                place.keeper.stop()
        finally:
            self._forget(plan.key, place)

    def _forget(self, key: str, place: _Shared) -> None:
        if place in self._shared.get(key, []):
            self._shared[key].remove(place)

    def _owner(self) -> anyio.abc.TaskGroup:
        if self._group is None:
            raise SandboxError("servers are kept only while their host runs", next_step="Start the run again")
        return self._group


def _catch_up(keeper: ServerKeeper, notify: Notify) -> None:
    """What a run that starts the server itself would have heard."""
    session = keeper.session
    if session.evidence is not None:
        notify("sandbox.state", {"server": keeper.plan.name, **session.evidence.as_json(), "shared": True})
    if session.state == "ready":
        notify("server.state", {"server": keeper.plan.name, "state": "ready", "shared": True})
