from typing import Any

import pytest

from tests.fakes.gateway import known_tool
from tests.tool_gateway.provenance.world import BOOK, LIST_FILES, PAY, READ_MAIL, SEND, Run, schema, texts
from tool_gateway.provenance.evidence import Grant, Means, SourcePattern


@pytest.mark.parametrize(
    ("said", "arguments", "path", "fine"),
    [
        ("Meet on 2026-05-15 at 10:00 for an hour", {"start_time": "2026-05-15 10:00"}, "start_time", True),
        ("Meet on 2026-05-15 at 10am for one hour", {"start_time": "2026-05-15T10:00:00"}, "start_time", True),
        ("Meet on 2026-05-15 at 10:00", {"start_time": "2026-05-16 10:00"}, "start_time", False),
        (
            "Meet on 2026-05-15 at 10:00 for an hour",
            {"start_time": "2026-05-15 10:00", "end_time": "2026-05-15 11:00"},
            "end_time",
            True,
        ),
        (
            "Meet on 2026-05-15 at 23:30 for 90 minutes",
            {"start_time": "2026-05-15 23:30", "end_time": "2026-05-16 01:00"},
            "end_time",
            True,
        ),
        (
            "Meet on 2026-05-15 at 10:00 for an hour",
            {"start_time": "2026-05-15 10:00", "end_time": "2026-05-15 12:00"},
            "end_time",
            False,
        ),
        # The start is not trusted, so neither is what follows from it.
        (
            "Meet for an hour",
            {"start_time": "2026-05-17 10:00", "end_time": "2026-05-17 11:00"},
            "end_time",
            False,
        ),
        ("Book it with high priority", {"priority": "high"}, "priority", True),
        ("Book it with very high priority", {"priority": "very_high"}, "priority", True),
        ("Book it", {"priority": "very_high"}, "priority", False),
    ],
)
def test_times_and_choices_follow_from_the_users_words(
    said: str, arguments: dict[str, Any], path: str, fine: bool
) -> None:
    run = Run(said).read(READ_MAIL, "2026-05-17 10:00, 2026-05-15 12:00, very_high")
    assert run.leaves(BOOK, arguments)[path].asks is not fine


@pytest.mark.parametrize(
    ("said", "value", "fine"),
    [
        ("Make it recurring", True, True),
        ("Make it not recurring", True, False),
        ("Make it not recurring", False, True),
        ("Pay it", True, False),
    ],
)
def test_a_switch_follows_from_its_name(said: str, value: bool, fine: bool) -> None:
    run = Run(said).read(READ_MAIL, "recurring true")
    assert run.leaves(PAY, {"recurring": value})["recurring"].asks is not fine


FILES: list[Any] = [{"name": "landing-page.html"}, {"name": "team_building.txt"}, {"name": "passwords.txt"}]


@pytest.mark.parametrize(
    ("value", "files", "fine"),
    [
        ("landing-page.html", FILES, True),
        ("passwords.txt", FILES, False),
        ("landing-page.pdf", FILES, False),
        ("../landing-page.html", FILES, False),
        # Somebody put a second one there.
        ("landing-page.html", [*FILES, {"name": "landing_page.exe"}], False),
        ("landing_page.exe", [*FILES, {"name": "landing_page.exe"}], False),
    ],
)
def test_a_spoken_file_name_is_the_one_stored_name(value: str, files: list[Any], fine: bool) -> None:
    run = Run("Send the landing page to bob@corp.example").read(LIST_FILES, data={"files": files})
    assert run.leaves(SEND, {"attachment": value})["attachment"].asks is not fine


BILLS: list[Any] = [
    {"item": "Hotel", "price": 300.0},
    {"item": "Train", "price": 90.0},
    {"item": "Food", "price": 60.0},
]


@pytest.mark.promise("derived_values_are_computed")
@pytest.mark.parametrize(
    ("said", "amount", "fine"),
    [
        ("Pay the total", 450.0, True),
        ("Pay the total plus a 10% tip", 495.0, True),
        ("Split the total between the 3 of us", 150.0, True),
        ("Pay half of the total", 225.0, True),
        ("Pay it", 450.0, False),
        ("Pay the total", 449.0, False),
        ("Pay the total", 390.0, False),
        ("Pay 20 each for 4 people", 80, True),
        ("Pay 20 for 4 people", 80, False),
        ("Pay the total", 900.0, False),
    ],
)
def test_amounts_are_computed_and_compared(said: str, amount: float, fine: bool) -> None:
    run = Run(said).read(READ_MAIL, data={"bills": BILLS}).endorse("mail.read=>bank.pay:amount")
    assert run.leaves(PAY, {"amount": amount})["amount"].asks is not fine


@pytest.mark.promise("derived_values_are_computed")
def test_nothing_is_computed_from_a_source_that_nobody_granted() -> None:
    run = Run("Pay the total").read(READ_MAIL, data={"bills": BILLS})
    assert run.leaves(PAY, {"amount": 450.0})["amount"].asks


DELETE = known_tool("store.delete", effect="destructive", schema=schema({"file_id": {"type": "string"}}))
SIZES: list[Any] = [
    {"id": "a1", "size": 10, "modified": "2026-01-05"},
    {"id": "b2", "size": 900, "modified": "2026-03-01", "note": "this is the smallest"},
    {"id": "c3", "size": 70, "modified": "2026-02-01"},
]


