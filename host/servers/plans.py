"""From what was declared and accepted to servers that can be started: one `ServerPlan` a server.

Decides: which servers a run needs, what a model may be told of their tools (the pinned text), and when a
server counts as unaccepted. Does not decide any key's meaning (`servers_file`, `lock_file`) nor how a
sandbox is built.
"""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from context.calls import ToolDefinition, ToolRef
from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue, digest
from host.config.lock_file import Lock, LockedServer
from host.config.servers_file import ServerSettings, ServersFile, server_digest
from host.servers.kept import KeptServers
from host.servers.session import ServerPlan
from sandboxes import registry
from sandboxes.interface import Mount, OpenSandbox, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.lifecycle.slots import SlotLimits, slot
from sandboxes.packages import Locked, command_program, read_locked, unpack
from sandboxes.runtime.image import facts
from sandboxes.settings import Limits
from tool_gateway.arguments.constraints import check_reachable
from tool_gateway.gates import in_scope
from tool_gateway.interface import KnownTool, Scope

_WIRE_OVERHEAD = 1024 * 1024
"""Bytes a line may have beyond the result cap: JSON escapes, the envelope, a tool listing."""

_WALL_LIMITS = frozenset({"memory", "cpus", "pids", "disk"})
_KEPT = "kept"
"""Run label of a sandbox that was started ahead of its run, or that several runs share."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What plans are made from.

    Attributes:
        run_id: Owner of the sandboxes; stands in their labels.
        kept: What a long-lived host keeps between runs. Without it `pool` and `stateless` mean nothing.
        slots: Most sandboxes at once; the defaults when None.
        environ: Where `env:` references to secrets are looked up, at each start anew.
    """

    servers: ServersFile
    lock: Lock
    home: SandboxHome
    run_id: str
    kept: KeptServers | None = None
    slots: SlotLimits | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


def plan_run(grounds: Grounds, scope: Scope) -> list[ServerPlan]:
    """A plan for each server that has a tool in `scope`.

    Raises:
        ConfigError: a constraint that its tool's pinned schema cannot reach.
    """
    plans = [plan_server(grounds, name) for name in grounds.servers.servers]
    wanted = [plan for plan in plans if any(in_scope(scope, tool.ref) for tool in plan.tools.values())]
    return [_kept(grounds, plan) for plan in wanted]


def plan_server(grounds: Grounds, name: str) -> ServerPlan:
    """The plan of one server.

    Raises:
        ConfigError: see `plan_run`.
    """
    settings = grounds.servers.servers[name]
    locked = grounds.lock.servers.get(name)
    mounts = grounds.servers.sandbox_mounts(name)
    tools = {tool: _known(grounds.servers, name, settings, tool, locked) for tool in settings.tools}
    launcher = _Launcher(grounds, name, settings, mounts, locked.package if locked else None)
    return ServerPlan(
        name=name,
        prepare=launcher.prepare,
        launch=launcher.launch,
        tools=tools,
        era=locked.protocol if locked else None,
        mounts=mounts,
        start_timeout=settings.limits.start_timeout,
        unpinned=_unpinned(name, settings, locked),
        key=_key(name, settings, locked, mounts),
        stateless=settings.stateless,
        pool=settings.pool,
        idle=settings.idle,
    )


def _kept(grounds: Grounds, plan: ServerPlan) -> ServerPlan:
    """The plan as a long-lived host carries it out: with sandboxes started ahead, or shared ones."""
    if grounds.kept is None or plan.unpinned or not (plan.pool or plan.stateless):
        return plan
    # What waits is nobody's yet, so its label names no run; the run's evidence names the sandbox.
    unowned = plan_server(replace(grounds, run_id=_KEPT, kept=None), plan.name)
    launch = unowned.launch
    if not plan.stateless:
        launch = grounds.kept.launcher(plan.key, launch, size=plan.pool, idle=plan.idle)
    return replace(plan, prepare=unowned.prepare, launch=launch)


def _key(name: str, settings: ServerSettings, locked: LockedServer | None, mounts: tuple[Mount, ...]) -> str:
    """Equal for two plans only when the same server, from the same bytes, stands behind the same walls and pins."""
    package: JsonValue = locked.package if locked else None
    pins: JsonValue = {tool: pinned.digest for tool, pinned in locked.tools.items()} if locked else None
    seen: JsonValue = [[str(mount.host), mount.at, mount.mode] for mount in mounts]
    written = settings.model_dump(mode="json")
    return digest([name, written, package, pins, seen])


