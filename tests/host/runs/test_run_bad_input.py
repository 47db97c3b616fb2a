"""Wrong files, wrong words, wrong servers: each a clear error that names its place, and no harm to the rest."""

import os
import resource
import subprocess
from pathlib import Path

import pytest

from context.errors import ConfigError
from tests.host.projects import GATEHOST, Finished, Project, hostile, turn

MEMORY_KB = 250 * 1024
"""Far below a 100 MB result held as bytes, text and parsed value at once; the program itself takes about 110 MB."""


def pair(project: Project, mode: str, tool: str = "echo", **options: object) -> None:
    """A hostile server beside an honest one."""
    project.add("bad", hostile(mode), **{tool: "read"}, **options)  # type: ignore[arg-type]
    project.add("kit", echo="read")


def outcomes(done: Finished) -> dict[str, str]:
    return {f"{call['server']}.{call['tool']}": call["outcome"] for call in done.report["calls"]}


def said(done: Finished) -> str:
    return " ".join(reason["text"] for call in done.report["calls"] for reason in call["reasons"])


def refused(done: Finished, *words: str) -> None:
    """A usage or configuration error: exit 2, nothing on stdout, every word in the complaint."""
    assert (done.code, done.out) == (2, ""), done.err
    for word in words:
        assert word in done.err
    assert "Traceback" not in done.err


# Files.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1\n[servers.a\n", ["mcp_servers.toml:2"]),
        ('version = 1\n[servers.a]\ncomand = ["x"]\n', ["comand", "`command`", "mcp_servers.toml:3"]),
        (
            'version = 1\n[servers.a]\ncommand = ["x"]\nsandbox = "dokcer"\n[servers.a.tools.b]\neffect = "read"\n',
            ["dokcer"],
        ),
        ("version = 7\n", ["version"]),
    ],
)
def test_a_wrong_servers_file_names_line_and_key(project: Project, text: str, words: list[str]) -> None:
    project.servers.write_text(text)
    script = project.script(turn(("a.b", {})))
    refused(project.call(*project.arguments(model=script, output="json")), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models.small", ["gatehost.toml:1"]),
        ("[model.small]\n", ["model", "`models`"]),
        ('[agents.default]\ntoolz = ["*"]\n', ["toolz", "`tools`"]),
        ('[agents.default]\nprovenance = "lax"\n', ["gatehost.toml:2", "provenance", "'strict', 'sinks' or 'off'"]),
        ("[routes]\n", ["gatehost.toml:1", "routes", "not available in this version"]),
        ('[policy]\nfolder = "nowhere"\n', ["gatehost.toml:2", "policy.folder"]),
        ('[redaction]\nrules = "nowhere.toml"\n', ["nowhere.toml", "gatehost.toml:2", "redaction.rules"]),
    ],
)
def test_wrong_settings_name_line_and_key(project: Project, text: str, words: list[str]) -> None:
    config = project.folder / "gatehost.toml"
    config.write_text(text)
    script = project.script("Done.")
    refused(project.call(*project.arguments("--config", str(config), model=script, output="json")), *words)


def test_a_lock_that_was_edited_names_the_tool(project: Project) -> None:
    project.add("kit", echo="read")
    project.lock.write_text(project.lock.read_text().replace("Gives back.", "Gives back, and more."))
    script = project.script("Done.")
    refused(project.call(*project.arguments(model=script, output="json")), "servers.kit.tools.echo", "edited")


def test_a_rule_that_its_tool_cannot_reach_names_the_rule(project: Project) -> None:
    project.add("kit", tools={"echo": {"effect": "read", "arguments": {"pathh": {"path_within": "/repo"}}}})
    script = project.script("Done.")
    refused(project.call(*project.arguments(model=script, output="json")), "servers.kit.tools.echo", "pathh")


