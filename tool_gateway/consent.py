"""A person's yes to exactly one call: asked for, taken up, written down.

Decides: when a question that stands is this one, whose answer counts first, and what an answer writes. Does not decide
which calls ask (the gates), what a yes is bound to (`approvals.py`), nor how people are asked (`Approver`).
"""

from collections.abc import Callable
from dataclasses import replace

from context.decisions import Ask, Deny, Reason
from context.ids import new_id
from context.visible_text import escape_line
from tool_gateway.approvals import binding, standing_answer, usable
from tool_gateway.gates import ApprovalGate
from tool_gateway.interface import (
    Answered,
    Approval,
    ApprovalChange,
    ApprovalRequest,
    Approver,
    CallEvidence,
    CallProposal,
    Journal,
    KnownTool,
    Parked,
)
from tool_gateway.provenance.card_values import card_values
from tool_gateway.provenance.evidence import Grant
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.trail import RunScope, Trail


class Consent:
    """Of one run's calls. All that must last is in the journal."""

    def __init__(
        self,
        *,
        run: RunScope,
        approver: Approver,
        journal: Journal,
        clock: Callable[[], float],
        knowledge: RunKnowledge,
    ) -> None:
        self._run = run
        self._approver = approver
        self._journal = journal
        self._clock = clock
        self._knowledge = knowledge
        self._given: dict[str, tuple[Grant, ...]] = {}

    async def ask(
        self, trail: Trail, call: CallProposal, tool: KnownTool, ask: Ask, evidence: CallEvidence
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
            request = self.request(call, tool, ask, evidence)
            await self.put(trail, call, tool, request)
        answer = self.rule_answers(request, tool) or (await self._approver.ask((request,)))[0]
        if isinstance(answer, Parked):
            return answer
        return await self.note_answer(trail, request, answer)

    async def put(self, trail: Trail, call: CallProposal, tool: KnownTool, request: ApprovalRequest) -> None:
        """Into the journal, before anybody sees it."""
        known = self._journal.approval(call.call_id)
        if known is not None and known.request.approval_id == request.approval_id:
            return
        await self._journal.commit(
            trail.change(call, tool, "waiting", decision="ask", reasons=request.reasons),
            ApprovalChange(Approval(request, "pending")),
            events=(trail.event("approval.requested", trail.requested(request)),),
            entries=(trail.approval_entry(Approval(request, "pending")),),
        )

    async def note_answer(self, trail: Trail, request: ApprovalRequest, answer: Answered) -> Approval | Parked | Deny:
        """Write an answer down, unless somebody else was quicker from another terminal: the first one counts."""
        self._given[request.call_id] = tuple(answer.grants)
        stands = self._journal.approval(request.call_id)
        if stands is not None and stands.status != "pending":
            return await self._taken_up(trail, stands, request.binding) or Deny((_unanswered(),))
        approval = Approval(request, "approved" if answer.granted else "denied", answer.by, answer.note)
        await self._journal.commit(
            ApprovalChange(approval, answer.grants),
            events=(trail.event("approval.resolved", trail.resolved(approval, granted=answer.granted)),),
            entries=(trail.approval_entry(approval), *(trail.grant_entry(grant) for grant in answer.grants)),
        )
        return approval if answer.granted else _denied(approval)

    def take_effect(self, call_id: str) -> None:
        """From here on what was endorsed with the answer counts; the call itself was allowed as it is."""
        for grant in self._given.pop(call_id, ()):
            self._knowledge.grant(grant)

    def request(self, call: CallProposal, tool: KnownTool, ask: Ask, evidence: CallEvidence) -> ApprovalRequest:
        """The question; the one that stands already when it is the same."""
        known = self._journal.approval(call.call_id)
        bound = self._binding(call, tool)
        if known is not None and known.status == "pending" and _asks_the_same(known, bound, ask):
            return known.request
        return ApprovalRequest(
            approval_id=new_id("apr"),
            run_id=self._run.run_id,
            call_id=call.call_id,
            agent=self._run.agent,
            ref=tool.ref,
            effect=tool.rule.effect,
            arguments=call.written or {},
            binding=bound,
            rules=ask.rules,
            reasons=ask.reasons,
            expires=self._clock() + self._run.approval_lifetime,
            values=card_values(call, evidence),
            approvers=ask.approvers,
            minor=ask.minor,
            pin=tool.pin,
        )

    def rule_answers(self, request: ApprovalRequest, tool: KnownTool) -> Answered | None:
        """The yes of a rule that a person made beforehand: `--approve`, or a standing approval.

        A flag speaks for nobody in particular, so it answers nothing that certain people must.
        """
        if ApprovalGate.preauthorises(self._run.scope, tool) and not request.approvers:
            return Answered(True, by="flag:--approve", note="authorised for this run when it was started")
        rule = standing_answer(self._journal.standing_rules(), request, now=self._clock())
        return Answered(True, by=f"rule:{rule.rule_id}", standing=rule.rule_id) if rule is not None else None

    def is_answered(self, call: CallProposal, tool: KnownTool, ask: Ask) -> bool:
        known = self._journal.approval(call.call_id)
        return known is not None and known.status != "pending" and _asks_the_same(known, self._binding(call, tool), ask)

    def stale(self, approval: Approval, call: CallProposal, tool: KnownTool) -> Reason | None:
        seen = self._journal.time_seen(approval.request.approval_id)
        return usable(approval, binding=self._binding(call, tool), now=self._clock(), seen=(seen,))

    def _binding(self, call: CallProposal, tool: KnownTool) -> str:
        return binding(
            agent=self._run.agent,
            run_id=self._run.run_id,
            pin=tool.pin,
            policy_version=self._run.policy_version,
            ref=tool.ref,
            arguments=call.written or {},
        )

    async def _taken_up(self, trail: Trail, known: Approval, bound: str) -> Approval | Deny | None:
        """What an approval that stands in the journal says, said in the run too; None while it is open."""
        now = max(self._clock(), self._journal.time_seen(known.request.approval_id))
        answered = _read_answer(known, now=now, bound=bound)
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


def _asks_the_same(known: Approval, bound: str, ask: Ask) -> bool:
    """Whether the question that stands is this one.

    A yes that was used carried an earlier attempt of this call. A no to this very call stands, whatever else asks now.
    """
    if known.status == "used" or known.request.binding != bound:
        return False
    return known.status == "denied" or set(ask.rules) <= set(known.request.rules)


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
