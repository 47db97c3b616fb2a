"""Calls of a client: side by side, given up, cut off by its end; and what is left afterwards."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.host.projects import Project, hostile, lines, until
from tests.host.serve.raw_client import ERAS, MODERN, Served, text


@pytest.fixture
def kit(project: Project) -> Project:
    project.add("kit", echo="read", look="read", append="write", fail="read", die="write")
    (project.folder / "hold").touch()
    return project


def held(project: Project, line: str = "a") -> dict[str, Any]:
    """Arguments of a call that reaches its server and is not answered while the file `hold` exists."""
    return {"path": str(project.folder / "effects"), "line": line, "hold": str(project.folder / "hold")}


def reached(project: Project, *expected: str) -> None:
    until(lambda: lines(project.folder / "effects") == list(expected))


def let_go(project: Project) -> None:
    (project.folder / "hold").unlink()


def run_row(project: Project) -> Any:
    (run,) = project.call("runs", "list", "--json").report
    return run


def calls(project: Project) -> list[Any]:
    shown = project.call("runs", "show", run_row(project)["run_id"], "--json").report
    return shown["calls"]  # type: ignore[no-any-return]


def servers_of(pid: int) -> list[int]:
    """Processes that a living process has started, theirs included."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *servers_of(child)]
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_slow_call_holds_up_no_other(kit: Project) -> None:
    with Served(kit) as served:
        served.hello()
        slow = served.propose("kit__append", held(kit))
        reached(kit, "a")
        looks = [served.propose("kit__look", held(kit, line)) for line in "bc"]
        until(lambda: sorted(lines(kit.folder / "effects")) == ["a", "b", "c"])
        assert text(served.call("kit__echo", {"text": "quick"})) == "quick"
        assert not any(found.get("id") in {slow, *looks} for found in served.seen)
        let_go(kit)
        assert text(served.answer(slow)["result"]) == "done: a"
        assert [text(served.answer(look)["result"]) for look in looks] == ["done: b", "done: c"]
    assert run_row(kit)["status"] == "completed"
    assert {call["outcome"] for call in calls(kit)} == {"succeeded"}
    assert kit.verifies()


def test_many_calls_at_once_are_each_carried_once(kit: Project) -> None:
    let_go(kit)
    with Served(kit) as served:
        served.hello()
        asked = [served.propose("kit__append", {"path": held(kit)["path"], "line": str(n)}) for n in range(40)]
        assert [text(served.answer(each)["result"]) for each in asked] == [f"done: {n}" for n in range(40)]
    assert sorted(map(int, lines(kit.folder / "effects"))) == list(range(40))
    assert run_row(kit)["turns"] == 40


@pytest.mark.parametrize("era", ERAS)
def test_a_write_that_the_client_cancels_under_way_is_in_doubt(kit: Project, era: str) -> None:
    with Served(kit, era=era) as served:
        served.hello()
        slow = served.propose("kit__append", held(kit))
        reached(kit, "a")
        served.notify("notifications/cancelled", requestId=slow, reason="took too long")
        assert text(served.call("kit__echo", {"text": "next"})) == "next"
        let_go(kit)
        assert served.finish() == 0
        assert not any(found.get("id") == slow for found in served.seen), "a cancelled request is not answered"
    run = run_row(kit)
    assert (run["status"], run["exit_code"]) == ("in_doubt", 9)
    assert "in_doubt" in kit.call("runs", "list").out
    assert [call["outcome"] for call in calls(kit)] == ["in_doubt", "succeeded"]
    assert kit.verifies()


def test_a_cancelled_read_is_just_failed(kit: Project) -> None:
    with Served(kit) as served:
        served.hello()
        slow = served.propose("kit__look", held(kit))
        reached(kit, "a")
        served.notify("notifications/cancelled", requestId=slow)
        assert text(served.call("kit__echo", {"text": "next"})) == "next"
        let_go(kit)
    assert run_row(kit)["status"] == "completed"
    assert [call["outcome"] for call in calls(kit)] == ["failed", "succeeded"]


