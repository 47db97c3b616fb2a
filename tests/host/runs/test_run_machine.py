"""The turn loop's table, and the exit code of each way to end."""

from itertools import product
from typing import get_args

import pytest

from context.events import TERMINAL
from context.runs import RUN_TRANSITIONS
from host.runs.machine import ENDS, CallFacts, Happening, Phase, exit_code, next_phase

OK = ENDS["answered"]


def call(
    address: str = "git.log", decision: str = "allow", outcome: str | None = "succeeded", *, down: bool = False
) -> CallFacts:
    return CallFacts(address, decision, outcome, down)


def code(*calls: CallFacts, phase: Phase = "answered", fail_on_deny: bool = False, down: bool = False) -> int:
    return exit_code(ENDS[phase], list(calls), fail_on_deny=fail_on_deny, all_servers_down=down)


def _next(phase: Phase, happening: Happening) -> Phase | None:
    try:
        return next_phase(phase, happening)
    except KeyError:
        return None


def test_every_phase_leads_to_an_end_and_no_end_leads_on() -> None:
    phases, happenings = get_args(Phase), get_args(Happening)
    steps = {phase: {_next(phase, what) for what in happenings} - {None} for phase in phases}
    for phase in phases:
        assert bool(steps[phase]) != (phase in ENDS), phase
    reached = {"thinking"}
    while more := {after for phase in reached for after in steps[phase]} - reached:
        reached |= more
    assert reached == set(phases), "a phase that nothing leads to"


def test_every_happening_means_something_somewhere() -> None:
    for happening in get_args(Happening):
        assert any(_next(phase, happening) for phase in get_args(Phase)), happening


@pytest.mark.parametrize("phase", ["thinking", "carrying", "checking"])
@pytest.mark.parametrize(
    ("what", "end"),
    [
        ("time_up", "late"),
        ("halted", "stopped"),
        ("held", "held"),
        ("interrupted", "interrupted"),
        ("broke", "broken"),
    ],
)
def test_what_comes_from_outside_ends_any_phase(phase: Phase, what: Happening, end: Phase) -> None:
    assert next_phase(phase, what) == end


def test_each_end_is_a_state_that_a_running_run_may_take() -> None:
    for end in ENDS.values():
        assert end.status in RUN_TRANSITIONS["running"]
        assert end.event in TERMINAL
    codes = {phase: end.exit_code for phase, end in ENDS.items()}
    assert codes == {
        "answered": 0,
        "parked": 10,
        "doubtful": 9,
        "exhausted": 5,
        "late": 5,
        "model_failed": 6,
        "invalid": 8,
        "stopped": 5,
        "held": 10,
        "withheld": 3,
        "interrupted": 130,
        "broken": 1,
    }


# Denials.

DENIED_ASK = call("git.commit", "ask", "denied")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([], 0),
        ([call()], 0),
        ([call(outcome="failed")], 0),
        ([call(decision="deny", outcome="denied")], 0),
        ([DENIED_ASK], 3),
        ([DENIED_ASK, call("git.commit", "ask", "succeeded")], 0),
        ([DENIED_ASK, call("git.commit", "allow", "succeeded")], 0),
        ([DENIED_ASK, call("git.push", "ask", "succeeded")], 3),
        ([DENIED_ASK, call("other.commit", "ask", "succeeded")], 3),
        ([call("git.commit", "ask", "succeeded"), DENIED_ASK], 3),
        ([DENIED_ASK, call("git.commit", "ask", "failed")], 3),
        ([DENIED_ASK, call("git.commit", "ask", "succeeded"), DENIED_ASK], 3),
    ],
)
def test_only_an_ask_that_ended_denied_and_never_succeeded_is_a_three(calls: list[CallFacts], expected: int) -> None:
    assert code(*calls) == expected


def test_with_fail_on_deny_any_denial_is_a_three() -> None:
    refused = call(decision="deny", outcome="denied")
    assert code(refused, call(), fail_on_deny=True) == 3
    assert code(DENIED_ASK, call("git.commit", "ask"), fail_on_deny=True) == 3
    assert code(call(), fail_on_deny=True) == 0


# Servers.


def test_a_seven_needs_that_no_server_is_left() -> None:
    lost = call(outcome="failed", down=True)
    assert code(lost, down=True) == 7
    assert code(lost, down=False) == 0
    assert code(call("git.log", "deny", "denied", down=True), down=True) == 7


def test_a_task_that_was_offered_no_tool_because_all_servers_died_is_a_seven() -> None:
    assert code(down=True) == 7


def test_a_server_that_died_after_its_work_is_no_fault() -> None:
    assert code(call(), down=True) == 0


# Which code wins.


@pytest.mark.parametrize(("phase", "fail_on_deny", "down"), list(product(ENDS, [True, False], [True, False])))
def test_doubt_outranks_everything_but_an_interruption(phase: Phase, fail_on_deny: bool, down: bool) -> None:
    calls = [call(outcome="in_doubt"), DENIED_ASK, call(outcome="failed", down=True)]
    expected = 130 if phase == "interrupted" else 9
    assert code(*calls, phase=phase, fail_on_deny=fail_on_deny, down=down) == expected


@pytest.mark.parametrize("phase", [phase for phase in ENDS if phase != "answered"])
def test_how_the_run_ended_outranks_how_its_calls_did(phase: Phase) -> None:
    assert code(DENIED_ASK, call(outcome="failed", down=True), phase=phase, down=True) == ENDS[phase].exit_code


def test_a_dead_server_outranks_a_denial() -> None:
    assert code(DENIED_ASK, call(outcome="failed", down=True), down=True) == 7