@pytest.mark.parametrize("name", ["--config", "--servers"])
def test_a_file_that_was_named_must_exist(project: Project, name: str) -> None:
    script = project.script("Done.")
    refused(project.call("run", "x", "--model", script, name, "missing.toml"), name, "missing.toml")


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [("state", None, 2, ["GATEHOST_HOME"]), ("journal.db", b"no database" * 100, 1, ["journal.db"])],
)
def test_state_that_cannot_be_used_is_named(
    project: Project, name: str, content: bytes | None, code: int, words: list[str]
) -> None:
    if content is None:
        project.home.write_text("a file, not a folder")
    else:
        project.home.mkdir()
        (project.home / name).write_bytes(content)
    done = project.run("Done.")
    assert (done.code, done.out) == (code, "")
    for word in words:
        assert word in done.err
    assert "Traceback" not in done.err


# The command line.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--schema", "missing.json"], ["--schema", "missing.json"]),
        (["--agent", "defualt"], ["defualt", "default"]),
        (["--timeout", "soon"], ["--timeout"]),
        (["--timeout", "0s"], ["--timeout"]),
        (["--max-turns", "0"], ["--max-turns"]),
        (["--tools", " "], ["--tools"]),
        (["--session", "ses_nothing"], ["ses_nothing"]),
        (["--continue"], ["--continue"]),
    ],
)
def test_a_wrong_option_is_named(project: Project, options: list[str], words: list[str]) -> None:
    refused(project.call(*project.arguments(*options, model=project.script("Done."), output="json")), *words)
    with project.journal() as journal:
        assert journal.list_runs() == []


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("small", ["there is no model `small`", "openai_chat:ID"]),
        ("openai_caht:x", ["openai_caht", "openai_chat"]),
        ("openai_chat:x", ["OPENAI_API_KEY"]),
        ("anthropic:x", ["not available in this version"]),
        ("scripted:missing.toml", ["missing.toml"]),
        (None, ["no model is named", "OPENAI_API_KEY"]),
    ],
)
def test_a_model_that_cannot_be_had_says_what_could(project: Project, model: str | None, words: list[str]) -> None:
    refused(project.call(*project.arguments(model=model, output="json")), *words)


def test_a_wrong_script_names_turn_and_key(project: Project) -> None:
    script = project.script({"text": "a", "cals": []})
    refused(project.call(*project.arguments(model=script, output="json")), "turn 1", "`cals`", "`calls`")


@pytest.mark.parametrize("given", [["run"], ["run", ""], ["run", "-"], ["run", " \n"]])
def test_a_task_must_be_given(project: Project, given: list[str]) -> None:
    refused(project.call(*given, "--model", project.script("Done."), stdin=""), "task", "stdin")


def test_a_task_on_stdin_is_taken(project: Project) -> None:
    done = project.call("run", "--model", project.script("Done."), "--output", "json", stdin="do this\n")
    assert done.code == 0
    with project.journal() as journal:
        assert journal.list_runs()[0].task == "do this\n"


def test_a_task_that_is_no_text_is_refused(project: Project) -> None:
    refused(project.call("run", "--model", project.script("Done."), stdin="\udcff"), "UTF-8")


def test_a_closed_stdin_is_no_crash(project: Project) -> None:
    script = project.script("Done.")
    process = project.start("run", "--model", script, stdin=None, preexec_fn=lambda: os.close(0))
    done = project.finish(process)
    refused(done, "task")


# Trust.


def test_a_project_that_nobody_trusted_is_refused_until_it_is(project: Project) -> None:
    project.add("kit", echo="read")
    project.monkeypatch.chdir(project.servers.parent)
    script = project.script(turn(("kit.echo", {"text": "a"})), "Done.")
    run = ("run", "do it", "--model", script, "--output", "json")
    refused(project.call(*run), "not trusted", "gatehost trust", "--yes")
    shown = project.call("trust", "--yes")
    assert (shown.code, "kit" in shown.out) == (0, True)
    assert project.call(*run).code == 0
    project.change("kit", env={"A": "b"})
    refused(project.call(*run), "mcp_servers.toml", "changed")


