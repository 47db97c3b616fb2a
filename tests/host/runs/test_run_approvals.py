"""A call that needs a person: asked at a terminal, authorised beforehand, or answered later from elsewhere."""

import io
import json
import os
import pty
import re
import select
import signal
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from context.calls import ToolRef
from context.json_values import JsonObject
from host.approvers import TerminalApprover
from host.approvers.card import card
from tests.host.projects import Finished, Project, lines, turn
from tests.wire.openai_chat_server import KEY, ChatServer, Proposed, proposes, says
from tool_gateway.interface import Answered, ApprovalRequest

ROW = {"id", "run_id", "agent", "server", "tool", "arguments", "values", "rules", "status", "expires"}


@pytest.fixture
def asking(project: Project) -> Project:
    project.add(
        "kit",
        echo="read",
        change="read",
        append={"effect": "write", "approve": "always"},
        die={"effect": "destructive"},
    )
    return project


def call(project: Project, line: str = "a") -> tuple[str, JsonObject]:
    return "kit.append", {"path": str(project.folder / "effects"), "line": line}


def effects(project: Project) -> list[str]:
    return lines(project.folder / "effects")


def wait(project: Project, *turns: JsonObject | str, flags: Sequence[str] = ()) -> Finished:
    """A run that ends waiting for its first approval."""
    done = project.run(*(turns or (turn(call(project)), "Done.")), flags=["--approvals", "wait", *flags])
    assert done.code == 10, done.err
    return done


def rows(project: Project) -> list[JsonObject]:
    return project.call("approvals", "list", "--json").report  # type: ignore[no-any-return]


def answer(project: Project, verb: str, *options: str) -> Finished:
    """From another process."""
    return project.fork("approvals", verb, str(rows(project)[0]["id"]), *options).finish()


def resume(project: Project, run: Finished, *options: str) -> Finished:
    return project.call("runs", "resume", run.report["run_id"], "--output", "json", *options)


def first(done: Finished) -> JsonObject:
    return done.report["calls"][0]  # type: ignore[no-any-return]


# Waiting.


def test_what_waits_is_listed_with_its_call(asking: Project) -> None:
    done = wait(asking)
    (row,) = rows(asking)
    assert row.keys() >= ROW
    assert (row["run_id"], row["agent"], row["status"]) == (done.report["run_id"], "default", "pending")
    assert (row["server"], row["tool"], row["arguments"]) == ("kit", "append", call(asking)[1])
    assert {value["path"] for value in row["values"]} == {"path", "line"}  # type: ignore[index,union-attr,call-overload]
    assert effects(asking) == []


@pytest.mark.promise("an_approved_call_is_made_once")
def test_an_approved_call_is_made_exactly_once(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "approve").code == 0
    done = resume(asking, done)
    assert (done.code, first(done)["decision"], first(done)["outcome"]) == (0, "ask", "succeeded")
    assert str(first(done)["approval"]).startswith("cli:")
    assert effects(asking) == ["a"]
    assert rows(asking)[0]["status"] == "used"
    again = resume(asking, done)
    assert (again.code, effects(asking)) == (2, ["a"])
    assert asking.verifies()


def test_an_open_question_suspends_the_run_again(asking: Project) -> None:
    done = wait(asking)
    for _ in range(2):
        done = resume(asking, done)
        assert (done.code, done.report["status"]) == (10, "waiting")
    assert len(rows(asking)) == 1
    assert asking.call("audit", "show", done.report["run_id"], "--json").out.count('"type": "approval"') == 1


def test_a_denial_with_a_note_is_told_to_the_model(asking: Project) -> None:
    """Also that it was a person who said no."""
    with ChatServer(proposes(Proposed(*_wire(call(asking)))), says("I see.")) as server:
        asking.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        model = f"openai_chat:{server.model}"
        done = asking.call(*asking.arguments("--approvals", "wait", model=model, output="json"))
        assert answer(asking, "deny", "--note", "not on a Friday").code == 0
        done = resume(asking, done)
        shown = server.bodies[-1]["messages"][-1]
    assert (shown["role"], done.code, done.report["answer"]) == ("tool", 3, "I see.")
    assert "not on a Friday" in shown["content"]
    assert "not approved" in shown["content"]
    assert effects(asking) == []


