"""What a run says: events line by line, one object at the end, the answer alone on stdout."""

import json
import re
import subprocess

import pytest

from context.events import EVENT_TYPES, TERMINAL, Event, EventType
from context.json_values import JsonObject
from host.outputs import ProgressLines
from tests.host.projects import GATEHOST, Finished, Project, hostile, turn
from tests.wire.openai_chat_server import KEY, ChatServer, Proposed, proposes, says

ENVELOPE = {"seq", "ts", "run_id", "type", "agent", "session_id", "trace_id"}
FIELDS = {
    "run.started": {"task", "model", "scripted", "location", "resumed", "tools", "run_tools", "policy_version"},
    "server.state": {"server", "state"},
    "sandbox.state": {"server", "kind", "isolated", "facts", "differences", "notes"},
    "turn.started": {"turn", "turn_id"},
    "route.decided": {"model", "reason", "turn_id"},
    "view.built": {"messages", "tools", "turn_id"},
    "message.delta": {"text", "turn_id"},
    "message.completed": {"text", "model", "calls", "stop", "turn_id", "span_id"},
    "turn.completed": {"turn", "usage", "turn_id", "span_id"},
    "call.proposed": {"server", "tool", "name", "arguments", "call_id", "turn_id", "span_id"},
    "call.decided": {"server", "tool", "decision", "reasons", "call_id", "turn_id", "span_id"},
    "approval.requested": {"approval_id", "server", "tool", "effect", "arguments", "rules", "expires", "call_id"},
    "approval.resolved": {"approval_id", "granted", "by", "call_id"},
    "call.started": {"server", "tool", "call_id", "turn_id", "span_id"},
    "call.completed": {"server", "tool", "decision", "outcome", "reasons", "duration_ms", "result", "call_id"},
    "run.completed": {"answer", "output", "status", "exit_code", "denied"},
    "run.failed": {"answer", "output", "status", "exit_code", "denied", "error"},
    "run.suspended": {"answer", "output", "status", "exit_code", "denied"},
    "warning": {"text"},
}
REPORT = {
    "run_id",
    "session_id",
    "status",
    "exit_code",
    "answer",
    "output",
    "models",
    "usage",
    "cost_usd",
    "calls",
    "denied",
    "trace_id",
    "record",
}


def kit(project: Project) -> None:
    project.add("kit", echo="read", look="read", append={"effect": "write", "approve": "always"})


def check_stream(done: Finished) -> None:
    """What holds for every stream of events, however its run ended."""
    events = done.events
    assert events[0]["type"] == "run.started"
    assert [event["type"] for event in events if event["type"] in TERMINAL] == [events[-1]["type"]]
    before = 0
    for event in events:
        assert event.keys() >= ENVELOPE, event
        assert FIELDS[event["type"]] <= event.keys(), event
        assert event["seq"] == before + (event["type"] != "message.delta")
        before = event["seq"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["ts"])
        assert re.fullmatch(r"[0-9a-f]{32}", event["trace_id"])
        assert re.fullmatch(r"[0-9a-f]{16}", event.get("span_id", "0" * 16))
    assert len({(event["run_id"], event["session_id"], event["trace_id"]) for event in events}) == 1
    assert events[-1]["exit_code"] == done.code


@pytest.mark.promise("a_run_is_told_whole")
def test_every_event_has_its_fields_and_its_number(project: Project) -> None:
    kit(project)
    path = str(project.folder / "effects")
    done = project.run(
        turn(
            ("kit.echo", {"text": "a"}),
            ("kit.append", {"path": path, "line": "b"}),
            ("kit.nothing", {}),
            ("kit.echo", {"text": 7}),
            text="I look.",
        ),
        "All done.",
        flags=["--approve", "kit.append"],
        output="jsonl",
    )
    check_stream(done)
    kinds = {event["type"] for event in done.events}
    assert kinds == EVENT_TYPES - {"context.compacted", "budget.updated", "pin.changed", "run.failed", "run.suspended"}
    assert (done.code, done.events[-1]["answer"], done.events[-1]["denied"]) == (0, "All done.", 2)
    assert "".join(event["text"] for event in done.of("message.delta")) == "I look.All done."
    decided = {event["call_id"]: event for event in done.of("call.decided")}
    completed = {event["call_id"]: event for event in done.of("call.completed")}
    proposed = [event["call_id"] for event in done.of("call.proposed")]
    assert list(decided) == list(completed) == proposed
    assert [decided[call]["decision"] for call in proposed] == ["allow", "ask", "deny", "deny"]
    assert [completed[call]["outcome"] for call in proposed] == ["succeeded", "succeeded", "denied", "denied"]
    assert decided[proposed[1]]["approval"] == "flag:--approve"


