"""What a long-lived host keeps of servers between runs, and what it never shares."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from context.calls import ToolDefinition, ToolRef
from context.errors import SandboxError
from context.events import EventType
from context.json_values import JsonObject
from host.servers.kept import KeptServers
from host.servers.pool import ServerPool
from host.servers.session import ServerPlan
from sandboxes.interface import Program, SandboxSpec
from tests.fakes.sandboxes import HonestServer, ScriptedSandbox, text
from tool_gateway.interface import KnownTool
from tool_gateway.pins import tool_digest
from tool_gateway.rules import ToolRule

ECHO = ToolRef("kit", "echo")


class Kit:
    def __init__(self) -> None:
        self.server = HonestServer({"echo": lambda arguments: text("heard")})
        self.sandbox = ScriptedSandbox(self.server)

    def plan(self, **more: Any) -> ServerPlan:
        tool = ToolDefinition("echo", "", {"type": "object"})
        known = KnownTool(ref=ECHO, definition=tool, rule=ToolRule(effect="read"), pin=tool_digest(tool))
        spec = SandboxSpec("kit", "run", "me", Program(("kit",)))
        options: dict[str, Any] = {"key": "one", **more}
        return ServerPlan(name="kit", launch=lambda: self.sandbox.open(spec), tools={"echo": known}, **options)

    @property
    def standing(self) -> int:
        return len(self.sandbox.opened) - self.sandbox.closed


class Run:
    """One run's pool."""

    def __init__(self, plan: ServerPlan, kept: KeptServers | None) -> None:
        self.news: list[tuple[EventType, JsonObject]] = []
        self.pool = ServerPool([plan], notify=lambda kind, data: self.news.append((kind, data)), kept=kept)

    async def echo(self) -> None:
        health = await self.pool.health(ECHO)
        assert (health.state, health.pin) == ("ready", "pinned")
        result = await self.pool.call(ECHO, {}, timeout=5, meta={})
        assert result.content[0]["text"] == "heard"


@asynccontextmanager
async def run(plan: ServerPlan, kept: KeptServers | None) -> AsyncGenerator[Run, None]:
    made = Run(plan, kept)
    async with made.pool.running():
        yield made


async def test_runs_share_a_stateless_server_and_each_hears_what_stands_around_it() -> None:
    kit = Kit()
    plan = kit.plan(stateless=True)
    with anyio.fail_after(10):
        async with KeptServers().running() as kept:
            async with run(plan, kept) as first, run(plan, kept) as second:
                await first.echo()
                await second.echo()
            async with run(plan, kept) as third:
                await third.echo()
            assert len(kit.sandbox.opened) == 1
            for each in (first, second, third):
                told = [data for kind, data in each.news if kind == "sandbox.state"]
                assert [data["shared"] for data in told] == [True]
        assert kit.standing == 0


async def test_a_server_that_is_not_stateless_is_never_shared() -> None:
    kit = Kit()
    with anyio.fail_after(10):
        async with (
            KeptServers().running() as kept,
            run(kit.plan(), kept) as first,
            run(kit.plan(), kept) as second,
        ):
            await first.echo()
            await second.echo()
            assert kit.standing == 2
        assert len(kit.sandbox.opened) == 2


async def test_a_changed_plan_meets_no_server_of_the_old_one() -> None:
    kit = Kit()
    with anyio.fail_after(10):
        async with KeptServers().running() as kept:
            async with run(kit.plan(stateless=True), kept) as first:
                await first.echo()
            async with run(kit.plan(stateless=True, key="another"), kept) as second:
                await second.echo()
            assert len(kit.sandbox.opened) == 2


async def test_runs_are_spread_over_as_many_shared_servers_as_declared() -> None:
    kit = Kit()
    plan = kit.plan(stateless=True, pool=2)
    with anyio.fail_after(10):
        async with (
            KeptServers().running() as kept,
            run(plan, kept) as first,
            run(plan, kept) as second,
            run(plan, kept) as third,
        ):
            for each in (first, second, third):
                await each.echo()
            assert kit.standing == 2


async def test_a_shared_server_that_nobody_uses_ends_after_its_idle_time() -> None:
    kit = Kit()
    plan = kit.plan(stateless=True, idle=0.05)
    with anyio.fail_after(10):
        async with KeptServers().running() as kept:
            async with run(plan, kept) as first:
                await first.echo()
            while kit.standing:
                await anyio.sleep(0.01)
            async with run(plan, kept) as second:
                await second.echo()
        assert len(kit.sandbox.opened) == 2


async def test_a_run_without_a_long_lived_host_starts_its_own_at_once_and_once() -> None:
    kit = Kit()
    with anyio.fail_after(10):
        async with run(kit.plan(stateless=True, pool=5), None) as only:
            await only.echo()
            assert kit.standing == 1
    assert kit.standing == 0


async def test_a_pool_serves_each_run_a_sandbox_of_its_own_that_waited() -> None:
    kit = Kit()
    with anyio.fail_after(10):
        async with KeptServers().running() as kept:
            plan = kit.plan(pool=2, key="pooled")
            launch = kept.launcher(plan.key, plan.launch, size=2, idle=60)
            await kept.filled()
            assert kit.standing == 2
            for _ in range(3):
                made = Run(ServerPlan(name="kit", launch=launch, tools=plan.tools), kept)
                async with made.pool.running():
                    await made.echo()
                notes = next(data["notes"] for kind, data in made.news if kind == "sandbox.state")
                assert "before it was needed" in str(notes)
        assert kit.standing == 0


async def test_nothing_is_kept_outside_of_its_host() -> None:
    with pytest.raises(SandboxError, match="kept only while"):
        KeptServers().launcher("key", Kit().plan().launch, size=1, idle=1)
