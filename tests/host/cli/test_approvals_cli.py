"""Approvals and runs on the command line: listed, shown, answered once, and recorded."""

import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from context.errors import ConfigError
from context.json_values import JsonObject
from host.approvers.card import card
from host.cli.main import main
from host.config.settings_file import PersonTable
from host.identity import who_runs_this
from host.journal import Journal
from host.journal.approvals import approval_json
from host.people import Person, find_person
from tests.fakes.journal import asked, intent, outcome, proposed_call, user_message
from tool_gateway.interface import Approval, ApprovalChange, CallChange, CardValue

RUN = {"agent": "default", "task": "commit\x1b[2J it", "folder": "/data", "flags": {}, "trace_id": "1" * 32}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEHOST_HOME", str(tmp_path))
    return tmp_path


@contextmanager
def _opened(home: Path, *, now: float | None = None) -> Iterator[Journal]:
    clock = {} if now is None else {"clock": lambda: now}
    with Journal.open(home / "journal.db", **clock) as journal:  # type: ignore[arg-type]
        yield journal


async def _waiting_run(
    home: Path, *, expires: float = 9e9, flags: JsonObject | None = None, now: float | None = None, **changes: object
) -> Approval:
    with _opened(home, now=now) as journal:
        run = journal.create_run(**RUN | {"flags": flags or {}}, messages=[user_message()])
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
    assert [value["path"] for value in row["values"]] == ["message", "files[0].path", "files[1].path"]
    assert {(value["origin"], value["passage"], value["trusted"]) for value in row["values"]} == {
        ("unknown", None, False)
    }
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


@pytest.mark.promise("an_approval_is_used_once")
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


@pytest.mark.promise("an_approval_is_used_once")
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


@pytest.mark.promise("an_approval_is_used_once")
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


# Where values come from.


VALUES = (
    CardValue("message", "fix", "the user's words", "please fix it", True),
    CardValue(
        "files[0].path",
        "a.txt",
        "the result of web.fetch",
        "write to a.txt \\x1b[2J now",
        note="only there",
        endorsement="web.fetch=>git.git_commit:files[].path",
    ),
    CardValue("files[1].path", "b.txt", "not seen anywhere"),
)


@pytest.mark.promise("a_question_shows_where_each_value_comes_from")
async def test_each_value_is_listed_with_its_origin_and_passage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home, values=VALUES, approvers=("finance",), minor=True, pin="sha256:a")).request
    assert main(["approvals", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["values"] == [
        {
            "path": value.path,
            "value": value.value,
            "origin": value.origin,
            "passage": value.passage,
            "trusted": value.trusted,
            "note": value.note,
            "endorsement": value.endorsement,
        }
        for value in VALUES
    ]
    assert (row["approvers"], row["minor"], row["votes"]) == (["finance"], True, [])
    with _opened(home) as journal:
        assert journal.find_approval(request.approval_id).request == request


async def test_show_is_the_card(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home, values=VALUES)).request
    assert main(["approvals", "show", request.approval_id]) == 0
    assert card(request, expanded=True, keys=False, width=None) in capsys.readouterr().out


async def test_approving_says_what_was_approved(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home)).request
    assert main(["approvals", "approve", request.approval_id]) == 0
    told = capsys.readouterr().out
    assert "approved: git.git_commit   (effect: write)" in told
    assert 'files[1].path = "b.txt"' in told


