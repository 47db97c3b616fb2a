"""Killed, interrupted, taken up again: nothing is lost, and no effect happens twice without a person's word."""

import random
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from context.json_values import JsonObject
from tests.host.projects import Finished, Project, lines, turn, until

KILLS = 12


@pytest.fixture
def writing(project: Project) -> Project:
    """A project with a write that needs no approval, one that does, and a read."""
    project.add("kit", trusted=True, look="read", echo="read", append={"effect": "write", "approve": "never"})
    project.add("safe", trusted=True, append={"effect": "write", "approve": "always"})
    return project


def call(project: Project, tool: str, line: str, *, hold: bool = False) -> tuple[str, JsonObject]:
    arguments: JsonObject = {"path": str(project.folder / "effects"), "line": line}
    if hold:
        (project.folder / "hold").touch()
        arguments["hold"] = str(project.folder / "hold")
    return tool, arguments


def effects(project: Project) -> list[str]:
    return lines(project.folder / "effects")


def resume(project: Project, run_id: str, *options: str) -> Finished:
    return project.call("runs", "resume", run_id, "--output", "json", *options)


def newest(project: Project) -> JsonObject:
    return project.call("runs", "list", "--json").report[0]  # type: ignore[no-any-return]


def stopped_in_call(project: Project, number: signal.Signals, *turns: JsonObject | str) -> tuple[Finished, str]:
    """A run that got a signal after its held call left its line, and the run's id."""
    process = project.fork(*project.arguments(model=project.script(*turns), output="json"))
    until(lambda: effects(project))
    process.send_signal(number)
    done = process.finish()
    (project.folder / "hold").unlink()
    return done, str(newest(project)["run_id"])


# kill -9.


@pytest.mark.promise("nothing_is_done_twice")
@pytest.mark.promise("a_lost_answer_is_in_doubt")
def test_a_write_that_was_killed_is_in_doubt_and_not_repeated(writing: Project) -> None:
    _, run_id = stopped_in_call(writing, signal.SIGKILL, turn(call(writing, "kit.append", "a", hold=True)), "Done.")
    assert newest(writing)["status"] == "interrupted"
    for _ in range(2):
        done = resume(writing, run_id)
        assert (done.code, done.report["status"]) == (9, "in_doubt")
        assert effects(writing) == ["a"]
    (row,) = done.report["calls"]
    assert row["outcome"] == "in_doubt"
    assert f"--resolve {row['call_id']}" in done.report["error"] or "--resolve" in done.report["error"]
    assert writing.verifies()


@pytest.mark.promise("nothing_is_done_twice")
def test_a_call_that_a_person_saw_happen_is_not_repeated(writing: Project) -> None:
    script = (turn(call(writing, "kit.append", "a", hold=True)), turn(call(writing, "kit.append", "b")), "Done.")
    _, run_id = stopped_in_call(writing, signal.SIGKILL, *script)
    call_id = resume(writing, run_id).report["calls"][0]["call_id"]
    done = resume(writing, run_id, "--resolve", f"{call_id}=happened")
    assert (done.code, done.report["answer"], effects(writing)) == (0, "Done.", ["a", "b"])
    with writing.journal() as journal:
        (told,) = [message for message in journal.messages(run_id) if message.role == "tool"][:1]
    assert "A person confirmed that this call happened" in str(told)


def test_a_call_that_did_not_happen_is_made_exactly_once_more(writing: Project) -> None:
    _, run_id = stopped_in_call(writing, signal.SIGKILL, turn(call(writing, "kit.append", "a", hold=True)), "Done.")
    call_id = resume(writing, run_id).report["calls"][0]["call_id"]
    done = resume(writing, run_id, "--resolve", f"{call_id}=did-not")
    assert (done.code, effects(writing)) == (0, ["a", "a"])
    assert done.report["calls"][0]["outcome"] == "succeeded"
    assert resume(writing, run_id, "--resolve", f"{call_id}=did-not").code == 2
    assert effects(writing) == ["a", "a"]
    assert writing.verifies()


