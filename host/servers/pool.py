"""The servers of one run, side by side: a tool's address leads to its session.

Decides: which session answers for a name, and that a dead server hides nothing of the others. Does not
decide anything about a call. Implements the gateway's `Directory` and `Caller`.
"""

import difflib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager

import anyio

from context.calls import ToolRef
from context.json_values import JsonObject
from host.servers import sandbox_paths
from host.servers.keeper import ServerKeeper
from host.servers.kept import KeptServers
from host.servers.session import Notify, ProgressCallback, ServerPlan, ServerSession
from tool_gateway.gates import in_scope
from tool_gateway.interface import Health, KnownTool, RawResult, Scope


class ServerPool:
    """All servers that one run may use.

    Args:
        kept: What a long-lived host keeps between runs; servers declared stateless are shared through it.
    """

    def __init__(self, plans: Sequence[ServerPlan], *, notify: Notify, kept: KeptServers | None = None) -> None:
        self._notify = notify
        self._kept = kept
        self._keepers = {plan.name: ServerKeeper(plan, notify=notify) for plan in plans}
        self._tools: dict[str, KnownTool] = {
            tool.ref.model_name: tool for plan in plans for tool in plan.tools.values()
        }

    @property
    def sessions(self) -> Mapping[str, ServerSession]:
        """Each server's present session; one that was started again has a new one."""
        return {name: keeper.session for name, keeper in self._keepers.items()}

    @property
    def tools(self) -> Mapping[str, KnownTool]:
        """Every listed and pinned tool by the name a model sees."""
        return self._tools

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["ServerPool", None]:
        """Start all servers in the background and side by side; on exit none is left."""
        async with anyio.create_task_group() as group:
            with ExitStack() as shared:
                for name, keeper in self._keepers.items():
                    if keeper.plan.unpinned:
                        continue  # nobody accepted it: no line of it runs
                    if self._kept is not None and keeper.plan.stateless:
                        self._keepers[name] = shared.enter_context(self._kept.shared(keeper.plan, self._notify))
                    else:
                        keeper.start(group)
                        shared.callback(keeper.stop)
                try:
                    yield self
                finally:
                    own = [keeper for keeper in self._keepers.values() if keeper.owned_by(group)]
                    # A session that is still starting is not listening yet.
                    if any(keeper.session.state == "starting" for keeper in own):
                        group.cancel_scope.cancel()

    def may_answer(self, server: str) -> bool:
        """Whether a call of the server's tools could pass: it was accepted, and is not down for a while."""
        keeper = self._keepers[server]
        return not keeper.plan.unpinned and not keeper.hopeless

    def resolve(self, name: str) -> KnownTool | None:
        return self._tools.get(name)

    def nearest(self, name: str, scope: Scope) -> str | None:
        names = [model_name for model_name, tool in self._tools.items() if in_scope(scope, tool.ref)]
        near = difflib.get_close_matches(name[:200], names, n=1)
        return near[0] if near else None

    async def health(self, ref: ToolRef) -> Health:
        keeper = self._keepers[ref.server]
        if not keeper.plan.unpinned:
            await keeper.awake()
        return keeper.health(ref.tool)

    def resolve_paths(self, ref: ToolRef, texts: Sequence[str]) -> Mapping[str, str]:
        mounts = self._keepers[ref.server].plan.mounts
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
        return await self._keepers[ref.server].session.call(
            ref.tool, arguments, timeout=timeout, meta=meta, on_progress=on_progress
        )
