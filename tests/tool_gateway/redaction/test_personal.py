import pytest

from tests.tool_gateway.redaction.texts import NAMED, PERSONAL
from tool_gateway.redaction.personal import is_card_number, is_phone_region, personal_rules
from tool_gateway.redaction.redactor import Redactor

KEY = b"k" * 32


@pytest.mark.promise("secrets_in_results_are_hidden")
@pytest.mark.parametrize("kind", PERSONAL)
def test_each_kind_of_personal_data_is_hidden(kind: str) -> None:
    text = f"Jane: {NAMED.get(kind, '')}{PERSONAL[kind]}, as of today"
    done = Redactor(KEY).redact(text, server="a")
    (finding,) = done.findings
    assert (finding.kind, finding.group) == (kind, "pii")
    assert done.text == text.replace(PERSONAL[kind], finding.placeholders[0])


def test_every_kind_has_an_example() -> None:
    assert {rule.name for rule in personal_rules()} == set(PERSONAL)


@pytest.mark.parametrize("kind", sorted(PERSONAL.keys() - {"phone"}))
def test_a_number_whose_check_digit_is_wrong_is_nobodys(kind: str) -> None:
    good = PERSONAL[kind]
    wrong = [
        Redactor(KEY).redact(f"{NAMED.get(kind, '')}{good[:place]}{other}{good[place + 1 :]}", server="a").findings
        for place, char in enumerate(good)
        if char.isdigit()
        for other in "0123456789"
        if other != char
    ]
    hits = sum(any(finding.kind == kind for finding in found) for found in wrong)
    # Numbers without a check digit (the American one) are told by their ranges alone.
    assert hits <= len(wrong) * (0.99 if kind == "us-ssn" else 0.35)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T10:11:12.123456Z 10.11.12.13:8080",
        "epoch 1700000000000 and 1700000000000000",
        "order 4111111111111112, part 123456789",
        "DE00 1234 5678 9012 3456 78",
        "uuid 550e8400-e29b-41d4-a716-446655440000",
        "+1.5 and +3e10 and +100",
        "030 901820",
        "jane.doe@example.com",
    ],
)
def test_harmless_numbers_stay(text: str) -> None:
    assert Redactor(KEY).redact(text, server="a").text == text


def test_words_in_capitals_behind_an_iban_stay() -> None:
    text = "DE89 3704 0044 0532 0130 00 AND MORE"
    assert Redactor(KEY).redact(text, server="a").text.endswith("]] AND MORE")


def test_national_telephone_numbers_count_where_a_region_is_set() -> None:
    redactor = Redactor(KEY, personal=personal_rules(phone_region="de"))
    for text in ("Tel. 030 901820", "Tel. (030) 901820", "Tel. 0176 12345678", "0049 30 901820"):
        (finding,) = redactor.redact(text, server="a").findings
        assert finding.kind == "phone"
    for text in ("2026-11-20 10:11:12", "01.02.2026", "05-06-2026 10:11", "v 3.14 15 92"):
        assert redactor.redact(text, server="a").findings == ()
    assert is_phone_region("de")
    assert not is_phone_region("xx")


def test_a_card_needs_an_issuer_besides_its_check_digit() -> None:
    assert is_card_number("5555-5555-5555-4444")
    assert is_card_number("378282246310005")
    assert not is_card_number("0000000000000000")
    assert not is_card_number("1234567890123452")
    assert not is_card_number("")
