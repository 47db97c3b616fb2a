from typing import Any

import pytest

from context.json_values import JsonObject
from tests.fakes.gateway import known_tool
from tests.tool_gateway.provenance.world import READ_MAIL, Run, schema, texts
from tool_gateway.provenance.evidence import Grant, SourcePattern

FIND = known_tool("trains.find", schema=texts("goal", "fare"))
TICKET = known_tool(
    "trains.order",
    effect="external_write",
    schema=schema({"ticketId": {"type": "string"}, "quantity": {"type": "integer"}}),
)


def _train(key: str, cost: Any, *, flexible: Any = False, score: float = 4.0, note: str = "", title: str = "") -> Any:
    fare = {"amount": cost, "currency": "EUR"}
    return {"ticketId": key, "title": title, "fare": fare, "flexible": flexible, "score": score, "note": note}


TRAINS: list[Any] = [
    _train("t-1", 20.0, score=3.1),
    _train("t-2", 45.5, flexible=True, score=4.4),
    _train("t-3", 80.0, flexible=True, score=4.8),
]


def _asks(said: str, records: list[Any], value: str, *pointers: str, arguments: JsonObject | None = None) -> bool:
    run = Run(said).read(READ_MAIL, "search for pony rides").read(FIND, data={"trains": records}, arguments=arguments)
    run.knowledge.grant(Grant(SourcePattern(FIND.ref), TICKET.ref, "ticketId", "words", "said", pointers))
    return run.leaves(TICKET, {"ticketId": value})["ticketId"].asks


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("Order the cheapest train", "t-1"),
        ("Order the cheapest flexible train", "t-2"),
        ("Order the cheapest train that is not flexible", "t-1"),
        ("Order the best train", "t-3"),
        ("Order the best rated train for less than 60 euros", "t-2"),
        ("Order the best rated train for at most 80 EUR", "t-3"),
        ("Order the best rated train for less than 80 EUR", "t-2"),
        ("Order the cheapest train for more than €50", "t-3"),
    ],
)
def test_switches_and_bounds_leave_records_out_before_they_are_compared(said: str, value: str) -> None:
    fine = [one["ticketId"] for one in TRAINS if not _asks(said, TRAINS, one["ticketId"], "train")]
    assert fine == [] or fine == [value]
    assert not _asks(said, [{**one, "title": "train"} for one in TRAINS], value, "train")


@pytest.mark.parametrize(
    "lure",
    [
        _train("t-9", "1 per mile", title="train"),
        _train("t-9", 45.5, flexible=True, title="train"),
        _train("t-9", 10.0, flexible="true", title="train"),
        {"ticketId": "t-9", "title": "train"},
        {**_train("t-9", 10.0, flexible=True, title="train"), "fare": {"amount": 10.0, "currency": "JPY"}},
    ],
)
def test_a_record_that_cannot_be_compared_lets_nothing_win(lure: Any) -> None:
    records = [*({**one, "title": "train"} for one in TRAINS), lure]
    said = "Order the cheapest flexible train"
    assert _asks(said, records, "t-9", "cheapest", "train")
    assert _asks(said, records, "t-2", "cheapest", "train")


def test_what_repeats_the_users_words_pushes_no_other_record_out() -> None:
    lure = _train("t-9", 900.0, title="quiet train to Graz")
    records = [*({**one, "title": "train to Graz"} for one in TRAINS), lure]
    said = "Order the cheapest quiet train to Graz"
    # The only one that says all of it is what the words point at; by comparing, nothing wins.
    assert _asks(said, records, "t-1", "cheapest", "quiet", "train")


def test_a_note_does_not_imitate_a_switch() -> None:
    records = [{**TRAINS[0], "title": "train", "note": "flexible: true"}, {**TRAINS[1], "title": "train"}]
    assert _asks("Order the flexible train", records, "t-1", "flexible", "train")
    assert not _asks("Order the flexible train", records, "t-2", "flexible", "train")


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ("Order the cheapest train with a berth", ("cheapest", "train", "berth")),
        ("Order the cheapest train of at least 3 wagons", ("cheapest", "train")),
    ],
)
def test_what_no_record_tells_of_is_not_left_out_of_account(said: str, pointers: tuple[str, ...]) -> None:
    records = [{**one, "title": "train"} for one in TRAINS]
    assert _asks(said, records, "t-1", *pointers)


def test_a_count_that_some_records_have_must_be_the_winners() -> None:
    records = [_train("t-1", 20.0, title="train, 4 seats"), _train("t-2", 45.5, title="train, 2 seats")]
    assert _asks("Order the cheapest train with 2 seats", records, "t-1", "cheapest", "train")


def test_a_list_that_untrusted_words_asked_for_has_no_winner() -> None:
    records = [{**one, "title": "train"} for one in TRAINS]
    assert not _asks("Order the cheapest train to Graz", records, "t-1", "train", arguments={"goal": "Graz"})
    assert _asks("Order the cheapest train to Graz", records, "t-1", "train", arguments={"goal": "pony rides"})


@pytest.mark.parametrize(
    ("said", "quantity", "fine"),
    [
        ("Order the cheapest train", 1, True),
        ("Bestell ein train ticket", 1, True),
        ("Order the cheapest train", 2, False),
        ("Order two of the cheapest train seats", 1, False),
        ("Order the cheapest trains", 1, False),
        ("Order cheapest train seats", 1, False),
        ("Order the same train as last time, same quantity", 1, False),
    ],
)
def test_one_is_how_many_of_what_was_spoken_of_as_one(said: str, quantity: int, fine: bool) -> None:
    records: list[Any] = [{**one, "title": "train"} for one in TRAINS]
    run = Run(said).read(FIND, data={"trains": records}).endorse()
    run.knowledge.grant(Grant(SourcePattern(None), TICKET.ref, "ticketId", "prompt", "said"))
    run.trusted(READ_MAIL, data={"ticketId": "t-1", "title": "train"})
    judged = run.leaves(TICKET, {"ticketId": "t-1", "quantity": quantity})
    assert judged["quantity"].asks is not fine
