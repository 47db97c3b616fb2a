"""What is checked around a run's model, in whole runs: before each send, while it speaks and calls, and of its answer.

What each check finds is shown in `tests/tool_gateway/stages`; here, what becomes of a run that one of them ends. Also
how often, how many at once and how many times over one tool is called, and the settings that a task begins with.
"""

import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from context.events import Event, EventType
from context.json_values import JsonObject
from host.approvers import DenyApprover
from host.config.workshop import open_workshop
from host.journal import Journal
from host.outputs import RunReport
from host.runs.flags import RunFlags
from host.runs.runner import RunRequest, carry_out
from tests.host.projects import Finished, Project, lines, turn
from tests.host.told import Told, text, tool
from tests.hostile.programs import FOLDER

KEY = "-----BEGIN PRIVATE KEY-----"
TOKEN = "ghp_" + "Ab3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5"
ECHO = turn(("kit.echo", {"text": "a"}))

FLAKY = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(FOLDER)!r})
import server
MARKS = Path(sys.argv[1])
class Flaky(server.Server):
    def call(self, request, name, arguments):
        with MARKS.open("a") as file:
            file.write(name + "\\n")
        if len(MARKS.read_text().splitlines()) == 1:
            os._exit(5)
        server.result(request, server.text_result("here it is"))
    def tools(self):
        more = " And more." if "changes" in sys.argv and MARKS.exists() else ""
        schema = {{"type": "object", "properties": {{}}, "additionalProperties": False}}
        return [{{"name": "look", "description": "Tool look." + more, "inputSchema": schema}}]