def _wire(call: tuple[str, JsonObject]) -> tuple[str, JsonObject]:
    return call[0].replace(".", "__"), call[1]


@pytest.mark.promise("an_approval_is_used_once")
def test_a_question_is_answered_once(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "deny").code == 0
    second = answer(asking, "approve")
    assert (second.code, "denied already" in second.err) == (2, True)
    assert resume(asking, done).code == 3
    assert effects(asking) == []


@pytest.mark.promise("an_approval_is_used_once")
@pytest.mark.parametrize("answered", [False, True])
def test_a_question_that_expired_counts_as_denied(asking: Project, answered: bool) -> None:
    config = asking.folder / "gatehost.toml"
    config.write_text('[approvals]\nexpires = "1500ms"\n')
    done = wait(asking, flags=["--config", str(config)])
    if answered:
        assert asking.call("approvals", "approve", str(rows(asking)[0]["id"])).code == 0
    end = monotonic() + 10
    while rows(asking)[0]["status"] != "expired":
        assert monotonic() < end
    done = resume(asking, done)
    assert (done.code, first(done)["outcome"]) == (3, "denied")
    assert first(done)["reasons"][0]["code"] == "expired"  # type: ignore[index,call-overload]
    assert effects(asking) == []


def test_several_questions_of_one_turn_wait_together(asking: Project) -> None:
    done = wait(asking, turn(call(asking, "a"), ("kit.echo", {"text": "x"}), call(asking, "b")), "Done.")
    assert [row["status"] for row in rows(asking)] == ["pending", "pending"]
    assert [item["outcome"] for item in done.report["calls"]] == [None, "succeeded", None]
    for row in rows(asking):
        assert asking.call("approvals", "approve", str(row["id"])).code == 0
    done = resume(asking, done)
    assert (done.code, effects(asking)) == (0, ["a", "b"])


@pytest.mark.promise("an_approval_fits_one_call")
def test_a_tool_that_changed_after_the_question_is_refused(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "approve").code == 0
    asking.changed.write_text("all")
    done = resume(asking, done)
    assert (done.code, first(done)["decision"], first(done)["outcome"]) == (3, "ask", "denied")
    assert first(done)["reasons"][0]["code"] == "pin_changed"  # type: ignore[index,call-overload]
    assert effects(asking) == []


@pytest.mark.promise("an_approval_fits_one_call")
def test_a_rule_that_changed_after_the_question_asks_again(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "approve").code == 0
    asking.change("kit", tools={"append": {"effect": "destructive"}, "echo": {"effect": "read"}})
    done = resume(asking, done)
    assert (done.code, effects(asking)) == (10, [])
    (row,) = rows(asking)
    assert row["status"] == "pending"


def test_a_narrower_scope_on_resuming_refuses_what_was_approved(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "approve").code == 0
    done = resume(asking, done, "--tools", "kit.echo")
    assert (done.code, effects(asking)) == (3, [])


# For good.


@pytest.mark.promise("a_standing_rule_ends")
def test_a_rule_for_good_answers_later_runs_until_it_is_revoked(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "approve", "--always").code == 0
    assert resume(asking, done).code == 0
    (rule,) = asking.call("approvals", "rules", "--json").report
    later = asking.run(turn(call(asking)), "Done.")
    assert (later.code, effects(asking)) == (0, ["a", "a"])
    assert (first(later)["decision"], first(later)["approval"]) == ("ask", f"rule:{rule['id']}")
    other = asking.run(turn(call(asking, "b")), "Done.")
    assert (other.code, effects(asking)) == (3, ["a", "a"])
    assert asking.call("approvals", "revoke", rule["id"]).code == 0
    assert asking.run(turn(call(asking)), "Done.").code == 3
    assert effects(asking) == ["a", "a"]
    assert asking.verifies()