# Servers that nobody accepted.


@pytest.mark.promise("nothing_unaccepted_runs")
def test_a_server_that_nobody_accepted_does_not_even_start(project: Project) -> None:
    mark = project.folder / "started"
    project.add("wild", ("/bin/sh", "-c", f"touch {mark}; cat"), accept=False, echo="read")
    done = project.run(turn(("wild.echo", {"text": "a"})), "Done.")
    assert done.report["calls"][0]["reasons"][0]["code"] == "not_pinned"
    assert "gatehost mcp accept wild" in done.report["calls"][0]["reasons"][0]["remedy"]
    assert not mark.exists()


@pytest.mark.promise("nothing_unaccepted_runs")
def test_a_configuration_that_changed_since_it_was_accepted_does_not_start(project: Project) -> None:
    project.add("kit", echo="read")
    project.change("kit", env={"LD_PRELOAD": "/tmp/evil.so"})
    done = project.run(turn(("kit.echo", {"text": "a"})), "Done.")
    assert done.report["calls"][0]["outcome"] == "denied"
    assert any("changed since it was accepted" in warning for warning in done.report["warnings"])


@pytest.mark.promise("nothing_unaccepted_runs")
def test_a_tool_that_was_listed_after_the_review_is_neither_shown_nor_called(project: Project) -> None:
    project.add("kit", echo="read")
    server = {"echo": {"effect": "read"}, "append": {"effect": "write", "approve": "never"}}
    project.change("kit", tools=server)
    path = project.folder / "effects"
    done = project.run(turn(("kit.append", {"path": str(path), "line": "a"})), "Done.", output="jsonl")
    assert done.of("view.built")[0]["tools"] == ["kit__echo"]
    assert done.of("call.completed")[0]["reasons"][0]["code"] == "not_pinned"
    assert not path.exists()


# Servers that misbehave: the other one in the same run does not notice.


@pytest.mark.parametrize(
    ("mode", "limits", "words"),
    [
        ("garbage", {"start_timeout": "1s"}, ["limits.start_timeout", "no MCP message"]),
        ("hang-at-start", {"start_timeout": "1s"}, ["did not start within 1 s", "limits.start_timeout"]),
        ("exit-at-start", {}, ["cannot find my configuration"]),
        ("die-in-call", {}, ["killed", "exited with code 9"]),
        ("hang-in-call", {"call_timeout": "500ms"}, ["no answer within 0.5 s"]),
        ("byte-per-second", {"call_timeout": "500ms"}, ["no answer within 0.5 s"]),
        ("long-line", {}, ["the limit on one message"]),
        ("long-line-id-last", {}, ["the limit on one message"]),
        ("huge-result", {}, ["the limit on one message"]),
        ("deep-nesting", {}, ["nest"]),
        ("invalid-utf8", {}, ["UTF-8"]),
        ("only-wrong-id", {"call_timeout": "500ms"}, ["no answer within 0.5 s"]),
    ],
)
def test_a_server_that_misbehaves_is_named_with_its_limit_and_alone(
    project: Project, mode: str, limits: dict[str, str], words: list[str]
) -> None:
    pair(project, mode, limits=limits)
    done = project.run(turn(("bad.echo", {"text": "a"}), ("kit.echo", {"text": "b"})), "Done.")
    assert done.code == 0
    assert outcomes(done) in (
        {"bad.echo": "failed", "kit.echo": "succeeded"},
        {"bad.echo": "denied", "kit.echo": "succeeded"},
    )
    assert any(word in said(done) for word in words), said(done)
    assert "server bad" in said(done) or "bad.echo" in said(done)
    assert project.verifies()


@pytest.mark.parametrize(
    "mode", ["garbage-between", "bom", "duplicate-ids", "wrong-ids", "stderr-flood", "foreign-progress"]
)
def test_a_server_that_talks_too_much_still_answers(project: Project, mode: str) -> None:
    pair(project, mode)
    done = project.run(turn(("bad.echo", {"text": "a"}), ("kit.echo", {"text": "b"})), "Done.")
    assert outcomes(done) == {"bad.echo": "succeeded", "kit.echo": "succeeded"}


