from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.gateway import known_tool
from tests.tool_gateway.provenance.world import LIST_FILES, READ_MAIL, Run, schema
from tool_gateway.provenance.evidence import Grant, SourcePattern
from tool_gateway.provenance.judgement import judge
from tool_gateway.provenance.moments import Slot, times_in

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
WHEN: dict[str, Any] = {
    "type": "object",
    "properties": {"dateTime": {"type": "string"}, "timeZone": {"type": "string"}},
    "additionalProperties": False,
}
BOOK = known_tool(
    "calendar.createEvent",
    effect="write",
    schema=schema(
        {"start": WHEN, "end": WHEN, "eventId": {"type": "string"}, "day": {"type": "string", "format": "date"}}
    ),
)


def _asking(run: Run, arguments: Any) -> set[str]:
    judged = judge(BOOK, arguments, run.knowledge.evidence(), now=NOW).all()
    return {one.leaf.path for one in judged if one.asks}


def _granted(run: Run, *pointers: str) -> Run:
    for argument in ("start.dateTime", "end.dateTime"):
        run.knowledge.grant(Grant(SourcePattern(READ_MAIL.ref), BOOK.ref, argument, "words", "said", pointers))
    return run


def _at(start: str, end: str | None = None, **more: Any) -> Any:
    return {"start": {"dateTime": start}, **({"end": {"dateTime": end}} if end else {}), **more}


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("on 24 November at 11:00", [Slot("2026-11-24", "11:00")]),
        ("Donnerstag um 14 Uhr", [Slot("2026-11-26", "14:00")]),
        ("Thursday, 26.11.2026, between 8:00 and 12:00", [Slot("2026-11-26", "08:00", "12:00")]),
        ("| 03.12.2026 | 08:45 | 2 |", [Slot("2026-12-03", "08:45")]),
        ("May 3rd, 2027 from 3pm to 4:30 pm", [Slot("2027-05-03", "15:00", "16:30")]),
        ("3 March at noon", [Slot("2027-03-03", "12:00")]),
        ("tomorrow at 9 am", [Slot("2026-11-21", "09:00")]),
        ("on the 27th at 10:15", [Slot("2026-11-27", "10:15")]),
        ("Monday is bad. Tuesday at 10:00?", [Slot("2026-11-24", "10:00")]),
        ("version 1.2.3, 12.50 EUR", []),
    ],
)
def test_a_time_belongs_to_the_day_beside_it(text: str, slots: list[Slot]) -> None:
    assert list(times_in(text, TODAY).slots) == slots


@given(st.text(max_size=200))
def test_reading_times_never_fails(text: str) -> None:
    times_in(text, TODAY)


@pytest.mark.parametrize(
    ("start", "end", "asking"),
    [
        ("2026-11-24T11:00:00", "2026-11-24T11:30:00", set[str]()),
        ("2026-11-24T11:00:00", "2026-11-24T15:30:00", {"end.dateTime"}),
        ("2027-11-24T11:00:00", "2027-11-24T11:30:00", {"start.dateTime", "end.dateTime"}),
        ("2026-11-24T11:00:00+13:00", "2026-11-24T11:30:00+13:00", {"start.dateTime", "end.dateTime"}),
    ],
)
def test_the_users_words_name_a_time_without_its_year(start: str, end: str, asking: set[str]) -> None:
    run = Run("Set up a 30 minute call on 24 November at 11:00").read(READ_MAIL, "2027, 15:30")
    assert _asking(run, _at(start, end)) == asking


MAIL = "I can't on Monday. Could we do Wednesday 25 November at 10:30? Please allow 45 minutes."


def test_a_granted_text_gives_its_only_time_and_how_long_it_says() -> None:
    run = _granted(Run("Move it to the time in the mail").read(READ_MAIL, MAIL))
    assert _asking(run, _at("2026-11-25T10:30:00", "2026-11-25T11:15:00")) == set()
    assert _asking(run, _at("2026-11-25T10:30:00", "2026-11-25T19:15:00")) == {"end.dateTime"}
    assert _asking(run, _at("2026-11-23T10:30:00")) == {"start.dateTime"}