def test_a_call_that_did_not_happen_passes_all_gates_again(writing: Project) -> None:
    """The yes of the first time is spent; and what changed meanwhile refuses."""
    script = writing.script(turn(call(writing, "safe.append", "a", hold=True)), "Done.")
    process = writing.fork(*writing.arguments("--approve", "safe.*", model=script, output="json"))
    until(lambda: effects(writing))
    process.send_signal(signal.SIGKILL)
    process.finish()
    run_id = str(newest(writing)["run_id"])
    (writing.folder / "hold").unlink()
    call_id = resume(writing, run_id).report["calls"][0]["call_id"]
    writing.changed.write_text("all")
    done = resume(writing, run_id, "--resolve", f"{call_id}=did-not")
    assert (done.code, effects(writing)) == (3, ["a"])
    assert done.report["calls"][0]["reasons"][0]["code"] == "pin_changed"


def test_a_call_that_did_not_happen_needs_a_new_yes(writing: Project) -> None:
    script = writing.script(turn(call(writing, "safe.append", "a", hold=True)), "Done.")
    done = writing.call(*writing.arguments("--approvals", "wait", model=script, output="json"))
    run_id = done.report["run_id"]
    assert _approve(writing) == 0
    process = writing.fork("runs", "resume", run_id)
    until(lambda: effects(writing))
    process.send_signal(signal.SIGKILL)
    process.finish()
    (writing.folder / "hold").unlink()
    call_id = resume(writing, run_id).report["calls"][0]["call_id"]
    done = resume(writing, run_id, "--resolve", f"{call_id}=did-not")
    assert (done.code, effects(writing)) == (10, ["a"])
    assert _approve(writing) == 0
    assert (resume(writing, run_id).code, effects(writing)) == (0, ["a", "a"])


def _approve(project: Project) -> int:
    pending = [row for row in project.call("approvals", "list", "--json").report if row["status"] == "pending"]
    return project.call("approvals", "approve", pending[0]["id"]).code


def test_a_read_that_was_killed_is_made_again(writing: Project) -> None:
    _, run_id = stopped_in_call(writing, signal.SIGKILL, turn(call(writing, "kit.look", "a", hold=True)), "Done.")
    done = resume(writing, run_id)
    assert (done.code, done.report["answer"], effects(writing)) == (0, "Done.", ["a", "a"])
    assert done.report["calls"][0]["outcome"] == "succeeded"


@pytest.mark.parametrize("text", ["call_x=happened", "call_x", "=did-not", "call_x=maybe"])
def test_a_wrong_resolution_touches_nothing(writing: Project, text: str) -> None:
    _, run_id = stopped_in_call(writing, signal.SIGKILL, turn(call(writing, "kit.append", "a", hold=True)), "Done.")
    assert resume(writing, run_id).code == 9
    before = newest(writing)
    done = resume(writing, run_id, "--resolve", text)
    assert (done.code, done.out) == (2, "")
    assert newest(writing) == before
    assert resume(writing, run_id).code == 9


# kill -9 anywhere.


def _killed_after(project: Project, count: int, *arguments: str) -> bool:
    """Kill a command once it has printed `count` lines; whether it was still there."""
    process = project.fork(*arguments)
    seen = 0
    while seen < count and process.stdout.readline():
        seen += 1
    process.send_signal(signal.SIGKILL)
    process.finish()
    return seen == count


@pytest.mark.promise("nothing_is_done_twice")
@pytest.mark.promise("the_record_survives_a_crash")
def test_a_kill_anywhere_repeats_nothing_and_loses_nothing(writing: Project) -> None:
    """Kills at many moments of one task: while the model speaks, after an approval, before, in and after calls."""
    chance = random.Random(20261121)
    wanted = ["a", "b", "c", "d"]
    script = writing.script(
        turn(call(writing, "kit.append", "a"), call(writing, "safe.append", "b"), text="first"),
        turn(("kit.echo", {"text": "x"}), text="then"),
        turn(call(writing, "safe.append", "c"), call(writing, "kit.append", "d")),
        "Done.",
    )
    start = writing.arguments("--approve", "safe.*", model=script, output="jsonl")
    for _ in range(KILLS):
        (writing.folder / "effects").unlink(missing_ok=True)
        killed = _killed_after(writing, chance.randint(1, 55), *start)
        if chance.random() < 0.5 and killed:
            _killed_after(writing, chance.randint(1, 20), "runs", "resume", str(newest(writing)["run_id"]))
        _settle(writing, str(newest(writing)["run_id"]))
        assert effects(writing) == wanted
        assert writing.verifies()


