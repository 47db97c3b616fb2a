"""`--session` and `--continue`: a run that sees what was said before it."""

import pytest

from context.json_values import JsonObject
from tests.host.projects import Finished, Project
from tests.wire.openai_chat_server import KEY, ChatServer, Proposed, proposes, says


def run(project: Project, server: ChatServer, task: str, *options: str) -> Finished:
    project.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
    return project.call(*project.arguments(*options, model=f"openai_chat:{server.model}", output="json", task=task))


def said(body: JsonObject) -> list[tuple[str, str]]:
    return [(message["role"], message.get("content") or "") for message in body["messages"][1:]]  # type: ignore[union-attr,index,call-overload]


@pytest.mark.parametrize("how", ["--session", "--continue"])
def test_a_later_run_sees_the_messages_of_the_earlier_one(project: Project, how: str) -> None:
    project.add("kit", echo="read")
    with ChatServer(proposes(Proposed("kit__echo", {"text": "pong"})), says("It said pong."), says("Yes.")) as server:
        first = run(project, server, "ping it")
        options = [how, first.report["session_id"]] if how == "--session" else [how]
        second = run(project, server, "are you sure?", *options)
        seen = said(server.bodies[-1])
    assert second.code == 0
    assert second.report["session_id"] == first.report["session_id"]
    assert second.report["run_id"] != first.report["run_id"]
    assert seen == [
        ("user", "ping it"),
        ("assistant", ""),
        ("tool", "pong"),
        ("assistant", "It said pong."),
        ("user", "are you sure?"),
    ]
    assert second.report["calls"] == [], "the calls of the first run are not those of the second"


def test_a_run_without_them_sees_nothing_of_others(project: Project) -> None:
    with ChatServer(says("One."), says("Two.")) as server:
        run(project, server, "first")
        run(project, server, "second")
        assert said(server.bodies[-1]) == [("user", "second")]


def test_continue_takes_the_latest_session_of_this_folder(project: Project) -> None:
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    with ChatServer(says("Done."), repeat=True) as server:
        here = run(project, server, "here")
        project.monkeypatch.chdir(elsewhere)
        there = run(project, server, "there")
        project.monkeypatch.chdir(project.work)
        assert run(project, server, "go on", "--continue").report["session_id"] == here.report["session_id"]
    assert there.report["session_id"] != here.report["session_id"]


@pytest.mark.parametrize("end", ["waits", "turns"])
def test_calls_that_were_never_answered_break_no_later_run(project: Project, end: str) -> None:
    """Providers refuse a conversation in which a call has no result."""
    project.add("kit", append={"effect": "write", "approve": "always"})
    call = Proposed("kit__append", {"path": str(project.folder / "x"), "line": "a"})
    options = ["--approvals", "wait"] if end == "waits" else ["--max-turns", "1"]
    with ChatServer(proposes(call), says("Fine.")) as server:
        run(project, server, "do it", *options)
        second = run(project, server, "never mind", "--continue")
        messages = server.bodies[-1]["messages"]
    assert second.code == 0
    asked = [item["id"] for message in messages for item in message.get("tool_calls", ())]
    told = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert asked == told
    assert messages[-1] == {"role": "user", "content": "never mind"}