Flaky().run()
"""
"""Dies in the first call that reaches it, and answers from then on; with `changes`, as another tool."""


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", trusted=True, echo="read", look="read", append={"effect": "write", "approve": "never"})
    return project


def config(project: Project, content: str, name: str = "gatehost.toml") -> list[str]:
    path = project.folder / name
    path.write_text(content)
    return ["--config", str(path)]


def checks(project: Project, content: str, name: str = "gatehost.toml") -> list[str]:
    return config(project, f"[agents.default.checks]\n{content}\n", name)


def append(project: Project, line: str = "a") -> tuple[str, JsonObject]:
    return "kit.append", {"path": str(project.folder / "effects"), "line": line}


def effects(project: Project) -> list[str]:
    return lines(project.folder / "effects")


def resume(project: Project, done: Finished, *options: str) -> Finished:
    run_id = done.events[0]["run_id"] if done.out.startswith('{"seq"') else done.report["run_id"]
    return project.call("runs", "resume", run_id, "--output", "json", *options)


def ended(done: Finished) -> tuple[int, str, str | None]:
    return done.code, done.report["status"], done.report["answer"]


# While it works: loops.


def test_a_call_that_is_repeated_with_the_same_result_stops_the_run(kit: Project) -> None:
    done = kit.run(*[turn(append(kit))] * 9, "Done.")
    assert ended(done) == (5, "failed", None)
    assert effects(kit) == ["a"] * 3
    assert "kit.append with the same arguments again, after 3 times" in done.report["error"]
    assert "`repeated_calls`" in done.report["error"]
    assert [call["outcome"] for call in done.report["calls"]] == [*["succeeded"] * 3, None]
    assert kit.verifies()


def test_a_loop_may_wait_for_somebody_to_look_and_is_counted_anew_then(kit: Project) -> None:
    flags = checks(kit, 'repeated_calls = 2\non_loop = "wait"')
    done = kit.run(*[turn(append(kit))] * 4, "Done.", flags=flags)
    assert (ended(done), effects(kit)) == ((10, "waiting", None), ["a"] * 2)
    done = resume(kit, done)
    assert (ended(done), effects(kit)) == ((0, "completed", "Done."), ["a"] * 4)


def test_the_same_call_with_other_arguments_or_another_result_is_no_loop(kit: Project) -> None:
    done = kit.run(*(turn(append(kit, str(number))) for number in range(6)), "Done.")
    assert (done.code, effects(kit)) == (0, list("012345"))
    poll = Told(kit, "job", [tool("status")], status="read")
    for number in range(5):
        poll.answers("status", text(f"{number} of 5"))
        seen = kit.run(turn(("job.status", {})), "Done.", flags=checks(kit, "repeated_calls = 1"))
        assert seen.code == 0


def test_refusals_alone_never_end_a_run(kit: Project) -> None:
    done = kit.run(*[turn(("kit.nothing", {}))] * 12, "Done.")
    assert (ended(done), done.report["denied"]) == ((0, "completed", "Done."), 12)


def test_turns_that_bring_nothing_new_stop_the_run(kit: Project) -> None:
    other = turn(("kit.echo", {"text": "b"}))
    done = kit.run(*[ECHO, other] * 9, "Done.", flags=checks(kit, "no_progress = 3"))
    assert ended(done) == (5, "failed", None)
    assert "3 turns in a row brought nothing new" in done.report["error"]
    assert len(done.report["calls"]) == 5


# While it works: content and size.


def test_what_a_model_may_not_say_stops_the_run_and_is_told_to_nobody(kit: Project) -> None:
    flags = checks(kit, 'patterns = [{ pattern = "BEGIN PRIVATE" }]')
    done = kit.run(turn(append(kit), text=f"Here: {KEY}"), "Done.", flags=flags, output="jsonl")
    last = done.events[-1]
    assert (done.code, last["type"], last["status"], last["exit_code"]) == (5, "run.failed", "failed", 5)
    assert "the model's output matches the pattern BEGIN PRIVATE" in last["error"]
    assert [event["code"] for event in done.of("warning") if "code" in event] == ["pattern_found"]
    assert effects(kit) == [], "nothing of such a turn is carried out"
    assert not done.of("message.completed")


def test_what_a_model_may_not_say_may_wait_and_the_run_goes_on_by_other_rules(kit: Project) -> None:
    held = checks(kit, 'patterns = [{ pattern = "BEGIN PRIVATE", action = "wait" }]')
    done = kit.run(turn(append(kit)), f"It is {KEY}", flags=held, output="jsonl")
    assert (done.code, done.events[-1]["type"], done.events[-1]["answer"]) == (10, "run.suspended", None)
    again = resume(kit, done)
    assert ended(again) == (10, "waiting", None)
    again = resume(kit, again, *checks(kit, "", "other.toml"))
    assert (ended(again), effects(kit)) == ((0, "completed", f"It is {KEY}"), ["a"])


def test_what_may_not_stand_in_arguments_is_not_sent(kit: Project) -> None:
    flags = checks(kit, 'patterns = [{ pattern = "BEGIN PRIVATE", where = "arguments" }]')
    done = kit.run(turn(append(kit, "first"), append(kit, KEY)), "Done.", flags=flags)
    assert (ended(done), effects(kit)) == ((5, "failed", None), [])
    assert "the arguments of kit.append match" in done.report["error"].replace("matches", "match")


def test_output_without_end_stops_the_run(kit: Project) -> None:
    done = kit.run("word " * 200, flags=checks(kit, "output_tokens = 100"))
    assert ended(done) == (5, "failed", None)
    assert "passed 100 tokens" in done.report["error"]


# Of the answer.


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        ('required = ["# Summary"]', "All is well.", "# Summary\nAll is well."),
        ('citations = "required"', "It says a.", "notes/a.txt says a."),
        ('citations = "checked"', "notes/b.txt says b.", "notes/a.txt says a."),
        ('forbidden = ["(?i)guarantee"]', "I guarantee it.", "It is so."),
        ('answer_without = ["secret"]', f"It is {TOKEN}.", "It is a token."),
    ],
)
def test_an_answer_is_mended_once_or_fails(kit: Project, check: str, bad: str, good: str) -> None:
    read = turn(("kit.echo", {"text": "notes/a.txt"}))
    flags = checks(kit, check)
    assert ended(kit.run(read, good, flags=flags)) == (0, "completed", good)
    mended = kit.run(read, bad, good, flags=flags)
    assert ended(mended) == (0, "completed", good)
    failed = kit.run(read, bad, bad, good, flags=flags)
    assert failed.code == 8
    assert failed.report["status"] == "failed"
    assert "fails the agent's checks after one regeneration" in failed.report["error"]
    with kit.journal() as journal:
        (asked,) = [message.text for message in journal.messages(mended.report["run_id"]) if message.role == "user"][1:]
    assert asked.startswith("Your answer was rejected by a mechanical check:\n- the answer ")
    assert asked.endswith("Answer again.")
    assert TOKEN not in asked


def test_a_schema_and_the_checks_are_mended_together(kit: Project) -> None:
    schema = kit.folder / "schema.json"
    schema.write_text('{"type": "object", "required": ["n"]}')
    flags = [*checks(kit, 'required = ["/why"]'), "--schema", str(schema)]
    done = kit.run("{}", '{"n": 1, "why": "so"}', flags=flags)
    assert (done.code, done.report["output"]) == (0, {"n": 1, "why": "so"})
    done = kit.run("{}", '{"n": 1}', flags=flags)
    assert (done.code, done.report["output"]) == (8, {"n": 1})
    assert "/why" in done.report["error"]


# Before each send.

PLACES = """
[models.far]
adapter = "scripted"
model = "{script}"
location = "cloud"
[models.near]
adapter = "scripted"
model = "{script}"
location = "local"
{more}
"""


def placed(project: Project, *turns: JsonObject | str, more: str = "") -> list[str]:
    """The same script as a model far away and as one on this machine."""
    script = project.script(*turns).partition(":")[2]
    return config(project, PLACES.format(script=script, more=more))


def run_on(project: Project, model: str, flags: list[str]) -> Finished:
    return project.call(*project.arguments(*flags, model=model, output="json"))


def sends(project: Project, done: Finished) -> list[JsonObject]:
    shown = project.call("audit", "show", done.report["run_id"], "--json").report
    return [entry["body"] for entry in shown["entries"] if entry["type"] == "send"]


@pytest.mark.parametrize("label", ["pii", "secret", "restricted"])
def test_labelled_content_is_sent_to_a_local_model_only(project: Project, label: str) -> None:
    project.add("kit", echo="read")
    project.change("kit", returns={"integrity": "untrusted", "labels": [label, "team"]})
    flags = placed(project, ECHO, "Done.")
    near = run_on(project, "near", flags)
    assert ended(near) == (0, "completed", "Done.")
    far = run_on(project, "far", flags)
    assert ended(far) == (3, "failed", None)
    assert f"content labelled {label}, and model far is a cloud model" in far.report["error"]
    assert 'location = "local"' in far.report["error"]
    first, second = sends(project, far)
    assert (first["decision"], first["labels"]) == ("allow", [])
    assert (second["decision"], second["labels"], second["integrity"]) == ("deny", [label, "team"], "untrusted")
    assert [(body["decision"], body["labels"]) for body in sends(project, near)][1] == ("allow", [label, "team"])
    assert project.verifies()


def test_a_run_that_was_withheld_from_one_model_goes_on_with_another(project: Project) -> None:
    project.add("kit", echo="read")
    project.change("kit", returns={"integrity": "untrusted", "labels": ["pii"]})
    far = run_on(project, "far", placed(project, ECHO, "Done."))
    assert far.code == 3
    assert resume(project, far).code == 3
    assert ended(resume(project, far, "--model", "near")) == (0, "completed", "Done.")


def test_other_labels_go_anywhere_unless_the_agent_says_otherwise(project: Project) -> None:
    project.add("kit", echo="read")
    project.change("kit", returns={"integrity": "untrusted", "labels": ["team"]})
    assert run_on(project, "far", placed(project, ECHO, "Done.")).code == 0
    kept = placed(project, ECHO, "Done.", more='[agents.default.checks]\nlocal_only = ["team"]')
    assert run_on(project, "far", kept).code == 3


@pytest.mark.parametrize(("label", "code"), [("left", 0), ("found", 3)])
def test_what_surrounds_a_redacted_secret_stays_here_where_that_is_asked(
    project: Project, label: str, code: int
) -> None:
    vault = Told(project, "vault", [tool("get")], get="read")
    vault.answers("get", text(f"The token is {TOKEN}."))
    flags = placed(project, turn(("vault.get", {})), "Done.", more=f'[redaction]\nlabel = "{label}"')
    assert run_on(project, "far", flags).code == code
    assert TOKEN.encode() not in project.bytes_at_rest()


def test_a_view_beyond_a_models_window_is_not_sent(kit: Project) -> None:
    flags = placed(kit, "Done.")
    path = Path(flags[1])
    path.write_text(path.read_text().replace('location = "local"', 'location = "local"\nwindow = 10'))
    done = run_on(kit, "near", flags)
    assert done.code == 3
    assert "model near takes 10" in done.report["error"]


# Limits of one tool.


def told_of(done: Finished, kind: EventType) -> list[float]:
    """When, in seconds."""
    return [datetime.fromisoformat(event["ts"]).timestamp() for event in done.of(kind)]


def test_a_call_waits_for_its_turn_and_then_goes_out(project: Project) -> None:
    project.add("kit", tools={"echo": {"effect": "read", "limits": {"rate": "1/300ms"}}})
    calls = (("kit.echo", {"text": str(number)}) for number in range(3))
    done = project.run(turn(*calls), "Done.", output="jsonl")
    assert [event["outcome"] for event in done.of("call.completed")] == ["succeeded"] * 3
    started = told_of(done, "call.started")
    assert all(later - earlier > 0.28 for earlier, later in pairwise(started)), started


class Announcer:
    """Says which run came how far, and lets others wait for it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, EventType]] = []
        self._news = anyio.Event()

    def named(self, name: str) -> "Announcer._Of":
        return Announcer._Of(self, name)

    class _Of:
        def __init__(self, owner: "Announcer", name: str) -> None:
            self._owner = owner
            self._name = name

        def tell(self, event: Event) -> None:
            self._owner.told.append((self._name, event.type))
            self._owner._news.set()
            self._owner._news = anyio.Event()

    async def until(self, name: str, kind: EventType) -> None:
        while (name, kind) not in self.told:
            await self._news.wait()


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_runs_of_one_process_share_the_places_of_a_tool(project: Project, concurrency: int) -> None:
    """One run holds the tool; the other's call leaves at once only where there is a second place."""
    project.add("kit", tools={"look": {"effect": "read", "limits": {"concurrency": concurrency}}})
    hold = project.folder / "hold"
    hold.touch()
    call: JsonObject = {"path": str(project.folder / "effects"), "line": "a", "hold": str(hold)}
    model = project.script(turn(("kit.look", call)), "Done.")
    workshop = open_workshop(config=None, servers=str(project.servers))
    told = Announcer()
    codes: list[int] = []

    with Journal.open(workshop.home.journal) as journal, anyio.fail_after(20):

        async def one(name: str) -> None:
            request = RunRequest(flags=RunFlags(model=model, servers=str(project.servers)), task="do it")
            report: RunReport = await carry_out(
                request,
                workshop=workshop,
                journal=journal,
                approver=DenyApprover(),
                tellers=(told.named(name),),
            )
            codes.append(report.exit_code)

        async with anyio.create_task_group() as group:
            group.start_soon(one, "first")
            await told.until("first", "call.started")
            group.start_soon(one, "second")
            with anyio.move_on_after(0.4 if concurrency == 1 else 10) as waiting:
                await told.until("second", "call.started")
            assert ("second", "call.proposed") in told.told
            assert waiting.cancelled_caught == (concurrency == 1)
            hold.unlink()
    assert (codes, lines(project.folder / "effects")) == ([0, 0], ["a", "a"])


