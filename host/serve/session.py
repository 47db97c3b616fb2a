"""One client's session behind the gates: a run whose calls another host proposes.

Decides: how a client's calls become calls of a run (journal, record, gateway, servers), what becomes of one that its
client gives up, and how the run ends with its client. Does not decide anything about a call (`tool_gateway`), nor how
the client speaks (`front`, `pipes`).

The client is the agent. What it says is its own: the gateway never sees its user's words, so a value counts as its
own unless an untrusted result of this session contained it.
"""

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

import anyio

from context.calls import CallResult
from context.decisions import Deny, Reason
from context.errors import ConfigError, JournalError
from context.ids import new_id, new_span_id, new_trace_id
from context.json_values import JsonObject
from context.labels import TRUSTED
from context.messages import Message, Text, ToolCall, ToolResult
from context.runs import SETTLED, StoredCall
from context.visible_text import escape_line
from host.approvers import DenyApprover, WaitingApprover
from host.config.workshop import Workshop
from host.identity import who_runs_this
from host.journal import Journal, RunHandle
from host.outputs import Teller
from host.runs.assembly import Assembly, assemble, build_gateway, reap_sandboxes
from host.runs.chronicle import Chronicle
from host.runs.flags import RunFlags
from host.serve.client import Client
from host.servers.pool import ServerPool
from host.version import VERSION
from sandboxes.background import beside
from tool_gateway.gates import in_scope
from tool_gateway.gateway import Gateway
from tool_gateway.interface import ApprovalChange, CallEnd, CallProposal, KnownTool, Scope
from tool_gateway.policy.catalogue import tool_resource
from tool_gateway.policy.question import PolicyQuestion, Principal
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.trail import RunScope, Trail, result_json

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_TELL_SECONDS = 5.0
"""Between two signs of life. Hosts give up after a minute without one."""

_WITHDRAWN = Reason("approval", "withdrawn", "the client gave the call up before it was made")

Tell = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Offer:
    """What will be served: all that can be wrong with it was found before any client spoke."""

    workshop: Workshop
    serves: str
    flags: RunFlags
    run_id: str
    assembly: Assembly


def prepare(workshop: Workshop, flags: RunFlags) -> Offer:
    """Plan the servers and appoint the judges; starts nothing.

    Raises:
        ConfigError, UsageError: something that was written is wrong.
    """
    serves = flags.agent or "default"
    workshop.settings.agent(serves)
    if workshop.servers is None:
        raise ConfigError(
            "there is no mcp_servers.toml here or above, so there is nothing to serve",
            where=str(workshop.project.folder),
            next_step="Name one with --servers FILE: hosts start this command in a folder of their own choice",
        )
    run_id = new_id("run")
    assembly = assemble(workshop, run_id=run_id, agent_name=serves, flags=flags, client=True)
    return Offer(workshop, serves, flags, run_id, assembly)


