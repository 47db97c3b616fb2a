"""How soon a server that ended may be started again."""

from hypothesis import given
from hypothesis import strategies as st

from sandboxes.lifecycle.restarts import RestartLimits, Restarts


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_wait_doubles_up_to_its_bound() -> None:
    clock = Clock()
    restarts = Restarts(RestartLimits(failures=100), clock=clock)
    waits = []
    for _ in range(7):
        restarts.ended(0.0)
        waits.append(restarts.wait)
        clock.now += restarts.wait
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]


def test_three_ends_in_a_minute_open_the_breaker_and_the_cool_down_closes_it() -> None:
    clock = Clock()
    restarts = Restarts(clock=clock)
    restarts.ended(0.0)
    restarts.ended(1.0)
    assert restarts.refused == 0
    restarts.ended(0.0)
    assert restarts.refused == 60
    clock.now += 60
    assert restarts.refused == restarts.wait == 0


def test_after_the_cool_down_one_failure_opens_it_again() -> None:
    clock = Clock()
    restarts = Restarts(clock=clock)
    for _ in range(3):
        restarts.ended(0.0)
    clock.now += 61
    restarts.ended(0.0)
    assert restarts.refused > 0


def test_ends_that_lie_far_apart_open_nothing() -> None:
    clock = Clock()
    restarts = Restarts(clock=clock)
    for _ in range(10):
        restarts.ended(0.0)
        clock.now += 31
        assert restarts.refused == 0


def test_a_server_that_was_steady_starts_afresh() -> None:
    clock = Clock()
    restarts = Restarts(clock=clock)
    for _ in range(3):
        restarts.ended(0.0)
    clock.now += 61
    restarts.ended(120.0)
    assert (restarts.wait, restarts.refused) == (0.5, 0)


def test_a_start_that_ran_into_its_timeout_is_not_repeated_at_once() -> None:
    restarts = Restarts(clock=Clock())
    restarts.ended(0.0, costly=True)
    assert restarts.refused > 0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100), st.booleans())))
def test_no_history_makes_anyone_wait_longer_than_the_bounds(history: list[tuple[float, float, bool]]) -> None:
    clock, limits = Clock(), RestartLimits()
    restarts = Restarts(limits, clock=clock)
    for passed, lived, costly in history:
        clock.now += passed
        restarts.ended(lived, costly=costly)
        assert 0 <= restarts.wait <= limits.longest_wait + 1e-6
        assert 0 <= restarts.refused <= limits.cool_down + 1e-6