def flaky(project: Project, *options: str, **look: Any) -> None:
    program = project.folder / "flaky.py"
    program.write_text(FLAKY)
    command = (sys.executable, "-I", str(program), str(project.folder / "marks"), *options)
    project.add("flaky", command, accept=False, tools={"look": look})
    project.accept("flaky", [tool("look")])


@pytest.mark.parametrize(
    ("rule", "code", "outcome", "marks"),
    [
        ({"effect": "read"}, 7, "failed", 1),
        ({"effect": "read", "limits": {"retries": 2}}, 0, "succeeded", 2),
        ({"effect": "write"}, 9, "in_doubt", 1),
        ({"effect": "write", "idempotent": True, "limits": {"retries": 2}}, 0, "succeeded", 2),
    ],
)
def test_what_was_not_answered_is_sent_again_only_where_that_does_no_harm(
    project: Project, rule: JsonObject, code: int, outcome: str, marks: int
) -> None:
    flaky(project, **rule)
    done = project.run(turn(("flaky.look", {})), "Done.")
    assert (done.code, [call["outcome"] for call in done.report["calls"]]) == (code, [outcome])
    assert len(lines(project.folder / "marks")) == marks


@pytest.mark.promise("calls_are_admitted_within_their_limits")
def test_a_tool_that_changed_before_it_was_asked_again_is_not_called(project: Project) -> None:
    flaky(project, "changes", effect="read", limits={"retries": 2})
    done = project.run(turn(("flaky.look", {})), turn(("flaky.look", {})), "Done.")
    assert [call["outcome"] for call in done.report["calls"]] == ["failed", "denied"]
    assert done.report["calls"][1]["reasons"][0]["code"] == "pin_changed"
    assert len(lines(project.folder / "marks")) == 1