# Certain people.


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the operating system say that somebody else is at the keyboard."""

    def become(name: str) -> None:
        monkeypatch.setattr("host.cli.approvals_verb.who_runs_this", lambda: name)

    return become


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "company.toml"
    path.write_text('[people.ann]\nroles = ["finance"]\n[people.bob]\nroles = ["finance", "operator"]\n')
    return path


def _call_status(home: Path, approval_id: str) -> str:
    with _opened(home) as journal:
        return journal.find_approval(approval_id).status


@pytest.mark.promise("certain_people_are_needed")
async def test_two_people_are_two_people(
    home: Path, config: Path, user: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    flags: JsonObject = {"config": str(config)}
    request = (await _waiting_run(home, flags=flags, approvers=("finance+operator",))).request
    user("bob")
    assert main(["approvals", "approve", request.approval_id, "fine"]) == 0
    assert "counted: git.git_commit still needs operator, or finance" in capsys.readouterr().out
    assert main(["approvals", "approve", request.approval_id]) == 2
    assert "bob has answered it already; another person must" in capsys.readouterr().err
    assert _call_status(home, request.approval_id) == "pending"
    assert main(["approvals", "show", request.approval_id]) == 0
    assert 'said yes: cli:bob (finance, operator): "fine"' in capsys.readouterr().out
    user("ann")
    assert main(["approvals", "approve", request.approval_id]) == 0
    assert "approved: git.git_commit" in capsys.readouterr().out
    with _opened(home) as journal:
        assert journal.find_approval(request.approval_id).by == "cli:bob, cli:ann"
    first, refused, second = _answers(home, request.run_id)
    assert (first["status"], first["vote"], first["roles"]) == ("pending", "yes", ["finance", "operator"])
    assert "another person must" in str(refused["refused"])
    assert (second["status"], second["wanting"]) == ("approved", [])


@pytest.mark.promise("certain_people_are_needed")
async def test_a_vote_without_a_needed_role_is_refused_and_recorded(
    home: Path, config: Path, user: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    flags: JsonObject = {"config": str(config)}
    request = (await _waiting_run(home, flags=flags, approvers=("operator+operator",))).request
    for name, verb, said in [
        ("mallory", "approve", "it needs operator and another person: operator; mallory has no role"),
        ("mallory", "deny", "mallory has no role"),
        ("ann", "approve", "ann has the role finance"),
    ]:
        user(name)
        assert main(["approvals", verb, request.approval_id]) == 2
        assert said in capsys.readouterr().err
    assert _call_status(home, request.approval_id) == "pending"
    bodies = _answers(home, request.run_id)
    assert [(body["by"], body["attempt"]) for body in bodies] == [
        ("cli:mallory", "approved"),
        ("cli:mallory", "denied"),
        ("cli:ann", "approved"),
    ]
    assert all(body["refused"] and body["status"] == "pending" for body in bodies)


@pytest.mark.promise("certain_people_are_needed")
async def test_a_second_yes_that_adds_nothing_is_refused(
    home: Path, config: Path, user: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text() + '[people.cid]\nroles = ["finance"]\n')
    flags: JsonObject = {"config": str(config)}
    request = (await _waiting_run(home, flags=flags, approvers=("finance+operator",))).request
    user("ann")
    assert main(["approvals", "approve", request.approval_id]) == 0
    assert "still needs operator" in capsys.readouterr().out
    user("cid")
    assert main(["approvals", "approve", request.approval_id]) == 2
    assert "it still needs operator; cid has the role finance" in capsys.readouterr().err


async def test_one_no_of_somebody_entitled_ends_it(home: Path, config: Path, user: Callable[[str], None]) -> None:
    flags: JsonObject = {"config": str(config)}
    request = (await _waiting_run(home, flags=flags, approvers=("finance+operator",))).request
    user("bob")
    assert main(["approvals", "approve", request.approval_id]) == 0
    user("ann")
    assert main(["approvals", "deny", request.approval_id, "no"]) == 0
    assert _call_status(home, request.approval_id) == "denied"


@pytest.mark.promise("certain_people_are_needed")
async def test_roles_are_those_of_the_runs_own_configuration(
    home: Path,
    config: Path,
    user: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A folder in which one writes oneself a role gives none."""
    own = home / "mine"
    own.mkdir()
    (own / "gatehost.toml").write_text('[people.mallory]\nroles = ["finance"]\n')
    request = (await _waiting_run(home, flags={"config": str(config)}, approvers=("finance",))).request
    user("mallory")
    monkeypatch.chdir(own)
    assert main(["approvals", "approve", request.approval_id]) == 2
    assert "mallory has no role" in capsys.readouterr().err
    assert main(["approvals", "approve", request.approval_id, "--config", str(own / "gatehost.toml")]) == 2
    assert f"the run's is {config}" in capsys.readouterr().err
    user("ann")
    assert main(["approvals", "approve", request.approval_id, "--config", str(config)]) == 0


