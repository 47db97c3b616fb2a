"""The final object of a run, as `--output json` prints it.

Decides: its fields. Does not decide any of their values.
"""

from dataclasses import dataclass, field

from adapters.interface import Usage
from context.json_values import JsonObject, JsonValue
from context.runs import RunStatus, StoredCall


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended, or where it stands.

    Attributes:
        output: The validated value, with `--schema`.
        fault: What went wrong, one sentence, when something did.
        scripted: No model thought; a script was played.
        record_entries, record_head: Size and head of the whole record when the run ended.
    """

    run_id: str
    session_id: str
    status: RunStatus
    exit_code: int
    trace_id: str
    answer: str | None = None
    output: JsonValue = None
    models: tuple[str, ...] = ()
    usage: Usage | None = None
    cost_usd: float | None = None
    calls: tuple[StoredCall, ...] = ()
    fault: str | None = None
    scripted: bool = False
    warnings: tuple[str, ...] = ()
    provenance: str = "strict"
    record_entries: int = 0
    record_head: str | None = None
    unconfined: tuple[str, ...] = field(default_factory=tuple[str, ...])

    def as_json(self) -> JsonObject:
        usage: JsonValue = None
        if self.usage is not None:
            usage = {
                "input_tokens": self.usage.input_tokens,
                "output_tokens": self.usage.output_tokens,
                "cached_input_tokens": self.usage.cached_input_tokens,
                "reasoning_tokens": self.usage.reasoning_tokens,
            }
        shown: JsonObject = {
            "run_id": self.run_id,
            "session_id": self.session_id,
            "status": self.status,
            "exit_code": self.exit_code,
            "answer": self.answer,
            "output": self.output,
            "models": list(self.models),
            "scripted": self.scripted,
            "usage": usage,
            "cost_usd": self.cost_usd,
            "calls": [call_json(call) for call in self.calls],
            "denied": sum(call.state == "denied" for call in self.calls),
            "trace_id": self.trace_id,
            "record": {"entries": self.record_entries, "checkpoint": self.record_head},
            "warnings": list(self.warnings),
            "provenance": self.provenance,
        }
        if self.fault:
            shown["error"] = self.fault
        if self.unconfined:
            shown["unconfined"] = list(self.unconfined)
        return shown


def call_json(call: StoredCall) -> JsonObject:
    """One call as outputs show it."""
    shown: JsonObject = {
        "call_id": call.call_id,
        "server": call.server,
        "tool": call.tool,
        "decision": call.decision,
        "reasons": list(call.reasons),
        "outcome": call.state if call.state in {"succeeded", "failed", "denied", "in_doubt"} else None,
        "state": call.state,
        "arguments": call.arguments,
        "effect": call.effect,
        "duration_ms": call.duration_ms,
    }
    if call.server is None:
        shown["name"] = call.name
    if call.approval is not None:
        shown["approval"] = call.approval
    return shown