def _close(served: Served) -> None:
    served.close()


def _signalled(number: int, times: int) -> Callable[[Served], None]:
    def end(served: Served) -> None:
        for _ in range(times):
            os.kill(served.pid, number)

    return end


@pytest.mark.parametrize(
    "end",
    [_close, _signalled(signal.SIGTERM, 1), _signalled(signal.SIGINT, 1), _signalled(signal.SIGTERM, 3)],
    ids=["eof", "sigterm", "sigint", "sigterm, three times"],
)
def test_every_way_to_end_settles_what_is_under_way_and_leaves_nothing(
    kit: Project, end: Callable[[Served], None]
) -> None:
    with Served(kit) as served:
        served.hello()
        slow = served.propose("kit__append", held(kit))
        reached(kit, "a")
        started = servers_of(served.pid)
        assert started
        end(served)
        assert served.wait() == 0
        (answer,) = [found for found in served.seen if found.get("id") == slow]
        assert "error" in answer
    until(lambda: not any(alive(pid) for pid in started))
    run = run_row(kit)
    assert (run["status"], run["exit_code"], calls(kit)[0]["outcome"]) == ("in_doubt", 9, "in_doubt")
    with kit.journal() as journal:
        assert journal.load_run(run["run_id"]).owner is None
    assert kit.verifies()


def test_a_signal_while_servers_are_being_ended_leaves_none_of_them(project: Project) -> None:
    """Hosts wait for a moment and then signal again."""
    project.add("stubborn", hostile("ignore-term"), echo="read")
    with Served(project) as served:
        served.hello()
        assert text(served.call("stubborn__echo", {"text": "hi"})) == "hi"
        started = servers_of(served.pid)
        os.kill(served.pid, signal.SIGTERM)
        until(lambda: run_row(project)["status"] == "completed")
        assert any(alive(pid) for pid in started)
        os.kill(served.pid, signal.SIGTERM)
        until(lambda: not any(alive(pid) for pid in started))
        assert served.wait() == 0


def test_a_client_that_is_gone_ends_the_session(kit: Project) -> None:
    """Its pipes break while stdin is held open by somebody else."""
    with Served(kit) as served:
        served.hello()
        kept = os.dup(served.to)
        os.close(served.of)
        served.of = os.open(os.devnull, os.O_RDONLY)
        served.propose("kit__echo", {"text": "a"})
        assert served_end(served) == 0
        os.close(kept)


