import time
from typing import Any

import pytest

from context.json_values import JsonObject
from tool_gateway.stages import DURING, CallFacts, Continue, StageSettings, Stop, Suspend, Verdict, Watch


def _watch(**settings: Any) -> Watch:
    return Watch(StageSettings.model_validate(settings))


def _call(name: str = "s.t", argument: object = 1, result: object = "r", *, refused: bool = False) -> CallFacts:
    return CallFacts(name, {"a": argument}, refused, {"text": result})  # pyright: ignore[reportArgumentType]


def _code(verdict: Verdict) -> str | None:
    return None if isinstance(verdict, Continue) else verdict.reason.code


def _turns(watch: Watch, *turns: tuple[CallFacts, ...]) -> str | None:
    """The first objection over whole turns."""
    for calls in turns:
        for call in calls:
            if code := _code(watch.proposed(call.address, call.arguments)):
                return code
        if code := _code(watch.settled(*calls)):
            return code
    return None


@pytest.mark.promise("a_loop_ends")
def test_the_same_call_with_the_same_result_may_be_made_three_times_in_a_row() -> None:
    assert _turns(_watch(), *[(_call(),)] * 3) is None
    assert _turns(_watch(), *[(_call(),)] * 4) == "repeated_call"
    assert _turns(_watch(repeated_calls=1), *[(_call(),)] * 2) == "repeated_call"
    assert _turns(_watch(repeated_calls=0, no_progress=0), *[(_call(),)] * 50) is None


@pytest.mark.parametrize(
    "turns",
    [
        [(_call(result=number),) for number in range(50)],
        [(_call(argument=number),) for number in range(50)],
        [(_call(f"s.t{number}"),) for number in range(50)],
        [(_call(refused=True),)] * 50,
        [(_call(refused=True), _call("s.u", refused=True))] * 50,
    ],
)
def test_calls_that_differ_results_that_change_and_refusals_end_no_run(turns: list[tuple[CallFacts, ...]]) -> None:
    assert _turns(_watch(), *turns) is None


def test_refusals_in_between_do_not_hide_a_repetition() -> None:
    same, refused = (_call(),), (_call("s.other", refused=True),)
    assert _turns(_watch(), same, refused, same, refused, same, refused, same) == "repeated_call"


def test_the_order_of_members_does_not_make_a_call_another() -> None:
    watch = _watch(repeated_calls=1)
    one: JsonObject = {"a": 1, "b": 2}
    other: JsonObject = {"b": 2, "a": 1}
    assert _turns(watch, (CallFacts("s.t", one, False, {}),), (CallFacts("s.t", other, False, {}),)) == "repeated_call"


@pytest.mark.promise("a_loop_ends")
def test_turns_that_bring_nothing_new_end_the_run() -> None:
    two = [(_call("s.a"),), (_call("s.b"),)]
    assert _turns(_watch(), *two * 4) is None
    assert _turns(_watch(), *two * 5) == "no_progress"
    assert _turns(_watch(), *two * 4, (_call("s.c"),), *two * 3) is None


def test_turns_of_refusals_neither_count_nor_start_the_count_again() -> None:
    two = [(_call("s.a"),), (_call("s.b"),)]
    refused = [(_call("s.x", refused=True),)] * 20
    assert _turns(_watch(), *two, *refused, *two * 3) is None
    assert _turns(_watch(), *two * 4, *refused, *two) == "no_progress"


def test_a_loop_can_suspend_instead() -> None:
    watch = _watch(on_loop="wait", repeated_calls=1)
    watch.settled(_call())
    assert isinstance(watch.proposed("s.t", {"a": 1}), Suspend)


def test_results_with_numbers_that_no_call_may_hold_are_compared_too() -> None:
    assert _turns(_watch(repeated_calls=1), *[(_call(result=2**70),)] * 2) == "repeated_call"


