"""The servers of one run, side by side: a tool's address leads to its session.

Decides: which session answers for a name, and that a dead server hides nothing of the others. Does not
decide anything about a call. Implements the gateway's `Directory` and `Caller`.
"""

import difflib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio

from context.calls import ToolRef
from context.json_values import JsonObject
from host import sandbox_paths
from host.server_session import Notify, ProgressCallback, ServerPlan, ServerSession
from tool_gateway.gates import in_scope
from tool_gateway.interface import Health, KnownTool, RawResult, Scope


class ServerPool:
    """All servers that one run may use."""

    def __init__(self, plans: Sequence[ServerPlan], *, notify: Notify) -> None:
        self.sessions: dict[str, ServerSession] = {plan.name: ServerSession(plan, notify=notify) for plan in plans}
        self._tools: dict[str, KnownTool] = {
            tool.ref.model_name: tool for plan in plans for tool in plan.tools.values()
        }

    @property
    def tools(self) -> Mapping[str, KnownTool]:
        """Every listed and pinned tool by the name a model sees."""
        return self._tools

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["ServerPool", None]:
        """Start all servers in the background and side by side; on exit none is left."""
        async with anyio.create_task_group() as group:
            for session in self.sessions.values():
                if session.plan.unpinned:
                    continue  # nobody accepted it: no line of it runs
                group.start_soon(session.own, name=f"server {session.plan.name}")
            try:
                yield self
            finally:
                for session in self.sessions.values():
                    session.stop()
                # A session that is still starting is not listening yet.
                for session in self.sessions.values():
                    if session.state == "starting":
                        group.cancel_scope.cancel()

    def resolve(self, name: str) -> KnownTool | None:
        return self._tools.get(name)

    def nearest(self, name: str, scope: Scope) -> str | None:
        names = [model_name for model_name, tool in self._tools.items() if in_scope(scope, tool.ref)]
        near = difflib.get_close_matches(name[:200], names, n=1)
        return near[0] if near else None

    async def health(self, ref: ToolRef) -> Health:
        session = self.sessions[ref.server]
        if not session.plan.unpinned:
            await session.settled()
        return session.health(ref.tool)

    def resolve_paths(self, ref: ToolRef, texts: Sequence[str]) -> Mapping[str, str]:
        mounts = self.sessions[ref.server].plan.mounts
        found = {text: sandbox_paths.resolve(text, mounts) for text in texts}
        return {text: place for text, place in found.items() if place is not None}

    async def call(
        self,
        ref: ToolRef,
        arguments: JsonObject,
        *,
        timeout: float,
        meta: JsonObject,
        on_progress: ProgressCallback | None = None,
    ) -> RawResult:
        return await self.sessions[ref.server].call(
            ref.tool, arguments, timeout=timeout, meta=meta, on_progress=on_progress
        )