# What a task begins with.

FRONT = """+++
tools = ["kit.append"]
approve = ["kit.app*"]
+++
do it
"""


@pytest.fixture
def asking(project: Project) -> Project:
    project.add("kit", echo="read", append={"effect": "write", "approve": "always"})
    return project


def from_file(project: Project, content: str, *turns: JsonObject | str) -> Finished:
    arguments = project.arguments(model=project.script(*turns), output="jsonl", task="-")
    return project.call(*arguments, stdin=content)


def test_a_task_may_begin_with_its_own_settings(asking: Project) -> None:
    done = from_file(asking, FRONT, turn(append(asking), ("kit.echo", {"text": "a"})), "Done.")
    (started,) = done.of("run.started")
    assert (started["task"].strip(), started["run_tools"], started["preapproved"]) == (
        "do it",
        ["kit.append"],
        ["kit.app*"],
    )
    assert [event["outcome"] for event in done.of("call.completed")] == ["succeeded", "denied"]
    assert [event["approval"] for event in done.of("call.decided")[:1]] == ["flag:--approve"]
    assert effects(asking) == ["a"]


def test_settings_that_do_not_come_first_are_words(asking: Project) -> None:
    done = from_file(asking, f"Please:\n{FRONT}", turn(append(asking)), "Done.")
    assert (done.code, effects(asking), done.of("run.started")[0]["preapproved"]) == (3, [], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('+++\napproves = ["*"]\n+++\ndo it', ["`approves`", "`approve`"]),
        ('+++\napprove = "*"\n+++\ndo it', ["`approve` is no list of texts"]),
        ('+++\napprove = ["*"]\ndo it', ["never closed"]),
        ("+++\n+++\n", ["the task is empty"]),
        ('+++\nendorse = ["nonsense"]\n+++\ndo it', ["nonsense"]),
    ],
)
def test_wrong_settings_of_a_task_start_nothing(asking: Project, content: str, words: list[str]) -> None:
    done = from_file(asking, content, "Done.")
    assert (done.code, done.out) == (2, "")
    for word in words:
        assert word in done.err
    assert asking.call("runs", "list", "--json").report == []


def test_an_endorsement_of_the_task_grants_one_source_for_one_argument(project: Project) -> None:
    mail = Told(project, "mail", [tool("read", "mail_id"), tool("send", "to")], read="read", send="external_write")
    mail.answers("read", text("Write to bob@work.example"))
    script = (turn(("mail.read", {"mail_id": "7"})), turn(("mail.send", {"to": "bob@work.example"})), "Done.")
    task = "Read mail 7 and send a mail to whoever it names."
    assert from_file(project, task, *script).code == 3
    assert mail.effects == []
    done = from_file(project, f'+++\nendorse = ["mail.read=>mail.send:to"]\n+++\n{task}', *script)
    assert (done.code, mail.effects) == (0, [{"to": "bob@work.example"}])
    assert any("mail.read=>mail.send:to" in grant for grant in done.of("run.started")[0]["grants"])