@pytest.mark.promise("a_loop_ends")
def test_output_beyond_many_times_its_expected_size_stops() -> None:
    watch = _watch(output_times=2)
    assert _code(watch.heard("x" * 32_000)) is None
    assert _code(watch.heard("x" * 100)) == "output_runs_on"
    assert isinstance(_watch(output_tokens=10).heard("x" * 50), Stop)
    assert _code(_watch(output_times=0).heard("x" * 10_000_000)) is None


def test_what_is_expected_grows_with_what_is_usual_in_the_run() -> None:
    watch = _watch(output_times=2)
    for _ in range(3):
        assert _code(watch.heard("x" * 30_000)) is None
        assert _code(watch.ended()) is None
    assert _code(watch.heard("x" * 50_000)) is None


def test_a_size_counts_per_turn() -> None:
    watch = _watch(output_tokens=100)
    for _ in range(10):
        assert _code(watch.heard("x" * 300)) is None
        assert _code(watch.ended()) is None


PATTERN = [{"pattern": r"(?i)launch\s+code"}]


@pytest.mark.parametrize("size", [1, 7, 100, 5_000])
def test_a_pattern_is_found_however_the_text_is_cut(size: int) -> None:
    text = "word " * 1_000 + "LAUNCH  CODE" + " word" * 1_000
    watch = _watch(patterns=PATTERN)
    codes = [_code(watch.heard(text[start : start + size])) for start in range(0, len(text), size)]
    assert "pattern_found" in codes


def test_a_pattern_is_found_at_the_end_of_a_short_turn_and_over_a_long_distance() -> None:
    watch = _watch(patterns=PATTERN)
    assert _code(watch.heard("the launch code")) is None
    assert _code(watch.ended()) == "pattern_found"
    far = _watch(patterns=[{"pattern": "(?s)begin.*end"}])
    assert [_code(far.heard(part)) for part in ("begin", *["x" * 600] * 20, "end")] == [None] * 22
    assert _code(far.ended()) == "pattern_found"
    assert _code(watch.ended()) is None


@pytest.mark.parametrize(("action", "kind"), [("stop", Stop), ("wait", Suspend)])
def test_patterns_of_arguments_see_names_and_values_at_any_depth(action: str, kind: type[Verdict]) -> None:
    watch = _watch(patterns=[{"pattern": "rm -rf", "where": "arguments", "action": action}])
    for arguments in ({"c": "rm -rf /"}, {"c": [{"d": "x; rm -rf /"}]}, {"rm -rf": 1}):
        verdict = watch.proposed("sh.run", arguments)
        assert isinstance(verdict, kind)
    assert isinstance(watch.proposed("sh.run", {"c": "ls", "n": 1, "m": None}), Continue)
    assert isinstance(watch.proposed("sh.run", None), Continue)
    watch.heard("rm -rf " * 1_000)
    assert isinstance(watch.ended(), Continue)


def test_a_reason_quotes_no_content() -> None:
    watch = _watch(patterns=PATTERN)
    watch.heard("LAUNCH CODE 1234")
    verdict = watch.ended()
    assert isinstance(verdict, Stop)
    assert "1234" not in verdict.reason.sentence()


def test_a_megabyte_in_small_pieces_takes_no_longer_than_its_length() -> None:
    watch = _watch(patterns=PATTERN, output_times=0)
    began = time.process_time()
    for _ in range(100_000):
        watch.heard("ten chars ")
    assert time.process_time() - began < 5


def test_nothing_stops_an_ordinary_run_by_default() -> None:
    watch = _watch()
    for turn in range(100):
        watch.heard("I will look at the next file. " * 20)
        assert _code(watch.ended()) is None
        assert _turns(watch, (_call(argument=turn), _call("s.status", result=turn))) is None


def test_the_order_is_output_then_calls() -> None:
    assert [check.name for check in DURING] == [
        "output_size",
        "output_patterns",
        "argument_patterns",
        "repeated_calls",
        "no_progress",
    ]
