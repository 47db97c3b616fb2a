"""Approvals and runs on the command line: listed, shown, answered once, and recorded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from context.errors import ConfigError
from context.json_values import JsonObject
from host.cli.main import main
from host.journal import Journal
from host.journal.approvals import approval_json
from tests.fakes.journal import asked, intent, outcome, proposed_call, user_message
from tool_gateway.interface import Approval, ApprovalChange, CallChange

RUN = {"agent": "default", "task": "commit\x1b[2J it", "folder": "/work", "flags": {}, "trace_id": "1" * 32}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEHOST_HOME", str(tmp_path))
    return tmp_path


@contextmanager
def _opened(home: Path, *, now: float | None = None) -> Iterator[Journal]:
    clock = {} if now is None else {"clock": lambda: now}
    with Journal.open(home / "journal.db", **clock) as journal:  # type: ignore[arg-type]
        yield journal


async def _waiting_run(home: Path, *, expires: float = 9e9, **changes: object) -> Approval:
    with _opened(home) as journal:
        run = journal.create_run(**RUN, messages=[user_message()])
        call = proposed_call(run.run_id)
        run.store_turn(1, user_message(), [call])
        approval = asked(call, expires=expires)
        approval = replace(approval, request=replace(approval.request, **changes))  # type: ignore[arg-type]
        await run.commit(CallChange(call.call_id, "waiting"), ApprovalChange(approval))
        run.set_status("waiting", exit_code=10)
        run.close()
    return approval


def _answers(home: Path, run_id: str) -> list[JsonObject]:
    with _opened(home) as journal:
        assert journal.verify().ok
        return [line.fields["body"] for line, _ in journal.entries(run_id)]  # type: ignore[misc]


async def test_an_open_request_is_listed_with_every_value(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approval = await _waiting_run(home)
    assert main(["approvals", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    request = approval.request
    assert row["id"] == request.approval_id
    assert (row["run_id"], row["agent"], row["server"], row["tool"]) == (request.run_id, "default", "git", "git_commit")
    assert row["arguments"] == request.arguments
    assert row["values"] == [
        {"path": "message", "origin": "unknown", "passage": None},
        {"path": "files[0].path", "origin": "unknown", "passage": None},
        {"path": "files[1].path", "origin": "unknown", "passage": None},
    ]
    assert (row["rules"], row["status"]) == (["effect:write"], "pending")
    assert row["expires"].endswith("Z")
    assert main(["approvals", "show", request.approval_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == row


async def test_what_is_open_comes_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    still_open = await _waiting_run(home)
    answered = await _waiting_run(home)
    assert main(["approvals", "deny", answered.request.approval_id]) == 0
    capsys.readouterr()
    assert main(["approvals", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in rows] == ["pending", "denied"]
    assert rows[0]["id"] == still_open.request.approval_id


@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("deny", "denied")])
async def test_an_answer_stands_in_journal_and_record(
    home: Path, verb: str, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = (await _waiting_run(home)).request
    assert main(["approvals", verb, request.approval_id, "--note", "because"]) == 0
    assert f"gatehost runs resume {request.run_id}" in capsys.readouterr().out
    with _opened(home) as journal, journal.take(request.run_id) as run:
        known = run.approval(request.call_id)
        assert known is not None
        assert (known.status, known.note, known.request) == (status, "because", request)
        assert known.by is not None and known.by.startswith("cli:")
    (body,) = _answers(home, request.run_id)
    assert (body["status"], body["approval_id"], body["binding"]) == (status, request.approval_id, request.binding)


async def test_a_second_answer_is_refused_and_recorded(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home)).request
    assert main(["approvals", "deny", request.approval_id]) == 0
    assert main(["approvals", "approve", request.approval_id]) == 2
    assert "denied already, by cli:" in capsys.readouterr().err
    with _opened(home) as journal:
        assert journal.find_approval(request.approval_id).status == "denied"
    bodies = _answers(home, request.run_id)
    assert [body["status"] for body in bodies] == ["denied", "denied"]
    assert bodies[1]["attempt"] == "approved"
    assert "denied already" in str(bodies[1]["refused"])


async def test_an_answer_after_expiry_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home, expires=1_000_000.0)).request
    assert main(["approvals", "approve", request.approval_id]) == 2
    assert "expired" in capsys.readouterr().err
    assert main(["approvals", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["status"] == "expired"
    assert len(_answers(home, request.run_id)) == 1


async def test_an_unused_yes_expires_too(home: Path) -> None:
    request = (await _waiting_run(home, expires=2_000_000_000.0)).request
    with _opened(home, now=1_900_000_000.0) as journal:
        journal.answer(request.approval_id, granted=True, by="cli:alice")
        assert journal.find_approval(request.approval_id).status == "approved"
    with _opened(home, now=2_000_000_000.0) as journal:
        assert journal.find_approval(request.approval_id).status == "expired"


async def test_a_run_that_is_over_takes_no_answer(home: Path) -> None:
    request = (await _waiting_run(home)).request
    with _opened(home) as journal:
        run = journal.take(request.run_id)
        run.set_status("cancelled")
        run.close()
        with pytest.raises(ConfigError, match="its run is cancelled"):
            journal.answer(request.approval_id, granted=True, by="cli:alice")
        assert journal.find_approval(request.approval_id).status == "pending"


async def test_of_many_answers_at_once_one_counts(home: Path) -> None:
    request = (await _waiting_run(home)).request
    counted: list[bool] = []
    refused: list[bool] = []

    def answer(granted: bool) -> None:
        with _opened(home) as journal:
            try:
                journal.answer(request.approval_id, granted=granted, by="cli:somebody")
                counted.append(granted)
            except ConfigError:
                refused.append(granted)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for index in range(8):
                tasks.start_soon(anyio.to_thread.run_sync, answer, index % 2 == 0)
    assert (len(counted), len(refused)) == (1, 7)
    with _opened(home) as journal:
        assert journal.find_approval(request.approval_id).status == ("approved" if counted[0] else "denied")
    assert len(_answers(home, request.run_id)) == 8


@pytest.mark.parametrize("argv", [["show", "apr_x"], ["approve", "apr_x"], ["deny", "apr_x", "--json"], ["list", "x"]])
def test_wrong_use_is_a_usage_error(home: Path, argv: list[str]) -> None:
    try:
        code = main(["approvals", *argv])
    except SystemExit as end:
        code = int(str(end.code))
    assert code == 2


async def test_a_request_is_shown_without_a_hidden_character(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments: JsonObject = {"to\u202e": "x\r\x1b[1A paid", "n": 5}
    request = (await _waiting_run(home, arguments=arguments)).request
    assert main(["approvals", "show", request.approval_id]) == 0
    shown = capsys.readouterr().out
    assert "to\\u202e" in shown
    assert "n = 5" in shown
    assert not {"\r", "\x1b", "\u202e"} & set(shown)
    assert main(["approvals", "list"]) == 0
    assert request.approval_id in capsys.readouterr().out


async def test_a_request_is_shown_whole_and_listed_by_head_and_tail(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "head " + "x" * 20_000 + " tail"
    arguments: JsonObject = {"text": text, "lines": "a\nb", "typed": "a\\nb", "a.b": None, "none": []}
    request = (await _waiting_run(home, arguments=arguments)).request
    assert main(["approvals", "show", request.approval_id]) == 0
    shown = capsys.readouterr().out
    assert f'text = "{text}"' in shown
    assert 'lines = "a\\nb"' in shown
    assert 'typed = "a\\\\nb"' in shown
    assert '"a.b" = null' in shown
    assert "none = []" in shown
    assert main(["approvals", "list"]) == 0
    listed = capsys.readouterr().out
    assert 'text = "head xx' in listed
    assert 'tail"' in listed
    assert "… 19,890 more characters …" in listed
    assert f"and 4 more values; all: gatehost approvals show {request.approval_id}" in listed
    assert "expires 2255-" in listed


async def test_a_note_may_be_trailing_words(home: Path) -> None:
    request = (await _waiting_run(home)).request
    assert main(["approvals", "deny", request.approval_id, "given", "--note", "twice"]) == 2
    assert main(["approvals", "deny", request.approval_id, "not", "this", "one"]) == 0
    with _opened(home) as journal:
        assert journal.find_approval(request.approval_id).note == "not this one"


@pytest.mark.parametrize("verb", [["approvals", "list"], ["runs", "list"], ["audit", "verify"]])
def test_every_listing_takes_the_file_options(home: Path, verb: list[str]) -> None:
    assert main([*verb, "--config", "a.toml", "--servers", "b.toml"]) == 0


# gatehost runs


async def test_runs_are_listed_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    first, second = await _waiting_run(home), await _waiting_run(home)
    assert main(["runs", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["run_id"] for row in rows] == [second.request.run_id, first.request.run_id]
    assert {"run_id", "session_id", "status", "started_at"} <= rows[0].keys()
    assert rows[0]["status"] == "waiting"
    assert main(["runs", "list", "--limit", "1"]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert "\\x1b[2J" in text


async def test_a_run_is_shown_with_its_calls(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home)).request
    with _opened(home) as journal, journal.take(request.run_id) as run:
        call = run.calls()[0]
        await run.commit(intent(call))
        await run.commit(outcome(call, "in_doubt"))
        run.set_status("in_doubt", exit_code=9)
    assert main(["runs", "show", request.run_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["run_id"], shown["status"], shown["exit_code"]) == (request.run_id, "in_doubt", 9)
    (call,) = shown["calls"]
    assert (call["server"], call["tool"], call["decision"], call["outcome"]) == ("git", "git_log", "allow", "in_doubt")
    assert call["reasons"]
    assert main(["runs", "show", request.run_id]) == 0
    told = capsys.readouterr().out
    assert "git.git_log" in told
    assert f"gatehost runs resume {request.run_id} --resolve {call['call_id']}=happened\n" in told
    assert f"gatehost runs resume {request.run_id} --resolve {call['call_id']}=did-not\n" in told
    assert main(["runs", "show", "run_x"]) == 2


async def test_unpaired_surrogates_in_foreign_json_reach_the_screen_as_escapes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _opened(home) as journal, journal.create_run(**RUN) as run:
        run.store_turn(1, user_message(), [proposed_call(run.run_id, arguments={"t": "\ud800"})])
        run_id = run.run_id
    assert main(["runs", "show", run_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["calls"][0]["arguments"] == {"t": "\ud800"}


async def test_the_row_says_what_stands_at_that_time(home: Path) -> None:
    approval = await _waiting_run(home, expires=100.0)
    assert approval_json(approval, now=99.0)["status"] == "pending"
    assert approval_json(approval, now=100.0)["status"] == "expired"
    assert approval_json(replace(approval, status="used"), now=101.0)["status"] == "used"
