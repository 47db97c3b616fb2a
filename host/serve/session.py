"""One client's session behind the gates: a run whose calls another host proposes.

Decides: how a client's calls become calls of a run (journal, record, gateway, servers), what becomes of one that its
client gives up, and how the run ends with its client. Does not decide anything about a call (`tool_gateway`), nor how
the client speaks (`front`, `pipes`).

The client is the agent. What it says is its own: the gateway never sees its user's words, so a value counts as its
own unless an untrusted result of this session contained it.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from context.decisions import Reason
from context.errors import ConfigError, JournalError
from context.ids import new_id, new_span_id
from context.json_values import JsonObject
from context.messages import Message, ToolCall, ToolResult
from context.runs import StoredCall
from host.config.workshop import Workshop
from host.journal import RunHandle
from host.runs.flags import RunFlags
from host.runs.judges import Judges, appoint
from host.servers.plans import Grounds, plan_run
from host.servers.pool import ServerPool
from host.servers.session import ServerPlan
from tool_gateway.gates import in_scope
from tool_gateway.gateway import Gateway
from tool_gateway.interface import CallEnd, CallProposal, KnownTool, Scope
from tool_gateway.trail import RunScope, Trail

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
    scope: Scope
    run_id: str
    plans: Sequence[ServerPlan]
    judges: Judges


def prepare(workshop: Workshop, flags: RunFlags) -> Offer:
    """Plan the servers and appoint the judges; starts nothing.

    Raises:
        ConfigError, UsageError: something that was written is wrong.
    """
    serves = flags.agent or "default"
    agent = workshop.settings.agent(serves)
    if workshop.servers is None:
        raise ConfigError(
            "there is no mcp_servers.toml here or above, so there is nothing to serve",
            where=str(workshop.project.folder),
            next_step="Name one with --servers FILE: hosts start this command in a folder of their own choice",
        )
    scope = Scope(agent_tools=agent.tools, run_tools=flags.tools, preapproved=flags.approve)
    run_id = new_id("run")
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
    judges = appoint(
        workshop,
        run_id=run_id,
        agent_name=serves,
        agent=agent,
        scope=scope,
        tools=tuple(tool for plan in plans for tool in plan.tools.values()),
        flags=flags,
        client=True,
    )
    return Offer(workshop, serves, flags, scope, run_id, plans, judges)


class ServedSession:
    """Carries the calls of one client, side by side."""

    def __init__(self, *, run: RunScope, handle: RunHandle, pool: ServerPool, gateway: Gateway) -> None:
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
        try:
            end = await self._carry(proposal, span_id, tell)
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

    async def _carry(self, proposal: CallProposal, span_id: str, tell: Tell) -> CallEnd:
        end = await self._telling(tell, "running", self._gateway.carry(proposal, span_id=span_id))
        while end.parked:
            approval = self._handle.approval(proposal.call_id)
            shown = approval.request.approval_id if approval else ""
            text = f"waits for approval: gatehost approvals show {shown}"
            await tell(text)
            await self._telling(tell, text, self._answered(proposal.call_id))
            end = await self._telling(tell, "running", self._gateway.carry(proposal, span_id=span_id))
        return end

    async def _telling(self, tell: Tell, text: str, work: Awaitable[CallEnd | None]) -> CallEnd:
        raise NotImplementedError

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
        raise NotImplementedError