def unaccepted_plan(grounds: Grounds, name: str, package: Locked | None) -> ServerPlan:
    """A plan to look at a server that nobody accepted yet: it starts, behind its walls, and no tool may be called."""
    settings = grounds.servers.servers[name]
    mounts = grounds.servers.sandbox_mounts(name)
    launcher = _Launcher(grounds, name, settings, mounts, package.as_json() if package else None)
    return ServerPlan(
        name=name,
        prepare=launcher.prepare,
        launch=launcher.launch,
        tools={},
        mounts=mounts,
        start_timeout=settings.limits.start_timeout,
    )


def _unpinned(name: str, settings: ServerSettings, locked: LockedServer | None) -> str:
    if locked is None:
        return f"server {name} was never accepted; `gatehost mcp accept {name}` shows it and pins it"
    if locked.server_digest != server_digest(settings):
        return (
            f"the configuration of server {name} changed since it was accepted; "
            f"`gatehost mcp diff {name}` shows it, `gatehost mcp accept {name}` accepts it"
        )
    return ""


def _known(
    servers: ServersFile, name: str, settings: ServerSettings, tool: str, locked: LockedServer | None
) -> KnownTool:
    rule = settings.tools[tool]
    pinned = locked.tools.get(tool) if locked else None
    definition = pinned.definition if pinned else ToolDefinition(tool)
    if pinned is not None and (faults := check_reachable(rule, definition)):
        raise ConfigError(
            faults[0],
            where=f"{servers.path}: servers.{name}.tools.{tool}",
            next_step="`gatehost mcp list --tools` shows each tool's arguments",
        )
    returns = rule.returns or settings.returns
    limits: Limits = settings.limits
    return KnownTool(
        ref=ToolRef(name, tool),
        definition=definition,
        rule=rule,
        pin=pinned.digest if pinned else "",
        returns=returns.label(),
        call_timeout=min(rule.limits.call_timeout or limits.call_timeout, limits.call_timeout),
        result_bytes=limits.result_bytes,
        owner=settings.owner,
        server_rate=limits.rate,
        server_concurrency=limits.concurrency,
    )


class _Launcher:
    """Fetches a server's program once per start, then opens its sandbox."""

    def __init__(
        self,
        grounds: Grounds,
        name: str,
        settings: ServerSettings,
        mounts: tuple[Mount, ...],
        package: JsonObject | None,
    ) -> None:
        self._grounds = grounds
        self._name = name
        self._settings = settings
        self._mounts = mounts
        self._package = package
        self._program: Program | None = None

    async def prepare(self) -> Program:
        self._program = await _program(self._grounds.home, self._name, self._settings, self._package)
        return self._program

    @asynccontextmanager
    async def launch(self) -> AsyncGenerator[OpenSandbox, None]:
        grounds, settings, limits = self._grounds, self._settings, self._settings.limits
        kind = registry.get(settings.sandbox)
        spec = SandboxSpec(
            server=self._name,
            run_id=grounds.run_id,
            owner=this_process(),
            program=self._program or await self.prepare(),
            mounts=self._mounts,
            env=settings.env,
            runtime=settings.runtime,
            memory=limits.memory,
            cpus=limits.cpus,
            pids=limits.pids,
            disk=limits.disk,
            written=frozenset(limits.model_fields_set) & _WALL_LIMITS,
            secrets=grounds.servers.secrets(self._name, grounds.environ),
            line_bytes=2 * limits.result_bytes + _WIRE_OVERHEAD,
            start_timeout=limits.start_timeout,
        )
        async with (
            slot(grounds.home, server=self._name, limits=grounds.slots),
            kind.make(grounds.home).open(spec) as opened,
        ):
            yield opened


async def _program(home: SandboxHome, name: str, settings: ServerSettings, package: JsonObject | None) -> Program:
    if settings.command is not None:
        return command_program(settings.command, args=settings.args)
    if package is None:
        raise ConfigError(
            "its package was never locked", where=f"server {name}", next_step=f"Run `gatehost mcp accept {name}`"
        )
    locked = read_locked(package, where=f"server {name} in the lock")
    runtime = await facts(home, settings.sandbox)
    return await unpack(locked, home=home, runtime=runtime, entry=settings.entry, args=settings.args)
