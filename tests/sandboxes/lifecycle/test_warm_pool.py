"""Sandboxes that are started ahead of their runs."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import pytest

from context.errors import SandboxError
from sandboxes.interface import OpenSandbox, Program, SandboxSpec
from sandboxes.lifecycle.warm_pool import WarmPool
from tests.fakes.sandboxes import HonestServer, ScriptedSandbox, text
from tests.sandboxes.connections import connected, words

SPEC = SandboxSpec("kit", "kept", "me", Program(("kit",)))


class Kit:
    """A launcher that counts."""

    def __init__(self, *, refuses: SandboxError | None = None) -> None:
        self.server = HonestServer({"echo": lambda arguments: text("heard")})
        self.sandbox = ScriptedSandbox(self.server, refuses=refuses)

    def __call__(self) -> AbstractAsyncContextManager[OpenSandbox]:
        return self.sandbox.open(SPEC)

    @property
    def standing(self) -> int:
        return len(self.sandbox.opened) - self.sandbox.closed


@asynccontextmanager
async def pool_of(kit: Kit, size: int, *, idle: float = 600.0) -> AsyncGenerator[WarmPool, None]:
    pool = WarmPool(kit, size=size, idle=idle)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(pool.keep)
            await anyio.wait_all_tasks_blocked()
            yield pool
            group.cancel_scope.cancel()
    assert kit.standing == 0


async def test_so_many_wait_and_each_serves_one_taker() -> None:
    kit = Kit()
    async with pool_of(kit, 2) as pool:
        await pool.filled()
        assert kit.standing == 2
        async with pool.take() as first, pool.take() as second:
            assert first.read is not second.read
            async with connected(first) as one, connected(second) as two:
                assert words(await one.call_tool("echo", {})) == words(await two.call_tool("echo", {})) == "heard"
            await pool.filled()
            assert kit.standing == 4, "what was taken is replaced"
        assert kit.standing == 2, "what was used is gone"
        async with pool.take() as third:
            assert third.read not in {first.read, second.read}


async def test_more_takers_than_wait_are_all_served() -> None:
    kit = Kit()
    served: list[str] = []

    async def take() -> None:
        async with pool.take() as opened, connected(opened) as client:
            served.append(words(await client.call_tool("echo", {})))

    async with pool_of(kit, 1) as pool, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(take)
    assert served == ["heard"] * 5


async def test_the_evidence_says_that_it_was_started_ahead() -> None:
    kit = Kit()
    async with pool_of(kit, 1) as pool, pool.take() as opened:
        assert any("before it was needed" in note for note in opened.evidence.notes)


async def test_one_that_dies_while_it_waits_is_not_handed_out() -> None:
    kit = Kit()
    die = anyio.Event()
    servers = [kit.server]

    async def mortal(stdin: object, stdout: object) -> None:
        await die.wait()

    kit.sandbox._script = mortal
    async with pool_of(kit, 1) as pool:
        await pool.filled()
        kit.sandbox._script = servers[0]
        die.set()
        while kit.sandbox.closed < 1:
            await anyio.wait_all_tasks_blocked()
        async with pool.take() as opened, connected(opened) as client:
            assert words(await client.call_tool("echo", {})) == "heard"


async def test_nothing_is_kept_after_the_idle_time_and_the_next_taker_starts_it_again() -> None:
    kit = Kit()
    async with pool_of(kit, 2, idle=0.05) as pool:
        while kit.standing:
            await anyio.sleep(0.01)
        async with pool.take() as opened, connected(opened) as client:
            assert words(await client.call_tool("echo", {})) == "heard"


async def test_what_the_launcher_raises_reaches_the_taker_and_nothing_spins() -> None:
    kit = Kit(refuses=SandboxError("no engine"))
    async with pool_of(kit, 3) as pool:
        with pytest.raises(SandboxError, match="no engine"):
            async with pool.take():
                pytest.fail("there is none")
        assert len(kit.sandbox.opened) <= 5
        kit.sandbox.closed = len(kit.sandbox.opened)  # refused ones never stood


async def test_a_cancelled_taker_leaves_nothing_behind() -> None:
    kit = Kit()
    async with pool_of(kit, 1) as pool:
        await pool.filled()
        for _ in range(3):
            with anyio.move_on_after(0):
                async with pool.take():
                    await anyio.sleep_forever()
        await pool.filled()
        assert kit.standing == 1


async def test_a_closed_pool_says_so() -> None:
    pool = WarmPool(Kit(), size=1, idle=1.0)
    with pytest.raises(SandboxError, match="closed"):
        async with pool.take():
            pass
