"""Values that mean the same have one key; values that only look alike do not."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context.provenance.normal_forms import (
    NUMBER,
    address_key,
    date_form,
    fold,
    host_form,
    iban_form,
    moment_form,
    number_form,
    number_key,
    passes_luhn,
    path_key,
    time_form,
    url_key,
    word_key,
)
from context.provenance.values import canonical_form


@pytest.mark.promise("a_value_is_found_however_it_is_written")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000", "1,000.00"),
        ("1000", "1e3"),
        ("1000", "1'000"),
        ("1000.5", "1.000,50"),
        ("0", "-0"),
        ("１０００", "1000"),
        ("Straße", "STRAẞE"),
        ("ﬁle", "file"),
        ("https://EXAMPLE.org:443/a/", "https://example.org/a"),
        ("https://example.org/%7Eme/a%2fb", "https://example.org/~me/a%2Fb"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
        ("http://[2001:DB8::1]/x", "http://[2001:db8:0::1]:80/x"),
        ("https://example.org/a_(b)", "HTTPS://example.org/a_(b)"),
        ("Alice@Example.org", "alice@example.org"),
        ("mailto:alice@example.org", "alice@example.org"),
        ("/srv//data/./x/", "/srv/data/x"),
        ("./notes.txt", "notes.txt"),
        ("+49 (30) 123-4567".replace(" ", ""), "+49301234567"),
        ("0049301234567", "+49301234567"),
        ("555-123-4567", "5551234567"),
        ("2026-11-20", "20.11.2026"),
        ("2026-11-20", "11/20/2026"),
        ("2026-11-20", "2026/11/20"),
        ("2026-11-20", "20-Nov-2026"),
        ("2:30pm", "14:30:00"),
        ("2026-11-20T10:00:00Z", "2026-11-20T12:00+02:00"),
        ("2026-11-20T10:00:00.500Z", "2026-11-20t10:00:00.5z"),
        ("€50", "50€"),
        ("EUR1,000.00", "€1000"),
    ],
)
def test_spellings_of_one_value_are_equal(one: str, other: str) -> None:
    assert word_key(one) == word_key(other)


@pytest.mark.promise("a_value_is_found_however_it_is_written")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice@x.com", "аlice@x.com"),  # a Cyrillic а
        ("alice@x.com", "ａlice@x.com"),
        ("strasse@x.com", "straße@x.com"),
        ("alice@x.com", "alice@x.com.evil.example"),
        ("alice@x.com", "alice@x.co"),
        ("al\u00adice@x.com", "alice@x.com"),
        ("https://x.com/", "https://user@x.com/"),
        ("https://x.com@evil.example/", "https://x.com/"),
        ("https://x.com/a", "http://x.com/a"),
        ("https://x.com/A", "https://x.com/a"),
        ("https://x.com/a", "https://x.com/b/../a"),
        ("https://x.com/a%2Fb", "https://x.com/a/b"),
        ("https://x.com/a?b", "https://x.com/a"),
        ("https://x.com:8443/", "https://x.com/"),
        ("https://x.com\\@evil.example", "https://x.com"),
        ("https://straße.example", "https://strasse.example"),
        ("/srv/Data", "/srv/data"),
        ("/srv/link/../x", "/srv/x"),
        ("srv/x", "/srv/x"),
        ("／etc／passwd", "/etc/passwd"),
        ("007", "7"),
        ("10²", "102"),
        ("1½", "11⁄2"),
        ("1.000", "1000"),
        ("1.000", "1"),
        ("03/04/2026", "2026-04-03"),
        ("03/04/2026", "2026-03-04"),
        ("31.02.2026", "2026-02-31"),
        ("2026-11-20T10:00", "2026-11-20T10:00Z"),
        ("$5", "€5"),
        ("-5", "5"),
        ("5%", "5"),
        (".env", "env"),
        ("1e99", "1e98"),
    ],
)
def test_values_that_only_look_alike_differ(one: str, other: str) -> None:
    assert word_key(one) != word_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("20 Nov 2026", "2026-11-20"),
        ("20th of November 2026", "November 20, 2026"),
        ("Friday, 20 Nov 2026", "2026-11-20"),
        ("Fri 2026-11-20", "2026-11-20"),
        ("20 Nov 2026 at 2:30 pm", "2026-11-20T14:30"),
        ("2026-11-20 14:30 UTC", "2026-11-20T14:30:00Z"),
        ("1,000 EUR", "€1000"),
        ("1 000 EUR".replace("1 000", "1000"), "EUR 1000"),
        ("1 000 000", "1000000"),
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("+49 30 123 4567", "+49301234567"),
        ("4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("2 pm", "14:00"),
    ],
)
def test_values_of_several_words_are_equal_in_every_format(one: str, other: str) -> None:
    assert canonical_form(one) == canonical_form(other)


def test_a_json_number_is_its_text() -> None:
    assert number_key(1000) == number_key(1000.0) == word_key("1,000.00")
    assert number_key(0.1) == word_key("0.10")
    assert number_key(1e300) != number_key(1e299)


@given(st.integers(-(10**15), 10**15))
def test_every_way_to_write_an_integer_is_equal(number: int) -> None:
    assert word_key(str(number)) == word_key(f"{number:,}") == word_key(f"{number:,}.00") == number_key(number)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_different_integers_have_different_keys(one: int, other: int) -> None:
    assert (number_key(one) == word_key(f"{other:,}")) == (one == other)


@given(st.dates())
def test_every_way_to_write_a_date_is_equal(date: "object") -> None:
    iso = str(date)
    year, month, day = iso.split("-")
    name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][int(month) - 1]
    for written in (
        f"{int(day)} {name} {year}",
        f"{name} {int(day)}, {year}",
        f"{year}/{month}/{day}",
        f"{day}-{name}-{year}",
    ):
        assert canonical_form(written) == iso
    for ambiguous in (f"{day}/{month}/{year}", f"{month}/{day}/{year}"):
        assert date_form(ambiguous) in {iso, None}


@given(st.datetimes(timezones=st.timezones() | st.none()).filter(lambda moment: 3 < moment.year < 9990))
def test_a_moment_is_equal_in_every_zone(moment: "object") -> None:
    from datetime import datetime, timezone

    assert isinstance(moment, datetime)
    offset = moment.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        return
    universal = moment.astimezone(timezone.utc)
    assert moment_form(moment.isoformat(timespec="minutes")) == moment_form(
        universal.replace(tzinfo=None).isoformat(timespec="minutes") + "Z"
    )


_HOST = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8).map(lambda name: name + ".example")


@given(_HOST, st.text(string.ascii_letters + string.digits + "-_~/", max_size=12))
def test_a_url_is_equal_with_a_default_port_and_another_case_of_its_host(host: str, path: str) -> None:
    if "." in path:
        return
    assert url_key(f"https://{host}/{path}") == url_key(f"HTTPS://{host.upper()}:443/{path}")
    assert url_key(f"https://{host}/{path}") != url_key(f"https://{host}x/{path}")


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=40))
def test_normal_forms_are_their_own_normal_forms(text: str) -> None:
    for form in (number_form, date_form, time_form, moment_form, iban_form, host_form):
        once = form(text)
        assert once is None or form(once) == once


@given(st.text("ab/.~", max_size=16))
def test_a_normal_path_is_its_own_normal_path(text: str) -> None:
    if "/" in text:
        once = path_key(text).partition("\x1f")[2] or path_key(text)
        assert word_key(once) in {path_key(text), word_key(text)}


@given(st.text(min_size=1, max_size=30).filter(lambda text: not any(char.isspace() for char in text)))
def test_a_word_equals_itself_and_never_raises(word: str) -> None:
    assert word_key(word) == word_key(word)
    assert address_key(word)
    assert url_key(word)


@pytest.mark.promise("a_value_is_found_however_it_is_written")
@given(st.text(string.ascii_lowercase, min_size=1, max_size=8), st.data())
def test_a_letter_of_another_script_never_equals_its_look_alike(name: str, data: st.DataObject) -> None:
    alike = {"a": "а", "c": "с", "e": "е", "o": "о", "p": "р", "x": "х", "y": "у", "i": "і"}
    places = [index for index, char in enumerate(name) if char in alike]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    other = name[:at] + alike[name[at]] + name[at + 1 :]
    for written in ("{}@x.example", "https://{}.example/", "/srv/{}", "{}"):
        assert word_key(written.format(other)) != word_key(written.format(name))


@given(st.integers(0, 10**12))
def test_full_width_digits_are_digits(number: int) -> None:
    wide = "".join(chr(ord(char) - ord("0") + 0xFF10) for char in str(number))
    assert unicodedata.normalize("NFKC", wide) == str(number)
    assert word_key(wide) == NUMBER + str(number)


def test_check_digits_are_checked() -> None:
    assert iban_form("DE89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    assert iban_form("DE89 3704 0044 0532 0130 01") is None
    assert passes_luhn("4111111111111111")
    assert not passes_luhn("4111111111111112")