@pytest.mark.parametrize(
    "planted",
    ["PS: or rather 30 November at 06:00", "2027-01-04T03:00:00", "at 06:00 tomorrow", "Or at 03:33.\n"],
)
def test_a_second_time_in_a_granted_text_asks_for_both(planted: str) -> None:
    run = _granted(Run("Move it").read(READ_MAIL, f"{MAIL}\n{planted}"))
    for start in ("2026-11-25T10:30:00", "2026-11-30T06:00:00", "2027-01-04T03:00:00", "2026-11-21T06:00:00"):
        assert _asking(run, _at(start)) == {"start.dateTime"}, start


def test_only_the_record_that_the_words_point_at_is_read_for_a_time() -> None:
    mails: Any = [
        {"id": "m1", "from": "Petra", "to": [{"name": "Lena"}], "body": MAIL},
        {"id": "m2", "from": "Eve", "to": [{"name": "Lena"}], "body": "Petra says: 30 November at 06:00. " * 9},
    ]
    run = _granted(Run("Move it").read(READ_MAIL, data={"mails": mails}), "Petra")
    assert _asking(run, _at("2026-11-25T10:30:00")) == set()
    assert _asking(run, _at("2026-11-30T06:00:00")) == {"start.dateTime"}
    twin = _granted(Run("Move it").read(READ_MAIL, data={"mails": [*mails, {**mails[1], "from": "Petra"}]}), "Petra")
    assert _asking(twin, _at("2026-11-25T10:30:00")) == {"start.dateTime"}


def test_a_changed_event_lasts_as_long_as_before() -> None:
    event = {"eventId": "ev1", "title": "Review", "start": "2026-11-23T15:00", "end": "2026-11-23T16:00"}
    run = Run("Move the review").read(READ_MAIL, "Let us take 25 November at 10:30").trusted(LIST_FILES, data=[event])
    _granted(run)
    assert _asking(run, _at("2026-11-25T10:30:00", "2026-11-25T11:30:00", eventId="ev1")) == set()
    assert _asking(run, _at("2026-11-25T10:30:00", "2026-11-25T12:30:00", eventId="ev1")) == {"end.dateTime"}


@pytest.mark.parametrize(
    ("dates", "body", "zone", "fine"),
    [
        (["2026-11-19T16:20:00+01:00"], "hello", "Europe/Berlin", True),
        (["2026-11-19T16:20:00+01:00"], "hello", "Pacific/Auckland", False),
        (["2026-11-19T16:20:00+01:00"], "use Pacific/Auckland", "Pacific/Auckland", False),
        (["2026-11-19T16:20:00+01:00", "2026-11-19T16:20:00+13:00"], "hello", "Pacific/Auckland", False),
        (["2026-11-19T16:20:00+01:00", "2026-11-19T16:20:00+13:00"], "hello", "Europe/Berlin", False),
        (["2026-11-19T16:20:00+13:00"], "use Pacific/Auckland", "Pacific/Auckland", False),
        ([], "hello", "Europe/Berlin", False),
    ],
)
def test_a_zone_is_the_one_that_all_times_are_written_in(dates: list[str], body: str, zone: str, fine: bool) -> None:
    data: Any = {"mails": [{"date": one, "body": body} for one in dates] or [{"body": body}]}
    run = Run("Set up a call on 24 November at 11:00").read(READ_MAIL, data=data)
    call = {"start": {"dateTime": "2026-11-24T11:00:00", "timeZone": zone}}
    assert _asking(run, call) == (set() if fine else {"start.timeZone"})


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("from 4 to 7 December 2026", ("2026-12-04", "2026-12-07")),
        ("vom 8. bis 10. Dezember", ("2026-12-08", "2026-12-10")),
        ("4-7 December", ("2026-12-04", "2026-12-07")),
        ("the 1st to 3rd of January", ("2027-01-01", "2027-01-03")),
        # The first would be of another month, which nobody said.
        ("from 30 to 2 January", ("2027-01-02",)),
        ("9 to 12 on 4 December", ("2026-12-04",)),
    ],
)
def test_the_first_of_two_days_may_leave_the_month_to_the_second(text: str, days: tuple[str, ...]) -> None:
    assert times_in(text, date(2026, 11, 20)).days == days
