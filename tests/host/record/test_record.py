"""The record: linked, canonical, shared by processes, and no change of it goes unnoticed."""

import fcntl
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from context.errors import JournalError
from host.cli.main import main
from host.journal import Journal, RunHandle
from host.record.chain import GENESIS, link, parse, payload, placed
from host.record.contents import sealed
from host.record.log import RecordLog
from host.record.verify import verify
from sandboxes.lifecycle.owners import this_process
from tests.fakes.journal import an_entry, intent, outcome, proposed_call, user_message
from tool_gateway.interface import Entry

ROOT = Path(__file__).parents[3]
RUN = {"agent": "default", "task": "look", "folder": "/data", "flags": {"model": "small"}, "trace_id": "1" * 32}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEHOST_HOME", str(tmp_path))
    return tmp_path


@contextmanager
def _opened(home: Path, **options: object) -> Iterator[Journal]:
    with Journal.open(home / "journal.db", **options) as journal:  # type: ignore[arg-type]
        yield journal


def _lines(home: Path) -> list[bytes]:
    return [line for path in sorted((home / "record").glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def _write(home: Path, lines: list[bytes]) -> None:
    (home / "record" / "000001.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def _recorded(home: Path, count: int = 6) -> RunHandle:
    """A closed run whose record has `count` entries."""
    with _opened(home) as journal:
        run = journal.create_run(**RUN, messages=[user_message()])
        for number in range(count):
            journal.record.append([an_entry(run.run_id, arguments={"path": f"/repo/{number}"})])
        run.set_status("completed", exit_code=0)
        run.close()
    return run


# The form.


def test_each_line_is_canonical_numbered_and_linked_to_the_bytes_before(home: Path) -> None:
    _recorded(home, 4)
    prev = "sha256:" + "0" * 64
    for number, line in enumerate(_lines(home), 1):
        entry = json.loads(line)
        assert rfc8785.dumps(entry) == line
        assert (entry["n"], entry["prev"]) == (number, prev)
        assert {"id", "type", "ts", "run_id", "agent", "call_id", "body", "contents"} <= entry.keys()
        prev = "sha256:" + hashlib.sha256(line).hexdigest()


_words = st.text(max_size=12)


@settings(max_examples=60)
@given(
    st.dictionaries(_words, st.none() | st.booleans() | st.integers() | st.floats() | _words, max_size=4),
    st.dictionaries(st.sampled_from(["agent", "nn", "parent_run_id", "prev2", "span_id", "n", "prev", "ü"]), _words),
    st.integers(min_value=1, max_value=2**53 - 1),
)
def test_a_placed_payload_is_the_canonical_line(body: dict[str, object], ids: dict[str, str], n: int) -> None:
    entry = Entry("ent_1", "decision", "run_1", "2026-11-20T12:00:00.000Z", body, ids)  # type: ignore[arg-type]
    line = placed(payload(entry, {"arguments": "hmac-sha256:00"}), n, GENESIS)
    parsed = parse(line)
    assert rfc8785.dumps(parsed.fields) == line
    assert (parsed.n, parsed.prev, parsed.entry_id, parsed.run_id) == (n, GENESIS, "ent_1", "run_1")


def test_a_refusal_that_names_a_broken_text_is_recorded_all_the_same(home: Path) -> None:
    with _opened(home) as journal:
        entry = Entry("ent_1", "decision", "run_1", "t", {"path": "a\ud800", "big": 2**60}, {}, {"arguments": "\udfff"})
        journal.record.append([entry])
        assert journal.verify().ok
    assert json.loads(_lines(home)[0])["body"] == {"path": "a\\ud800", "big": str(2**60)}


@pytest.mark.parametrize("value", [{"n": 2**70}, {"t": "\ud800"}, float("inf"), None, [1.5, "ä"]])
def test_a_content_is_kept_exactly_and_its_digest_tells_nothing(value: object) -> None:
    one, other = sealed(value), sealed(value)  # type: ignore[arg-type]
    assert one.read() == value
    assert one.digest != other.digest
    assert one.matches(one.digest)
    assert not one.matches(other.digest)
    assert re.fullmatch(r"hmac-sha256:[0-9a-f]{64}", one.digest)


def test_contents_stand_in_no_line(home: Path) -> None:
    with _opened(home) as journal:
        journal.record.append([an_entry("run_1", arguments={"token": "hunter2"}, task="pay Mallory")])
    for path in (home / "record").iterdir():
        assert b"hunter2" not in path.read_bytes()
        assert b"Mallory" not in path.read_bytes()


# What verification finds.


def _edit(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b'"allow"', b'"deny"'), *lines[3:]]


def _edit_and_relink(lines: list[bytes]) -> list[bytes]:
    forged = _edit(lines)
    for index in range(3, len(forged)):
        fields = json.loads(forged[index])
        forged[index] = rfc8785.dumps({**fields, "prev": link(forged[index - 1])})
    return forged


def _renumbered(lines: list[bytes]) -> list[bytes]:
    prev, fresh = GENESIS, []
    for number, line in enumerate(lines, 1):
        fresh.append(rfc8785.dumps({**json.loads(line), "n": number, "prev": prev}))
        prev = link(fresh[-1])
    return fresh


def _foreign(number: int, prev: str) -> bytes:
    return placed(payload(an_entry("run_1"), {}), number, prev)


_TAMPERS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int, str]] = {
    "edited in the middle": (_edit, 3, "edited"),
    "edited, the rest linked anew": (_edit_and_relink, 3, "edited"),
    "last edited": (lambda lines: [*lines[:-1], lines[-1].replace(b"git_log", b"git_lag")], 6, "edited"),
    "not canonical": (lambda lines: [*lines[:3], lines[3].replace(b",", b", ", 1), *lines[4:]], 4, "edited"),
    "no JSON": (lambda lines: [*lines[:3], b"{", *lines[4:]], 4, "edited"),
    "a JSON list": (lambda lines: [b"[]", *lines[1:]], 1, "edited"),
    "blank line": (lambda lines: [*lines[:2], b"", *lines[2:]], 3, "edited"),
    "removed": (lambda lines: [*lines[:2], *lines[3:]], 3, "removed"),
    "removed, the rest linked anew": (lambda lines: _renumbered([*lines[:2], *lines[3:]]), 3, "reordered"),
    "first removed": (lambda lines: lines[1:], 1, "removed"),
    "swapped": (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], 3, "reordered"),
    "swapped, linked anew": (lambda lines: _renumbered([*lines[:2], lines[3], lines[2], *lines[4:]]), 3, "reordered"),
    "repeated": (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4, "inserted"),
    "inserted": (lambda lines: [*lines[:3], _foreign(4, link(lines[2])), *lines[3:]], 4, "inserted"),
    "appended": (lambda lines: [*lines, _foreign(7, link(lines[-1]))], 7, "inserted"),
    "last cut": (lambda lines: lines[:-1], 6, "truncated"),
    "last two cut": (lambda lines: lines[:-2], 5, "truncated"),
    "all cut": (lambda lines: [], 1, "truncated"),
    "number changed": (lambda lines: [*lines[:2], lines[2].replace(b'"n":3', b'"n":9'), *lines[3:]], 3, "edited"),
    "link changed": (
        lambda lines: [*lines[:2], lines[2].replace(b'"prev":"sha256:', b'"prev":"sha255:'), *lines[3:]],
        3,
        "edited",
    ),
}


