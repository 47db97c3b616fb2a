"""The way of one call through the gateway, from proposal to outcome, top to bottom in `Gateway.carry`.

Decides: the order of the gates, when a person is asked, what is written down before and after the
request goes out, and how a call ended. Does not decide what any single gate says (`gates/`), what a
value's origin is worth (`provenance/`), how a request is sent (`Caller`), who is asked (`Approver`), or
where rows live (`Journal`).

A refusal is returned to the model as a tool error that says what would be allowed. Decisions are made
last, on the final value: whatever waits or changes sends the call through all gates again.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import anyio

from context.calls import CallResult, Outcome
from context.decisions import Allow, Ask, Decision, Deny, Reason
from context.ids import new_span_id
from context.json_values import digest
from context.labels import TRUSTED
from context.messages import Text
from context.runs import CallState
from context.visible_text import escape_line
from tool_gateway.admission import Admission
from tool_gateway.approvals import given_by_a_person
from tool_gateway.arguments.constraints import paths_to_resolve
from tool_gateway.arguments.executable_paths import written_paths
from tool_gateway.consent import Consent
from tool_gateway.execution import Execution
from tool_gateway.form import form
from tool_gateway.gates import (
    ApprovalGate,
    CompositionGate,
    ConstraintsGate,
    HealthGate,
    PolicyGate,
    ProvenanceGate,
    ResolveGate,
    SchemaGate,
    ScopeGate,
    TaskScopeGate,
    in_scope,
)
from tool_gateway.interface import (
    Approval,
    ApprovalChange,
    ApprovalRequest,
    Approver,
    CallChange,
    CallEnd,
    Caller,
    CallEvidence,
    CallProposal,
    CardValue,
    Directory,
    Gate,
    Journal,
    KnownTool,
    Parked,
    PolicyEngine,
)
from tool_gateway.provenance.card_values import card_values
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.redaction import Redactor, may_restore
from tool_gateway.results import Finished
from tool_gateway.trail import RunScope, Trail, reasons_json, result_json

logger = logging.getLogger(__name__)

GATES_ON_THE_NAME: tuple[Gate, ...] = (ResolveGate(), ScopeGate())
"""Judged before anything is waited for: a call that may not be made starts no server."""

GATES_ON_THE_VALUE: tuple[Gate, ...] = (
    HealthGate(),
    SchemaGate(),
    ConstraintsGate(),
    CompositionGate(),
    ProvenanceGate(),
    TaskScopeGate(),
    PolicyGate(),
    ApprovalGate(),
)
"""Judged on the canonical arguments, and again after every wait."""


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
        knowledge: RunKnowledge,
        policy: PolicyEngine,
        admission: Admission | None = None,
        redactor: Redactor | None = None,
        label_findings: Literal["found", "left"] = "left",
        budget: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._run = run
        self._directory = directory
        self._approver = approver
        self._journal = journal
        self._clock = clock
        self._knowledge = knowledge
        self._policy = policy
        self._admission = admission or Admission()
        self._redactor = redactor
        self._consent = Consent(run=run, approver=approver, journal=journal, clock=clock, knowledge=knowledge)
        self._execution = Execution(
            caller=caller, admission=self._admission, redactor=redactor, label_findings=label_findings
        )
        self._budget = budget

    async def foresee(self, proposed: Sequence[CallProposal]) -> None:
        """Ask for all calls of one turn on one card. Each is then carried with its answer, through all gates again.

        What is refused anyway, or answered by a rule, is left to `carry`.

        Raises:
            JournalError, LeaseLost: as `carry`.
        """
        asked: list[tuple[Trail, CallProposal, KnownTool, ApprovalRequest]] = []
        for proposal in proposed:
            trail = Trail(self._run, proposal, new_span_id(), self._clock)
            evidence = self._evidence(proposal)
            tool = evidence.tool
            if tool is None or isinstance(_judge(GATES_ON_THE_NAME, proposal, evidence), Deny):
                continue
            call = self._formed(proposal, tool)
            if isinstance(call, Deny):
                continue
            evidence = await self._live_evidence(call, tool)
            decision = self._judged(GATES_ON_THE_VALUE, call, evidence)
            if not isinstance(decision, Ask) or self._consent.is_answered(call, tool, decision):
                continue
            request = self._consent.request(call, tool, decision, evidence)
            if self._consent.rule_answers(request, tool) is None:
                asked.append((trail, call, tool, request))
        if len(asked) < 2:
            return  # a card of its own shows one call as well, with what the calls before it have read by then
        for trail, call, tool, request in asked:
            await self._consent.put(trail, call, tool, request)
        answers = await self._approver.ask(tuple(request for *_, request in asked))
        for (trail, _, _, request), answer in zip(asked, answers, strict=True):
            if not isinstance(answer, Parked):
                await self._consent.note_answer(trail, request, answer)

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
        call = self._formed(proposed, tool)
        if isinstance(call, Deny):
            return await self._refuse(trail, proposed, tool, call)

        # 1 again (pinned, healthy: may wait for the server's start), 3 schema, 4 constraints and composition,
        # 5 where values come from, 6 policy, 7 who must be asked.
        evidence = await self._live_evidence(call, tool)
        decision = self._judged(GATES_ON_THE_VALUE, call, evidence)
        trail.values = _origins_worth_keeping(call, tool, evidence)
        if isinstance(decision, Deny):
            return await self._refuse(trail, call, tool, decision)

        # 7 approval, for exactly this call. After the wait all gates run again on what is true now.
        approval: Approval | None = None
        asked = decision if isinstance(decision, Ask) else None
        if isinstance(decision, Ask):
            answer = await self._consent.ask(trail, call, tool, decision, evidence)
            if isinstance(answer, Parked):
                return trail.parked(tool, decision)
            if isinstance(answer, Deny):
                return await self._refuse(trail, call, tool, answer, asked=decision)
            approval = answer
            renewed = await self._judged_again(call, tool, approval)
            if not isinstance(renewed, Allow):
                return await self._refuse(trail, call, tool, renewed, asked=decision)
            stale = self._consent.stale(approval, call, tool)
            if stale is not None:
                return await self._refuse(trail, call, tool, Deny((stale,)), asked=decision)

        # 7b admission: its turn among all calls; after a wait all gates run again, too.
        async with self._admission.admit(tool) as turn:
            if isinstance(turn, Deny):
                return await self._refuse(trail, call, tool, turn, asked=asked)
            if turn.waited:
                renewed = await self._judged_again(call, tool, approval)
                if not isinstance(renewed, Allow):
                    return await self._refuse(trail, call, tool, renewed, asked=asked)
            return await self._send(trail, call, tool, decision, approval, legs)

    async def _send(
        self,
        trail: Trail,
        call: CallProposal,
        tool: KnownTool,
        decision: Allow | Ask,
        approval: Approval | None,
        legs: int,
    ) -> CallEnd:
        """Steps 8 to 11, of a call that has passed everything."""
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
        executed = await self._execution.send(
            trail, call, tool, judged_again=lambda: self._judged_again(call, tool, approval)
        )

        # 10 the result: cap, schema, escape, redact, label.
        shown = self._execution.shown(executed, tool)
        result, faults = shown.result, shown.faults
        outcome = executed.outcome
        if outcome == "succeeded" and (faults or result.is_error):
            outcome = "failed"
            faults = faults or (_server_says(result),)

        # 11 outcome; also that of a call whose run is being cancelled, which goes on afterwards.
        # Why it was asked about stands with the decision; it is no cause of how an approved call ended.
        reasons = (*decision.reasons, *faults) if approval is None or not faults else faults
        end = await self._settle(trail, call, tool, outcome, shown, word, reasons, approval)
        self._consent.take_effect(call.call_id)
        if executed.raw is not None:
            vouched = approval is not None and given_by_a_person(approval.by)
            self._knowledge.returned(call.call_id, tool.ref, call.written or {}, tool.returns, result, vouched=vouched)
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

    def _formed(self, call: CallProposal, tool: KnownTool) -> CallProposal | Deny:
        """Canonical, with what the gateway fills in itself: never chosen by a model, the same in every attempt."""
        path = tool.rule.idempotency_key
        if path is not None and call.arguments is not None:
            key = digest([call.run_id, call.call_id, str(tool.ref)])
            call = replace(call, arguments={**call.arguments, path: key}, filled=frozenset({path}))
        formed = form(call)
        if isinstance(formed, Deny) or self._redactor is None:
            return formed
        return _restored(formed, tool, self._redactor)

    async def _live_evidence(
        self, call: CallProposal, tool: KnownTool, *, granted: frozenset[str] = frozenset()
    ) -> CallEvidence:
        health = await self._directory.health(tool.ref)
        arguments = call.arguments or {}
        texts = [*paths_to_resolve(tool, arguments), *written_paths(tool, arguments)]
        return CallEvidence(
            now=self._clock(),
            tool=tool,
            health=health,
            scope=self._run.scope,
            paths=self._directory.resolve_paths(tool.ref, texts) if texts else {},
            granted=granted,
            provenance=self._knowledge.evidence(),
            policy=self._policy,
            principal=self._run.principal,
            budget=self._budget(),
            attended=self._approver.attended,
        )

    async def _judged_again(self, call: CallProposal, tool: KnownTool, approval: Approval | None) -> Decision:
        """What all gates say after a wait, on what is true now; a server that died meanwhile is started again."""
        granted = frozenset(approval.request.rules) if approval else frozenset[str]()
        evidence = await self._live_evidence(call, tool, granted=granted)
        return self._judged((*GATES_ON_THE_NAME, *GATES_ON_THE_VALUE), call, evidence)

    def _judged(self, gates: Sequence[Gate], call: CallProposal, evidence: CallEvidence) -> Decision:
        """What the gates say; where they saw values behind placeholders, in words that do not repeat them."""
        decision = _judge(gates, call, evidence)
        masked, redactor = call.masked, self._redactor
        if masked is None or redactor is None:
            return decision

        def mask(text: str | None) -> str | None:
            return None if text is None else redactor.masked(text, masked)

        return replace(
            decision,
            reasons=tuple(
                replace(reason, text=mask(reason.text) or "", path=mask(reason.path), remedy=mask(reason.remedy))
                for reason in decision.reasons
            ),
        )

    async def _settle(
        self,
        trail: "Trail",
        call: CallProposal,
        tool: KnownTool,
        outcome: Outcome,
        shown: Finished,
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
            result=shown.result,
            approval=approval.by if approval else None,
            duration_ms=trail.elapsed_ms(),
        )
        state: CallState = outcome
        with anyio.CancelScope(shield=True):
            await self._journal.commit(
                CallChange(
                    call.call_id,
                    state,
                    result=result_json(shown.result),
                    reasons=reasons_json(reasons),
                    duration_ms=end.duration_ms,
                ),
                events=(trail.event("call.completed", trail.completed(end)),),
                entries=(trail.outcome_entry(end, shown.findings, shown.raw),),
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
        if asked is not None and all(reason.gate == "approval" for reason in reasons):
            # What was asked about is the cause; that nobody said yes is only how it ended.
            reasons = tuple(dict.fromkeys((*reasons, *asked.reasons)))
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


def _judge(gates: Sequence[Gate], call: CallProposal, evidence: CallEvidence) -> Decision:
    """All gates in order. The first denial ends it; asks add up; a gate that crashes denies.

    An ask tells only what asks: a card that also told what was allowed would give that as a reason to ask.
    """
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
    return Ask(
        tuple(reason for ask in asks for reason in ask.reasons),
        tuple(dict.fromkeys(rule for ask in asks for rule in ask.rules)),
        tuple(dict.fromkeys(who for ask in asks for who in ask.approvers)),
        minor=all(ask.minor for ask in asks),
    )


def _origins_worth_keeping(call: CallProposal, tool: KnownTool, evidence: CallEvidence) -> tuple[CardValue, ...]:
    """Every value of a call with an effect, once anything untrusted was read: before that, all are as good."""
    known = evidence.provenance
    if tool.rule.effect == "read" or known is None or known.mode == "off" or not known.sources.tainted:
        return ()
    try:
        return card_values(call, evidence)
    except Exception:
        logger.exception("the origins of a call of %s could not be told", tool.ref)
        return ()


def _used(approval: Approval | None) -> tuple[ApprovalChange, ...]:
    return (ApprovalChange(replace(approval, status="used")),) if approval else ()


def _restored(call: CallProposal, tool: KnownTool, redactor: Redactor) -> CallProposal | Deny:
    """The call with the values behind its placeholders; what is written down keeps the placeholders."""
    restoration = redactor.restore(call.arguments or {})
    refusal = redactor.refusal(restoration)
    if refusal is not None:
        return refusal
    allowed = may_restore(restoration.restored, tool.ref)
    if isinstance(allowed, Deny):
        return allowed
    if not restoration.changed:
        return call
    filled = form(replace(call, arguments=restoration.arguments))
    return filled if isinstance(filled, Deny) else replace(filled, masked=call.arguments)


def _server_says(result: CallResult) -> Reason:
    """An `isError` result is the server's word; it is data like any other result."""
    return Reason("execute", "tool_error", f"the server reports: {escape_line(result.text, 200) or 'an error'}")


def _refusal(reasons: Sequence[Reason]) -> CallResult:
    text = "\n".join(f"[denied by {reason.gate}] {reason.sentence()}" for reason in reasons)
    return CallResult((Text(text),), is_error=True, label=TRUSTED)
