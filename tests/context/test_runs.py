"""The transition tables: what may follow what."""

from typing import get_args

import pytest

from context.runs import (
    CALL_TRANSITIONS,
    FINISHED,
    RUN_TRANSITIONS,
    SETTLED,
    CallState,
    IllegalTransition,
    RunStatus,
    check_call,
    check_run,
)


def test_every_state_stands_in_its_table() -> None:
    assert set(RUN_TRANSITIONS) == set(get_args(RunStatus))
    assert set(CALL_TRANSITIONS) == set(get_args(CallState))


def test_no_request_leaves_without_an_intent() -> None:
    for state, following in CALL_TRANSITIONS.items():
        if following & {"succeeded", "failed"} and state not in {"in_doubt", "awaiting_input"}:
            assert state == "intended"


def test_finished_is_finished() -> None:
    for status in FINISHED:
        assert not RUN_TRANSITIONS[status]
    for state in SETTLED:
        assert not CALL_TRANSITIONS[state]


def test_a_call_in_doubt_is_never_called_again_by_itself() -> None:
    with pytest.raises(IllegalTransition):
        check_call("in_doubt", "intended")


def test_a_run_that_waits_does_not_end_by_itself() -> None:
    with pytest.raises(IllegalTransition):
        check_run("waiting", "completed")
