"""Calls leave as often as their tool and server allow, wait their turn, and leave alone what does not answer."""

from dataclasses import replace

import anyio
import pytest

from context.decisions import Deny
from context.quantities import Rate, parse_rate
from tests.fakes.gateway import known_tool
from tool_gateway.admission import COOL_DOWN, FAILURES, Admission, Ticket
from tool_gateway.rules import ToolRule


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def limited(address="shop.order", *, timeout=60.0, server_rate=None, server_concurrency=None, **limits):
    tool = known_tool(address, effect="write", call_timeout=timeout)
    rule = ToolRule.model_validate({"effect": "write", "limits": limits})
    return replace(tool, rule=rule, server_rate=server_rate, server_concurrency=server_concurrency)


async def left(admission, tool):
    async with admission.admit(tool) as ticket:
        return ticket


async def test_calls_without_limits_leave_at_once():
    admission = Admission()
    for _ in range(100):
        assert await left(admission, limited()) == Ticket(waited=False)


async def test_one_too_many_within_the_span_waits_for_its_turn_and_says_so():
    admission = Admission()
    tool = limited(rate="2/200ms")
    with anyio.fail_after(5):
        first, second, third = [await left(admission, tool) for _ in range(3)]
    assert (first.waited, second.waited, third.waited) == (False, False, True)


@pytest.mark.promise("calls_are_admitted_within_their_limits")
async def test_a_turn_that_would_come_after_the_deadline_is_refused_with_the_time_to_wait():
    clock = Clock()
    admission = Admission(clock=clock)
    tool = limited(rate="1/h", timeout=5.0)
    assert await left(admission, tool) == Ticket()
    refused = await left(admission, tool)
    assert isinstance(refused, Deny)
    assert refused.reasons[0].code == "rate_exceeded"
    assert "3600 s" in refused.reasons[0].remedy
    clock.now = 3600.0
    assert await left(admission, tool) == Ticket()


@pytest.mark.promise("calls_are_admitted_within_their_limits")
async def test_a_servers_rate_is_shared_by_its_tools_and_by_no_other_server():
    admission = Admission(clock=Clock())
    one, two = (limited(name, server_rate=Rate(1, 3600), timeout=1.0) for name in ("shop.a", "shop.b"))
    assert await left(admission, one) == Ticket()
    assert isinstance(await left(admission, two), Deny)
    assert await left(admission, limited("mail.a", server_rate=Rate(1, 3600))) == Ticket()


@pytest.mark.promise("calls_are_admitted_within_their_limits")
async def test_no_more_than_so_many_run_at_one_time():
    admission = Admission()
    tool = limited(concurrency=2)
    running = most = 0

    async def call():
        nonlocal running, most
        async with admission.admit(tool) as ticket:
            assert isinstance(ticket, Ticket)
            running += 1
            most = max(most, running)
            await anyio.lowlevel.checkpoint()
            await anyio.sleep(0)
            running -= 1

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(call)
    assert most == 2


async def test_a_place_that_is_never_freed_is_waited_for_no_longer_than_the_deadline():
    admission = Admission()
    tool = limited(concurrency=1, timeout=0.05)
    with anyio.fail_after(5):
        async with admission.admit(tool):
            assert isinstance(await left(admission, tool), Deny)
        assert isinstance(await left(admission, tool), Ticket)


@pytest.mark.promise("calls_are_admitted_within_their_limits")
async def test_a_tool_that_does_not_answer_is_left_alone_and_then_tried_once():
    clock = Clock()
    admission = Admission(clock=clock)
    tool, other = limited(), limited("shop.look")
    for _ in range(FAILURES):
        assert isinstance(await left(admission, tool), Ticket)
        admission.unanswered(tool.ref)
    refused = await left(admission, tool)
    assert isinstance(refused, Deny)
    assert refused.reasons[0].code == "breaker_open"
    assert isinstance(await left(admission, other), Ticket)
    clock.now += COOL_DOWN
    async with admission.admit(tool) as probe:
        assert isinstance(probe, Ticket)
        assert isinstance(await left(admission, tool), Deny)
        admission.unanswered(tool.ref)
    assert isinstance(await left(admission, tool), Deny)
    clock.now += COOL_DOWN
    assert isinstance(await left(admission, tool), Ticket)
    admission.answered(tool.ref)
    assert isinstance(await left(admission, tool), Ticket)


@pytest.mark.promise("calls_are_admitted_within_their_limits")
async def test_cancelled_calls_are_no_failures_and_free_their_place():
    admission = Admission()
    tool = limited(concurrency=1)
    for _ in range(FAILURES * 2):
        with anyio.move_on_after(0.001) as scope:
            async with admission.admit(tool) as ticket:
                assert isinstance(ticket, Ticket)
                await anyio.sleep_forever()
        assert scope.cancelled_caught
    assert isinstance(await left(admission, tool), Ticket)


@pytest.mark.promise("only_what_repeats_harmlessly_is_repeated")
def test_retries_are_taken_only_where_repeating_cannot_harm():
    with pytest.raises(ValueError, match="would repeat an effect"):
        ToolRule.model_validate({"effect": "write", "limits": {"retries": 2}})
    write = {"effect": "write"}
    for fine in ({"effect": "read"}, {**write, "idempotent": True}, {**write, "idempotency_key": "k"}):
        assert ToolRule.model_validate({**fine, "limits": {"retries": 2}}).repeatable


@pytest.mark.parametrize(("text", "rate"), [("60/m", Rate(60, 60)), ("5/s", Rate(5, 1)), ("100/10s", Rate(100, 10))])
def test_rates_read_as_people_write_them(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0/s", "5", "5/", "x/s", "5/0s", 5])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="no rate"):
        parse_rate(text)