def served_end(served: Served) -> int:
    until(lambda: os.waitid(os.P_PID, served.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
    return served.wait()


def test_one_server_that_does_not_start_leaves_the_others(project: Project) -> None:
    project.add("kit", echo="read")
    project.add("broken", hostile("garbage"), limits={"start_timeout": "1s"}, echo="read")
    project.add("unknown", accept=False, echo="read")
    with Served(project) as served:
        served.hello()
        tools = served.request("tools/list")["result"]["tools"]  # type: ignore[index,call-overload]
        assert {tool["name"] for tool in tools} == {"kit__echo", "broken__echo"}  # type: ignore[index,call-overload]
        assert text(served.call("kit__echo", {"text": "hi"})) == "hi"
        failed = served.call("broken__echo", {"text": "hi"})
        assert failed["isError"] and "broken" in text(failed)
        assert "unknown" in served.err, "what nobody accepted is said on stderr"


def test_a_server_that_dies_in_a_call_is_told_and_started_again(kit: Project) -> None:
    with Served(kit) as served:
        served.hello()
        died = served.call("kit__die", {})
        assert died["isError"] and "It may have happened" in text(died)
        assert text(served.call("kit__echo", {"text": "again"})) == "again"
    assert run_row(kit)["status"] == "in_doubt"


@pytest.mark.promise("other_hosts_pass_the_same_gates")
def test_what_the_gates_refuse_is_a_tool_error_that_says_why(kit: Project) -> None:
    with Served(kit, "--tools", "kit.echo") as served:
        served.hello()
        for name in ("kit__append", "kit__nothing", "", "x" * 10_000, "kit.echo"):
            refused = served.call(name, {"path": "/x", "line": "a"})
            assert refused["isError"] and text(refused).startswith("[denied by")
        wrong = served.call("kit__echo", {"text": 7})
        assert wrong["isError"] and "denied by schema" in text(wrong)
        failed = served.request("tools/call", {"name": "kit__echo", "arguments": "none"})
        assert "error" in failed
    assert {call["outcome"] for call in calls(kit)} == {"denied"}


def test_structured_results_are_passed_on(project: Project) -> None:
    schema = {"type": "object"}
    project.add("kit", echo="read", fail="read")
    with Served(project) as served:
        served.hello()
        assert schema not in [tool.get("outputSchema") for tool in served.request("tools/list")["result"]["tools"]]  # type: ignore
        failed = served.call("kit__fail", {})
        assert (failed["isError"], text(failed)) == (True, "it went wrong")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--config", "{folder}/nothing.toml"), "nothing.toml"),
        (("--servers", "{folder}/nothing.toml"), "nothing.toml"),
        (("--agent", "opz"), "there is no agent `opz`"),
        (("--tools", " "), "--tools"),
        (("--approve", ""), "--approve"),
        (("--endorse", "nonsense"), "endorse"),
        (("--config", "{folder}/policy.toml"), "polic"),
        (("--config", "{folder}/broken.toml"), "broken.toml"),
    ],
)
def test_what_is_configured_wrong_ends_it_before_a_byte_was_said(
    kit: Project, flags: tuple[str, ...], said: str
) -> None:
    (kit.folder / "policy.toml").write_text('version = 1\n[policy]\nfolder = "empty"\n', encoding="utf-8")
    (kit.folder / "broken.toml").write_text("version = 1\nnonsense = 2\n", encoding="utf-8")
    (kit.folder / "empty").mkdir()
    with Served(kit, *(flag.format(folder=kit.folder) for flag in flags)) as served:
        assert served.wait() == 2
        assert served.seen == []
        assert said in served.err
    assert kit.call("runs", "list", "--json").report == []


def test_without_a_servers_file_there_is_nothing_to_serve(project: Project) -> None:
    done = project.program("serve", "--stdio")
    assert (done.code, done.out) == (2, "")
    assert "--servers FILE" in done.err


def test_without_a_transport_it_says_which_there_is(kit: Project) -> None:
    done = kit.call("serve")
    assert (done.code, done.out) == (2, "") and "--stdio" in done.err


def test_two_clients_have_sessions_of_their_own(kit: Project) -> None:
    with Served(kit, name="one") as first, Served(kit, name="two", era=MODERN) as second:
        for served in (first, second):
            served.hello()
        for served in (first, second):
            assert text(served.call("kit__echo", {"text": served.name})) == served.name
    runs = kit.call("runs", "list", "--json").report
    assert {run["agent"] for run in runs} == {"one", "two"} and len({run["run_id"] for run in runs}) == 2
    assert json.dumps(runs).count("completed") == 2


def test_a_session_that_another_process_took_over_sends_nothing(kit: Project) -> None:
    let_go(kit)
    with Served(kit) as served:
        served.hello()
        assert text(served.call("kit__echo", {"text": "hi"})) == "hi"
        with kit.journal() as journal, journal.database.transaction() as connection:
            connection.execute("UPDATE runs SET epoch = epoch + 1, owner = 'another'")
        refused: Any = served.answer(served.propose("kit__append", held(kit)))
        assert refused["error"]["code"] == -32603 and "taken this run over" in refused["error"]["message"]
        assert served.finish() == 1
        assert "taken this run over" in served.err and "Traceback" not in served.err
    assert lines(kit.folder / "effects") == []
