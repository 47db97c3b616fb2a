"""Personal data that can be validated: card and bank account numbers, national ids, telephone numbers.

Decides: what such a number looks like and which check proves it (python-stdnum, phonenumbers). Does not decide what is
put in its place. Names, postal addresses and dates of birth follow no rule and are not found. E-mail addresses are left
alone on purpose: agents could not do their work without them, and the provenance of a recipient is judged elsewhere.

Numbers that many harmless numbers resemble (nine or ten bare digits) count only where a word before them says what they
are. Text without a run of digits costs one search; the validating libraries are imported when a candidate is found.
"""

import functools
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tool_gateway.redaction.rules import compiled

REMEMBERED = 5_000
"""Telephone numbers of a run whose check (some 50 µs) is not made again."""

CANDIDATES = "|".join(
    (
        r"[0-9]{7}|(?:[0-9][ \-]?){13}|[0-9]{4}[ .\-][0-9]{4}|[0-9]{3}[ .\-][0-9]{2,3}[ .\-][0-9]{3}",
        r"[12] [0-9]{2} [0-9]{2} |[0-9]{6}[\-+A-FU-Y][0-9]{3}|(?:\+|00)[1-9][ ().\-/]{0,2}[0-9]",
        r"[A-Z]{2}[0-9]{2}[ \-]?[A-Z0-9]{2}|[A-Z]{6}[0-9]{2}[A-Z]",
    )
)
"""What no rule of `personal_rules()` can do without; times of day and most dates are not among it."""

CANDIDATES_OF_REGION = CANDIDATES + r"|[0-9](?:[ ().\-/]{0,2}[0-9]){6}"
"""The same with the telephone numbers of one country."""


@dataclass(frozen=True, slots=True)
class PersonalRule:
    """One kind of personal data.

    Attributes:
        name: The kind: `card-number`.
        pattern: Candidates, as RE2; the first group that took part is the candidate.
        check: The part of a candidate, from its start, that is valid; 0 when none is.
    """

    name: str
    pattern: str
    check: Callable[[str], int]

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Start and end, in bytes, of every valid one in UTF-8 `data`."""
        expression = compiled(self.pattern)
        for match in expression.finditer(data):
            start, end = next(
                (match.span(number) for number in range(1, expression.groups + 1) if match.span(number)[0] >= 0),
                match.span(),
            )
            length = self.check(data[start:end].decode(errors="replace"))
            if length:
                yield start, start + length


def personal_rules(*, phone_region: str | None = None) -> tuple[PersonalRule, ...]:
    """All rules.

    Args:
        phone_region: ISO 3166 code of the country whose numbers are also recognised without `+`. None: only
            international ones.
    """
    phone = PersonalRule("phone", _INTERNATIONAL, _Phones(None))
    if phone_region is None:
        return (*_RULES, phone)
    return (*_RULES, phone, PersonalRule("phone", _NATIONAL, _Phones(phone_region.upper())))


def is_phone_region(code: str) -> bool:
    """Whether numbers of this country are known."""
    return code.upper() in importlib.import_module("phonenumbers").SUPPORTED_REGIONS


def is_card_number(text: str) -> bool:
    """Whether digits, blanks and hyphens are a payment card's number: an issuer's prefix and length, and Luhn."""
    digits = text.replace(" ", "").replace("-", "")
    return _issued(digits) and bool(_module("stdnum.luhn").is_valid(digits))


def _issued(digits: str) -> bool:
    """ISO/IEC 7812 issuer ranges of the large schemes. Luhn alone would take one number in ten."""
    size, two, three, four = len(digits), int(digits[:2] or 0), int(digits[:3] or 0), int(digits[:4] or 0)
    if digits.startswith("4"):
        return size in {13, 16, 19}
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in {34, 37}:
        return size == 15
    if four == 6011 or two in {60, 62, 65, 81} or 644 <= three <= 649:
        return 16 <= size <= 19
    if 300 <= three <= 305 or two in {36, 38, 39}:
        return size == 14
    return 3528 <= four <= 3589 and size == 16


def _card(candidate: str) -> int:
    return len(candidate) if is_card_number(candidate) else 0


def _iban(candidate: str) -> int:
    """Words in capitals may follow an IBAN, so its country says how long it is."""
    length = _iban_length(candidate[:2])
    kept = 0
    for end, char in enumerate(candidate, 1):
        kept += char not in " -"
        if kept == length:
            return end if _module("stdnum.iban").is_valid(candidate[:end]) else 0
    return 0


@functools.cache
def _iban_length(country: str) -> int:
    """As ISO 13616's registry has it; 0 for no country of it."""
    structure = _module("stdnum.numdb").get("iban").info(country + "00")[0][1].get("bban", "")
    return 4 + sum(map(int, re.findall(r"([0-9]+)!", structure))) if structure else 0


