"""The turn loop as a table: what a run is doing, what can happen, what it does next, and how it ends.

Decides: the order think → carry → think → … → check → end, and the status, event and exit code of each
end. Does not do any of it; `loop` does, and asks this table after each step.
"""

from dataclasses import dataclass
from typing import Literal

from context.events import EventType
from context.runs import RunStatus

Phase = Literal[
    "thinking",
    "carrying",
    "checking",
    "answered",
    "parked",
    "doubtful",
    "exhausted",
    "late",
    "model_failed",
    "invalid",
    "stopped",
    "held",
    "withheld",
    "interrupted",
    "broken",
]
Happening = Literal[
    "calls_proposed",
    "text_answered",
    "turns_used_up",
    "model_failed",
    "calls_settled",
    "call_parked",
    "call_in_doubt",
    "answer_valid",
    "answer_invalid",
    "answer_invalid_again",
    "time_up",
    "halted",
    "held",
    "send_refused",
    "interrupted",
    "broke",
]

_TABLE: dict[tuple[Phase, Happening], Phase] = {
    ("thinking", "calls_proposed"): "carrying",
    ("thinking", "text_answered"): "checking",
    ("thinking", "turns_used_up"): "exhausted",
    ("thinking", "model_failed"): "model_failed",
    ("thinking", "send_refused"): "withheld",
    ("carrying", "calls_settled"): "thinking",
    ("carrying", "call_parked"): "parked",
    ("carrying", "call_in_doubt"): "doubtful",
    ("checking", "answer_valid"): "answered",
    ("checking", "answer_invalid"): "thinking",
    ("checking", "answer_invalid_again"): "invalid",
}
_ALWAYS: dict[Happening, Phase] = {
    "time_up": "late",
    "halted": "stopped",
    "held": "held",
    "interrupted": "interrupted",
    "broke": "broken",
}


@dataclass(frozen=True, slots=True)
class End:
    """How a run that reached this phase stands from then on."""

    status: RunStatus
    event: EventType
    exit_code: int


ENDS: dict[Phase, End] = {
    "answered": End("completed", "run.completed", 0),
    "parked": End("waiting", "run.suspended", 10),
    "doubtful": End("in_doubt", "run.suspended", 9),
    "exhausted": End("failed", "run.failed", 5),
    "late": End("failed", "run.failed", 5),
    "model_failed": End("failed", "run.failed", 6),
    "invalid": End("failed", "run.failed", 8),
    "stopped": End("failed", "run.failed", 5),  # a loop, output without end, content that a pattern forbids
    "held": End("waiting", "run.suspended", 10),
    "withheld": End("failed", "run.failed", 3),  # what the run holds may not be sent to its model
    "interrupted": End("interrupted", "run.suspended", 130),
    "broken": End("failed", "run.failed", 1),
}


def next_phase(phase: Phase, happening: Happening) -> Phase:
    """Raises: KeyError for a step that the table does not know: a bug, not a fault of the run."""
    if phase not in ENDS and happening in _ALWAYS:
        return _ALWAYS[happening]
    return _TABLE[phase, happening]


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What the exit code needs to know of one call."""

    address: str
    decision: str
    outcome: str | None
    server_was_down: bool


def exit_code(end: End, calls: list[CallFacts], *, fail_on_deny: bool, all_servers_down: bool) -> int:
    """The exit code, as the README's table lists them.

    Args:
        calls: In the order they were proposed.
        all_servers_down: The run had servers, and each of them died or never started. Where a model is not even
            offered their tools, it makes no call that could tell.
    """
    if end.exit_code == 130:
        return 130
    if end.exit_code == 9 or any(call.outcome == "in_doubt" for call in calls):
        return 9
    if end.exit_code != 0:
        return end.exit_code
    in_vain = any(call.server_was_down for call in calls) or not any(call.outcome == "succeeded" for call in calls)
    if all_servers_down and in_vain:
        return 7
    if fail_on_deny and any(call.outcome == "denied" for call in calls):
        return 3
    for index, call in enumerate(calls):
        # An ask that ended denied, refused or expired, and no later call of that tool succeeded.
        if call.decision == "ask" and call.outcome == "denied":
            later = calls[index + 1 :]
            if not any(other.address == call.address and other.outcome == "succeeded" for other in later):
                return 3
    return 0
