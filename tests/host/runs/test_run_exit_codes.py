"""The exit code of a whole run, for each way that it can end, and which of two faults wins."""

import signal
from pathlib import Path

import pytest

from tests.host.projects import Finished, Project, hostile, lines, turn, until
from tests.wire.openai_chat_server import KEY, ChatServer, refuses

QUICK = {"start_timeout": "1s", "call_timeout": "1s"}


def asking(project: Project) -> None:
    project.add(
        "kit", echo="read", look="read", die="read", fail="read", append={"effect": "write", "approve": "always"}
    )


def append(project: Project, line: str = "a") -> tuple[str, dict[str, str]]:
    return "kit.append", {"path": str(project.folder / "effects"), "line": line}


def codes(done: Finished) -> list[str]:
    return [reason["code"] for call in done.report["calls"] for reason in call["reasons"]]


def test_0_also_when_a_call_was_refused_or_failed(project: Project) -> None:
    asking(project)
    done = project.run(turn(("kit.nothing", {}), ("kit.fail", {}), ("kit.echo", {"text": 1})), "Done.")
    assert (done.code, done.report["denied"]) == (0, 2)
    assert [call["outcome"] for call in done.report["calls"]] == ["denied", "failed", "denied"]


def test_0_without_any_server(project: Project) -> None:
    done = project.call("run", "hello", "--model", project.script("Hello."), "--output", "text")
    assert (done.code, done.out) == (0, "Hello.\n")


def test_3_when_nobody_can_be_asked(project: Project) -> None:
    asking(project)
    done = project.run(turn(append(project)), "Done.")
    assert (done.code, done.report["status"], done.report["denied"]) == (3, "completed", 1)
    assert codes(done) == ["refused", "approval_needed"]
    assert "--approve 'kit.append'" in done.report["calls"][0]["reasons"][0]["text"]
    assert not (project.folder / "effects").exists()


def test_0_when_a_later_call_of_the_refused_tool_succeeds(project: Project) -> None:
    """Refused once, then answered with yes from another process: the task was done after all."""
    asking(project)
    script = project.script(turn(append(project)), turn(append(project, "b")), "Done.")
    done = project.call(*project.arguments("--approvals", "wait", model=script, output="json"))
    for verb, code in (("deny", 10), ("approve", 0)):
        pending = project.call("approvals", "list", "--json").report[0]
        assert project.call("approvals", verb, pending["id"]).code == 0
        done = project.call("runs", "resume", done.report["run_id"], "--output", "json")
        assert done.code == code
    assert lines(project.folder / "effects") == ["b"]
    assert done.report["denied"] == 1


def test_3_with_fail_on_deny_for_any_denial(project: Project) -> None:
    asking(project)
    script = (turn(("kit.nothing", {})), "Done.")
    assert project.run(*script).code == 0
    assert project.run(*script, flags=["--fail-on-deny"]).code == 3


def test_5_when_the_turns_are_used_up(project: Project) -> None:
    asking(project)
    done = project.run(turn(("kit.echo", {"text": "a"})), "Done.", flags=["--max-turns", "1"])
    assert (done.code, done.report["status"], done.report["answer"]) == (5, "failed", None)
    assert "--max-turns" in done.report["error"]


def test_5_by_the_budget_of_the_agent(project: Project) -> None:
    asking(project)
    config = project.folder / "gatehost.toml"
    config.write_text("[agents.default]\nbudget = { turns = 1 }\n")
    assert project.run(turn(("kit.echo", {"text": "a"})), "Done.", flags=["--config", str(config)]).code == 5


def test_5_when_the_time_is_up(project: Project) -> None:
    asking(project)
    (project.folder / "hold").touch()
    hold = {"path": str(project.folder / "x"), "line": "a", "hold": str(project.folder / "hold")}
    done = project.run(turn(("kit.look", hold)), "Done.", flags=["--timeout", "500ms"])
    assert (done.code, done.report["status"]) == (5, "failed")
    assert "0.5 s" in done.report["error"]


def test_9_outranks_5(project: Project) -> None:
    asking(project)
    (project.folder / "hold").touch()
    name, arguments = append(project)
    call = (name, {**arguments, "hold": str(project.folder / "hold")})
    done = project.run(turn(call), "Done.", flags=["--timeout", "800ms", "--approve", "kit.*"])
    assert (done.code, done.report["status"]) == (9, "in_doubt")


@pytest.mark.parametrize("status", [401, 404])
def test_6_when_the_provider_refuses(project: Project, status: int) -> None:
    with ChatServer(refuses(status, "no such thing")) as server:
        project.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": server.base_url}
        done = project.call(*project.arguments(model=f"openai_chat:{server.model}", output="json"))
    assert (done.code, done.report["status"], done.report["answer"]) == (6, "failed", None)
    assert str(status) in done.report["error"]
    assert KEY not in done.out + done.err


