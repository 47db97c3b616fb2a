"""The journal: what is stored comes back, in one transaction or not at all."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.calls import ToolRef
from context.errors import ConfigError, JournalError, LeaseLost
from context.events import Event
from context.labels import Label
from context.messages import Image, Message, Text, ToolCall, ToolResult
from context.runs import IllegalTransition
from host.journal import Journal, RunHandle, StandingScope
from host.journal.messages import from_row, to_row
from host.journal.schema import VERSION
from tests.fakes.journal import (
    MemoryJournal,
    MemoryRun,
    an_entry,
    asked,
    intent,
    outcome,
    proposed_call,
    user_message,
)
from tool_gateway.approvals import standing_answer
from tool_gateway.interface import Approval, ApprovalChange, CallChange, CardValue
from tool_gateway.provenance.evidence import Grant, SourcePattern

RUN = {"agent": "default", "task": "look", "folder": "/data", "flags": {}, "trace_id": "1" * 32}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


@pytest.fixture(params=["sqlite", "memory"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal | MemoryJournal]:
    """The journal and its in-memory twin, which promise the same."""
    if request.param == "memory":
        yield MemoryJournal()
        return
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def _with_calls(journal: Journal | MemoryJournal, count: int = 1) -> tuple[RunHandle | MemoryRun, list[str]]:
    run = journal.create_run(**RUN, messages=[user_message()])
    calls = [proposed_call(run.run_id, index) for index in range(count)]
    run.store_turn(1, Message("msg_1", "assistant", (Text("I look"),)), calls)
    return run, [call.call_id for call in calls]


# Answers, votes and what comes of them.


PEOPLE = ("finance+operator",)


async def _asks(journal: Journal, **changes: Any) -> tuple[RunHandle, Approval]:
    run, _ = _with_calls(journal)
    call = run.calls()[0]
    approval = asked(call, expires=9e9)
    approval = replace(approval, request=replace(approval.request, pin="sha256:a", **changes))
    await run.commit(CallChange(call.call_id, "waiting"), ApprovalChange(approval))
    assert isinstance(run, RunHandle)
    return run, approval


async def test_what_a_card_shows_comes_back_as_it_was_asked(journal: Journal) -> None:
    values = (
        CardValue("a", "\ud800\x1b[2J", "the result of web.fetch", "a \ud800", True, "note"),
        CardValue("b[0]", 2**70, "not seen anywhere"),
        CardValue("c", None, "the model"),
        CardValue("d", 1.0, "the model"),
    )
    run, approval = await _asks(journal, values=values, approvers=PEOPLE, minor=True)
    assert run.approval(approval.request.call_id) == approval
    assert journal.find_approval(approval.request.approval_id) == approval


@pytest.mark.promise("certain_people_are_needed")
async def test_the_run_itself_cannot_say_yes_for_certain_people(journal: Journal) -> None:
    """Whatever asks at its terminal: the votes decide."""
    run, approval = await _asks(journal, approvers=PEOPLE)
    approved = replace(approval, status="approved", by="flag:--approve")
    with pytest.raises(JournalError, match="still needs a yes of: finance and another person: operator"):
        await run.commit(ApprovalChange(approved))
    journal.answer(approval.request.approval_id, granted=True, by="cli:ann", roles=frozenset({"finance"}))
    with pytest.raises(JournalError, match="operator"):
        await run.commit(ApprovalChange(approved))
    journal.answer(approval.request.approval_id, granted=True, by="cli:bob", roles=frozenset({"operator"}))
    stored = run.approval(approval.request.call_id)
    assert stored is not None and (stored.status, stored.by) == ("approved", "cli:ann, cli:bob")


async def test_a_standing_rule_speaks_for_the_roles_of_who_gave_it(journal: Journal) -> None:
    first_run, first = await _asks(journal, approvers=("finance",))
    done = journal.answer(
        first.request.approval_id,
        granted=True,
        by="cli:ann",
        roles=frozenset({"finance"}),
        always=StandingScope(),
    )
    assert done.rule is not None
    (rule,) = first_run.standing_rules()
    assert rule == done.rule.rule
    for approvers, good in ((("finance",), True), (("operator",), False), (PEOPLE, False)):
        run, approval = await _asks(journal, approvers=approvers)
        assert (standing_answer(run.standing_rules(), approval.request, now=journal.now()) is not None) == good
        answered = ApprovalChange(replace(approval, status="approved", by=f"rule:{rule.rule_id}"))
        if good:
            await run.commit(answered)
        else:
            with pytest.raises(JournalError, match="still needs"):
                await run.commit(answered)
    journal.revoke_rule(rule.rule_id, by="cli:bob")
    run, approval = await _asks(journal, approvers=("finance",))
    assert run.standing_rules() == []
    with pytest.raises(JournalError, match="still needs"):
        await run.commit(ApprovalChange(replace(approval, status="approved", by=f"rule:{rule.rule_id}")))


@pytest.mark.promise("a_standing_rule_ends")
async def test_a_standing_rule_ends_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, clock=lambda: 1000.0) as journal:
        _, approval = await _asks(journal)
        journal.answer(approval.request.approval_id, granted=True, by="cli:ann", always=StandingScope(seconds=50.0))
    for now, left in ((1049.0, 1), (1050.0, 0)):
        with Journal.open(path, clock=lambda now=now: now) as journal, journal.create_run(**RUN) as run:
            assert len(run.standing_rules()) == left
            assert journal.standing_rules()[0].status(now) == ("active" if left else "expired")


@pytest.mark.promise("an_approval_fits_one_call")
async def test_votes_on_an_old_question_do_not_count_for_the_new_one(journal: Journal) -> None:
    run, approval = await _asks(journal, approvers=PEOPLE)
    journal.answer(approval.request.approval_id, granted=True, by="cli:ann", roles=frozenset({"finance"}))
    newer = replace(approval, request=replace(approval.request, approval_id="apr_new", binding="sha256:" + "c" * 64))
    await run.commit(ApprovalChange(newer))
    assert journal.votes("apr_new") == journal.votes(approval.request.approval_id) == []


async def test_endorsements_outlive_their_process(tmp_path: Path) -> None:
    given = (
        Grant(
            SourcePattern(ToolRef("mail", "read"), "id", 12),
            ToolRef("bank", "pay"),
            "to[]",
            "answer:apr_1",
            "so",
            ("x",),
        ),
        Grant(SourcePattern(None), ToolRef("bank", "pay"), "note", "answer:apr_1", "so"),
    )
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        run, approval = await _asks(journal)
        await run.commit(ApprovalChange(replace(approval, status="approved", by="terminal:ann"), grants=given[:1]))
        _, other = await _asks(journal)
        run_id = run.run_id
        run.set_status("waiting")
        run.close()
    with Journal.open(path) as journal:
        journal.answer(other.request.approval_id, granted=True, by="cli:ann", grants=given[1:])
        with journal.take(run_id) as run:
            assert run.grants() == given[:1]
        with journal.take(other.request.run_id) as run:
            assert run.grants() == given[1:]


@pytest.mark.promise("an_endorsement_is_one_source_for_one_argument")
async def test_a_yes_that_does_not_count_endorses_nothing(journal: Journal) -> None:
    run, approval = await _asks(journal)
    journal.answer(approval.request.approval_id, granted=False, by="cli:ann")
    grant = Grant(SourcePattern(None), ToolRef("bank", "pay"), "note", "answer:apr_1", "so")
    with pytest.raises(ConfigError):
        journal.answer(approval.request.approval_id, granted=True, by="cli:bob", grants=[grant])
    assert run.grants() == ()


# What both promise.


def test_a_run_comes_back_as_it_was_made(either: Journal | MemoryJournal) -> None:
    run = either.create_run(
        agent="dev", task="look", folder="/data", flags={"model": "small"}, trace_id="2" * 32, messages=[user_message()]
    )
    info = either.load_run(run.run_id)
    assert (info.agent, info.task, info.folder, info.flags) == ("dev", "look", "/data", {"model": "small"})
    assert (info.status, info.trace_id, info.turns, info.ended_at) == ("running", "2" * 32, 0, None)
    assert [listed.run_id for listed in either.list_runs()] == [run.run_id]


def test_an_unknown_run_is_named(either: Journal | MemoryJournal) -> None:
    for read in (either.load_run, either.messages, either.take):
        with pytest.raises(ConfigError, match="run_x"):
            read("run_x")


def test_a_stored_turn_holds_message_calls_and_count(either: Journal | MemoryJournal) -> None:
    run, ids = _with_calls(either, 3)
    assert [message.role for message in run.messages()] == ["user", "assistant"]
    assert [call.call_id for call in run.calls()] == ids
    assert run.turns == either.load_run(run.run_id).turns == 1


async def test_a_call_keeps_what_became_known_of_it(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    call = run.calls()[0]
    await run.commit(intent(call))
    await run.commit(outcome(call))
    (stored,) = either.calls(run.run_id)
    assert (stored.server, stored.tool, stored.effect, stored.decision) == ("git", "git_log", "write", "allow")
    assert (stored.state, stored.legs, stored.duration_ms) == ("succeeded", 1, 1.5)
    assert stored.arguments == {"repo": "/repo", "n": 0}
    assert stored.reasons[0]["gate"] == "scope"
    assert stored.result is not None and stored.result["content"] == [{"kind": "text", "text": "3 commits"}]


def test_what_a_person_settles_is_stored_with_its_news(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    call = run.calls()[0]
    run.change_call(intent(call))
    run.change_call(CallChange(call.call_id, "in_doubt"), events=[Event("call.completed", run.run_id)])
    run.append(Event("sandbox.state", run.run_id), entries=[an_entry(run.run_id)])
    with pytest.raises(IllegalTransition):
        run.change_call(CallChange(call.call_id, "failed"), events=[Event("call.completed", run.run_id)])
    assert run.calls()[0].state == "in_doubt"
    assert [event.type for event in either.events(run.run_id)] == ["call.completed", "sandbox.state"]


async def test_an_impossible_step_leaves_nothing_of_its_commit(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either, 2)
    first, second = run.calls()
    with pytest.raises(IllegalTransition):
        await run.commit(intent(first), outcome(second), events=[Event("call.started", run.run_id)])
    assert [call.state for call in run.calls()] == ["proposed", "proposed"]
    assert either.events(run.run_id) == []


async def test_one_key_leaves_once(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either, 2)
    first, second = run.calls()
    await run.commit(intent(first, key="k"))
    with pytest.raises(JournalError, match="went out before"):
        await run.commit(intent(second, key="k"))
    assert run.calls()[1].state == "proposed"


async def test_a_read_that_is_made_again_keeps_its_key(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    call = run.calls()[0]
    await run.commit(intent(call, effect="read"))
    await run.commit(CallChange(call.call_id, "proposed"))
    await run.commit(intent(run.calls()[0], effect="read"))
    assert run.calls()[0].legs == 2


async def test_events_are_numbered_without_gaps_and_deltas_repeat_the_last(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    heard: list[Event] = []
    stop = run.subscribe(heard.append)
    run.append(Event("run.started", run.run_id))
    delta = run.append(Event("message.delta", run.run_id, {}, {"text": "a"}))
    with pytest.raises(JournalError):
        await run.commit(CallChange("no.such", "denied"), events=[Event("call.decided", run.run_id)])
    await run.commit(events=[Event("call.proposed", run.run_id), Event("call.decided", run.run_id)])
    stop()
    run.append(Event("warning", run.run_id))
    assert delta.seq == 1
    assert [(event.type, event.seq) for event in heard] == [
        ("run.started", 1),
        ("message.delta", 1),
        ("call.proposed", 2),
        ("call.decided", 3),
    ]
    stored = either.events(run.run_id)
    assert [event.seq for event in stored] == [1, 2, 3, 4]
    assert all(event.type != "message.delta" and event.ts for event in stored)


def test_a_taken_up_run_goes_on_with_its_numbers(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    run.append(Event("run.started", run.run_id))
    run.set_status("waiting", exit_code=10, events=[Event("run.suspended", run.run_id)])
    run.close()
    again = either.take(run.run_id)
    assert either.load_run(run.run_id).status == "running"
    assert again.turns == 1
    assert again.append(Event("turn.started", run.run_id)).seq == 3


def test_a_finished_run_is_not_taken_up(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    run.set_status("completed", exit_code=0, answer="done")
    run.close()
    info = either.load_run(run.run_id)
    assert (info.status, info.exit_code, info.answer) == ("completed", 0, "done")
    assert info.ended_at is not None
    with pytest.raises(ConfigError, match="completed"):
        either.take(run.run_id)


def test_a_status_that_cannot_follow_is_refused(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    run.set_status("waiting")
    with pytest.raises(IllegalTransition):
        run.set_status("completed")


def test_a_session_holds_the_runs_before_and_not_those_after(either: Journal | MemoryJournal) -> None:
    first = either.create_run(**RUN, messages=[user_message("one")])
    either.create_run(**RUN, messages=[user_message("another session")])
    second = either.create_run(**RUN, session_id=first.session_id, messages=[user_message("two")])
    assert [message.text for message in either.messages(second.run_id)] == ["one", "two"]
    assert [message.text for message in either.messages(first.run_id)] == ["one"]
    assert either.latest_session("/data") == first.session_id
    assert either.latest_session("/nowhere") is None
    with pytest.raises(ConfigError, match="no such session"):
        either.create_run(**RUN, session_id="ses_x")


async def test_a_follower_gets_events_as_they_come_and_ends_with_the_run(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    run.append(Event("run.started", run.run_id))
    heard: list[str] = []

    async def follow() -> None:
        async for event in either.tail(run.run_id):
            heard.append(event.type)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            while "run.started" not in heard:
                await anyio.sleep(0)
            run.append(Event("turn.started", run.run_id))
            run.append(Event("run.completed", run.run_id))
    assert heard == ["run.started", "turn.started", "run.completed"]


@pytest.mark.promise("an_approval_is_used_once")
async def test_approvals_go_only_forward_and_are_used_once(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    call = run.calls()[0]
    request = asked(call, expires=9e9)
    await run.commit(CallChange(call.call_id, "waiting"), ApprovalChange(request))
    assert run.approval(call.call_id) == request
    approved = replace(request, status="approved", by="terminal:alice", note="fine")
    await run.commit(ApprovalChange(approved))
    assert run.approval(call.call_id) == approved
    with pytest.raises(JournalError, match="cannot become"):
        await run.commit(ApprovalChange(replace(approved, by="somebody else")))
    await run.commit(ApprovalChange(replace(approved, status="used")), intent(call))
    for status in ("used", "approved", "denied"):
        with pytest.raises(JournalError, match="cannot become"):
            await run.commit(ApprovalChange(replace(approved, status=status)))
    with pytest.raises(JournalError, match="never asked"):
        await run.commit(ApprovalChange(replace(asked(call, expires=9e9), status="approved")))


async def test_a_new_question_replaces_the_answered_old_one(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    call = run.calls()[0]
    old = asked(call, expires=9e9)
    await run.commit(ApprovalChange(old))
    await run.commit(ApprovalChange(replace(old, status="approved", by="x")))
    new = asked(call, expires=9e9)
    await run.commit(ApprovalChange(new))
    assert run.approval(call.call_id) == new


async def test_only_the_holder_of_a_run_writes_it(either: Journal | MemoryJournal) -> None:
    run, _ = _with_calls(either)
    either.append(Event("warning", run.run_id))
    either.append_messages(run.run_id, [user_message("more")], turn=1)
    either.set_status(run.run_id, "waiting")
    run.close()
    with pytest.raises(LeaseLost):
        either.append(Event("warning", run.run_id))
    with pytest.raises(LeaseLost):
        either.append_messages(run.run_id, [user_message()], turn=1)
    with pytest.raises(LeaseLost):
        either.set_status(run.run_id, "running")


# What only the real one promises.


_texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_text_parts = st.builds(Text, _texts)
_shown = st.lists(_text_parts | st.builds(Image, _texts, _texts), max_size=3).map(tuple)
_parts = st.one_of(
    _text_parts,
    st.builds(Image, _texts, _texts),
    st.builds(ToolCall, _texts, _texts, _texts, st.none() | st.dictionaries(_texts, _json, max_size=3), _texts),
    st.builds(ToolResult, _texts, _texts, _texts, _shown, st.booleans()),
)


@given(
    st.builds(
        Message,
        _texts,
        st.sampled_from(["system", "user", "assistant", "tool"]),
        st.lists(_parts, max_size=4).map(tuple),
        st.builds(Label, st.sampled_from(["trusted", "untrusted"]), st.frozensets(_texts, max_size=3)),
    )
)
def test_any_message_comes_back_exactly(message: Message) -> None:
    back = from_row(to_row(message))
    assert back == message
    assert repr(back.parts) == repr(message.parts)  # 1 is not 1.0, True is not 1


def test_hostile_text_is_stored_and_not_fatal(journal: Journal) -> None:
    run = journal.create_run(**{**RUN, "task": "\ud800"})
    call = replace(proposed_call(run.run_id), name="a\udfff", malformed='{"a": "\ud800', arguments={"n": 2**70})
    run.store_turn(1, Message("m", "assistant", (Text("\ud800"),)), [call])
    (stored,) = run.calls()
    assert stored.malformed == '{"a": "\ud800'
    assert stored.arguments == {"n": 2**70}
    assert stored.name == "a\\udfff"
    assert journal.messages(run.run_id)[0].text == "\ud800"


def test_files_are_private(journal: Journal, tmp_path: Path) -> None:
    journal.create_run(**RUN, entries=[an_entry("r")])
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_a_journal_of_the_first_version_keeps_its_open_questions(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        run, (call_id,) = _with_calls(journal)
        call = run.calls()[0]
        await run.commit(CallChange(call_id, "waiting"), ApprovalChange(asked(call, expires=9e9, approval_id="apr_1")))
    connection = sqlite3.connect(path, isolation_level=None)
    for table in ("votes", "standing_rules", "grants"):
        connection.execute(f"DROP TABLE {table}")
    for column in ("card_values", "approvers", "minor", "pin", "asked_at"):
        connection.execute(f"ALTER TABLE approvals DROP COLUMN {column}")
    connection.execute("DELETE FROM meta WHERE name = 'latest_time'")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with Journal.open(path) as journal:
        (approval,) = journal.approvals()
        assert approval == asked(call, expires=9e9, approval_id="apr_1")
        assert journal.answer("apr_1", granted=True, by="cli:ann").approval.status == "approved"
        assert [vote.by for vote in journal.votes("apr_1")] == ["cli:ann"]


def test_a_newer_journal_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="newer gatehost"):
        Journal.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database, but long enough to be read as one\n" * 30, None])
def test_another_programs_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal.db"
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
        connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.db"):
        Journal.open(path)


def test_a_follower_that_fails_is_dropped_and_the_journal_goes_on(journal: Journal) -> None:
    run = journal.create_run(**RUN)
    heard: list[int] = []

    def broken(event: Event) -> None:
        raise BrokenPipeError

    run.subscribe(broken)
    run.subscribe(lambda event: heard.append(event.seq))
    run.append(Event("run.started", run.run_id))
    run.append(Event("warning", run.run_id))
    assert heard == [1, 2]


async def test_another_process_can_follow(journal: Journal, tmp_path: Path) -> None:
    run = journal.create_run(**RUN)
    run.append(Event("run.started", run.run_id))
    run.append(Event("run.completed", run.run_id))
    with Journal.open(tmp_path / "journal.db") as other, anyio.fail_after(10):
        assert [event.seq async for event in other.tail(run.run_id)] == [1, 2]
        assert [event.seq async for event in other.tail(run.run_id, after=2)] == []


# Durability.


class _Disk:
    """Stands for `fdatasync`: counts, fails on demand, and can hold a sync until it is let go."""

    def __init__(self) -> None:
        self.syncs = 0
        self.fault: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, file: int) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        self.syncs += 1
        if self.fault is not None:
            raise self.fault
        os.fdatasync(file)


async def test_a_durable_commit_returns_after_a_sync_and_a_cheap_one_without(tmp_path: Path) -> None:
    disk = _Disk()
    with Journal.open(tmp_path / "journal.db", sync=disk) as journal:
        run, _ = _with_calls(journal, 2)
        first, second = run.calls()
        await run.commit(intent(first))
        assert disk.syncs == 0
        await run.commit(intent(second), durable=True)
        assert disk.syncs == 1


async def test_concurrent_durable_commits_share_syncs_and_a_bad_one_fails_alone(tmp_path: Path) -> None:
    disk = _Disk()
    with Journal.open(tmp_path / "journal.db", sync=disk) as journal:
        run, _ = _with_calls(journal, 20)
        calls = run.calls()
        disk.gate.clear()
        failed: list[str] = []

        async def carry(index: int) -> None:
            try:
                bad = outcome(calls[index]) if index == 7 else intent(calls[index])
                await run.commit(bad, durable=True)
            except IllegalTransition:
                failed.append(calls[index].call_id)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for index in range(20):
                    tasks.start_soon(carry, index)
                await anyio.to_thread.run_sync(disk.entered.wait)
                disk.gate.set()
        assert failed == [calls[7].call_id]
        assert [call.state for call in run.calls()].count("intended") == 19
        assert 1 <= disk.syncs <= 2


async def test_a_commit_during_a_sync_waits_for_the_next_one(tmp_path: Path) -> None:
    disk = _Disk()
    with Journal.open(tmp_path / "journal.db", sync=disk) as journal:
        run, _ = _with_calls(journal, 2)
        first, second = run.calls()
        disk.gate.clear()

        async def durable(change: CallChange) -> None:
            await run.commit(change, durable=True)

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(durable, intent(first))
                await anyio.to_thread.run_sync(disk.entered.wait)
                tasks.start_soon(durable, intent(second))
                while run.calls()[1].state != "intended":
                    await anyio.lowlevel.checkpoint()
                disk.gate.set()
        assert disk.syncs == 2


async def test_a_cheap_commit_does_not_wait_for_a_sync_that_hangs(tmp_path: Path) -> None:
    disk = _Disk()
    with Journal.open(tmp_path / "journal.db", sync=disk) as journal:
        run, _ = _with_calls(journal, 2)
        first, second = run.calls()
        disk.gate.clear()
        done: list[str] = []

        async def durable() -> None:
            await run.commit(intent(first), durable=True)
            done.append("durable")

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(durable)
                await anyio.to_thread.run_sync(disk.entered.wait)
                await run.commit(intent(second))
                done.append("cheap")
                with Journal.open(tmp_path / "journal.db") as other:
                    other.create_run(**RUN)
                done.append("other process")
                disk.gate.set()
        assert done == ["cheap", "other process", "durable"]


async def test_after_a_failed_sync_nothing_durable_is_promised_any_more(tmp_path: Path) -> None:
    disk = _Disk()
    with Journal.open(tmp_path / "journal.db", sync=disk) as journal:
        run, _ = _with_calls(journal, 2)
        first, second = run.calls()
        disk.fault = OSError(5, "Input/output error")
        with pytest.raises(JournalError, match="Input/output error"):
            await run.commit(intent(first), durable=True)
        disk.fault = None
        with pytest.raises(JournalError):
            await run.commit(intent(second), durable=True)


async def test_a_removed_write_ahead_log_is_noticed(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        run, _ = _with_calls(journal)
        (tmp_path / "journal.db-wal").unlink()
        with pytest.raises(JournalError, match="removed"):
            await run.commit(intent(run.calls()[0]), durable=True)


async def test_the_log_is_moved_into_the_file_while_the_run_goes_on(journal: Journal, tmp_path: Path) -> None:
    run, _ = _with_calls(journal)
    text = "x" * 100_000
    for _ in range(60):
        run.append(Event("warning", run.run_id, {}, {"text": text}))
    assert (tmp_path / "journal.db-wal").stat().st_size > 4 * 1024**2
    await anyio.to_thread.run_sync(journal.tidy)
    assert (tmp_path / "journal.db").stat().st_size > 4 * 1024**2
    await run.commit(CallChange(run.calls()[0].call_id, "denied", ref=ToolRef("a", "b")), durable=True)