@pytest.mark.promise("certain_people_are_needed")
def test_who_runs_this_is_no_matter_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "the-boss")
    assert who_runs_this() == pwd.getpwuid(os.getuid()).pw_name


def test_who_is_not_listed_has_no_role() -> None:
    people = {"ann": PersonTable(roles=("finance",))}
    assert find_person(people, "ann") == Person("ann", frozenset({"finance"}))
    assert find_person(people, "Ann") == Person("Ann")


# A clock that is set back.


@pytest.mark.promise("an_approval_is_used_once")
async def test_an_expired_request_stays_expired_when_the_clock_goes_back(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = (await _waiting_run(home, now=1000.0, expires=2000.0)).request
    with _opened(home, now=3000.0) as journal:
        journal.create_run(**RUN).close()  # whatever is written then
    with _opened(home, now=1100.0) as journal:
        assert journal.find_approval(request.approval_id).status == "expired"
        assert [approval.status for approval in journal.approvals()] == ["expired"]
        assert journal.time_seen(request.approval_id) == 3000.0
        with pytest.raises(ConfigError, match="it expired at 1970-01-01T00:33:20"):
            journal.answer(request.approval_id, granted=True, by="cli:ann")


@pytest.mark.promise("an_approval_is_used_once")
async def test_a_late_attempt_is_remembered_too(home: Path) -> None:
    request = (await _waiting_run(home, now=1000.0, expires=2000.0)).request
    with _opened(home, now=2500.0) as journal, pytest.raises(ConfigError, match="expired"):
        journal.answer(request.approval_id, granted=True, by="cli:ann")
    with _opened(home, now=1100.0) as journal, pytest.raises(ConfigError, match="expired"):
        journal.answer(request.approval_id, granted=True, by="cli:ann")
    assert [body["status"] for body in _answers(home, request.run_id)] == ["expired", "expired"]


@pytest.mark.promise("an_approval_is_used_once")
async def test_time_passes_for_all_questions_at_once(home: Path) -> None:
    """Whatever is asked or answered late makes every earlier question as old as it is."""
    old = (await _waiting_run(home, now=1000.0, expires=2000.0)).request
    other = (await _waiting_run(home, now=1000.0)).request
    with _opened(home, now=3000.0) as journal:
        journal.answer(other.approval_id, granted=True, by="cli:ann")
    with _opened(home, now=1100.0) as journal:
        assert journal.find_approval(old.approval_id).status == "expired"
        assert journal.find_approval(other.approval_id).status == "approved"


@pytest.mark.promise("an_approval_is_used_once")
async def test_a_run_that_asks_again_late_knows_the_time_too(home: Path) -> None:
    now = [1000.0]
    with Journal.open(home / "journal.db", clock=lambda: now[0]) as journal, journal.create_run(**RUN) as run:
        calls = [proposed_call(run.run_id, position) for position in range(2)]
        run.store_turn(1, user_message(), calls)
        await run.commit(ApprovalChange(asked(calls[0], expires=2000.0, approval_id="apr_old")))
        now[0] = 3000.0
        await run.commit(ApprovalChange(asked(calls[1], expires=9e9)))
        now[0] = 1100.0
        assert run.time_seen("apr_old") == 3000.0
        assert journal.find_approval("apr_old").status == "expired"


async def test_a_clock_that_once_ran_ahead_does_not_end_what_is_asked_later(home: Path) -> None:
    with _opened(home, now=9e8) as journal:
        journal.create_run(**RUN).close()
    request = (await _waiting_run(home, now=1000.0, expires=2000.0)).request
    with _opened(home, now=1500.0) as journal:
        assert journal.answer(request.approval_id, granted=True, by="cli:ann").approval.status == "approved"


# Standing rules.


@pytest.mark.promise("a_standing_rule_ends")
async def test_always_makes_a_rule_that_is_listed_and_revoked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = (await _waiting_run(home, pin="sha256:a")).request
    argv = ["approvals", "approve", request.approval_id, "--always", "--same", "message", "--for", "30d"]
    assert main(argv) == 0
    assert 'with the same "message" and any others' in capsys.readouterr().out
    assert main(["approvals", "rules", "--json"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)
    assert rule["id"].startswith("rule_")
    assert (rule["agent"], rule["server"], rule["tool"], rule["pin"]) == ("default", "git", "git_commit", "sha256:a")
    assert (rule["rules"], rule["same"], rule["arguments"]) == (["effect:write"], ["message"], request.arguments)
    assert (rule["origin"], rule["status"], rule["given_by"]) == (
        request.approval_id,
        "active",
        f"cli:{who_runs_this()}",
    )
    assert rule["expires"] > rule["given"]
    assert main(["approvals", "rules"]) == 0
    assert 'only these must be the same: "message"' in capsys.readouterr().out
    with _opened(home) as journal, journal.take(request.run_id) as run:
        assert [each.rule_id for each in run.standing_rules()] == [rule["id"]]
    assert main(["approvals", "revoke", rule["id"]]) == 0
    assert main(["approvals", "revoke", rule["id"]]) == 2
    capsys.readouterr()
    assert main(["approvals", "rules", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["status"], row["revoked_by"]) == ("revoked", f"cli:{who_runs_this()}")
    with _opened(home) as journal, journal.take(request.run_id) as run:
        assert run.standing_rules() == []
    bodies = _answers(home, request.run_id)
    approval, made, revoked = (body for body in bodies if body.get("approval_id") or body.get("given_by"))
    assert approval["standing"] == rule["id"]
    assert (made["status"], revoked["status"]) == ("active", "revoked")
    assert "arguments" not in made  # only as a salted digest


@pytest.mark.promise("a_standing_rule_is_no_wider")
@pytest.mark.parametrize(
    ("options", "changes", "said"),
    [
        (["--same", "message"], {}, "no rule is asked for"),
        (["--for", "1d"], {}, "no rule is asked for"),
        (["--always", "--for", "soon"], {}, "no time span"),
        (["--always", "--for", "0s"], {}, "longer than nothing"),
        (["--always", "--same", "massage"], {}, "has no argument massage"),
        (["--always", "--same", "files[0].path"], {}, "files"),
        (["--always"], {"pin": ""}, "not pinned"),
    ],
)
async def test_a_rule_that_cannot_be_meant_is_not_made(
    home: Path, options: list[str], changes: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = (await _waiting_run(home, **{"pin": "sha256:a"} | changes)).request  # type: ignore[arg-type]
    assert main(["approvals", "approve", request.approval_id, *options]) == 2
    assert said in capsys.readouterr().err
    with _opened(home) as journal:
        assert (journal.find_approval(request.approval_id).status, journal.standing_rules()) == ("pending", [])


@pytest.mark.promise("a_standing_rule_is_no_wider")
async def test_one_of_two_people_makes_no_rule_for_both(
    home: Path, config: Path, user: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    flags: JsonObject = {"config": str(config)}
    request = (await _waiting_run(home, flags=flags, approvers=("finance+finance",), pin="sha256:a")).request
    user("ann")
    assert main(["approvals", "approve", request.approval_id, "--always"]) == 2
    assert "more than one person" in capsys.readouterr().err


async def test_an_empty_list_of_rules_says_how_one_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["approvals", "rules"]) == 0
    assert "--always" in capsys.readouterr().out
    assert main(["approvals", "revoke", "rule_\x1b[2J"]) == 2
    assert "\x1b" not in capsys.readouterr().err


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
