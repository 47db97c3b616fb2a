"""A whole house for benchmarks: journal, record, server pool and gateway around one unconfined server.

Decides: nothing that is measured. `unconfined`, so that both sides of a comparison talk over plain pipes.
"""

import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio

from benchmarks import rules
from context.calls import Effect, ToolDefinition, ToolRef
from context.events import EventType
from context.ids import new_id, new_trace_id
from context.json_values import JsonObject
from context.messages import Message, Text
from context.runs import StoredCall
from host.journal import Journal, RunHandle
from host.servers.pool import ServerPool
from host.servers.session import ServerPlan
from sandboxes.interface import OpenSandbox, Program, SandboxHome, SandboxSpec
from sandboxes.lifecycle.owners import this_process
from sandboxes.unconfined import UnconfinedSandbox
from tool_gateway.admission import Admission
from tool_gateway.gateway import Gateway
from tool_gateway.interface import Answered, ApprovalRequest, CallEnd, Caller, CallProposal, KnownTool, Scope
from tool_gateway.interface import Journal as Intents
from tool_gateway.pins import tool_digest
from tool_gateway.policy.question import Principal
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.redaction import Redactor
from tool_gateway.rules import ToolRule
from tool_gateway.trail import RunScope

HERE = Path(__file__).parent
ECHO_SDK: Sequence[str] = (sys.executable, str(HERE / "echo_sdk.py"))
ECHO_RAW: Sequence[str] = (sys.executable, str(HERE / "echo_raw.py"))
EFFECTS: dict[str, Effect] = {"echo": "read", "note": "write"}
TEXT = "The quick brown fox jumps over the lazy dog."

_AGENT = "bench"
_FORGETS = 100
"""Calls after which a run knows of none any more."""


class NobodyAsks:
    """An approver for runs in which nothing asks; it says no."""

    attended = False

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered]:
        return tuple(Answered(False, "nobody") for _ in requests)


def launcher(home: Path, name: str, argv: Sequence[str]) -> Callable[[], AbstractAsyncContextManager[OpenSandbox]]:
    """Opens `argv` as the server `name`, unconfined."""
    spec = SandboxSpec(server=name, run_id="bench", owner=this_process(), program=Program(argv=tuple(argv)))
    sandbox = UnconfinedSandbox(SandboxHome(home))
    return lambda: sandbox.open(spec)


def silent(kind: EventType, data: JsonObject) -> None:
    """Nobody listens to the servers' news."""
    del kind, data


async def listed(home: Path, name: str, argv: Sequence[str]) -> dict[str, ToolDefinition]:
    """What the server offers, as `mcp accept` would pin it."""
    pool = ServerPool([ServerPlan(name=name, launch=launcher(home, name, argv), tools={})], notify=silent)
    async with pool.running():
        session = pool.sessions[name]
        await session.settled()
        if session.state != "ready":
            raise RuntimeError(session.detail)
        return dict(session.listing.tools)


def known_tools(name: str, definitions: dict[str, ToolDefinition]) -> dict[str, KnownTool]:
    """The tools as an operator would list them; none of them asks."""
    return {
        tool: KnownTool(
            ref=ToolRef(name, tool),
            definition=definition,
            rule=ToolRule(effect=EFFECTS[tool], approve="never"),
            pin=tool_digest(definition),
        )
        for tool, definition in definitions.items()
    }


class House:
    """One run that carries calls. `propose` is the model's part and stands outside of what is measured."""

    def __init__(self, journal: Journal, handle: RunHandle, pool: ServerPool, server: str) -> None:
        self.journal = journal
        self.handle = handle
        self.pool = pool
        self._server = server
        self._waiting: dict[str, list[CallProposal]] = {tool: [] for tool in EFFECTS}
        self._position = 0
        self._carried = 0
        self._policy = rules.engine(pool.tools.values())
        self._redactor = Redactor(b"bench" * 7)
        self._principal = Principal(_AGENT, "alice", frozenset({"developer"}))
        self._run = RunScope(
            run_id=handle.run_id,
            agent=_AGENT,
            scope=Scope(),
            ids={"agent": _AGENT, "session_id": handle.session_id, "trace_id": handle.info().trace_id},
            policy_version=self._policy.version,
            principal=self._principal,
        )
        self.gateway = self.gateway_over(handle, pool)

    def gateway_over(self, journal: Intents, caller: Caller) -> Gateway:
        """A gateway like that of a run that has read nothing yet, with stopwatches around its ports where wanted."""
        knowledge = RunKnowledge("strict")
        knowledge.user_said(f"Echo and note what I say: {TEXT}")
        return Gateway(
            run=self._run,
            directory=self.pool,
            caller=caller,
            approver=NobodyAsks(),
            journal=journal,
            clock=time.time,
            knowledge=knowledge,
            policy=self._policy,
            admission=Admission(),
            redactor=self._redactor,
            budget=lambda: {"turns": 40, "seconds": 600},
        )

    def propose(self, tool: str, count: int) -> None:
        """Store a turn of `count` calls, as the run loop does before any of them is carried."""
        self._carried += count
        if self._carried >= _FORGETS:
            # In no run do thousands of results all say what each call does, as they do here.
            self._carried = 0
            self.gateway = self.gateway_over(self.handle, self.pool)
        turn = self.handle.turns + 1
        name = ToolRef(self._server, tool).model_name
        rows = [
            StoredCall(
                call_id=new_id("call"),
                run_id=self.handle.run_id,
                turn=turn,
                position=self._position + index,
                provider_id="",
                name=name,
                server=None,
                tool=None,
                effect=None,
                state="proposed",
                arguments={"text": TEXT},
            )
            for index in range(count)
        ]
        self._position += count
        self.handle.store_turn(turn, Message(new_id("msg"), "assistant", (Text("calls"),)), rows)
        self._waiting[tool].extend(
            CallProposal(row.call_id, row.run_id, _AGENT, turn, row.name, row.arguments) for row in rows
        )

    async def carry(self, tool: str, gateway: Gateway | None = None) -> CallEnd:
        """Carry the next proposed call. Raises RuntimeError when it did not succeed: a refusal would look fast."""
        end = await (gateway or self.gateway).carry(self._waiting[tool].pop())
        if end.outcome != "succeeded":
            raise RuntimeError(f"{end.outcome}: {end.result.text}")
        return end


@asynccontextmanager
async def house(folder: Path, argv: Sequence[str]) -> AsyncGenerator[House, None]:
    """A house in `folder` with the server `argv` up and its tools pinned."""
    name = "echo"
    tools = known_tools(name, await listed(folder, name, argv))
    pool = ServerPool([ServerPlan(name=name, launch=launcher(folder, name, argv), tools=tools)], notify=silent)
    with Journal.open(folder / "journal.db") as journal:
        handle = journal.create_run(
            agent=_AGENT, task="echo", folder=str(folder), flags={}, trace_id=new_trace_id(), messages=()
        )
        with handle:
            async with anyio.create_task_group() as beside, pool.running():
                beside.start_soon(handle.keep)
                await pool.sessions[name].settled()
                yield House(journal, handle, pool, name)
                beside.cancel_scope.cancel()