def test_the_stored_events_are_the_printed_ones(project: Project) -> None:
    kit(project)
    done = project.run(turn(("kit.echo", {"text": "a"})), "Done.", output="jsonl")
    with project.journal() as journal:
        stored = [event.flat() for event in journal.events(done.events[0]["run_id"])]
    assert [event for event in done.events if event["type"] != "message.delta"] == stored


def test_calls_keep_apart_when_a_model_repeats_its_ids(project: Project) -> None:
    kit(project)
    call = {"tool": "kit.echo", "arguments": {"text": "a"}, "provider_id": "call_1"}
    done = project.run({"calls": [call, call]}, {"calls": [call]}, "Done.", output="jsonl")
    check_stream(done)
    assert len({event["call_id"] for event in done.of("call.proposed")}) == 3
    assert [event["outcome"] for event in done.of("call.completed")] == ["succeeded"] * 3


@pytest.mark.parametrize(
    ("flags", "code", "last", "denied"),
    [
        (["--approvals", "wait"], 10, "run.suspended", 0),
        (["--approvals", "deny"], 3, "run.completed", 1),
        (["--max-turns", "1"], 5, "run.failed", 1),
    ],
)
@pytest.mark.promise("a_run_is_told_whole")
def test_a_run_that_does_not_end_well_is_told_whole_too(
    project: Project, flags: list[str], code: int, last: str, denied: int
) -> None:
    kit(project)
    script = [turn(("kit.append", {"path": str(project.folder / "x"), "line": "a"})), "Done."]
    done = project.run(*script, flags=flags, output="jsonl")
    check_stream(done)
    assert (done.code, done.events[-1]["type"]) == (code, last)

    done = project.run(*script, flags=flags)
    report = done.report
    assert report.keys() >= REPORT
    assert (done.code, report["exit_code"]) == (code, code)
    assert report["denied"] == denied
    assert report["record"]["entries"] > 0
    assert report["record"]["checkpoint"].startswith("sha256:")


def test_the_object_tells_calls_as_they_ended(project: Project) -> None:
    kit(project)
    path = str(project.folder / "x")
    report = project.run(
        turn(("kit.echo", {"text": "a"}), ("kit.append", {"path": path, "line": "b"}), ("kit.nothing", {})),
        "Done.",
        flags=["--approve", "kit.*"],
    ).report
    assert report.keys() >= REPORT
    assert (report["status"], report["exit_code"], report["answer"], report["denied"]) == ("completed", 0, "Done.", 1)
    assert re.fullmatch(r"[0-9a-f]{32}", report["trace_id"])
    assert (report["scripted"], report["unconfined"]) == (True, ["kit"])
    rows = [(call["server"], call["tool"], call["decision"], call["outcome"]) for call in report["calls"]]
    assert rows == [
        ("kit", "echo", "allow", "succeeded"),
        ("kit", "append", "ask", "succeeded"),
        (None, None, "deny", "denied"),
    ]
    assert report["calls"][1]["approval"] == "flag:--approve"
    assert report["calls"][2]["reasons"][0]["code"] == "unknown_tool"


def test_only_the_answer_is_on_stdout(project: Project) -> None:
    kit(project)
    done = project.run(turn(("kit.echo", {"text": "a"})), "The answer\x1b[2J.", output="text")
    assert done.out == "The answer\\x1b[2J.\n"
    assert "kit.echo" in done.err
    assert "\x1b" not in done.err
    assert "SCRIPTED" in done.err
    assert "UNCONFINED" in done.err


