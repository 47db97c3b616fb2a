"""One client's session behind the gates: a run whose calls another host proposes.

Decides: how a client's calls become calls of a run (journal, record, gateway, servers), and how the run ends with its
client. Does not decide anything about a call (`tool_gateway`), nor how the client speaks (`stdio`).

The client is the agent. What it says is its own: the gateway never sees its user's words, so a value counts as its
own unless an untrusted result of this session contained it.
"""

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from context.ids import new_id, new_trace_id
from context.json_values import JsonObject
from context.messages import Message, ToolCall, ToolResult
from context.runs import SETTLED, StoredCall
from context.visible_text import escape_line
from host.config.settings_file import AgentTable
from host.config.workshop import Workshop
from host.identity import who_runs_this
from host.journal import Journal, RunHandle
from host.runs.chronicle import Chronicle
from host.runs.flags import RunFlags
from host.runs.judges import Judges, appoint
from host.servers.plans import Grounds, plan_run
from host.servers.pool import ServerPool
from host.version import VERSION
from tool_gateway.gates import in_scope
from tool_gateway.gateway import Gateway
from tool_gateway.interface import (
    Answered,
    ApprovalRequest,
    Approver,
    CallChange,
    CallEnd,
    CallProposal,
    KnownTool,
    Parked,
    Scope,
)
from tool_gateway.trail import RunScope

logger = logging.getLogger(__name__)

_POLL = 0.5
_REFUSED = "[denied] The client went away before anybody answered."


@dataclass(frozen=True, slots=True)
class Client:
    """Who connected, as it says itself: a name in records, never a proof."""

    name: str
    version: str = ""

    @property
    def agent(self) -> str:
        """The name as policies and approvals see it."""
        return escape_line(self.name, 64) or "unnamed client"


class AnswersFromElsewhere:
    """Waits until somebody answers with `gatehost approvals`; whoever proposed the call waits too."""

    def __init__(self, handle: RunHandle) -> None:
        self._handle = handle

    @property
    def attended(self) -> bool:
        return False

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered | Parked]:
        return [await self._answer(request) for request in requests]

    async def _answer(self, request: ApprovalRequest) -> Answered | Parked:
        while True:
            stands = self._handle.approval(request.call_id)
            if stands is not None and stands.status != "pending":
                return Answered(stands.status in {"approved", "used"}, by=stands.by or "nobody", note=stands.note)
            if time.time() >= request.expires:
                return Answered(False, by="nobody (expired)", note="nobody approved this call in time")
            await anyio.sleep(_POLL)


class ServedSession:
    """Carries the calls of one client, side by side."""

    def __init__(
        self, handle: RunHandle, pool: ServerPool, gateway: Gateway, *, agent: str, scope: Scope, chronicle: Chronicle
    ) -> None:
        self._handle = handle
        self._pool = pool
        self._gateway = gateway
        self._agent = agent
        self._scope = scope
        self._chronicle = chronicle
        self._storing = anyio.Lock()

    @property
    def run_id(self) -> str:
        return self._handle.run_id

    def tools(self) -> list[KnownTool]:
        """What the client is shown: in scope and pinned, always the pinned text."""
        return [tool for tool in self._pool.tools.values() if tool.pin and in_scope(self._scope, tool.ref)]

    async def call(self, name: str, arguments: JsonObject | None, *, waits: Callable[[], Awaitable[None]]) -> CallEnd:
        """Take one call all the way.

        Args:
            waits: Called now and then while the call waits or runs, so that the client does not give up.

        Raises:
            JournalError: nothing could be written, so nothing went out.
        """
        call = ToolCall(new_id("call"), "", name, arguments)
        turn = await self._store(call)
        proposal = CallProposal(call.call_id, self.run_id, self._agent, turn, name, arguments)
        end = await self._carried(proposal, waits)
        parts = (ToolResult(call.call_id, "", name, end.result.content, is_error=end.result.is_error),)
        self._handle.store_results(turn, Message(new_id("msg"), "tool", parts, end.result.label))
        return end

    async def _carried(self, proposal: CallProposal, waits: Callable[[], Awaitable[None]]) -> CallEnd:
        ends: list[CallEnd] = []
        async with anyio.create_task_group() as beside:
            beside.start_soon(_keep_waiting, waits)
            try:
                ends.append(await self._gateway.carry(proposal))
            except anyio.get_cancelled_exc_class():
                self._give_up(proposal.call_id)
                raise
            finally:
                beside.cancel_scope.cancel()
        return ends[0]

    async def _store(self, call: ToolCall) -> int:
        """The call as a turn of its own, in one transaction; its number."""
        async with self._storing:
            turn = self._handle.turns + 1
            tool = self._pool.resolve(call.name)
            row = StoredCall(
                call_id=call.call_id,
                run_id=self.run_id,
                turn=turn,
                position=turn - 1,
                provider_id="",
                name=call.name,
                server=None,
                tool=None,
                effect=None,
                state="proposed",
                arguments=call.arguments,
            )
            named: JsonObject = {
                "server": tool.ref.server if tool else None,
                "tool": tool.ref.tool if tool else None,
                "name": call.name,
                "arguments": call.arguments,
            }
            ids = {"turn_id": f"{self.run_id}.{turn}", "call_id": call.call_id}
            event = self._chronicle.event("call.proposed", named, ids)
            self._handle.store_turn(turn, Message(new_id("msg"), "assistant", (call,)), (row,), (event,))
            return turn

    def _give_up(self, call_id: str) -> None:
        """A call whose client left while somebody was asked: nothing went out, and nothing will."""
        state = next((call.state for call in self._handle.calls() if call.call_id == call_id), None)
        if state in {"proposed", "waiting"}:
            reason: JsonObject = {"gate": "approval", "code": "client_left", "text": _REFUSED}
            result: JsonObject = {"content": [{"kind": "text", "text": _REFUSED}], "is_error": True}
            self._handle.change_call(
                CallChange(call_id, "denied", decision="ask", reasons=(reason,), result=result),
                entries=(self._chronicle.entry("client_left", {"call_id": call_id}, ids={"call_id": call_id}),),
            )


