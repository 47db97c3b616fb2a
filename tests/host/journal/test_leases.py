"""Leases: one process acts for a run, and who lost it cannot write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from context.errors import ConfigError, JournalError, LeaseLost
from context.events import Event
from host.journal import Journal
from host.journal.leases import LEASE_SECONDS
from sandboxes.lifecycle.owners import this_process
from tests.fakes.journal import an_entry, intent, outcome, proposed_call, user_message
from tool_gateway.interface import CallChange

RUN = {"agent": "default", "task": "look", "folder": "/data", "flags": {}, "trace_id": "1" * 32}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def _process(folder: Path, owner: str, clock: Clock) -> Iterator[Journal]:
    """Another process on the same home, as far as the journal can tell."""
    with Journal.open(folder / "journal.db", owner=owner, clock=clock) as journal:
        yield journal


def _dead() -> str:
    boot, namespace, _, _ = this_process().split(":")
    return f"{boot}:{namespace}:4194305:1"  # one above the kernel's highest pid


def _elsewhere() -> str:
    boot, _, pid, start = this_process().split(":")
    return f"{boot}:1:{pid}:{start}"  # another pid namespace: cannot be seen, so it counts as alive


def test_a_run_of_a_living_process_is_not_taken(tmp_path: Path) -> None:
    clock = Clock()
    with _process(tmp_path, this_process(), clock) as one, _process(tmp_path, _elsewhere(), clock) as other:
        run = one.create_run(**RUN)
        with pytest.raises(ConfigError, match="being carried out by another process") as caught:
            other.take(run.run_id)
        assert run.run_id in str(caught.value)
        assert caught.value.exit_code == 2
        run.append(Event("warning", run.run_id))


def test_one_process_does_not_take_its_own_run_twice(tmp_path: Path) -> None:
    with _process(tmp_path, this_process(), Clock()) as one:
        run = one.create_run(**RUN)
        with pytest.raises(ConfigError, match="being carried out"):
            one.take(run.run_id)


async def test_what_a_dead_process_held_is_free_at_once(tmp_path: Path) -> None:
    clock = Clock()
    dead = Journal.open(tmp_path / "journal.db", owner=_dead(), clock=clock)
    run = dead.create_run(**RUN)
    run.store_turn(1, user_message(), [proposed_call(run.run_id, index) for index in range(3)])
    first, second, _ = run.calls()
    await run.commit(intent(first, effect="read"), intent(second))
    with _process(tmp_path, this_process(), clock) as other:
        taken = other.take(run.run_id)
        assert [(call.position, call.effect) for call in taken.unsettled_calls()] == [(0, "read"), (1, "write")]
        await taken.commit(CallChange(first.call_id, "proposed"), CallChange(second.call_id, "in_doubt"))
        assert [call.state for call in taken.calls()] == ["proposed", "in_doubt", "proposed"]
        assert [event.type for event in other.events(run.run_id)] == ["run.suspended"]
        with pytest.raises(LeaseLost):  # as if it had only been asleep
            await run.commit(outcome(first), entries=[an_entry(run.run_id)])
        assert other.verify().ok
    dead.database.close()


async def test_after_a_take_over_the_first_loses_its_lease_and_writes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    with _process(tmp_path, this_process(), clock) as one, _process(tmp_path, _elsewhere(), clock) as other:
        run = one.create_run(**RUN)
        run.store_turn(1, user_message(), [proposed_call(run.run_id, 0)])
        call = run.calls()[0]
        clock.now += LEASE_SECONDS + 1
        taken = other.take(run.run_id)
        assert taken.epoch == run.epoch + 1
        seen = len(one.events(run.run_id))
        with pytest.raises(LeaseLost, match="taken this run over"):
            await run.commit(
                intent(call), events=[Event("call.started", run.run_id)], entries=[an_entry(run.run_id)], durable=True
            )
        for write in (
            lambda: run.append(Event("warning", run.run_id)),
            lambda: run.append_messages([user_message()], turn=1),
            lambda: run.store_turn(2, user_message(), []),
            lambda: run.set_status("failed"),
            run.renew,
        ):
            with pytest.raises(LeaseLost):
                write()
        assert other.calls(run.run_id)[0].state == "proposed"
        assert len(other.events(run.run_id)) == seen
        assert [line.fields["type"] for line, _ in other.entries(run.run_id)] == ["run_interrupted"]
        run.close()  # gives nothing away that is not its own
        await taken.commit(intent(call))


def test_writing_renews_the_lease(tmp_path: Path) -> None:
    clock = Clock()
    with _process(tmp_path, this_process(), clock) as one, _process(tmp_path, _elsewhere(), clock) as other:
        run = one.create_run(**RUN)
        for _ in range(4):
            clock.now += LEASE_SECONDS * 0.9
            run.renew()
        with pytest.raises(ConfigError, match="being carried out"):
            other.take(run.run_id)


async def test_a_heartbeat_keeps_a_silent_run_and_reports_its_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.journal.leases.BEAT_SECONDS", 0.001)
    clock = Clock()
    with _process(tmp_path, this_process(), clock) as one, _process(tmp_path, _elsewhere(), clock) as other:
        run = one.create_run(**RUN)
        clock.now += LEASE_SECONDS - 1
        with anyio.move_on_after(0.1):
            await run.keep()
        clock.now += LEASE_SECONDS - 1
        with pytest.raises(ConfigError, match="being carried out"):
            other.take(run.run_id)
        clock.now += 2
        other.take(run.run_id)
        with anyio.fail_after(10), pytest.raises(LeaseLost):
            await run.keep()


def test_a_given_back_run_is_free_and_its_handle_writes_no_more(tmp_path: Path) -> None:
    clock = Clock()
    with _process(tmp_path, this_process(), clock) as one, _process(tmp_path, _elsewhere(), clock) as other:
        run = one.create_run(**RUN)
        run.set_status("waiting", exit_code=10)
        run.close()
        run.close()
        assert one.load_run(run.run_id).owner is None
        other.take(run.run_id)
        with pytest.raises(JournalError, match="given back"):
            run.append(Event("warning", run.run_id))


def test_closing_the_journal_gives_every_run_back(tmp_path: Path) -> None:
    clock = Clock()
    with _process(tmp_path, this_process(), clock) as one:
        ids = [one.create_run(**RUN).run_id for _ in range(3)]
    with _process(tmp_path, _elsewhere(), clock) as other:
        assert [other.load_run(run_id).owner for run_id in ids] == [None] * 3


def test_reaping_interrupts_what_the_dead_ran_and_touches_no_other(tmp_path: Path) -> None:
    clock = Clock()
    dead = Journal.open(tmp_path / "journal.db", owner=_dead(), clock=clock)
    running, waiting = dead.create_run(**RUN), dead.create_run(**RUN)
    waiting.set_status("waiting", exit_code=10)
    with _process(tmp_path, _elsewhere(), clock) as other, _process(tmp_path, this_process(), clock) as mine:
        alive = other.create_run(**RUN)
        own = mine.create_run(**RUN)
        assert mine.reap() == [running.run_id]
        assert mine.reap() == []
        states = {info.run_id: info.status for info in mine.list_runs()}
        assert states == {
            running.run_id: "interrupted",
            waiting.run_id: "waiting",
            alive.run_id: "running",
            own.run_id: "running",
        }
        assert mine.load_run(running.run_id).exit_code == 130
        (event,) = mine.events(running.run_id)
        assert (event.type, event.data["exit_code"]) == ("run.suspended", 130)
        mine.take(running.run_id)
    dead.database.close()


async def test_a_follower_does_not_wait_for_the_dead(tmp_path: Path) -> None:
    dead = Journal.open(tmp_path / "journal.db", owner=_dead())
    run = dead.create_run(**RUN)
    run.append(Event("run.started", run.run_id))
    dead.database.close()
    with Journal.open(tmp_path / "journal.db") as other, anyio.fail_after(10):
        assert [event.type async for event in other.tail(run.run_id)] == ["run.started", "run.suspended"]


async def test_of_many_takers_of_an_expired_run_exactly_one_gets_it(tmp_path: Path) -> None:
    clock = Clock()
    boot, _, pid, start = this_process().split(":")
    with _process(tmp_path, this_process(), clock) as one:
        run = one.create_run(**RUN)
        clock.now += LEASE_SECONDS + 1
        takers = [
            Journal.open(tmp_path / "journal.db", owner=f"{boot}:{n}:{pid}:{start}", clock=clock) for n in range(8)
        ]
        won: list[int] = []
        lost: list[str] = []

        def take(index: int) -> None:
            try:
                takers[index].take(run.run_id)
                won.append(index)
            except ConfigError as error:
                lost.append(error.what)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                for index in range(8):
                    tasks.start_soon(anyio.to_thread.run_sync, take, index)
        assert len(won) == 1
        assert lost == ["is being carried out by another process"] * 7
        for taker in takers:
            taker.close()