def test_6_when_the_provider_is_down(project: Project) -> None:
    with ChatServer() as server:
        address = server.base_url
    project.environ |= {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": address}
    done = project.call(*project.arguments("--timeout", "30s", model="openai_chat:any", output="json"))
    assert (done.code, done.report["status"]) == (6, "failed")


@pytest.mark.parametrize("mode", ["hang-at-start", "garbage", "exit-at-start"])
def test_7_when_the_only_server_never_starts(project: Project, mode: str) -> None:
    project.add("broken", hostile(mode), echo="read", limits=QUICK)
    done = project.run(turn(("broken.echo", {"text": "a"})), "Done.")
    assert done.code == 7
    assert "server broken" in done.report["error"]
    assert codes(done) == ["server_failed"]


def test_7_when_the_only_server_dies_in_a_read(project: Project) -> None:
    asking(project)
    done = project.run(turn(("kit.die", {})), "Done.")
    assert (done.code, done.report["calls"][0]["outcome"]) == (7, "failed")
    assert "exited with code 5" in done.report["calls"][0]["reasons"][0]["text"]
    assert "I was told to die" in done.report["error"]


def test_9_when_the_only_server_dies_in_a_write(project: Project) -> None:
    project.add("kit", die={"effect": "write", "approve": "never"})
    done = project.run(turn(("kit.die", {})), "Done.")
    assert (done.code, done.report["status"], done.report["calls"][0]["outcome"]) == (9, "in_doubt", "in_doubt")
    assert "--resolve" in done.report["error"]


@pytest.mark.parametrize("environ", [{}, {"DOCKER_HOST": "unix:///nowhere/docker.sock"}], ids=["no image", "no engine"])
def test_7_when_no_wall_can_be_raised(project: Project, environ: dict[str, str]) -> None:
    """Without the runtime image, or without an engine. Never without walls instead."""
    project.environ |= environ
    mark = project.folder / "ran"
    project.add("kit", ("/bin/sh", "-c", f"touch {mark}"), sandbox="docker", echo="read")
    done = project.run(turn(("kit.echo", {"text": "a"})), "Done.")
    assert done.code == 7
    for word in ("server kit", "gatehost sandbox build"):
        assert word in done.report["error"]
    assert not mark.exists()


def test_0_when_another_server_did_the_work(project: Project) -> None:
    asking(project)
    project.add("broken", hostile("exit-at-start"), echo="read")
    done = project.run(turn(("broken.echo", {"text": "a"}), ("kit.echo", {"text": "a"})), "Done.")
    assert done.code == 0
    assert [call["outcome"] for call in done.report["calls"]] == ["denied", "succeeded"]


def test_8_after_one_regeneration(project: Project, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "object", "required": ["n"]}')
    done = project.run("no", "no", '{"n": 1}', flags=["--schema", str(schema)])
    assert (done.code, done.report["status"], done.report["output"]) == (8, "failed", None)


def test_9_when_a_write_is_not_answered_in_time(project: Project) -> None:
    project.add("kit", append={"effect": "write", "approve": "never"}, limits={"call_timeout": "500ms"})
    (project.folder / "hold").touch()
    name, arguments = append(project)
    done = project.run(turn((name, {**arguments, "hold": str(project.folder / "hold")})), "Done.")
    assert (done.code, done.report["status"]) == (9, "in_doubt")
    assert "no answer within 0.5 s" in done.report["calls"][0]["reasons"][0]["text"]


def test_10_when_a_call_waits(project: Project) -> None:
    asking(project)
    done = project.run(turn(append(project)), "Done.", flags=["--approvals", "wait"])
    assert (done.code, done.report["status"]) == (10, "waiting")
    assert (done.report["calls"][0]["decision"], done.report["calls"][0]["outcome"]) == ("ask", None)
    assert "--approvals" not in done.err


def test_10_by_the_settings_for_unattended_runs(project: Project) -> None:
    asking(project)
    config = project.folder / "gatehost.toml"
    config.write_text('[approvals]\nunattended = "wait"\n')
    assert project.run(turn(append(project)), "Done.", flags=["--config", str(config)]).code == 10


def test_130_outranks_9(project: Project) -> None:
    asking(project)
    hold, effects = project.folder / "hold", project.folder / "effects"
    hold.touch()
    name, arguments = append(project)
    script = project.script(turn((name, {**arguments, "hold": str(hold)})), "Done.")
    process = project.fork(*project.arguments("--approve", "kit.*", model=script, output="json"))
    until(lambda: lines(effects) == ["a"])
    process.send_signal(signal.SIGINT)
    done = process.finish()
    assert (done.code, done.report["exit_code"], done.report["status"]) == (130, 130, "in_doubt")
    assert done.report["calls"][0]["outcome"] == "in_doubt"
