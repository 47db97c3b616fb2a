"""A person at the terminal, with the real journal behind: one card a turn, one answer for each call."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from host.approvers import DenyApprover, TerminalApprover, WaitingApprover
from host.journal import Journal, RunHandle
from host.people import Person
from tests.fakes.journal import proposed_call, user_message
from tests.host.approvers.requests import PAYMENT, request
from tool_gateway.interface import Answered, Approval, ApprovalChange, ApprovalRequest, CallChange, Parked

RUN = {"agent": "default", "task": "pay", "folder": "/data", "flags": {}, "trace_id": "1" * 32}
FINANCE = Person("ann", frozenset({"finance"}))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


async def asked(journal: Journal, *changes: dict[str, Any]) -> tuple[RunHandle, list[ApprovalRequest]]:
    """A run that asks once for each, as the gateway would write it down."""
    run = journal.create_run(**RUN, messages=[user_message()])
    calls = [proposed_call(run.run_id, position) for position in range(len(changes))]
    run.store_turn(1, user_message(), calls)
    requests = [
        replace(PAYMENT, approval_id=f"apr_{position}", run_id=run.run_id, call_id=call.call_id, **changes[position])
        for position, call in enumerate(calls)
    ]
    for each in requests:
        await run.commit(CallChange(each.call_id, "waiting"), ApprovalChange(Approval(each, "pending")))
    return run, requests


async def answers(
    typed: str, requests: Sequence[ApprovalRequest], *, journal: Journal | None = None, person: Person = FINANCE
) -> tuple[list[Answered | Parked], str]:
    shown: list[str] = []
    approver = TerminalApprover(source=io.StringIO(typed), write=shown.append, journal=journal, person=person)
    with anyio.fail_after(20):
        given = await approver.ask(requests)
    return list(given), "\n".join(shown)


def granted(given: Sequence[Answered | Parked]) -> list[bool | None]:
    return [answer.granted if isinstance(answer, Answered) else None for answer in given]


def note(answer: Answered | Parked) -> str | None:
    assert isinstance(answer, Answered)
    return answer.note


# One card, one answer each.


async def test_one_yes_answers_all_that_is_shown() -> None:
    given, shown = await answers("y\n", [request(1), request(2)])
    assert granted(given) == [True, True]
    assert shown.count("ask to be approved") == 1
    assert [answer.by for answer in given if isinstance(answer, Answered)] == ["terminal:ann"] * 2
    assert [answer.roles for answer in given if isinstance(answer, Answered)] == [FINANCE.roles] * 2


@pytest.mark.promise("one_card_a_turn")
async def test_one_by_one_what_is_not_named_is_denied() -> None:
    given, _ = await answers("1y 2n wrong person\n", [request(1), request(2), request(3)])
    assert granted(given) == [True, False, False]
    assert [note(answer) for answer in given] == [None, "wrong person", None]


@pytest.mark.promise("one_card_a_turn")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("y\n", [True, False]),
        ("v\ny\n", [True, True]),
        ("1y 2y\n1y 2y\n", [False, False]),
        ("v\n1n 2y\n", [False, True]),
        ("\n", [False, False]),
    ],
)
async def test_a_yes_reaches_no_call_that_was_not_shown(typed: str, expected: list[bool]) -> None:
    given, _ = await answers(typed, [request(1), request(2, minor=True)])
    assert granted(given) == expected


async def test_where_nothing_is_shown_a_yes_is_none() -> None:
    given, shown = await answers("y\n\n", [request(1, minor=True)])
    assert granted(given) == [False]
    assert "nothing is shown yet" in shown


async def test_help_and_view_cost_no_try() -> None:
    given, shown = await answers("?\nv\n?\nhm\ny\n", [request(1)])
    assert granted(given) == [True]
    assert "what is not named is denied" in shown


async def test_what_is_typed_before_the_card_stands_there_is_forgotten() -> None:
    near, far = os.openpty()
    os.write(near, b"y\n")
    with os.fdopen(far, "r") as terminal:
        shown: list[str] = []

        def write(text: str) -> None:
            shown.append(text)
            os.write(near, b"n later\n")

        with anyio.fail_after(20):
            given = await TerminalApprover(source=terminal, write=write).ask([request(1)])
    os.close(near)
    assert granted(given) == [False]
    assert note(given[0]) == "later"


async def test_a_typed_line_that_is_no_text_is_no_yes() -> None:
    given = await TerminalApprover(
        source=io.TextIOWrapper(io.BytesIO(b"\xff\n\n"), encoding="utf-8"), write=lambda _: None
    ).ask([request(1)])
    assert granted(given) == [False]


# Endorsing.


async def test_an_endorsement_is_shown_and_confirmed() -> None:
    given, shown = await answers("e\ny\n", [request(1), request(2, values=())])
    assert granted(given) == [True, True]
    first, second = given
    assert isinstance(first, Answered) and isinstance(second, Answered)
    assert [str(grant) for grant in first.grants] == ["mail.read[id=12]=>bank.send_money:to[].account"]
    assert first.grants[0].given_by == "answer:apr_1"
    assert second.grants == ()
    assert "results of mail.read[id=12] may decide to[].account of bank.send_money" in shown


@pytest.mark.parametrize("typed", ["e\nn\n\n", "e\n\n\n", "e\ne\n\n", "e\n"])
async def test_an_endorsement_that_is_not_confirmed_is_none(typed: str) -> None:
    given, _ = await answers(typed, [request(1)])
    assert granted(given) == [False]
    assert all(isinstance(answer, Answered) and not answer.grants for answer in given)


# Standing rules.


async def test_always_becomes_a_rule_once_it_was_read(journal: Journal) -> None:
    run, requests = await asked(journal, {})
    given, shown = await answers("a amount\ny\n", requests, journal=journal)
    (rule,) = run.standing_rules()
    assert given == [Answered(True, by="terminal:ann", roles=FINANCE.roles, standing=rule.rule_id)]
    assert (rule.same, rule.roles, rule.origin) == (("amount",), FINANCE.roles, "apr_0")
    assert 'with the same "amount" and any others' in shown
    stored = run.approval(requests[0].call_id)
    assert stored is not None and (stored.status, stored.by) == ("approved", "terminal:ann")


@pytest.mark.promise("a_standing_rule_is_no_wider")
@pytest.mark.parametrize("typed", ["a\nn\n\n", "a\n\n\n", "a nothing\n\n", "a\n"])
async def test_no_rule_stands_that_was_not_confirmed(journal: Journal, typed: str) -> None:
    run, requests = await asked(journal, {})
    given, _ = await answers(typed, requests, journal=journal)
    assert (granted(given), run.standing_rules()) == ([False], [])


async def test_always_names_the_call_when_there_are_several(journal: Journal) -> None:
    run, requests = await asked(journal, {}, {})
    given, shown = await answers("a\n1a 2y\ny\n", requests, journal=journal)
    assert granted(given) == [True, True]
    assert "say for which call" in shown
    assert [rule.origin for rule in run.standing_rules()] == ["apr_0"]


# Certain people.


@pytest.mark.promise("certain_people_are_needed")
async def test_who_lacks_the_role_is_not_asked(journal: Journal) -> None:
    _, requests = await asked(journal, {"approvers": ("operator",)}, {})
    given, shown = await answers("y\n", requests, journal=journal)
    assert granted(given) == [None, True]
    assert "waits for operator (ann is none of them): gatehost approvals approve apr_0" in shown
    assert journal.find_approval("apr_0").status == "pending"


async def test_who_has_the_role_is_enough_alone(journal: Journal) -> None:
    run, requests = await asked(journal, {"approvers": ("finance",)})
    given, _ = await answers("y\n", requests, journal=journal)
    assert granted(given) == [True]
    stored = run.approval(requests[0].call_id)
    assert stored is not None and stored.status == "approved"


@pytest.mark.promise("certain_people_are_needed")
async def test_the_first_of_two_is_counted_and_the_question_stays_open(journal: Journal) -> None:
    run, requests = await asked(journal, {"approvers": ("finance+finance",)})
    given, shown = await answers("y\n", requests, journal=journal)
    assert given == [Parked()]
    assert "still needs finance: gatehost approvals approve apr_0" in shown
    again, shown = await answers("y\n", requests, journal=journal)
    assert again == [Parked()]
    assert "ann cannot give another yes" in shown
    assert "[y]" not in shown
    given, _ = await answers("y\n", requests, journal=journal, person=Person("bob", FINANCE.roles))
    assert granted(given) == [True]
    stored = run.approval(requests[0].call_id)
    assert stored is not None and stored.by == "terminal:ann, terminal:bob"


async def test_without_a_journal_a_question_for_certain_people_waits() -> None:
    given, _ = await answers("y\n", [request(1, approvers=("finance",))])
    assert given == [Parked()]


async def test_an_endorsement_of_two_people_is_kept(journal: Journal) -> None:
    run, requests = await asked(journal, {"approvers": ("finance",)})
    given, _ = await answers("e\ny\n", requests, journal=journal)
    assert isinstance(given[0], Answered)
    assert run.grants() == given[0].grants != ()


# Answers from elsewhere.


@contextmanager
def _silence() -> Iterator[io.TextIOBase]:
    """A terminal at which nobody types."""
    source, sink = os.pipe()
    with os.fdopen(source, "r") as reader:
        yield reader
    os.close(sink)


async def _answered_meanwhile(
    journal: Journal, requests: Sequence[ApprovalRequest], answer: Callable[[Journal], object]
) -> tuple[list[Answered | Parked], str]:
    shown: list[str] = []
    asking = anyio.Event()

    def write(text: str) -> None:
        shown.append(text)
        asking.set()

    def elsewhere() -> None:
        with Journal.open(journal.database.path) as other:
            answer(other)

    given: list[Answered | Parked] = []
    with anyio.fail_after(30), _silence() as terminal:
        approver = TerminalApprover(source=terminal, write=write, journal=journal, person=FINANCE)  # type: ignore[arg-type]

        async def ask() -> None:
            given.extend(await approver.ask(requests))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await asking.wait()
            await anyio.to_thread.run_sync(elsewhere)
    return given, "\n".join(shown)


@pytest.mark.parametrize("word", [True, False])
async def test_an_answer_from_another_terminal_ends_the_question(journal: Journal, word: bool) -> None:
    _, requests = await asked(journal, {})

    def answer(other: Journal) -> None:
        other.answer("apr_0", granted=word, by="cli:bob", note="from afar")

    given, shown = await _answered_meanwhile(journal, requests, answer)
    assert given == [Answered(word, by="cli:bob", note="from afar")]
    assert f"was {'approved' if word else 'denied'} elsewhere, by cli:bob" in shown


async def test_a_question_ends_only_when_all_of_the_card_is_answered(journal: Journal) -> None:
    _, requests = await asked(journal, {}, {})

    def answer(other: Journal) -> None:
        other.answer("apr_1", granted=True, by="cli:bob")
        other.answer("apr_0", granted=False, by="cli:bob")

    given, _ = await _answered_meanwhile(journal, requests, answer)
    assert granted(given) == [False, True]


async def test_a_question_that_expires_at_the_terminal_is_denied(journal: Journal) -> None:
    _, requests = await asked(journal, {"expires": journal.now() + 0.3})
    given, _ = await _answered_meanwhile(journal, requests, lambda _: None)
    assert given == [Answered(False, by="nobody", note="nobody answered in time")]


async def test_of_two_answers_the_first_counts(journal: Journal) -> None:
    """Who says always too late makes no rule."""
    run, requests = await asked(journal, {})
    journal.answer("apr_0", granted=False, by="cli:bob", note="no")
    shown: list[str] = []
    approver = TerminalApprover(source=io.StringIO("a\ny\n"), write=shown.append, journal=journal, person=FINANCE)
    given = await approver.ask(requests)
    assert given == [Answered(False, by="cli:bob", note="no")]
    assert run.standing_rules() == []


# Nobody at a terminal.


async def test_unattended_means_no_and_says_how_it_could_be_allowed() -> None:
    approver = DenyApprover()
    assert not approver.attended
    (answer,) = await approver.ask([request(1)])
    assert not answer.granted
    assert "--endorse 'mail.read[id=12]=>bank.send_money:to[].account'" in str(answer.note)
    (plain,) = await approver.ask([request(2, rules=("approve:always",))])
    assert "--approve 'bank.send_money'" in str(plain.note)
    (people,) = await approver.ask([request(3, rules=("approve:always",), approvers=("finance",))])
    assert "--approve" not in str(people.note).replace("--approvals", "")


async def test_waiting_parks_every_call() -> None:
    approver = WaitingApprover()
    assert not approver.attended
    assert await approver.ask([request(1), request(2)]) == [Parked(), Parked()]