@pytest.mark.promise("a_standing_rule_ends")
@pytest.mark.promise("an_approval_fits_one_call")
def test_a_rule_for_good_ends_where_the_tool_is_another(asking: Project) -> None:
    done = wait(asking)
    assert answer(asking, "approve", "--always", "--same", "path").code == 0
    assert resume(asking, done).code == 0
    assert asking.run(turn(call(asking, "b")), "Done.").code == 0
    asking.change("kit", tools={"append": {"effect": "destructive", "approve": "always"}})
    asking.accept("kit")
    assert asking.run(turn(call(asking, "c")), "Done.").code == 3
    assert effects(asking) == ["a", "b"]


def test_an_answer_from_another_terminal_ends_the_question_here(asking: Project) -> None:
    script = asking.script(turn(call(asking)), "Done.")
    terminal = Terminal(asking, *asking.arguments(model=script, output="json"))
    terminal.read_until("denies) ›")
    assert answer(asking, "approve").code == 0
    terminal.read_until("approved elsewhere")
    code, report = terminal.finish()
    assert (code, effects(asking)) == (0, ["a"])
    assert str(report["calls"][0]["approval"]).startswith("cli:")  # type: ignore[index,call-overload]


# Beforehand.


def test_a_call_that_was_authorised_beforehand_says_so(asking: Project) -> None:
    done = asking.run(turn(call(asking)), "Done.", flags=["--approve", "kit.app*"], output="jsonl")
    assert (done.code, effects(asking)) == (0, ["a"])
    (resolved,) = done.of("approval.resolved")
    assert (resolved["granted"], resolved["by"]) == (True, "flag:--approve")
    assert done.of("run.started")[0]["preapproved"] == ["kit.app*"]
    shown = asking.call("audit", "show", done.events[0]["run_id"], "--json").report
    assert "flag:--approve" in [entry.get("by") or entry["body"].get("by") for entry in shown["entries"]]


def test_an_authorisation_names_no_other_tool(asking: Project) -> None:
    done = asking.run(turn(call(asking)), "Done.", flags=["--approve", "kit.die", "--approve", "other.append"])
    assert (done.code, effects(asking)) == (3, [])


# At the terminal.