def _settle(project: Project, run_id: str) -> None:
    """Resume until the run is done; of each call in doubt the effects tell what happened."""
    options: list[str] = []
    for _ in range(10):
        if newest(project)["status"] == "completed":
            return
        done = resume(project, run_id, *options)
        options = []
        for row in done.report["calls"]:
            if row["outcome"] == "in_doubt":
                what = "happened" if row["arguments"]["line"] in effects(project) else "did-not"
                options += ["--resolve", f"{row['call_id']}={what}"]
        assert done.code in {0, 9}
    raise AssertionError("the run does not end")


# Interrupted.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_write_is_kept_in_doubt(writing: Project, number: signal.Signals) -> None:
    script = (turn(call(writing, "kit.append", "a", hold=True)), "Done.")
    done, run_id = stopped_in_call(writing, number, *script)
    assert (done.code, done.report["status"]) == (130, "in_doubt")
    assert "Traceback" not in done.err
    assert (resume(writing, run_id).code, effects(writing)) == (9, ["a"])


def test_an_interrupted_read_is_no_doubt(writing: Project) -> None:
    script = (turn(call(writing, "kit.look", "a", hold=True)), turn(call(writing, "kit.append", "b")), "Done.")
    done, run_id = stopped_in_call(writing, signal.SIGINT, *script)
    assert (done.code, done.report["status"]) == (130, "interrupted")
    done = resume(writing, run_id)
    assert (done.code, done.report["answer"], effects(writing)) == (0, "Done.", ["a", "b"])


def test_a_run_may_fail_and_go_on_with_more_turns(writing: Project) -> None:
    script = (turn(call(writing, "kit.append", "a")), turn(call(writing, "kit.append", "b")), "Done.")
    done = writing.run(*script, flags=["--max-turns", "1"])
    assert (done.code, effects(writing)) == (5, ["a"])
    run_id = done.report["run_id"]
    assert resume(writing, run_id).code == 5
    done = resume(writing, run_id, "--max-turns", "9")
    assert (done.code, done.report["run_id"], effects(writing)) == (0, run_id, ["a", "b"])


def test_a_resumed_run_keeps_its_flags_and_its_files(writing: Project) -> None:
    """From another folder, without naming any file again."""
    done = writing.run(turn(call(writing, "safe.append", "a")), "Done.", flags=["--approvals", "wait"])
    assert done.code == 10
    writing.monkeypatch.chdir(writing.folder)
    assert resume(writing, done.report["run_id"]).code == 10
    done = resume(writing, done.report["run_id"], "--approve", "safe.*")
    assert (done.code, effects(writing)) == (0, ["a"])


def test_a_resumed_run_numbers_its_events_on(writing: Project) -> None:
    done = writing.run(turn(call(writing, "safe.append", "a")), "Done.", flags=["--approvals", "wait"], output="jsonl")
    run_id, last = done.events[0]["run_id"], done.events[-1]["seq"]
    assert _approve(writing) == 0
    again = writing.call("runs", "resume", run_id, "--output", "jsonl")
    assert (again.events[0]["type"], again.events[0]["resumed"], again.events[0]["seq"]) == (
        "run.started",
        True,
        last + 1,
    )
    assert again.events[0]["trace_id"] == done.events[0]["trace_id"]
    with writing.journal() as journal:
        assert [event.seq for event in journal.events(run_id)] == list(range(1, again.events[-1]["seq"] + 1))


def test_what_a_person_settled_is_told_as_an_event(writing: Project) -> None:
    _, run_id = stopped_in_call(writing, signal.SIGKILL, turn(call(writing, "kit.append", "a", hold=True)), "Done.")
    found = writing.call("runs", "resume", run_id, "--output", "jsonl")
    (doubt,) = found.of("call.completed")
    assert (doubt["outcome"], doubt["reasons"][0]["code"]) == ("in_doubt", "in_doubt")
    settled = writing.call("runs", "resume", run_id, "--resolve", f"{doubt['call_id']}=happened", "--output", "jsonl")
    (told,) = settled.of("call.completed")
    assert (told["call_id"], told["outcome"]) == (doubt["call_id"], "succeeded")
    assert {"duration_ms", "result", "turn_id"} <= told.keys()
    shown = writing.call("audit", "show", run_id, "--json").report
    assert [entry["body"]["what"] for entry in shown["entries"] if entry["type"] == "resumption"] == [
        "in_doubt",
        "resolved_happened",
    ]


