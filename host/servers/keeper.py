"""One server of a run over all its lives: what died is started again when it is next needed.

Decides: when a dead or silent server gets another start, and that each start is told. Does not decide how long to
wait in between (`sandboxes.lifecycle.restarts`), what a session is, nor anything about a call: one that was on its way
when its server died keeps its outcome, in doubt or failed, and is never sent again from here.

A new start is a new session: a new sandbox with new evidence, a new handshake, and the pins are compared anew.
"""

from collections.abc import Callable
from dataclasses import replace

import anyio
import anyio.abc

from context.events import EventType
from context.json_values import JsonObject, JsonValue
from host.servers.session import Notify, ServerPlan, ServerSession
from sandboxes.lifecycle.restarts import Restarts
from tool_gateway.interface import Health


class ServerKeeper:
    """See the module. `start` once, within the group that shall own the server's tasks."""

    def __init__(
        self,
        plan: ServerPlan,
        *,
        notify: Notify,
        restarts: Restarts | None = None,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self.plan = plan
        self._told = notify
        self._clock = clock
        self._restarts = restarts
        self._group: anyio.abc.TaskGroup | None = None
        self._one_at_a_time = anyio.Lock(fast_acquire=True)  # a call need not yield when nobody else waits
        self._ready_since: float | None = None
        self._began = 0.0
        self._stopping = False
        self._state_told: JsonValue = None
        self.restarts = 0
        self.session = ServerSession(plan, notify=self._notify)

    @property
    def hopeless(self) -> bool:
        """Whether a call now would be refused because the server is down and stays down for a while."""
        state = self.session.state
        return state == "stopped" or (state == "failed" and self._history.refused > 0)

    @property
    def _history(self) -> Restarts:
        # Made where an event loop runs: its clock is the loop's.
        if self._restarts is None:
            self._restarts = Restarts(clock=self._clock)
        return self._restarts

    def start(self, group: anyio.abc.TaskGroup) -> None:
        """Start the server in the background."""
        self._group = group
        self._began = self._clock()
        group.start_soon(self.session.own, name=f"server {self.plan.name}")

    def owned_by(self, group: anyio.abc.TaskGroup) -> bool:
        return self._group is group

    def stop(self) -> None:
        """Ask the server to end, for good. Idempotent."""
        self._stopping = True
        self.session.stop()

    async def awake(self) -> ServerSession:
        """The settled session. One that was dead before this call is started again first, after its wait.

        A call that waited for a start that failed is not granted another one: its refusal says why.
        """
        known = self.session
        dead = known.state == "failed"
        async with self._one_at_a_time:
            session = self.session
            await session.settled()
            if session.state == "ready":
                await session.make_sure()
                dead = session.state != "ready"
            if session is known and dead and session.state == "failed":
                await self._start_again(session)
        return self.session

    def health(self, tool: str) -> Health:
        """How the server and its `tool` stand now."""
        health = self.session.health(tool)
        if health.state == "failed" and (rest := self._history.refused) > 0:
            text = f"it did not stay up and is not started again for {rest:.0f} s; {health.detail}"
            return replace(health, detail=text)
        return health

    async def _start_again(self, dead: ServerSession) -> None:
        if self._group is None or self._stopping or self._history.refused > 0:
            return
        await anyio.sleep(self._history.wait)
        await dead.ended()
        self.restarts += 1
        self._ready_since, self._began = None, self._clock()
        self._notify("server.state", {"server": self.plan.name, "state": "starting", "after": dead.detail})
        self.session = ServerSession(self.plan, notify=self._notify)
        self._group.start_soon(self.session.own, name=f"server {self.plan.name}")
        await self.session.settled()

    def _notify(self, kind: EventType, data: JsonObject) -> None:
        # A state may be told again, with more to say of it; only its beginning counts.
        if kind == "server.state" and data.get("state") != self._state_told:
            self._state_told = data.get("state")
            if self._state_told == "ready":
                self._ready_since = self._clock()
            elif self._state_told == "failed":
                self._note_end()
        if self.restarts and kind in {"server.state", "sandbox.state"}:
            data = {**data, "restart": self.restarts}
        self._told(kind, data)

    def _note_end(self) -> None:
        now = self._clock()
        if self._ready_since is None:
            self._history.ended(0.0, costly=now - self._began >= self.plan.start_timeout)
        else:
            self._history.ended(now - self._ready_since)