@pytest.mark.promise("a_changed_record_is_noticed")
@pytest.mark.parametrize("name", _TAMPERS)
def test_a_change_is_found_and_its_entry_named(home: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, number, kind = _TAMPERS[name]
    _recorded(home, 6)
    assert main(["audit", "verify"]) == 0
    capsys.readouterr()
    _write(home, change(_lines(home)))
    assert main(["audit", "verify"]) == 1
    assert f"entry {number} " in capsys.readouterr().out.replace(":", " ")
    assert main(["audit", "verify", "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["ok"], verdict["fault"]["n"], verdict["fault"]["kind"]) == (False, number, kind)


@pytest.mark.promise("a_changed_record_is_noticed")
@pytest.mark.parametrize("name", [name for name, (_, _, kind) in _TAMPERS.items() if kind != "truncated"])
def test_without_the_journal_the_chain_alone_finds_changes_that_were_not_linked_anew(home: Path, name: str) -> None:
    change, number, _ = _TAMPERS[name]
    _recorded(home, 6)
    _write(home, change(_lines(home)))
    verdict = verify(RecordLog(home / "record").extent(), None)
    if "anew" in name or name in {"last edited", "appended"}:
        assert verdict.ok  # nothing links to it: only the journal, or a checkpoint kept elsewhere, can tell
    else:
        assert verdict.fault is not None
        assert abs(verdict.fault.n - number) <= 1


@pytest.mark.promise("a_changed_record_is_noticed")
def test_another_way_to_write_the_same_entry_is_a_change(home: Path) -> None:
    _recorded(home, 3)
    _write(home, [*_lines(home)[:2], _lines(home)[2].replace(b",", b", ", 1)])
    fault = verify(RecordLog(home / "record").extent(), None).fault
    assert fault is not None
    assert (fault.n, fault.kind) == (3, "edited")


async def test_an_entry_stands_in_the_record_when_its_commit_returns(home: Path) -> None:
    with _opened(home) as journal:
        run = journal.create_run(**RUN, entries=[an_entry("run_1")])
        assert len(_lines(home)) == 1
        await run.commit(entries=[an_entry(run.run_id)], durable=True)
        assert len(_lines(home)) == 2
        run.set_status("waiting", entries=[an_entry(run.run_id)])
        assert len(_lines(home)) == 3


def test_a_torn_end_is_found_and_cut_by_the_next_append(home: Path) -> None:
    _recorded(home, 3)
    path = home / "record" / "000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"agent":"defau')
    with _opened(home) as journal:
        verdict = journal.verify()
        assert verdict.fault is not None
        assert (verdict.fault.n, verdict.fault.kind) == (4, "torn")
        journal.record.append([an_entry("run_1")])
        assert journal.verify().ok
    assert path.read_bytes().startswith(whole)


@pytest.mark.promise("a_changed_record_is_noticed")
def test_cut_entries_stay_missed_after_new_ones_took_their_numbers(home: Path) -> None:
    _recorded(home, 6)
    _write(home, _lines(home)[:4])
    with _opened(home) as journal:
        journal.record.append([an_entry("run_1") for _ in range(5)])
        verdict = journal.verify()
    assert verdict.fault is not None
    assert (verdict.fault.n, verdict.fault.kind) == (5, "removed")


@pytest.mark.promise("a_changed_record_is_noticed")
def test_a_changed_content_is_found_and_an_erased_one_is_not_a_fault(home: Path) -> None:
    _recorded(home, 4)
    with _opened(home) as journal:
        with journal.database.transaction() as connection:
            connection.execute("DELETE FROM contents WHERE position = 2")
        verdict = journal.verify()
        assert verdict.ok
        assert verdict.erased == 1
        with journal.database.transaction() as connection:
            connection.execute("UPDATE contents SET value = '{}' WHERE position = 3")
        verdict = journal.verify()
        assert verdict.fault is not None
        assert (verdict.fault.n, verdict.fault.kind) == (3, "content")


def test_an_empty_record_verifies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == 0
    assert capsys.readouterr().out == f"record verifies: 0 entries, head {GENESIS}\n"


# Segments.


def test_a_full_segment_is_followed_by_the_next_and_the_chain_goes_on(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, segment_bytes=1500)
    for _ in range(20):
        head = log.append([payload(an_entry("run_1"), {})])[0]
    assert len(list(tmp_path.glob("*.jsonl"))) > 3
    assert all(path.stat().st_size <= 1500 for path in tmp_path.glob("*.jsonl"))
    other = RecordLog(tmp_path, segment_bytes=1500)
    assert other.head() == head
    assert verify(log.extent(), None).head == head
    (tmp_path / "000002.jsonl").unlink()
    verdict = verify(log.extent(), None)
    assert verdict.fault is not None
    assert verdict.fault.kind == "removed"


def test_two_logs_take_turns_without_losing_the_chain(tmp_path: Path) -> None:
    one, other = (RecordLog(tmp_path, segment_bytes=1500) for _ in range(2))
    for index in range(20):
        (one if index % 3 else other).append([payload(an_entry("run_1"), {})])
    verdict = verify(one.extent(), None)
    assert verdict.ok
    assert verdict.head.entries == 20


# Faults of the machine.


@contextmanager
def _no_room(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond `size` bytes: write(2) fails as on a full disk."""
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_an_error_and_leaves_no_half_line(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    log.append([payload(an_entry("run_1"), {})])
    path = tmp_path / "000001.jsonl"
    before = path.read_bytes()
    with _no_room(len(before) + 100), pytest.raises(JournalError, match="nothing goes out"):
        log.append([payload(an_entry("run_1"), {})])
    assert path.read_bytes() == before
    log.append([payload(an_entry("run_1"), {})])
    assert verify(log.extent(), None).head.entries == 2


async def test_what_the_record_did_not_take_is_written_first_next_time(home: Path) -> None:
    with _opened(home) as journal:
        run = journal.create_run(**RUN)
        run.store_turn(1, user_message(), [proposed_call(run.run_id, index) for index in range(3)])
        first, second, third = run.calls()
        await run.commit(intent(first), entries=[an_entry(run.run_id)])
        size = (home / "record" / "000001.jsonl").stat().st_size
        journal.record.log.folder.chmod(0o700)
        with _no_room(size + 10):
            # The journal's log has room in its file already; only the record cannot grow.
            os.truncate(home / "record" / "000001.jsonl", size)
            with pytest.raises(JournalError):
                await run.commit(intent(second), entries=[an_entry(run.run_id)])
        await run.commit(intent(third), entries=[an_entry(run.run_id)])
        verdict = journal.verify()
    assert verdict.ok


def test_a_stopped_process_that_holds_the_lock_is_an_error_not_a_hang(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, lock_seconds=0.05)
    log.append([payload(an_entry("run_1"), {})])
    with (tmp_path / "lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match="lock"):
            log.append([payload(an_entry("run_1"), {})])


def test_a_record_that_is_cut_while_it_is_written_stops_the_writer(tmp_path: Path) -> None:
    log = RecordLog(tmp_path)
    for _ in range(3):
        log.append([payload(an_entry("run_1"), {})])
    path = tmp_path / "000001.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in path.read_bytes().splitlines()[:2]))
    with pytest.raises(JournalError, match="cut or removed"):
        log.append([payload(an_entry("run_1"), {})])


def test_a_last_line_that_is_no_entry_stops_every_writer(tmp_path: Path) -> None:
    (tmp_path / "000001.jsonl").write_bytes(b"hello\n")
    with pytest.raises(JournalError, match="last line"):
        RecordLog(tmp_path).append([payload(an_entry("run_1"), {})])


def test_a_removed_lock_file_does_not_part_the_writers(tmp_path: Path) -> None:
    one, other = RecordLog(tmp_path, lock_seconds=0.02), RecordLog(tmp_path)
    one.append([payload(an_entry("run_1"), {})])
    (tmp_path / "lock").unlink()
    other.append([payload(an_entry("run_1"), {})])
    with other.locked(), pytest.raises(JournalError, match="lock"):
        one.append([payload(an_entry("run_1"), {})])
    one.append([payload(an_entry("run_1"), {})])
    assert verify(one.extent(), None).head.entries == 3


def _another_boot() -> str:
    return ":".join(["0" * 16, *this_process().split(":")[1:]])


def test_entries_that_a_power_loss_took_are_written_again_and_that_is_said(home: Path) -> None:
    """What an earlier boot had appended and not synced may be gone; the journal still has it."""
    journal = Journal.open(home / "journal.db", owner=_another_boot())
    run = journal.create_run(**RUN, entries=[an_entry("run_1") for _ in range(4)])
    run.renew()  # tells the index where the lines stand
    kept = _lines(home)[:2]
    journal.database.close()  # and nothing more: the machine is gone
    (home / "record" / "000001.jsonl").write_bytes(b"".join(line + b"\n" for line in kept) + b'{"agent":"de')
    with _opened(home) as after:
        assert after.restored == 2
        verdict = after.verify()
    assert verdict.ok
    lines = [json.loads(line) for line in _lines(home)]
    assert [line["type"] for line in lines] == ["decision"] * 4 + ["record_repaired"]
    assert len(lines[-1]["body"]["written_again"]) == 2
    assert lines[-1]["body"]["cut_bytes"] == 12
    with _opened(home) as again:
        assert again.restored == 0


def test_entries_that_a_dead_process_never_wrote_are_written(home: Path) -> None:
    own = this_process().split(":")
    dead = ":".join([*own[:2], "4194305", "1"])
    journal = Journal.open(home / "journal.db", owner=dead)
    journal.create_run(**RUN, entries=[an_entry("run_1") for _ in range(3)])
    journal.database.close()
    _write(home, _lines(home)[:2])
    with _opened(home) as after:
        assert after.restored == 1
        assert after.verify().ok


@pytest.mark.promise("a_changed_record_is_noticed")
def test_a_line_that_a_dead_process_wrote_and_somebody_edited_is_not_accepted(home: Path) -> None:
    own = this_process().split(":")
    journal = Journal.open(home / "journal.db", owner=":".join([*own[:2], "4194305", "1"]))
    journal.create_run(**RUN, entries=[an_entry("run_1")])
    journal.database.close()
    _write(home, [_lines(home)[0].replace(b"git_log", b"git_lag")])
    with _opened(home) as after:
        assert after.restored == 0
        verdict = after.verify()
    assert verdict.fault is not None
    assert (verdict.fault.n, verdict.fault.kind) == (1, "edited")


def test_what_a_living_process_is_about_to_write_is_left_to_it(home: Path) -> None:
    with _opened(home) as living:
        with living.database.transaction() as connection:
            from host.journal.recorder import seal

            sealed_entry = seal(an_entry("run_1"))
            living.record.insert(connection, [sealed_entry])
        with _opened(home) as other:
            assert other.restored == 0
        living.record.write([sealed_entry])
        assert living.verify().head.entries == 1


# Many processes.

_WRITER = """
import sys
from pathlib import Path
from host.journal import Journal
from tests.fakes.journal import an_entry
with Journal.open(Path(sys.argv[1]) / "journal.db") as journal:
    run = journal.create_run(agent="a", task=sys.argv[2], folder="/", flags={}, trace_id="1" * 32)
    for number in range(15):
        run.set_status("running", entries=[an_entry(run.run_id, arguments={"number": number})])
    run.set_status("completed", exit_code=0)
    run.close()
"""


def test_twenty_processes_leave_one_record_that_verifies(home: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(home), str(index)], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for index in range(20)
    ]
    faults = [writer.communicate(timeout=120)[1] for writer in writers]
    assert faults == [""] * 20
    with _opened(home) as journal:
        verdict = journal.verify()
        assert verdict.fault is None
        assert verdict.head.entries == 20 * 15
        for info in journal.list_runs():
            assert [
                content["arguments"].read()["number"]  # type: ignore[index,union-attr,call-overload]
                for _, content in journal.entries(info.run_id)
            ] == list(range(15))


# The story.


async def _told_run(home: Path) -> str:
    with _opened(home) as journal:
        run = journal.create_run(**RUN, messages=[user_message()])
        run.store_turn(1, user_message(), [proposed_call(run.run_id)])
        call = run.calls()[0]
        deny = Entry(
            "ent_deny",
            "decision",
            run.run_id,
            "2026-11-20T12:00:01.000Z",
            {
                "server": "files",
                "tool": "write_file",
                "decision": "deny",
                "effect": "write",
                "reasons": [{"gate": "constraints", "code": "path_outside", "text": "out\x1b[2J", "remedy": "stay in"}],
                "outcome": "denied",
            },
            {"call_id": "call_2"},
            {"arguments": {"path": "/etc/\u202epasswd"}},
        )
        sandbox = Entry(
            "ent_box", "sandbox", run.run_id, "t", {"server": "git", "facts": {"network": "none"}, "notes": []}
        )
        await run.commit(intent(call), entries=[sandbox, an_entry(run.run_id, arguments=call.arguments), deny])
        done = an_entry(run.run_id, "outcome", result={"content": [{"kind": "text", "text": "3 commits\rgone"}]})
        await run.commit(outcome(call), entries=[done])
        run.set_status("completed", exit_code=0)
        run.close()
        return run.run_id


async def test_a_run_is_told_with_decisions_reasons_walls_and_outcomes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = await _told_run(home)
    assert main(["audit", "show", run_id]) == 0
    story = capsys.readouterr().out
    for part in (
        "completed, exit 0",
        "small",
        "git.git_log",
        "decision: allow",
        "files.write_file",
        "decision: deny",
        "because (constraints): out\\x1b[2J. stay in",
        'arguments.path = "/etc/\\u202epasswd"',
        '"network": "none"',
        'result: "3 commits\\x0dgone"',
    ):
        assert part in story
    assert "\x1b" not in story
    assert "\u202e" not in story


async def test_a_forged_entry_is_marked_where_it_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = await _told_run(home)
    assert main(["audit", "show", run_id]) == 0
    assert "!!" not in capsys.readouterr().out
    _write(home, [line.replace(b'"decision":"deny"', b'"decision":"allow"') for line in _lines(home)])
    assert main(["audit", "show", run_id]) == 1
    story = capsys.readouterr().out.splitlines()
    assert "DOES NOT VERIFY: entry 3" in story[0]
    assert "DOES NOT VERIFY" in story[-1]
    (forged,) = [number for number, line in enumerate(story) if line.startswith("    3  ")]
    assert "DOES NOT VERIFY (edited)" in story[forged + 1]
    assert any("not verified: it stands behind entry 3" in line for line in story[forged + 2 :])
    assert main(["audit", "show", run_id, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verified"]["fault"]["n"] == 3


async def test_a_told_value_says_how_much_of_it_is_left_out(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _opened(home) as journal:
        run = journal.create_run(**RUN, messages=[user_message()])
        run.store_turn(1, user_message(), [proposed_call(run.run_id)])
        entry = an_entry(run.run_id, arguments={"text": "a" * 5_000 + "the end", "lines": "a\nb", "typed": "a\\nb"})
        await run.commit(intent(run.calls()[0]), entries=[entry])
        run.close()
    assert main(["audit", "show", run.run_id]) == 0
    story = capsys.readouterr().out
    assert "… 4,707 more characters …" in story
    assert 'the end"' in story
    assert 'arguments.lines = "a\\nb"' in story
    assert 'arguments.typed = "a\\\\nb"' in story


async def test_a_run_is_told_to_machines_with_its_contents(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = await _told_run(home)
    with _opened(home) as journal, journal.database.transaction() as connection:
        connection.execute("DELETE FROM contents WHERE name = 'result'")
    assert main(["audit", "show", run_id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run_id"] == run_id
    assert [entry["type"] for entry in told["entries"]] == ["sandbox", "decision", "decision", "outcome"]
    assert told["entries"][1]["contents"]["arguments"]["value"] == {"repo": "/repo", "n": 0}
    assert told["entries"][3]["contents"]["result"]["erased"] is True


def test_an_unknown_run_is_a_usage_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "run_x"]) == 2
    assert "run_x" in capsys.readouterr().err