def test_what_a_dead_host_left_is_gone_after_the_next_run_however_short(writing: Project) -> None:
    stopped_in_call(writing, signal.SIGKILL, turn(call(writing, "kit.append", "a", hold=True)), "Done.")
    assert list((writing.home / "leases").iterdir())
    assert writing.run("Done.").code == 0
    assert list((writing.home / "leases").iterdir()) == []


@pytest.mark.parametrize("run_id", ["run_nothing", ""])
def test_a_run_that_does_not_exist_is_named(writing: Project, run_id: str) -> None:
    done = resume(writing, run_id)
    assert (done.code, done.out) == (2, "")
    assert "gatehost runs list" in done.err


# Two at once.


@pytest.mark.promise("one_process_acts_for_a_run")
def test_a_run_that_is_being_carried_out_cannot_be_resumed(writing: Project) -> None:
    script = writing.script(turn(call(writing, "kit.look", "a", hold=True)), "Done.")
    process = writing.fork(*writing.arguments(model=script, output="json"))
    until(lambda: effects(writing))
    done = resume(writing, str(newest(writing)["run_id"]))
    assert (done.code, done.out) == (2, "")
    assert "another process" in done.err
    (writing.folder / "hold").unlink()
    assert process.finish().code == 0
    assert effects(writing) == ["a"]


@pytest.mark.promise("one_process_acts_for_a_run")
def test_of_two_that_resume_at_once_one_acts(writing: Project) -> None:
    done = writing.run(turn(call(writing, "safe.append", "a")), "Done.", flags=["--approvals", "wait"])
    assert _approve(writing) == 0
    both = [writing.fork("runs", "resume", done.report["run_id"], "--output", "json") for _ in range(2)]
    ended = sorted(process.finish().code for process in both)
    assert ended in ([0, 1], [0, 2])
    assert effects(writing) == ["a"]
    assert writing.verifies()


@pytest.mark.promise("one_process_acts_for_a_run")
def test_a_run_that_was_taken_over_stops_at_once_and_says_so(writing: Project) -> None:
    script = (turn(call(writing, "kit.look", "a", hold=True)), turn(call(writing, "kit.append", "b")), "Done.")
    process = writing.fork(*writing.arguments(model=writing.script(*script), output="json"))
    until(lambda: effects(writing))
    with sqlite3.connect(writing.home / "journal.db") as database:
        database.execute("UPDATE runs SET epoch = epoch + 1")
    database.close()
    (writing.folder / "hold").unlink()
    done = process.finish()
    assert (done.code, done.out) == (1, "")
    assert "another process has taken this run over" in done.err
    assert "Traceback" not in done.err
    assert effects(writing) == ["a"]


# In real walls.


@pytest.mark.docker
def test_a_killed_host_leaves_no_container_after_the_next_resume(project: Project, gatehost_home: Path) -> None:
    project.home = gatehost_home
    tests, shared = Path(__file__).parents[2], project.folder / "shared"
    shared.mkdir()
    project.add(
        "kit",
        ["python3", "-I", "/tests/host/kit_server.py"],
        sandbox="docker",
        mounts=[{"host": str(tests), "at": "/tests"}, {"host": str(shared), "at": "/shared", "mode": "rw"}],
        append={"effect": "write", "approve": "never"},
    )
    script = project.script(
        turn(("kit.append", {"path": "/shared/effects", "line": "a", "hold": "/shared/hold"})), "Done."
    )
    (shared / "hold").touch()
    process = project.start(*project.arguments(model=script, output="json"))
    until(lambda: lines(shared / "effects") or process.poll() is not None)
    process.kill()
    project.finish(process)
    run_id = str(newest(project)["run_id"])
    assert _containers(run_id)
    done = resume(project, run_id)
    assert (done.code, lines(shared / "effects"), _containers(run_id)) == (9, ["a"], [])


def _containers(run_id: str) -> Sequence[object]:
    import docker

    client = docker.from_env()
    try:
        return [found["Id"] for found in client.api.containers(all=True) if run_id in str(found["Labels"])]
    finally:
        client.close()
