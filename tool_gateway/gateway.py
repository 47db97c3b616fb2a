"""The way of one call through the gateway, from proposal to outcome, top to bottom in `Gateway.carry`.

Decides: the order of the gates, when a person is asked, what is written down before and after the
request goes out, and how a call ended. Does not decide what any single gate says (`gates/`), how a
request is sent (`Caller`), who is asked (`Approver`), or where rows live (`Journal`).

A refusal is returned to the model as a tool error that says what would be allowed. Decisions are made
last, on the final value: whatever waits or changes sends the call through all gates again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import anyio

from context.calls import CallResult, Outcome
from context.decisions import Allow, Ask, Decision, Deny, Reason
from context.errors import ServerError
from context.ids import new_id, new_span_id
from context.labels import TRUSTED
from context.messages import Text
from context.runs import CallState
from context.visible_text import escape_line
from tool_gateway.approvals import binding, usable
from tool_gateway.constraints import paths_to_resolve
from tool_gateway.form import form
from tool_gateway.gates import ApprovalGate, ConstraintsGate, HealthGate, ResolveGate, SchemaGate, ScopeGate, in_scope
from tool_gateway.interface import (
    Answered,
    Approval,
    ApprovalChange,
    ApprovalRequest,
    Approver,
    CallChange,
    CallEnd,
    Caller,
    CallEvidence,
    CallProposal,
    Directory,
    Gate,
    Journal,
    KnownTool,
    Parked,
    RawResult,
    Scope,
)
from tool_gateway.results import finish
from tool_gateway.trail import RunScope, Trail, reasons_json, result_json

logger = logging.getLogger(__name__)

GATES_ON_THE_NAME: tuple[Gate, ...] = (ResolveGate(), ScopeGate())
"""Judged before anything is waited for: a call that may not be made starts no server."""

GATES_ON_THE_VALUE: tuple[Gate, ...] = (HealthGate(), SchemaGate(), ConstraintsGate(), ApprovalGate())
"""Judged on the canonical arguments, and again after every wait. New gates (labels, policy) take their place here."""


class Gateway:
    """Carries the calls of one run. Holds no state of its own: the journal has it all."""

    def __init__(
        self,
        *,
        run: RunScope,
        directory: Directory,
        caller: Caller,
        approver: Approver,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self._run = run
        self._directory = directory
        self._caller = caller
        self._approver = approver
        self._journal = journal
        self._clock = clock

    async def carry(self, proposed: CallProposal, *, span_id: str | None = None, legs: int = 0) -> CallEnd:
        """Take one proposed call all the way.

        Args:
            span_id: The span of this call in the run's trace; a new one when left out.
            legs: Requests that already went out for this call (a read that is made again after a crash).

        Raises:
            JournalError: nothing could be written, so nothing went out.
            LeaseLost: another process owns the run.
        """
        trail = Trail(self._run, proposed, span_id or new_span_id(), self._clock)

        # 1 resolve, 2 scope: on the name alone.
        evidence = self._evidence(proposed)
        decision = _judge(GATES_ON_THE_NAME, proposed, evidence)
        tool = evidence.tool
        if isinstance(decision, Deny) or tool is None:
            return await self._refuse(trail, proposed, None, decision)

        # 3 form: from here on `call` holds exactly what would be sent.
        call = form(proposed)
        if isinstance(call, Deny):
            return await self._refuse(trail, proposed, tool, call)

        # 1 again (pinned, healthy: may wait for the server's start), 3 schema, 4 constraints, 7 who must be asked.
        evidence = await self._live_evidence(call, tool)
        decision = _judge(GATES_ON_THE_VALUE, call, evidence)
        if isinstance(decision, Deny):
            return await self._refuse(trail, call, tool, decision)

        # 7 approval, for exactly this call. After the wait all gates run again on what is true now.
        approval: Approval | None = None
        if isinstance(decision, Ask):
            answer = await self._approval(trail, call, tool, decision)
            if isinstance(answer, Parked):
                return trail.parked(tool, decision)
            if isinstance(answer, Deny):
                return await self._refuse(trail, call, tool, answer, asked=decision)
            approval = answer
            evidence = await self._live_evidence(call, tool, granted=frozenset(answer.request.rules))
            renewed = _judge((*GATES_ON_THE_NAME, *GATES_ON_THE_VALUE), call, evidence)
            if not isinstance(renewed, Allow):
                return await self._refuse(trail, call, tool, renewed, asked=decision)
            stale = usable(approval, binding=self._binding(call, tool), now=self._clock())
            if stale is not None:
                return await self._refuse(trail, call, tool, Deny((stale,)), asked=decision)

        # 8 intent: on disk before the request leaves; a read repeats harmlessly, so it need not wait for the disk.
        word: Literal["allow", "ask"] = "allow" if approval is None else "ask"
        await self._journal.commit(
            trail.change(
                call, tool, "intended", decision=word, reasons=decision.reasons, approval=approval, legs=legs + 1
            ),
            *_used(approval),
            events=(
                trail.event("call.decided", trail.decided(tool, word, decision.reasons, approval)),
                trail.event("call.started", {"server": tool.ref.server, "tool": tool.ref.tool}),
            ),
            entries=(trail.decision_entry(call, tool, word, decision.reasons, approval),),
            durable=tool.rule.effect != "read",
        )

        # 9 execute, in its sandbox.
        raw, fault, outcome = await self._execute(trail, call, tool)

        # 10 the result: cap, schema, escape, label.
        result, faults = _shown(raw, fault, outcome, tool)
        if outcome == "succeeded" and (faults or result.is_error):
            outcome = "failed"
            faults = faults or (_server_says(result),)

        # 11 outcome.
        return await self._settle(trail, call, tool, outcome, result, word, (*decision.reasons, *faults), approval)

    # The rest of this class serves the steps above, in their order.

    def _evidence(self, call: CallProposal) -> CallEvidence:
        tool = self._directory.resolve(call.name)
        # Also for a tool that exists out of scope: its refusal must not differ from that of one that does not.
        known = tool is not None and in_scope(self._run.scope, tool.ref)
        nearest = None if known else self._directory.nearest(call.name, self._run.scope)
        return CallEvidence(now=self._clock(), tool=tool, health=None, scope=self._run.scope, nearest=nearest)

    async def _live_evidence(
        self, call: CallProposal, tool: KnownTool, *, granted: frozenset[str] = frozenset()
    ) -> CallEvidence:
        health = await self._directory.health(tool.ref)
        texts = paths_to_resolve(tool, call.arguments or {})
        return CallEvidence(
            now=self._clock(),
            tool=tool,
            health=health,
            scope=self._run.scope,
            paths=self._directory.resolve_paths(tool.ref, texts) if texts else {},
            granted=granted,
        )

    def _binding(self, call: CallProposal, tool: KnownTool) -> str:
        return binding(
            agent=self._run.agent,
            run_id=self._run.run_id,
            pin=tool.pin,
            policy_version=self._run.policy_version,
            ref=tool.ref,
            arguments=call.arguments or {},
        )

    async def _approval(
        self, trail: "Trail", call: CallProposal, tool: KnownTool, ask: Ask
    ) -> Approval | Parked | Deny:
        """The approval of exactly this call: one that was answered while the run waited, or a new one."""
        bound = self._binding(call, tool)
        known = self._journal.approval(call.call_id)
        if known is not None and known.request.binding == bound and set(ask.rules) <= set(known.request.rules):
            settled = _read_answer(known, now=self._clock(), bound=bound)
            if settled is not None:
                if isinstance(settled, Deny):
                    await self._journal.commit(
                        events=(trail.event("approval.resolved", trail.resolved(known, granted=False)),)
                    )
                return settled
            request = known.request
        else:
            request = ApprovalRequest(
                approval_id=new_id("apr"),
                run_id=self._run.run_id,
                call_id=call.call_id,
                agent=self._run.agent,
                ref=tool.ref,
                effect=tool.rule.effect,
                arguments=call.arguments or {},
                binding=bound,
                rules=ask.rules,
                reasons=ask.reasons,
                expires=self._clock() + self._run.approval_lifetime,
            )
            await self._journal.commit(
                trail.change(call, tool, "waiting", decision="ask", reasons=ask.reasons),
                ApprovalChange(Approval(request, "pending")),
                events=(trail.event("approval.requested", trail.requested(request)),),
                entries=(trail.approval_entry(Approval(request, "pending")),),
            )
        answer = _preapproved(self._run.scope, tool) or await self._approver.ask(request)
        if isinstance(answer, Parked):
            return answer
        approval = Approval(request, "approved" if answer.granted else "denied", answer.by, answer.note)
        await self._journal.commit(
            ApprovalChange(approval),
            events=(trail.event("approval.resolved", trail.resolved(approval, granted=answer.granted)),),
            entries=(trail.approval_entry(approval),),
        )
        return approval if answer.granted else _denied(approval)

    async def _execute(
        self, trail: "Trail", call: CallProposal, tool: KnownTool
    ) -> tuple[RawResult | None, Reason | None, Outcome]:
        async def on_progress(done: float, total: float | None, message: str | None) -> None:
            trail.progressed(done, total, message)

        trail.start()
        try:
            raw = await self._caller.call(
                tool.ref,
                call.arguments or {},
                timeout=tool.call_timeout,
                meta={"gatehost/call": call.call_id},
                on_progress=on_progress,
            )
        except ServerError as error:
            # The request may have left: for anything but a read, only a person can say whether it happened.
            doubt = error.sent and tool.rule.effect != "read"
            reason = Reason("execute", "in_doubt" if doubt else "server_failed", escape_line(error.what, 500))
            return None, reason, "in_doubt" if doubt else "failed"
        except anyio.get_cancelled_exc_class():
            doubt = tool.rule.effect != "read"
            outcome: Outcome = "in_doubt" if doubt else "failed"
            reason = Reason("execute", "interrupted", "the run was interrupted before the server answered")
            with anyio.CancelScope(shield=True):
                result = _told(reason, outcome)
                await self._settle(trail, call, tool, outcome, result, "allow", (reason,), None)
            raise
        if raw.input_required is not None:
            reason = Reason(
                "execute",
                "input_request_denied",
                f"server {tool.ref.server} asked for input in the middle of the call, which is not granted to it",
            )
            return raw, reason, "denied"
        return raw, None, "succeeded"

    async def _settle(
        self,
        trail: "Trail",
        call: CallProposal,
        tool: KnownTool,
        outcome: Outcome,
        result: CallResult,
        word: Literal["allow", "ask"],
        reasons: tuple[Reason, ...],
        approval: Approval | None,
    ) -> CallEnd:
        end = CallEnd(
            call_id=call.call_id,
            ref=tool.ref,
            decision=word,
            reasons=reasons,
            outcome=outcome,
            result=result,
            approval=approval.by if approval else None,
            duration_ms=trail.elapsed_ms(),
        )
        state: CallState = outcome
        await self._journal.commit(
            CallChange(
                call.call_id,
                state,
                result=result_json(result),
                reasons=reasons_json(reasons),
                duration_ms=end.duration_ms,
            ),
            events=(trail.event("call.completed", trail.completed(end)),),
            entries=(trail.outcome_entry(end),),
        )
        return end

    async def _refuse(
        self,
        trail: "Trail",
        call: CallProposal,
        tool: KnownTool | None,
        decision: Decision,
        *,
        asked: Ask | None = None,
    ) -> CallEnd:
        """Write the refusal down and tell the model what would be allowed."""
        reasons = decision.reasons or (Reason("gateway", "denied", "refused"),)
        word: Literal["ask", "deny"] = "ask" if asked is not None else "deny"
        end = CallEnd(
            call_id=call.call_id,
            ref=tool.ref if tool else None,
            decision=word,
            reasons=reasons,
            outcome="denied",
            result=_refusal(reasons),
        )
        await self._journal.commit(
            replace(trail.change(call, tool, "denied", decision=word, reasons=reasons), result=result_json(end.result)),
            events=(
                trail.event("call.decided", trail.decided(tool, word, reasons, None)),
                trail.event("call.completed", trail.completed(end)),
            ),
            entries=(trail.decision_entry(call, tool, word, reasons, None, outcome="denied"),),
        )
        return end


def _judge(gates: Sequence[Gate], call: CallProposal, evidence: CallEvidence) -> Decision:
    """All gates in order. The first denial ends it; asks add up; a gate that crashes denies."""
    asks: list[Ask] = []
    reasons: list[Reason] = []
    for gate in gates:
        try:
            decision = gate.judge(call, evidence)
        except Exception:
            logger.exception("gate %s failed", gate.name)
            return Deny(
                (Reason(gate.name, "gate_failed", f"the {gate.name} check itself failed, so the call is refused"),)
            )
        if isinstance(decision, Deny):
            return decision
        if isinstance(decision, Ask):
            asks.append(decision)
        reasons.extend(decision.reasons)
    if not asks:
        return Allow(tuple(reasons))
    return Ask(tuple(reasons), tuple(dict.fromkeys(rule for ask in asks for rule in ask.rules)))


def _read_answer(known: Approval, *, now: float, bound: str) -> Approval | Deny | None:
    """What an approval that already stands in the journal says; None while it is still open."""
    if known.status == "pending":
        if now < known.request.expires:
            return None
        return Deny((Reason("approval", "expired", "nobody approved this call in time"),))
    if known.status == "denied":
        return _denied(known)
    stale = usable(known, binding=bound, now=now)
    return Deny((stale,)) if stale is not None else known


def _denied(approval: Approval) -> Deny:
    note = f": {escape_line(approval.note, 500)}" if approval.note else ""
    return Deny((Reason("approval", "refused", f"the call was not approved ({approval.by or 'nobody'}){note}"),))


def _preapproved(scope: Scope, tool: KnownTool) -> Answered | None:
    if ApprovalGate.preauthorises(scope, tool):
        return Answered(True, by="flag:--approve", note="authorised for this run when it was started")
    return None


def _used(approval: Approval | None) -> tuple[ApprovalChange, ...]:
    return (ApprovalChange(replace(approval, status="used")),) if approval else ()


def _shown(
    raw: RawResult | None, fault: Reason | None, outcome: Outcome, tool: KnownTool
) -> tuple[CallResult, tuple[Reason, ...]]:
    if raw is None or fault is not None:
        reason = fault or Reason("execute", "server_failed", "the server gave no answer")
        return _told(reason, outcome), (reason,)
    return finish(raw, tool=tool)


def _server_says(result: CallResult) -> Reason:
    """An `isError` result is the server's word; it is data like any other result."""
    return Reason("execute", "tool_error", f"the server reports: {escape_line(result.text, 200) or 'an error'}")


def _told(reason: Reason, outcome: Outcome) -> CallResult:
    text = f"[{outcome}] {reason.sentence()}"
    if outcome == "in_doubt":
        text += ". It may have happened. Do not repeat it."
    return CallResult((Text(text),), is_error=True, label=TRUSTED)


def _refusal(reasons: Sequence[Reason]) -> CallResult:
    text = "\n".join(f"[denied by {reason.gate}] {reason.sentence()}" for reason in reasons)
    return CallResult((Text(text),), is_error=True, label=TRUSTED)