class Terminal:
    """The program at a terminal of its own, with a person who answers what it asks."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.near, far = pty.openpty()
        self.process = project.start(*arguments, stdin=far, stderr=far, start_new_session=True)
        os.close(far)
        self.shown = ""

    def read_until(self, text: str) -> None:
        end = monotonic() + 20
        while text not in self.shown:
            assert monotonic() < end, self.shown
            if select.select([self.near], [], [], 0.1)[0]:
                self.shown += os.read(self.near, 65536).decode()

    def type(self, text: str) -> None:
        os.write(self.near, text.encode())

    def finish(self) -> tuple[int, JsonObject]:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        self.process.stdout.close()
        code = self.process.wait(20)
        os.close(self.near)
        return code, json.loads(out)


@pytest.mark.parametrize(
    ("typed", "code", "note"),
    [
        ("y\n", 0, None),
        ("n too risky\n", 3, "too risky"),
        ("\n", 3, None),
        ("maybe\n\x04", 3, None),
    ],
)
def test_a_person_at_the_terminal_decides(asking: Project, typed: str, code: int, note: str | None) -> None:
    script = asking.script(turn(call(asking)), "Done.")
    terminal = Terminal(asking, *asking.arguments(model=script, output="json"))
    terminal.read_until("denies) ›")
    terminal.type(typed)
    ended, report = terminal.finish()
    assert (ended, effects(asking)) == (code, ["a"] if code == 0 else [])
    (row,) = report["calls"]  # type: ignore[misc,union-attr]
    if code == 0:
        assert re.fullmatch(r"terminal:\S+", str(row["approval"]))  # type: ignore[index,call-overload]
    elif note:
        assert note in str(row["reasons"])  # type: ignore[index,call-overload]


def test_an_interruption_at_the_question_leaves_it_open(asking: Project) -> None:
    script = asking.script(turn(call(asking)), "Done.")
    terminal = Terminal(asking, *asking.arguments(model=script, output="json"))
    terminal.read_until("denies) ›")
    terminal.process.send_signal(signal.SIGINT)
    code, report = terminal.finish()
    assert (code, report["status"], effects(asking)) == (130, "interrupted", [])
    assert rows(asking)[0]["status"] == "pending"
    done = asking.call("runs", "resume", str(report["run_id"]), "--approve", "kit.*", "--output", "json")
    assert (done.code, effects(asking)) == (0, ["a"])


@pytest.mark.parametrize(
    ("typed", "granted", "note"),
    [
        ("y\n", True, None),
        (" YES \n", True, None),
        ("y", True, None),
        ("n\n", False, None),
        ("no  never\n", False, "never"),
        ("\n", False, None),
        ("", False, None),
        ("maybe later\ny\n", True, None),
        ("maybe later\nperhaps\n", False, "perhaps"),
        ("yes but\n\n", False, None),
        ("yess\n", False, None),
    ],
)
async def test_nothing_but_yes_is_yes(typed: str, granted: bool, note: str | None) -> None:
    """What is neither yes nor no is asked for once more."""
    shown: list[str] = []
    (answered,) = await TerminalApprover(source=io.StringIO(typed), write=shown.append).ask([_request()])
    assert isinstance(answered, Answered)
    assert (answered.granted, answered.note) == (granted, note)
    assert answered.by.startswith("terminal:")
    assert shown[0] == card(_request())


def _request(**changes: Any) -> ApprovalRequest:
    ref = ToolRef("kit", "append")
    request = ApprovalRequest(
        "apr_1", "run_1", "call_1", "default", ref, "write", {}, "b", ("approve:policy",), (), 9e9
    )
    return replace(request, **changes)


@pytest.mark.promise("nothing_hidden_reaches_a_reader")
def test_a_card_holds_no_hidden_character() -> None:
    arguments: JsonObject = {"a\x1b[1A": 5, "b\u202e": [None, "c\rd\x07"], "e\n": True, "f": "\U000e0041"}
    shown = card(_request(arguments=arguments))
    assert '"a\\x1b[1A" = 5' in shown
    assert '"b\\u202e"[1] = "c\\x0dd\\x07"' in shown
    assert not set(shown) & set("\x1b\r\x07\u202e\U000e0041")


def test_a_card_shows_every_value_and_what_is_cut_off(asking: Project) -> None:
    path = str(asking.folder / "effects")
    line = "x" * 3000 + "\x1b[2J\rharmless"
    script = asking.script(turn(("kit.append", {"path": path, "line": line})), "Done.")
    terminal = Terminal(asking, *asking.arguments(model=script, output="json"))
    terminal.read_until("denies) ›")
    lines = terminal.shown[terminal.shown.index("asks to be approved") :].replace("\r\n", "\n").split("\n")
    terminal.type("\n")
    terminal.finish()
    assert all(len(line) <= 100 for line in lines)
    card = "\n".join(lines).replace("\n      ┆ ", "")
    assert path in card
    assert "approve:always" in card and "effect: write" in card
    assert "\x1b" not in card and "\r" not in card
    assert "… 2,013 more characters …" in card
    assert 'harmless"' in card
    assert re.search(r"gatehost approvals show apr_\w+", card)


def test_without_a_terminal_nobody_is_asked(asking: Project) -> None:
    assert asking.run(turn(call(asking)), "Done.", flags=["--approvals", "ask"]).code == 3
