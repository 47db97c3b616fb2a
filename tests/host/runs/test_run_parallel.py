"""Many processes in one home: one record that verifies, and every run whole in it."""

import json

import pytest

from tests.host.projects import Project, lines, turn

RUNS = 20


@pytest.mark.promise("many_processes_leave_one_record")
def test_twenty_runs_at_once_leave_one_verifying_record(project: Project) -> None:
    project.add("kit", append={"effect": "write", "approve": "never"}, echo="read")
    effects = project.folder / "effects"
    script = project.script(
        turn(("kit.append", {"path": str(effects), "line": "x"}), ("kit.echo", {"text": "a"})), "Done."
    )
    started = [project.fork(*project.arguments(model=script, output="json")) for _ in range(RUNS)]
    done = [process.finish() for process in started]
    assert [run.code for run in done] == [0] * RUNS, next(run.err for run in done if run.code)
    assert lines(effects) == ["x"] * RUNS
    verdict = project.call("audit", "verify", "--json")
    assert (verdict.code, json.loads(verdict.out)["ok"]) == (0, True)
    assert len({run.report["run_id"] for run in done}) == RUNS
    with project.journal() as journal:
        for run in done:
            run_id = run.report["run_id"]
            kinds = [line.fields["type"] for line, _ in journal.entries(run_id)]
            assert sorted(kinds) == sorted(
                ["run_started", "note", "sandbox_state", *["send"] * 2, *["decision", "outcome"] * 2, "run_ended"]
            )
            assert [event.seq for event in journal.events(run_id)] == list(range(1, len(journal.events(run_id)) + 1))