def _by(module: str) -> Callable[[str], int]:
    def check(candidate: str) -> int:
        return len(candidate) if _module(module).is_valid(candidate) else 0

    return check


class _Phones:
    def __init__(self, region: str | None) -> None:
        self._valid = functools.lru_cache(maxsize=REMEMBERED)(functools.partial(_is_phone, region=region))

    def __call__(self, candidate: str) -> int:
        text = candidate.rstrip(" -./(")
        # `00` dials abroad from most countries.
        return len(text) if self._valid(f"+{text[2:]}" if text.startswith("00") else text) else 0


def _is_phone(text: str, *, region: str | None) -> bool:
    if region is not None and _DATE.fullmatch(text):
        return False
    phones = _module("phonenumbers")
    try:
        return bool(phones.is_valid_number(phones.parse(text, region)))
    except phones.NumberParseException:
        return False


@functools.cache
def _module(name: str) -> Any:
    # On first use: together they take as long to import as the rest of the gateway.
    return importlib.import_module(name)


_INTERNATIONAL = r"(?:^|[^0-9A-Za-z+])((?:\+|00)[1-9](?:[ ().\-/]{0,2}[0-9]){6,14})"
_NATIONAL = (
    r"(?:^|[^0-9A-Za-z+.:/\-])(\(?0[1-9][0-9]{0,4}\)?(?:[ .\-/]{0,2}[0-9]){4,11}"
    r"|\(?[2-9][0-9]{2}\)?[ .\-][0-9]{3}[ .\-][0-9]{4}|[2-9][0-9]{1,2}(?: [0-9]{2,3}){2,4})\b"
)
_DATE = re.compile(r"[0-9]{1,2}([ ./-])[0-9]{1,2}\1(?:[0-9]{2}){1,2}(?: .*)?")

_RULES: tuple[PersonalRule, ...] = (
    PersonalRule("card-number", r"\b([2-68][0-9](?:[ -]?[0-9]){11,17})\b", _card),
    PersonalRule("iban", r"\b([A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30})\b", _iban),
    PersonalRule("us-ssn", r"\b([0-9]{3}-[0-9]{2}-[0-9]{4})\b", _by("stdnum.us.ssn")),
    PersonalRule(
        "us-ssn",
        r"(?i:\bssn|social[ _-]?security)[^0-9\n]{0,20}([0-9]{9}|[0-9]{3} [0-9]{2} [0-9]{4})\b",
        _by("stdnum.us.ssn"),
    ),
    PersonalRule("ca-sin", r"\b([0-9]{3}[ -][0-9]{3}[ -][0-9]{3})\b", _by("stdnum.ca.sin")),
    PersonalRule("gb-nhs", r"(?i:\bnhs)[^0-9\n]{0,20}([0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4})\b", _by("stdnum.gb.nhs")),
    PersonalRule("br-cpf", r"\b([0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})\b", _by("stdnum.br.cpf")),
    PersonalRule(
        "fr-nir",
        r"\b([12][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9][0-9AB][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2})\b",
        _by("stdnum.fr.nir"),
    ),
    PersonalRule("es-dni", r"\b([0-9]{8}-?[A-Z])\b", _by("stdnum.es.dni")),
    PersonalRule("es-nie", r"\b([XYZ]-?[0-9]{7}-?[A-Z])\b", _by("stdnum.es.nie")),
    PersonalRule(
        "it-codice-fiscale", r"\b([A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z])\b", _by("stdnum.it.codicefiscale")
    ),
    PersonalRule("ch-ahv", r"\b(756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2})\b", _by("stdnum.ch.ssn")),
    PersonalRule("se-personnummer", r"\b((?:[0-9]{2})?[0-9]{6}[-+][0-9]{4})\b", _by("stdnum.se.personnummer")),
    PersonalRule("fi-hetu", r"\b([0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y])\b", _by("stdnum.fi.hetu")),
    PersonalRule("in-aadhaar", r"\b([2-9][0-9]{3} [0-9]{4} [0-9]{4})\b", _by("stdnum.in_.aadhaar")),
    PersonalRule(
        "de-tax-id",
        r"(?i:steuer-?id|idnr|tax[ _-]?id)[^0-9\n]{0,20}([0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3})\b",
        _by("stdnum.de.idnr"),
    ),
    PersonalRule("nl-bsn", r"(?i:\bbsn|burgerservicenummer)[^0-9\n]{0,20}([0-9]{9})\b", _by("stdnum.nl.bsn")),
    PersonalRule("pl-pesel", r"(?i:\bpesel)[^0-9\n]{0,20}([0-9]{11})\b", _by("stdnum.pl.pesel")),
)
