import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tool_gateway.provenance.world import BOOK, CONTACTS, FETCH, READ_MAIL, SEND, Run
from tool_gateway.provenance.content_rule import marks
from tool_gateway.provenance.evidence import Means

SAID = "Send bob@corp.example a summary of the mail. Our page is https://corp.example/team, code 4711-2233."
READ = "The meeting is at noon. Call +49 30 1234567 or go to evil.example/pay. Ask for Anna in room 12."


def _body(text: str, *, to: str = "bob@corp.example") -> str:
    run = Run(SAID).read(READ_MAIL, READ)
    return run.verdict(SEND, {"to": [to], "body": text}, "body")


@pytest.mark.parametrize(
    "text",
    [
        "The meeting is at noon, ask for Anna in room 12.",
        "Hello Bob,\n\n3 items, 12:30 on 2026-11-20, costs 1250.00.\nSee report.pdf, e.g. page 2.\nBest",
        "Our page: https://corp.example/team (write to bob@corp.example)",
        "Quote 4711-2233",
        "",
    ],
)
def test_free_text_for_a_trusted_recipient_passes(text: str) -> None:
    assert _body(text) in {"content", "trusted"}


@pytest.mark.promise("a_planted_address_asks")
@pytest.mark.parametrize(
    "text",
    [
        "Please go to evil.example/pay",
        "https://corp.example/team/evil",
        "http://evil.example",
        "https://corp.example.evil.example/team",
        "write to eve@evil.example",
        "write to eve [at] evil [dot] example",
        "write to eve at evil dot example",
        "evil[.]example",
        "go to ev\u200bil.example",
        "ｅｖｉｌ．ｅｘａｍｐｌｅ",
        "Call +49 30 1234567",
        "Call 0 3 0 1 2 3 4 5",
        "Call ٠٣٠١٢٣٤٥",
        "Call zero three zero one two three",
        "Pay to DE89370400440532013000",
        "Pay to DE89 3704 0044 0532 0130 00",
        "Pay 1,250,000",
        "code: aGVsbG8gd29ybGQgZXZpbA1234",
        "![x](//evil.example/a.png)",
        "10.0.0.1",
        "javascript:alert(1)",
        "hxxps evil",
        "tell @eve_evil",
        "WX-4431-9982",
    ],
)
def test_free_text_that_plants_something_asks(text: str) -> None:
    assert _body(f"Hello Bob. {text}\nBest") == "untrusted"


@pytest.mark.promise("a_planted_address_asks")
def test_the_right_recipient_with_a_planted_link_asks_for_that() -> None:
    run = Run(SAID).read(READ_MAIL, READ)
    call: Any = {"to": ["bob@corp.example"], "body": "Hi, please visit evil.example/pay"}
    assert run.cause(SEND, call, "body") == "planted-address"
    assert run.cause(SEND, call, "to[0]") is None


def test_free_text_for_an_untrusted_recipient_is_not_excused() -> None:
    assert _body("The meeting is at noon.", to="eve@evil.example") == "untrusted"
    assert _body("Hello there", to="eve@evil.example") == "untrusted"


def test_a_text_is_fine_where_nobody_receives_it() -> None:
    run = Run("Note it").read(READ_MAIL, READ)
    assert run.verdict(BOOK, {"title": "Ask for Anna"}, "title") == "content"


def test_numbers_of_a_private_trusted_source_do_not_get_out_through_it() -> None:
    public = Run(SAID).read(READ_MAIL, READ).trusted(CONTACTS, "Desk 5551234")
    private = Run(SAID).read(READ_MAIL, READ).trusted(CONTACTS, "Desk 5551234", secret=True)
    call: Any = {"to": ["bob@corp.example"], "body": "The desk is 5551234."}
    assert public.verdict(SEND, call, "body") == "content"
    assert private.verdict(SEND, call, "body") == "untrusted"


@pytest.mark.parametrize(
    ("said", "argument", "text", "cause"),
    [
        ('Send bob@corp.example a mail with subject "Lunch" and body "See you at 5."', "body", "See you at 5.", None),
        (
            'Send bob@corp.example a mail with subject "Lunch" and body "See you at 5."',
            "body",
            "Stay away.",
            "dictated-text",
        ),
        (
            'Send bob@corp.example a mail with subject "Lunch" and body "See you at 5."',
            "subject",
            "Dinner",
            "dictated-text",
        ),
        ('Send bob@corp.example a mail saying "See you at 5"', "body", "See you at 5. PS: never mind", "dictated-text"),
        ('Send bob@corp.example a mail about the file "plan.txt"', "body", "About the plan", None),
        ('Write bob@corp.example the message "Hi {name}"', "body", "Hi bob@corp.example", None),
        ('Write bob@corp.example the message "Hi {name}"', "body", "Hi Anna", "dictated-text"),
    ],
)
def test_what_the_user_dictated_is_fixed(said: str, argument: str, text: str, cause: str | None) -> None:
    run = Run(said).read(READ_MAIL, READ)
    assert run.cause(SEND, {"to": ["bob@corp.example"], argument: text}, argument) == cause


def test_switched_off_free_text_is_a_value_like_any_other() -> None:
    run = Run(SAID, means=Means(content_rule=False)).read(READ_MAIL, READ)
    assert run.verdict(SEND, {"to": ["bob@corp.example"], "body": "Something new"}, "body") == "untrusted"


def test_a_reads_query_is_never_free_text() -> None:
    run = Run(SAID).read(READ_MAIL, READ)
    assert run.verdict(FETCH, {"url": "Something new"}, "url") == "untrusted"


@pytest.mark.promise("a_planted_address_asks")
def test_words_that_grant_a_text_grant_no_new_address_in_it() -> None:
    run = Run(SAID).read(READ_MAIL, "Go to evil.example/pay now").endorse("mail.read=>mail.send:body")
    call: Any = {"to": ["bob@corp.example"], "body": "Go to evil.example/pay now"}
    assert run.verdict(SEND, call, "body") == "granted", "the user granted exactly this text, whole, by a flag"
    by_words = Run(SAID).read(READ_MAIL, "Go to evil.example/pay now")
    by_words.knowledge.grant(replace(run.knowledge.grants[0], given_by="words"))
    assert by_words.cause(SEND, call, "body") == "planted-address"
    by_words.knowledge.grant(run.knowledge.grants[0])
    assert by_words.verdict(SEND, call, "body") == "granted"


@given(st.text(max_size=300))
def test_looking_for_marks_never_fails(text: str) -> None:
    assert len(marks(text)) <= len(text) + 1


@pytest.mark.parametrize("unit", ["a@", "1 ", "a.", "x dot ", "(.", "http://", "[at]", "zero ", "a-", "::1"])
def test_looking_for_marks_takes_time_in_proportion(unit: str) -> None:
    text = unit * (50_000 // len(unit))
    begun = time.perf_counter()
    marks(text)
    assert time.perf_counter() - begun < 2
