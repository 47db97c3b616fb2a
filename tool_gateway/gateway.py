"""The way of one call through the gateway, from proposal to outcome, top to bottom in `Gateway.carry`.

Decides: the order of the gates, when a person is asked, what is written down before and after the
request goes out, and how a call ended. Does not decide what any single gate says (`gates/`), how a
request is sent (`Caller`), who is asked (`Approver`), or where rows live (`Journal`).

A refusal is returned to the model as a tool error that says what would be allowed. Decisions are made
last, on the final value: whatever waits or changes sends the call through all gates again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import anyio
import anyio.lowlevel

from context.calls import CallResult, Outcome
from context.decisions import Allow, Ask, Decision, Deny, Reason
from context.errors import ServerError
from context.ids import new_id, new_span_id
from context.labels import TRUSTED
from context.messages import Text
from context.runs import CallState
from context.visible_text import escape_line
from tool_gateway.approvals import binding, usable
from tool_gateway.arguments.constraints import paths_to_resolve
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
        # Never cancelled half-way: an intent without an outcome says that something may have happened.
        word: Literal["allow", "ask"] = "allow" if approval is None else "ask"
        with anyio.CancelScope(shield=True):
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
        executed = await self._execute(trail, call, tool)

        # 10 the result: cap, schema, escape, label.
        result, faults = _shown(executed, tool)
        outcome = executed.outcome
        if outcome == "succeeded" and (faults or result.is_error):
            outcome = "failed"
            faults = faults or (_server_says(result),)

        # 11 outcome; also that of a call whose run is being cancelled, which goes on afterwards.
        end = await self._settle(trail, call, tool, outcome, result, word, (*decision.reasons, *faults), approval)
        if executed.cancelled is not None:
            raise executed.cancelled
        return end

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
        if known is not None and _asks_the_same(known, bound, ask):
            answered = await self._taken_up(trail, known, bound)
            if answered is not None:
                return answered
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
        answer = _preapproved(self._run.scope, tool) or (await self._approver.ask((request,)))[0]
        if isinstance(answer, Parked):
            return answer
        stands = self._journal.approval(call.call_id)
        if stands is not None and stands.status != "pending":
            # Somebody else was quicker, from another terminal: the first answer counts.
            return await self._taken_up(trail, stands, bound) or Deny((_unanswered(),))
        approval = Approval(request, "approved" if answer.granted else "denied", answer.by, answer.note)
        await self._journal.commit(
            ApprovalChange(approval),
            events=(trail.event("approval.resolved", trail.resolved(approval, granted=answer.granted)),),
            entries=(trail.approval_entry(approval),),
        )
        return approval if answer.granted else _denied(approval)

    async def _taken_up(self, trail: "Trail", known: Approval, bound: str) -> Approval | Deny | None:
        """What an approval that stands in the journal says, said in the run too; None while it is open."""
        answered = _read_answer(known, now=self._clock(), bound=bound)
        if answered is None:
            return None
        over = isinstance(answered, Deny) and known.status in {"pending", "approved"}
        if over:
            known = replace(known, status="expired")
        await self._journal.commit(
            *((ApprovalChange(known),) if over else ()),
            events=(trail.event("approval.resolved", trail.resolved(known, granted=isinstance(answered, Approval))),),
            entries=(trail.approval_entry(known),) if over else (),
        )
        return answered

    async def _execute(self, trail: "Trail", call: CallProposal, tool: KnownTool) -> "_Executed":
        """Send it and wait. Of a request that left and was not answered only a person can say what became of it;
        a read is just failed."""

        async def on_progress(done: float, total: float | None, message: str | None) -> None:
            trail.progressed(done, total, message)

        unanswered: Outcome = "failed" if tool.rule.effect == "read" else "in_doubt"
        left = False
        trail.start()
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            left = True
            raw = await self._caller.call(
                tool.ref,
                call.arguments or {},
                timeout=tool.call_timeout,
                meta={"gatehost/call": call.call_id},
                on_progress=on_progress,
            )
        except ServerError as error:
            outcome = unanswered if error.sent else "failed"
            code = "in_doubt" if outcome == "in_doubt" else "server_failed"
            where = error.where or f"server {tool.ref.server}"
            text = escape_line(f"{where}: {error.what}", 600)
            return _Executed(None, outcome, Reason("execute", code, text, remedy=error.next_step))
        except anyio.get_cancelled_exc_class() as cancelled:
            text = "the run was interrupted before " + ("the server answered" if left else "the request left")
            reason = Reason("execute", "interrupted", text)
            return _Executed(None, unanswered if left else "failed", reason, cancelled)
        except Exception as error:
            logger.exception("the call of %s broke", tool.ref)
            text = f"the request broke on our side ({type(error).__name__}), so its answer is lost"
            return _Executed(None, unanswered, Reason("execute", "internal_fault", text))
        if raw.input_required is not None:
            reason = Reason(
                "execute",
                "input_request_denied",
                f"server {tool.ref.server} asked for input in the middle of the call, which is not granted to it",
            )
            return _Executed(None, "denied", reason)
        return _Executed(raw, "succeeded")

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
        with anyio.CancelScope(shield=True):
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
        """Write the refusal down and tell the model what would be allowed.

        A call that was asked for before the run waited stays an ask, whichever gate refuses it after that.
        """
        reasons = decision.reasons or (Reason("gateway", "denied", "refused"),)
        was_asked = asked is not None or self._journal.approval(call.call_id) is not None
        word: Literal["ask", "deny"] = "ask" if was_asked else "deny"
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


@dataclass(frozen=True, slots=True)
class _Executed:
    """What became of a request. Without an answer there is a `fault`; `cancelled` goes on once it is written."""

    raw: RawResult | None
    outcome: Outcome
    fault: Reason | None = None
    cancelled: BaseException | None = None


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


def _asks_the_same(known: Approval, bound: str, ask: Ask) -> bool:
    """Whether the question that stands is this one. A yes that was used carried an earlier attempt of this call."""
    return known.status != "used" and known.request.binding == bound and set(ask.rules) <= set(known.request.rules)


def _unanswered() -> Reason:
    return Reason("approval", "unanswered", "nobody has approved the call")


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


def _shown(executed: _Executed, tool: KnownTool) -> tuple[CallResult, tuple[Reason, ...]]:
    if executed.raw is None:
        reason = executed.fault or Reason("execute", "server_failed", "the server gave no answer")
        return _told(reason, executed.outcome), (reason,)
    try:
        return finish(executed.raw, tool=tool)
    except Exception:
        logger.exception("the result of %s could not be processed", tool.ref)
        text = f"the result of {tool.ref} could not be processed, so it is withheld"
        reason = Reason("result", "result_unusable", text)
        return _told(reason, "failed"), (reason,)


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