class ServedSession:
    """Carries the calls of one client, side by side."""

    def __init__(
        self, *, run: RunScope, handle: RunHandle, pool: ServerPool, gateway: Gateway, knowledge: RunKnowledge
    ) -> None:
        self._knowledge = knowledge
        self._run = run
        self._handle = handle
        self._pool = pool
        self._gateway = gateway

    def tools(self) -> list[KnownTool]:
        """What the client is shown: in scope and pinned, always the pinned text."""
        return [tool for tool in self._pool.tools.values() if tool.pin and in_scope(self._run.scope, tool.ref)]

    async def call(self, name: str, arguments: JsonObject | None, *, tell: Tell) -> CallEnd:
        """Take one call all the way; where it asks, until somebody has answered or the question has expired.

        Args:
            tell: Called now and then while the call waits or runs, so that the client does not give up.

        Raises:
            JournalError: it could not be written down; of a call that is not `intended` nothing went out.
        """
        proposal, span_id = self._store(name, arguments), new_span_id()
        self._knowledge.proposed(arguments or {})
        news = _News(tell)
        try:
            async with beside(news.keep_telling):
                end = await self._carry(proposal, span_id, news)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._withdraw(proposal, span_id)
            raise
        parts = (ToolResult(end.call_id, "", name, end.result.content, is_error=end.result.is_error),)
        try:
            self._handle.store_results(proposal.turn, Message(new_id("msg"), "tool", parts, end.result.label))
        except JournalError:
            # Its outcome stands already. A client that is told of a fault instead would make the call again.
            logger.exception("the conversation of %s misses a result", self._run.run_id)
        return end

    async def _carry(self, proposal: CallProposal, span_id: str, news: "_News") -> CallEnd:
        end = await self._gateway.carry(proposal, span_id=span_id)
        while end.parked:
            known = self._handle.approval(proposal.call_id)
            await news.say(f"waits for approval: gatehost approvals show {known.request.approval_id if known else ''}")
            await self._answered(proposal.call_id)
            await news.say("running")
            end = await self._gateway.carry(proposal, span_id=span_id)
        return end

    async def _answered(self, call_id: str) -> None:
        """Until the question of this call is no longer open, whoever closes it from whichever process."""
        while True:
            approval = self._handle.approval(call_id)
            if approval is None or approval.status != "pending" or time.time() >= approval.request.expires:
                return
            await anyio.sleep(_POLL_SECONDS)

    def _store(self, name: str, arguments: JsonObject | None) -> CallProposal:
        """The call as a turn of its own, in one transaction. Nothing is awaited in between, so that calls that come
        side by side have different turns."""
        turn = self._handle.turns + 1
        call = ToolCall(new_id("call"), "", name, arguments)
        tool = self._pool.resolve(name)
        row = StoredCall(
            call_id=call.call_id,
            run_id=self._run.run_id,
            turn=turn,
            position=turn - 1,
            provider_id="",
            name=name,
            server=None,
            tool=None,
            effect=None,
            state="proposed",
            arguments=arguments,
        )
        proposal = CallProposal(call.call_id, self._run.run_id, self._run.agent, turn, name, arguments)
        trail = Trail(self._run, proposal, new_span_id(), time.time)
        named: JsonObject = {
            "server": tool.ref.server if tool else None,
            "tool": tool.ref.tool if tool else None,
            "name": name,
            "arguments": arguments,
        }
        message = Message(new_id("msg"), "assistant", (call,))
        self._handle.store_turn(turn, message, (row,), (trail.event("call.proposed", named),))
        return proposal

    async def _withdraw(self, proposal: CallProposal, span_id: str) -> None:
        """A call that was given up before anything went out: it is denied, and nobody can approve it any more."""
        state = next((call.state for call in self._handle.calls() if call.call_id == proposal.call_id), None)
        if state not in {"proposed", "waiting"}:
            return
        tool = self._pool.resolve(proposal.name)
        trail = Trail(self._run, proposal, span_id, time.time)
        asked = self._handle.approval(proposal.call_id)
        word: Literal["ask", "deny"] = "ask" if asked is not None else "deny"
        reasons = (_WITHDRAWN,)
        result = CallResult((Text(f"[denied] {_WITHDRAWN.text}"),), is_error=True, label=TRUSTED)
        end = CallEnd(proposal.call_id, tool.ref if tool else None, word, reasons, "denied", result)
        change = replace(
            trail.change(proposal, tool, "denied", decision=word, reasons=reasons), result=result_json(result)
        )
        events = (
            trail.event("call.decided", trail.decided(tool, word, reasons, None)),
            trail.event("call.completed", trail.completed(end)),
        )
        entries = (trail.decision_entry(proposal, tool, word, reasons, None, outcome="denied"),)
        if asked is not None and asked.status == "pending":
            closed = replace(asked, status="denied", by="the client (withdrawn)")
            try:
                await self._handle.commit(
                    change,
                    ApprovalChange(closed),
                    events=(trail.event("approval.resolved", trail.resolved(closed, granted=False)), *events),
                    entries=(trail.approval_entry(closed), *entries),
                )
            except JournalError:
                logger.info("approval %s was answered meanwhile", asked.request.approval_id)
            else:
                return
        await self._handle.commit(change, events=events, entries=entries)


