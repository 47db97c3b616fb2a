"""What happened in a run, as events. The screen, the JSONL output and the reports read the same ones.

Decides: the event types and their envelope. Does not decide what is decided on: the record
(`tool_gateway.Record`) is the evidence; events are the news.
"""

from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

from context.json_values import JsonObject, JsonValue

EventType = Literal[
    "run.started",
    "turn.started",
    "route.decided",
    "view.built",
    "message.delta",
    "message.completed",
    "call.proposed",
    "call.decided",
    "approval.requested",
    "approval.resolved",
    "call.started",
    "call.completed",
    "context.compacted",
    "turn.completed",
    "budget.updated",
    "run.completed",
    "run.failed",
    "run.suspended",
    "server.state",
    "sandbox.state",
    "pin.changed",
    "warning",
]
EVENT_TYPES: frozenset[str] = frozenset(get_args(EventType))
TERMINAL: frozenset[str] = frozenset({"run.completed", "run.failed", "run.suspended"})
Ids: TypeAlias = "dict[str, str]"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `seq` counts per run from 1 without gaps; a `message.delta` repeats the last one and is never stored.

    Attributes:
        ts: UTC, RFC 3339 with milliseconds.
        ids: Those that apply of `agent, session_id, parent_run_id, turn_id, call_id, trace_id, span_id`.
        data: The type's own fields.
    """

    type: EventType
    run_id: str
    ids: Ids = field(default_factory=dict[str, str])
    data: JsonObject = field(default_factory=dict[str, JsonValue])
    ts: str = ""
    seq: int = 0

    def flat(self) -> JsonObject:
        """The JSONL form: `{"seq","ts","run_id","type",…}`."""
        return {"seq": self.seq, "ts": self.ts, "run_id": self.run_id, "type": self.type, **self.ids, **self.data}


def utc_text(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 UTC with milliseconds."""
    second, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second_text(second)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    # Remembered, because every event and entry of a call asks for the same few seconds.
    return datetime.fromtimestamp(second, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