@asynccontextmanager
async def open_session(
    workshop: Workshop,
    journal: Journal,
    *,
    client: Client,
    agent_name: str,
    agent: AgentTable,
    flags: RunFlags,
    deny: Approver | None,
) -> AsyncGenerator[ServedSession, None]:
    """A session for `client`, with its servers starting in the background; over when the block is left.

    Args:
        deny: Who answers instead of people elsewhere.

    Raises:
        ConfigError, JournalError: nothing was started.
    """
    scope = Scope(agent_tools=agent.tools, run_tools=flags.tools, preapproved=flags.approve)
    journal.reap()
    run_id, trace_id = new_id("run"), new_trace_id()
    plans = []
    if workshop.servers is not None:
        grounds = Grounds(
            workshop.servers,
            workshop.lock,
            workshop.home.sandbox_home(),
            run_id,
            workshop.kept,
            slots=workshop.settings.slots,
        )
        plans = plan_run(grounds, scope)
        for plan in plans:
            workshop.servers.kind(plan.name)
    tools = tuple(tool for plan in plans for tool in plan.tools.values())
    judges = appoint(
        workshop,
        run_id=run_id,
        agent_name=client.agent,
        agent=agent,
        scope=scope,
        tools=tools,
        flags=flags,
        task=None,
    )
    task = f"gatehost serve: {client.agent} {escape_line(client.version, 40)}".strip()
    handle = journal.create_run(
        agent=client.agent,
        task=task,
        folder=str(workshop.project.folder),
        flags=flags.as_json(),
        trace_id=trace_id,
        run_id=run_id,
    )
    ids = {"agent": client.agent, "session_id": handle.session_id, "trace_id": trace_id}
    with handle:
        chronicle = Chronicle(handle, ids)
        _say_start(handle, chronicle, client, agent_name, scope, judges)
        pool = ServerPool(plans, notify=chronicle.notify, kept=workshop.kept)
        for plan in plans:
            if plan.unpinned:
                chronicle.warn(plan.unpinned)
        gateway = Gateway(
            run=RunScope(
                run_id=run_id,
                agent=client.agent,
                scope=scope,
                ids=ids,
                policy_version=judges.version,
                approval_lifetime=workshop.settings.approvals.expires,
                principal=judges.principal,
            ),
            directory=pool,
            caller=pool,
            approver=deny or AnswersFromElsewhere(handle),
            journal=handle,
            clock=time.time,
            knowledge=judges.knowledge,
            policy=judges.policy,
            admission=judges.admission,
            redactor=judges.redactor,
            label_findings=judges.redaction.label,
        )
        session = ServedSession(handle, pool, gateway, agent=client.agent, scope=scope, chronicle=chronicle)
        async with anyio.create_task_group() as beside:
            beside.start_soon(handle.keep)
            async with pool.running():
                try:
                    yield session
                finally:
                    _say_end(handle, chronicle)
            beside.cancel_scope.cancel()


async def _keep_waiting(waits: Callable[[], Awaitable[None]]) -> None:
    while True:
        await anyio.sleep(5)
        await waits()


def _say_start(
    handle: RunHandle, chronicle: Chronicle, client: Client, agent_name: str, scope: Scope, judges: Judges
) -> None:
    facts: JsonObject = {
        "agent": client.agent,
        "client": {"name": escape_line(client.name, 200), "version": escape_line(client.version, 100)},
        "serves": agent_name,
        "user": who_runs_this(),
        "tools": list(scope.agent_tools),
        "run_tools": list(scope.run_tools) if scope.run_tools is not None else None,
        "preapproved": list(scope.preapproved),
        "policy_version": judges.version,
        "provenance": judges.knowledge.evidence().mode,
        "version": VERSION,
    }
    handle.append(
        chronicle.event("run.started", {**facts, "session_id": handle.session_id}),
        entries=(chronicle.entry("run_started", facts),),
    )


def _say_end(handle: RunHandle, chronicle: Chronicle) -> None:
    calls = handle.calls()
    doubtful = [call.call_id for call in calls if call.state not in {*SETTLED, "proposed", "waiting"}]
    facts: JsonObject = {
        "status": "in_doubt" if doubtful else "completed",
        "exit_code": 9 if doubtful else 0,
        "denied": sum(call.state == "denied" for call in calls),
        "turns": handle.turns,
    }
    handle.set_status(
        "in_doubt" if doubtful else "completed",
        exit_code=9 if doubtful else 0,
        events=(chronicle.event("run.suspended" if doubtful else "run.completed", {**facts, "answer": None}),),
        entries=(chronicle.entry("run_ended", facts),),
    )
