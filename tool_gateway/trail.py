"""What is said about one call, to events and to the record, from one place so that the two agree.

Decides: the fields of `call.*` and `approval.*` events and of decision, approval and outcome entries.
Does not decide when they are written (`gateway.py`) nor how (`Journal`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from context.calls import CallResult, Outcome
from context.decisions import Ask, Reason
from context.events import Event, EventType, utc_text
from context.ids import new_id
from context.json_values import JsonObject, JsonValue, digest
from context.labels import TRUSTED
from context.messages import Text
from context.runs import CallState
from context.visible_text import escape, escape_line
from tool_gateway.interface import (
    Approval,
    ApprovalRequest,
    CallChange,
    CallEnd,
    CallProposal,
    CardValue,
    Entry,
    KnownTool,
    Scope,
)
from tool_gateway.policy.question import Principal
from tool_gateway.provenance.evidence import Grant
from tool_gateway.redaction import Finding, finding_json


@dataclass(frozen=True, slots=True)
class RunScope:
    """What the gateway must know of the run it serves.

    Attributes:
        ids: Event and record ids: agent, session_id, trace_id.
        policy_version: Digest of all rules in force; part of every approval's binding.
        approval_lifetime: Seconds until an unanswered or unused approval expires.
        principal: For whom calls are made.
    """

    run_id: str
    agent: str
    scope: Scope
    ids: Mapping[str, str]
    policy_version: str
    approval_lifetime: float = 24 * 3600.0
    principal: Principal = field(default_factory=lambda: Principal("default", ""))


class Trail:
    """The words for one call; also its stopwatch.

    Attributes:
        values: Where the values of a call with an effect come from, once the run has read anything untrusted.
    """

    def __init__(self, run: RunScope, call: CallProposal, span_id: str, clock: Callable[[], float]) -> None:
        self._run = run
        self._clock = clock
        turn_id = f"{run.run_id}.{call.turn}"
        self._ids = {**run.ids, "turn_id": turn_id, "call_id": call.call_id, "span_id": span_id}
        self._call = call
        self._started: float | None = None
        self._progress: JsonObject | None = None
        self._key: tuple[CallProposal, KnownTool, str] | None = None
        self.values: tuple[CardValue, ...] = ()

    def start(self) -> None:
        self._started = anyio.current_time()

    def elapsed_ms(self) -> float:
        return 0.0 if self._started is None else round((anyio.current_time() - self._started) * 1000, 3)

    def progressed(self, done: float, total: float | None, message: str) -> None:
        self._progress = {"progress": done, "total": total, "message": message}

    def key(self, call: CallProposal, tool: KnownTool) -> str:
        """The same through retries and resumption, another for every other call: what fences it, here and there."""
        known = self._key
        if known is None or known[0] is not call or known[1] is not tool:
            # Wanted twice: for the row before the request leaves, and in the request.
            known = self._key = call, tool, digest([call.run_id, call.call_id, str(tool.ref), call.written])
        return known[2]

    def event(self, kind: EventType, data: JsonObject) -> Event:
        return Event(kind, self._run.run_id, dict(self._ids), data)

    def change(
        self,
        call: CallProposal,
        tool: KnownTool | None,
        state: CallState,
        *,
        decision: str,
        reasons: tuple[Reason, ...],
        approval: Approval | None = None,
        legs: int | None = None,
    ) -> CallChange:
        key = self.key(call, tool) if tool and state == "intended" else None
        return CallChange(
            call.call_id,
            state,
            ref=tool.ref if tool else None,
            effect=tool.rule.effect if tool else None,
            arguments=call.written,
            decision=decision,
            reasons=reasons_json(reasons),
            key=key,
            legs=legs,
            approval=approval.by if approval else None,
        )

    def parked(self, tool: KnownTool, ask: Ask) -> CallEnd:
        waiting = CallResult((Text("[waiting for approval]"),), is_error=True, label=TRUSTED)
        return CallEnd(self._call.call_id, tool.ref, "ask", ask.reasons, None, waiting, parked=True)

    def _named(self, tool: KnownTool | None) -> JsonObject:
        if tool is None:
            return {"server": None, "tool": None, "name": escape_line(self._call.name, 200)}
        return {"server": tool.ref.server, "tool": tool.ref.tool}

    def decided(
        self, tool: KnownTool | None, word: str, reasons: tuple[Reason, ...], approval: Approval | None
    ) -> JsonObject:
        data: JsonObject = {**self._named(tool), "decision": word, "reasons": list(reasons_json(reasons))}
        if approval is not None:
            data["approval"] = approval.by
        if self.values:
            data["values"] = self._origins()
        return data

    def _origins(self) -> list[JsonValue]:
        """Where each value comes from, without the values: those stand in the arguments."""
        return [
            {"path": value.path, "origin": value.origin, "trusted": value.trusted, "note": value.note}
            for value in self.values
        ]

    def requested(self, request: ApprovalRequest) -> JsonObject:
        return {
            "approval_id": request.approval_id,
            "server": request.ref.server,
            "tool": request.ref.tool,
            "effect": request.effect,
            "arguments": request.arguments,
            "rules": list(request.rules),
            "reasons": list(reasons_json(request.reasons)),
            "expires": utc_text(request.expires),
        }

    def resolved(self, approval: Approval, *, granted: bool) -> JsonObject:
        return {
            "approval_id": approval.request.approval_id,
            "granted": granted,
            "status": approval.status,
            "by": approval.by,
            "note": escape(approval.note) if approval.note else None,
        }

    def completed(self, end: CallEnd) -> JsonObject:
        data: JsonObject = {
            **self._named_ref(end),
            "decision": end.decision,
            "outcome": end.outcome,
            "reasons": list(reasons_json(end.reasons)),
            "duration_ms": end.duration_ms,
            "result": result_json(end.result),
        }
        if self._progress is not None:
            data["progress"] = self._progress
        return data

    def _named_ref(self, end: CallEnd) -> JsonObject:
        if end.ref is None:
            return {"server": None, "tool": None, "name": escape_line(self._call.name, 200)}
        return {"server": end.ref.server, "tool": end.ref.tool}

    def _entry(self, kind: str, body: JsonObject, contents: Mapping[str, JsonValue]) -> Entry:
        return Entry(
            entry_id=new_id("ent"),
            type=kind,
            run_id=self._run.run_id,
            ts=utc_text(self._clock()),
            body=body,
            ids=self._ids,
            contents=contents,
        )

    def decision_entry(
        self,
        call: CallProposal,
        tool: KnownTool | None,
        word: str,
        reasons: tuple[Reason, ...],
        approval: Approval | None,
        *,
        outcome: Outcome | None = None,
    ) -> Entry:
        body: JsonObject = {**self._named(tool), "decision": word, "reasons": list(reasons_json(reasons))}
        if tool is not None:
            body |= {"effect": tool.rule.effect, "pin": tool.pin, "owner": tool.owner}
        body["policy_version"] = self._run.policy_version
        if self.values:
            body["origins"] = self._origins()
        if approval is not None:
            body["approval"] = {"id": approval.request.approval_id, "by": approval.by}
        if outcome is not None:
            body["outcome"] = outcome
        arguments: JsonValue = call.written if call.written is not None else call.malformed
        return self._entry("decision", body, {"arguments": arguments})

    def approval_entry(self, approval: Approval) -> Entry:
        request = approval.request
        body: JsonObject = {
            "approval_id": request.approval_id,
            "server": request.ref.server,
            "tool": request.ref.tool,
            "effect": request.effect,
            "status": approval.status,
            "by": approval.by,
            "rules": list(request.rules),
            "binding": request.binding,
            "expires": utc_text(request.expires),
        }
        return self._entry("approval", body, {"note": approval.note} if approval.note else {})

    def grant_entry(self, grant: Grant) -> Entry:
        body: JsonObject = {
            "source": str(grant.source),
            "tool": str(grant.ref),
            "argument": grant.argument,
            "given_by": grant.given_by,
        }
        return self._entry("grant", body, {"because": grant.because})

    def outcome_entry(self, end: CallEnd, findings: Sequence[Finding] = (), raw: JsonObject | None = None) -> Entry:
        """`raw`: what the result was before hidden characters were made visible, where that differs."""
        body: JsonObject = {
            **self._named_ref(end),
            "outcome": end.outcome,
            "reasons": list(reasons_json(end.reasons)),
            "duration_ms": end.duration_ms,
            "integrity": end.result.label.integrity,
            "labels": [*sorted(end.result.label.confidentiality)],
        }
        if findings:
            body["redacted"] = [finding_json(finding) for finding in findings]
        contents: JsonObject = {"result": result_json(end.result)}
        if raw is not None:
            contents["raw"] = raw
        return self._entry("outcome", body, contents)


def reasons_json(reasons: Sequence[Reason]) -> tuple[JsonObject, ...]:
    """Reasons as they stand in rows, events and entries."""
    return tuple(
        {
            key: value
            for key, value in (
                ("gate", reason.gate),
                ("code", reason.code),
                ("text", reason.text),
                ("path", reason.path),
                ("remedy", reason.remedy),
            )
            if value is not None
        }
        for reason in reasons
    )


def result_json(result: CallResult) -> JsonObject:
    """A finished result as it stands in rows, events and the content store."""
    content: list[JsonValue] = [
        {"kind": "text", "text": part.text}
        if isinstance(part, Text)
        else {"kind": "image", "media_type": part.media_type, "data": part.data}
        for part in result.content
    ]
    return {
        "content": content,
        "structured": result.structured,
        "is_error": result.is_error,
        "integrity": result.label.integrity,
        "labels": [*sorted(result.label.confidentiality)],
    }