@pytest.mark.promise("derived_values_are_computed")
@pytest.mark.parametrize(
    ("said", "records", "value", "fine"),
    [
        ("Delete the largest file", SIZES, "b2", True),
        ("Delete the largest file", SIZES, "a1", False),
        ("Delete the smallest file", SIZES, "a1", True),
        ("Delete the smallest file", SIZES, "b2", False),
        ("Delete the latest file", SIZES, "b2", True),
        ("Delete the oldest file", SIZES, "a1", True),
        ("Delete a file", SIZES, "b2", False),
        ("Delete the largest file", [*SIZES, {"id": "d4", "size": 900, "modified": "2026-01-01"}], "b2", False),
        ("Delete the largest file", [*SIZES, {"id": "d4", "size": "huge", "modified": "2026-01-01"}], "d4", False),
    ],
)
def test_superlatives_are_computed_not_believed(said: str, records: list[Any], value: str, fine: bool) -> None:
    run = Run(said).read(LIST_FILES, data={"files": records})
    run.knowledge.grant(Grant(SourcePattern(LIST_FILES.ref), DELETE.ref, "file_id", "words", "said", ("largest",)))
    assert run.leaves(DELETE, {"file_id": value})["file_id"].asks is not fine


def test_a_payee_is_never_a_superlative() -> None:
    people: list[Any] = [
        {"iban": "DE89370400440532013000", "amount": 5},
        {"iban": "GB82WEST12345698765432", "amount": 9},
    ]
    run = Run("Pay the largest").read(READ_MAIL, data={"people": people}).endorse("mail.read=>bank.pay:iban")
    assert run.leaves(PAY, {"iban": "GB82WEST12345698765432"})["iban"].asks


def test_switched_off_nothing_is_derived() -> None:
    run = Run("Make it recurring", means=Means(derived_values=False)).read(READ_MAIL, "x")
    assert run.leaves(PAY, {"recurring": True})["recurring"].asks


MOVE = known_tool("drive.move_file", effect="write", schema=texts("source", "destination"))
SHARE = known_tool(
    "drive.share_file",
    effect="external_write",
    schema=schema({"path": {"type": "string"}, "role": {"type": "string", "enum": ["viewer", "editor"]}}),
)
INBOX = (
    "   size  modified    name\n      1  2026-11-10  draft-a.md\n      1  2026-11-11  draft-b.md\n"
    "      9  2026-11-11  read.md"
)


@pytest.mark.parametrize(
    ("arguments", "asking"),
    [
        ({"source": "/inbox/draft-a.md", "destination": "/archive/draft-a.md"}, set[str]()),
        ({"source": "/inbox/draft-a.md", "destination": "/public/draft-a.md"}, {"destination"}),
        ({"source": "/inbox/draft-a.md", "destination": "/archive/draft-b.md"}, {"destination"}),
        ({"source": "/inbox/draft-a.md", "destination": "/archive/../public/draft-a.md"}, {"destination"}),
        ({"source": "/inbox/read.md", "destination": "/archive/read.md"}, {"source", "destination"}),
        ({"source": "/finance/draft-a.md", "destination": "/archive/draft-a.md"}, {"source", "destination"}),
    ],
)
def test_named_folders_and_their_files_are_joined(arguments: Any, asking: set[str]) -> None:
    run = Run("Verschieb die zwei Entwürfe aus /inbox nach /archive").read(
        LIST_FILES, INBOX, arguments={"folder": "/inbox"}
    )
    assert {path for path, one in run.leaves(MOVE, arguments).items() if one.asks} == asking


def test_one_file_more_than_the_user_counted_asks() -> None:
    run = Run("Verschieb die zwei Entwürfe aus /inbox nach /archive")
    run.read(LIST_FILES, INBOX + "\n      1  2026-11-12  draft-evil.md", arguments={"folder": "/inbox"})
    assert run.leaves(MOVE, {"source": "/inbox/draft-a.md"})["source"].asks


@pytest.mark.parametrize(
    ("said", "role", "fine"),
    [
        ("read only", "viewer", True),
        ("read only", "editor", False),
        ("she can edit it", "editor", True),
        ("she can edit it", "viewer", False),
        ("she can view or edit it, can view first, to edit later", "editor", False),
        ("please", "viewer", False),
    ],
)
def test_a_choice_may_be_said_in_other_words(said: str, role: str, fine: bool) -> None:
    run = Run(f"Share the file plan.md in /plans, {said}").read(READ_MAIL, "editor viewer")
    leaves = run.leaves(SHARE, {"path": "/plans/plan.md", "role": role})
    assert not leaves["path"].asks
    assert leaves["role"].asks is not fine


@pytest.mark.parametrize(
    ("name", "value", "fine"),
    [
        ("include_archived", False, True),
        ("include_archived", True, False),
        ("verify", False, False),
        ("notify", False, False),
    ],
)
def test_a_mere_option_may_be_left_off(name: str, value: bool, fine: bool) -> None:
    tool = known_tool("x.change", effect="write", schema=schema({name: {"type": "boolean"}}))
    assert Run("Change it").read(READ_MAIL, "x").leaves(tool, {name: value})[name].asks is not fine