class _News:
    """What a waiting client is told, at once when it changes and again every few seconds."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._text = "running"

    async def say(self, text: str) -> None:
        self._text = text
        await self._tell(text)

    async def keep_telling(self) -> None:
        while True:
            await anyio.sleep(_TELL_SECONDS)
            await self._tell(self._text)


@asynccontextmanager
async def open_session(
    offer: Offer, journal: Journal, *, client: Client, tellers: Sequence[Teller] = ()
) -> AsyncGenerator[ServedSession, None]:
    """A session for `client`, with its servers starting in the background; over when the block is left.

    Raises:
        JournalError: nothing was started, or the end could not be written.
    """
    workshop, judges = offer.workshop, offer.assembly.judges
    agent = client.agent(workshop.settings.agents, served=offer.serves)
    principal = replace(judges.principal, agent=agent)
    scope = _served(offer.assembly, principal)
    journal.reap()
    handle = journal.create_run(
        agent=agent,
        task=f"gatehost serve: {agent} {escape_line(client.version, 40)}".strip(),
        folder=str(workshop.project.folder),
        flags=offer.flags.as_json(),
        trace_id=(trace_id := new_trace_id()),
        run_id=offer.run_id,
    )
    ids = {"agent": agent, "session_id": handle.session_id, "trace_id": trace_id}
    with handle:
        for teller in tellers:
            handle.subscribe(teller.tell)
        chronicle = Chronicle(handle, ids)
        _say_start(offer, handle, chronicle, client)
        pool = ServerPool(offer.assembly.plans, notify=chronicle.notify, kept=workshop.kept)
        for plan in offer.assembly.plans:
            if plan.unpinned:
                chronicle.warn(plan.unpinned)
        run = RunScope(
            run_id=offer.run_id,
            agent=agent,
            scope=scope,
            ids=ids,
            policy_version=judges.version,
            approval_lifetime=workshop.settings.approvals.expires,
            principal=principal,
        )
        gateway = build_gateway(
            offer.assembly,
            run=run,
            handle=handle,
            pool=pool,
            approver=DenyApprover() if offer.flags.approvals == "deny" else WaitingApprover(),
        )
        async with anyio.create_task_group() as group:
            group.start_soon(handle.keep)
            group.start_soon(reap_sandboxes, workshop)
            async with pool.running():
                yield ServedSession(run=run, handle=handle, pool=pool, gateway=gateway, knowledge=judges.knowledge)
                _say_end(handle, chronicle)
            group.cancel_scope.cancel()


def _served(assembly: Assembly, principal: Principal) -> Scope:
    """The scope that this client has: what the rules on serving leave of the agent's. If one asks, each call asks."""
    served = tuple(
        str(tool.ref)
        for tool in assembly.tools
        if in_scope(assembly.scope, tool.ref)
        and not isinstance(
            assembly.judges.policy.judge(
                PolicyQuestion("serve", principal, tool_resource(tool), now=time.time(), consent=tool.rule.approve)
            ),
            Deny,
        )
    )
    return replace(assembly.scope, run_tools=served)


def _say_start(offer: Offer, handle: RunHandle, chronicle: Chronicle, client: Client) -> None:
    flags, judges = offer.flags, offer.assembly.judges
    facts: JsonObject = {
        "agent": chronicle.ids["agent"],
        "client": {"name": escape_line(client.name, 200), "version": escape_line(client.version, 100)},
        "model": "the client's own",
        "serves": offer.serves,
        "user": who_runs_this(),
        "tools": list(offer.assembly.scope.agent_tools),
        "run_tools": list(flags.tools) if flags.tools is not None else None,
        "preapproved": list(flags.approve),
        "approvals": flags.approvals,
        "policy_version": judges.version,
        "provenance": judges.knowledge.evidence().mode,
        "grants": [str(grant) for grant in judges.knowledge.grants],
        "version": VERSION,
    }
    handle.append(
        chronicle.event("run.started", {**facts, "session_id": handle.session_id}),
        entries=(chronicle.entry("run_started", facts),),
    )
    for line in judges.told:
        chronicle.note(line)


def _say_end(handle: RunHandle, chronicle: Chronicle) -> None:
    calls = handle.calls()
    # An `intended` one is left where its outcome could not be written.
    doubtful = any(call.state not in SETTLED for call in calls)
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
