"""A run and its calls as data: the states they can be in and the only ways from one to the next.

Decides: the two transition tables. Does not decide who makes a transition or where it is stored.
A run is data, never replayed code: resuming is loading rows.
"""

from dataclasses import dataclass
from typing import Literal

from context.json_values import JsonObject

RunStatus = Literal["running", "waiting", "in_doubt", "interrupted", "completed", "failed", "cancelled"]
CallState = Literal["proposed", "waiting", "intended", "awaiting_input", "succeeded", "failed", "denied", "in_doubt"]

RUN_TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    "running": frozenset({"running", "waiting", "in_doubt", "interrupted", "completed", "failed", "cancelled"}),
    "waiting": frozenset({"running", "cancelled"}),  # for a person's answer; costs nothing meanwhile
    "in_doubt": frozenset({"running", "cancelled"}),  # for a person to say what happened
    "interrupted": frozenset({"running", "cancelled"}),  # Ctrl-C, or the process died
    "failed": frozenset({"running", "cancelled"}),  # a provider or a server failed: may be resumed
    "completed": frozenset(),
    "cancelled": frozenset(),
}

CALL_TRANSITIONS: dict[CallState, frozenset[CallState]] = {
    # A proposal is decided, may wait for a person, and only an intent lets the request out.
    "proposed": frozenset({"waiting", "intended", "denied"}),
    "waiting": frozenset({"waiting", "intended", "denied"}),
    # Back to proposed only when its process died and its effect is `read`: reading again harms nobody.
    "intended": frozenset({"awaiting_input", "succeeded", "failed", "denied", "in_doubt", "proposed"}),
    # The server asked us something in the middle (its opaque state is kept): another leg of one call.
    "awaiting_input": frozenset({"intended", "denied", "failed", "in_doubt"}),
    # A person says what happened: it did (succeeded, its result lost) or did not (proposed again, all gates again).
    "in_doubt": frozenset({"succeeded", "proposed"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "denied": frozenset(),
}

FINISHED: frozenset[RunStatus] = frozenset({"completed", "cancelled"})
SETTLED: frozenset[CallState] = frozenset({"succeeded", "failed", "denied"})


class IllegalTransition(Exception):
    """A state was about to follow one that it cannot follow: a bug, caught before it is stored."""


def check_run(before: RunStatus, after: RunStatus) -> None:
    """Raises: IllegalTransition."""
    if after not in RUN_TRANSITIONS[before]:
        raise IllegalTransition(f"a run cannot go from {before} to {after}")


def check_call(before: CallState, after: CallState) -> None:
    """Raises: IllegalTransition."""
    if after not in CALL_TRANSITIONS[before]:
        raise IllegalTransition(f"a call cannot go from {before} to {after}")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as it is listed and resumed.

    Attributes:
        flags: What the command line asked for; `runs resume` keeps it and may replace parts.
        started_at, ended_at: UTC, RFC 3339.
        owner: The process that holds the lease, or None.
    """

    run_id: str
    session_id: str
    status: RunStatus
    agent: str
    task: str
    folder: str
    flags: JsonObject
    trace_id: str
    started_at: str
    ended_at: str | None = None
    exit_code: int | None = None
    answer: str | None = None
    parent_run_id: str | None = None
    owner: str | None = None
    turns: int = 0


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call as the journal holds it.

    Attributes:
        position: Of the call in its run, from 0: the model's order.
        arguments: Canonical, or None when the model sent no JSON object.
        legs: How many requests went out for it; more than one only with input requests.
        result: What the model was (or will be) shown, when settled.
    """

    call_id: str
    run_id: str
    turn: int
    position: int
    provider_id: str
    name: str
    server: str | None
    tool: str | None
    effect: str | None
    state: CallState
    arguments: JsonObject | None
    malformed: str | None = None
    decision: str | None = None
    reasons: tuple[JsonObject, ...] = ()
    result: JsonObject | None = None
    legs: int = 0
    duration_ms: float | None = None
    approval: str | None = None
