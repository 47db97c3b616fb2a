"""`kill -9` anywhere: what was acknowledged stands, nothing else does, and the record verifies."""

import os
import random
import select
import signal
from pathlib import Path

import anyio

from context.events import Event
from host.journal import Journal
from sandboxes.lifecycle import owners
from tests.fakes.journal import an_entry, intent, outcome, proposed_call, user_message

ROUNDS = 30
CALLS = 40


def _carry_until_killed(folder: Path, report: int) -> None:
    """A run in a process of its own: after each commit that returned, one line says what it was."""
    owners.this_process.cache_clear()

    async def carry() -> None:
        journal = Journal.open(folder / "journal.db")
        journal.reap()
        run = journal.create_run(
            agent="default", task="look", folder="/data", flags={}, trace_id="1" * 32, messages=[user_message()]
        )
        run.append(Event("run.started", run.run_id))
        run.store_turn(1, user_message(), [proposed_call(run.run_id, index) for index in range(CALLS)])
        os.write(report, f"run {run.run_id}\n".encode())
        for call in run.calls():
            done = {"entries": [an_entry(run.run_id, arguments=call.arguments)], "durable": True}
            await run.commit(intent(call), events=[Event("call.started", run.run_id)], **done)  # type: ignore[arg-type]
            os.write(report, f"intended {call.position}\n".encode())
            await run.commit(
                outcome(call),
                events=[Event("call.completed", run.run_id)],
                entries=[an_entry(run.run_id, "outcome", result={"n": call.position})],
            )
            os.write(report, f"succeeded {call.position}\n".encode())
        run.close()

    anyio.run(carry)


def _killed_run(folder: Path, lines: int) -> list[str]:
    """Fork, let it report `lines` lines, kill it; what it had acknowledged."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(source)
            _carry_until_killed(folder, sink)
        finally:
            os._exit(0)
    os.close(sink)
    data = b""
    while data.count(b"\n") < lines and select.select([source], [], [], 30)[0]:
        piece = os.read(source, 4096)
        if not piece:
            break
        data += piece
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while piece := os.read(source, 4096):
        data += piece
    os.close(source)
    return data.decode().splitlines()


def test_a_kill_anywhere_loses_nothing_acknowledged_and_invents_nothing(tmp_path: Path) -> None:
    chance = random.Random(20261120)
    entries = 0
    for round_ in range(ROUNDS):
        acknowledged = _killed_run(tmp_path, chance.randint(1, 2 * CALLS - 1))
        run_id = acknowledged[0].removeprefix("run ")
        told = {int(line.split()[1]): line.split()[0] for line in acknowledged[1:]}
        with Journal.open(tmp_path / "journal.db") as journal:
            states = {call.position: call.state for call in journal.calls(run_id)}
            for position, state in told.items():
                reached = {state, "succeeded"} if state == "intended" else {state}
                assert states[position] in reached, f"round {round_}: an acknowledged commit is lost"
            begun = [position for position, state in states.items() if state != "proposed"]
            # One commit may have been under way when the kill came.
            assert len(begun) <= len(told) + 1
            done = [position for position, state in states.items() if state == "succeeded"]
            assert len(done) <= list(told.values()).count("succeeded") + 1

            seqs = [event.seq for event in journal.events(run_id)]
            assert seqs == list(range(1, 2 + len(begun) + len(done)))
            recorded = [line.fields["type"] for line, _ in journal.entries(run_id)]
            assert (
                recorded == [kind for position in begun for kind in ("decision", "outcome")][: len(begun) + len(done)]
            )

            taken = journal.take(run_id)
            assert [call.position for call in taken.unsettled_calls()] == [
                position for position, state in states.items() if state == "intended"
            ]
            verdict = journal.verify()
            assert verdict.ok, f"round {round_}: {verdict.fault}"
            assert verdict.head.entries > entries
            entries = verdict.head.entries