@pytest.mark.parametrize("mode", ["huge-result", "long-line"])
def test_memory_stays_bounded(project: Project, mode: str) -> None:
    pair(project, mode)
    script = project.script(turn(("bad.echo", {"text": "a"})), "Done.")
    process = project.start(*project.arguments(model=script, output="json"))
    assert process.stdout is not None and process.stderr is not None
    out = process.stdout.read()
    process.stdout.close()
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert "the limit on one message" in out
    # The child begins as a copy of this process, whose own peak therefore counts in its figure.
    assert used.ru_maxrss < max(MEMORY_KB, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 64 * 1024)


def test_a_malformed_tool_hides_no_other(project: Project) -> None:
    pair(project, "malformed-tool")
    done = project.run(turn(("bad.echo", {"text": "a"})), "Done.", output="jsonl")
    assert done.of("call.completed")[0]["outcome"] == "succeeded"
    (ready,) = [event for event in done.of("server.state") if event["server"] == "bad" and event["state"] == "ready"]
    assert {"no_schema", "bad_hint", "twice"} <= ready["dropped_tools"].keys()
    assert "\u202e" not in str(ready["dropped_tools"])


def test_a_malformed_tool_that_was_declared_is_refused(project: Project) -> None:
    project.add("bad", hostile("malformed-tool"), accept=False, echo="read", no_schema="read")
    project.accept("bad", [{"name": "no_schema", "inputSchema": {"type": "object"}}])
    done = project.run(turn(("bad.no_schema", {})), "Done.")
    assert done.report["calls"][0]["reasons"][0]["code"] == "tool_vanished"


@pytest.mark.promise("a_pattern_stalls_nothing")
def test_a_pattern_that_never_ends_stalls_nothing(project: Project) -> None:
    pair(project, "hostile-schema")
    done = project.run(turn(("bad.echo", {"text": "a"}), ("kit.echo", {"text": "b"})), "Done.")
    assert outcomes(done) == {"bad.echo": "failed", "kit.echo": "succeeded"}
    assert done.report["calls"][0]["duration_ms"] < 2000
    assert "structured content" in said(done)


def test_a_server_that_is_no_program_is_named(project: Project, tmp_path: Path) -> None:
    project.add("bad", (str(tmp_path / "missing"),), echo="read", accept=False)
    project.accept("bad")
    done = project.run(turn(("bad.echo", {"text": "a"})), "Done.")
    assert done.code == 7
    assert "missing" in done.report["error"] and "server bad" in done.report["error"]


def test_a_full_disk_behind_stdout_is_one_clear_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # with it argparse itself passes over what it cannot write
    for command in (("runs", "list"), ("--help",), ("run", "--help")):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([GATEHOST, *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1
        assert done.stderr == (
            "gatehost: stdout: the output cannot be written: No space left on device. "
            "Make room, or send the output elsewhere\n"
        )


def test_a_reader_that_went_away_changes_no_exit_code(project: Project) -> None:
    for command, code in ((("runs", "list"), 0), (("runs", "show", "run_0"), 2), (("--help",), 0)):
        source, sink = os.pipe()
        os.close(source)
        with os.fdopen(sink, "w") as closed:
            done = subprocess.run([GATEHOST, *command], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == code
        assert "Traceback" not in done.stderr and "Broken pipe" not in done.stderr
        assert (done.stderr == "") == (code == 0)


def test_a_command_says_its_name_once(project: Project) -> None:
    done = project.call("run", " ")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "gatehost run: the task is empty. Give it as PROMPT or on stdin",
    )


def test_words_of_another_program_end_in_one_full_stop() -> None:
    assert ConfigError("uv said: no such package.", next_step="Correct it").sentence().count(".") == 1