def test_the_answer_is_verbatim_in_json(project: Project) -> None:
    kit(project)
    assert project.run("a\x1b[2J\u202eb").report["answer"] == "a\x1b[2J\u202eb"
    assert project.run("a\x1b[2J\u202eb", output="jsonl").events[-1]["answer"] == "a\x1b[2J\u202eb"


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_broken_unicode_from_a_model_breaks_no_line(project: Project, output: str) -> None:
    """A script cannot hold half a surrogate pair; a model's raw JSON can, in arguments and in its text."""
    kit(project)
    call = Proposed("kit__echo", written='{"text": "\\ud800"}')
    with ChatServer(proposes(call, text="well\ud800"), says("Done\udfff.")) as server:
        project.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        done = project.call(*project.arguments(model=f"openai_chat:{server.model}", output=output))
    assert (done.code, done.err.count("Traceback")) == (0, 0)
    if output == "jsonl":
        check_stream(done)
        assert done.of("call.completed")[0]["reasons"][0]["code"] == "malformed_arguments"
        assert done.events[-1]["answer"].startswith("Done")
    else:
        assert done.report["answer"].startswith("Done")


def test_each_line_is_out_before_the_next_thing_happens(project: Project) -> None:
    """While a call hangs, a reader down the pipe has already seen that it started."""
    project.add("kit", look="read")
    hold = project.folder / "hold"
    hold.touch()
    script = project.script(
        turn(("kit.look", {"path": str(project.folder / "x"), "line": "a", "hold": str(hold)})), "Done."
    )
    process = project.start(*project.arguments(model=script, output="jsonl"), stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "call.started":
            break
    hold.unlink()
    assert [json.loads(line)["type"] for line in process.stdout][-1] == "run.completed"
    process.stdout.close()
    assert process.wait(20) == 0


def test_a_reader_that_leaves_stops_no_run(project: Project) -> None:
    kit(project)
    path = project.folder / "effects"
    script = project.script(turn(("kit.append", {"path": str(path), "line": "a"})), "Done.")
    arguments = project.arguments("--approve", "kit.*", model=script, output="jsonl")
    process = project.start(*arguments)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    process.wait(20)
    assert path.read_text() == "a\n"
    assert "Traceback" not in complaint
    with project.journal() as journal:
        assert journal.list_runs()[0].status == "completed"


def test_nothing_of_a_server_reaches_the_terminal_raw(project: Project) -> None:
    """What it prints between its messages and on stderr is counted or kept, never shown as it is."""
    project.add("noisy", hostile("garbage-between"), echo="read")
    done = project.run(turn(("noisy.echo", {"text": "a"})), "Done.", output="text")
    assert (done.code, done.out) == (0, "Done.\n")
    assert "rubbish" not in done.err


def test_the_program_says_the_same_as_the_code(project: Project) -> None:
    """One run through the installed program: the other tests call its main function."""
    kit(project)
    script = project.script(turn(("kit.echo", {"text": "a"})), "Done.")
    done = project.program(*project.arguments(model=script, output="json"))
    assert (done.code, done.report["answer"]) == (0, "Done.")
    assert GATEHOST.endswith("gatehost")


def test_progress_leaves_out_what_tells_nobody_anything() -> None:
    said: list[str] = []
    lines = ProgressLines(said.append)

    def tell(kind: EventType, data: JsonObject) -> None:
        lines.tell(Event(kind, "run_1", data=data))

    tell("server.state", {"server": "late", "state": "stopped"})
    tell("sandbox.state", {"server": "git", "isolated": True, "notes": ["runs as uid 0"], "differences": []})
    assert said == []
    tell("server.state", {"server": "git", "state": "ready"})
    tell("server.state", {"server": "git", "state": "stopped"})
    tell("sandbox.state", {"server": "git", "isolated": False, "notes": [], "differences": ["has a network"]})
    tell("call.completed", {"server": "git", "tool": "log", "outcome": "succeeded", "duration_ms": None})
    tell("warning", {"text": "two\nlines\x1b[2J"})
    assert said == [
        "  server git ready",
        "  server git stopped",
        "  git: UNCONFINED: no wall stands around it\n  git: WALL DIFFERS: has a network",
        "  ✓ git.log  succeeded",
        "  warning: two\n    lines\\x1b[2J",
    ]
