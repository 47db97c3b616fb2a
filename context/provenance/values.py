"""Typed values in text and in whole fields.

Decides: which neighbouring words are one value (`20 Nov 2026`, `1,000 EUR`, an IBAN in groups of four), of what
kind a value is, and its canonical form. Does not decide where a value came from (`index.py`).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from context.json_values import JsonValue
from context.provenance.interface import Candidate, ValueKind
from context.provenance.normal_forms import (
    ACCOUNT,
    ADDRESS,
    DATE,
    IBAN_LENGTHS,
    MOMENT,
    MONEY,
    MONTHS,
    NUMBER,
    PATH,
    PHONE,
    TIME,
    URL,
    currency_of,
    day,
    fold,
    iban_form,
    number_key,
    passes_luhn,
    time_form,
    word_key,
)
from context.provenance.words import (
    ACCOUNT_HEAD,
    CURRENCY,
    DAY,
    DIGITS,
    MERIDIEM,
    MONTH,
    WordCutter,
    Words,
)

_KINDS: dict[str, ValueKind] = {
    URL: "url",
    ADDRESS: "address",
    PATH: "path",
    NUMBER: "number",
    MONEY: "amount",
    DATE: "date",
    TIME: "time",
    MOMENT: "moment",
    PHONE: "phone",
    ACCOUNT: "account",
}
_FLAGS = frozenset({"true", "false", "yes", "no", "on", "off"})
_WEEKDAYS = frozenset(
    name for full in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    for name in (full, full[:3])
)  # fmt: skip
_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?", re.IGNORECASE)
_YEAR = re.compile(r"[0-9]{4}")
_BLANKS = str.maketrans("\xa0\u202f\u2009", "   ")
_CAPITALISED = re.compile(r"[^\W\d_a-z][\w'’.-]{0,40}")
# Also those whose value is open (03/04/2026, 1.000): they are candidates that equal nothing but themselves.
_DATE_LIKE = re.compile(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{2,4}")
_AMOUNT_LIKE = re.compile(r"[$€£¥₹]?-?[0-9]{1,20}(?:[.,'’][0-9]{1,20}){0,8}[$€£¥₹]?")
_IDENTIFIER = re.compile(r"(?=[^\s]{2,128}\Z)[@#]?[\w.:/-]*[\w]")
_MOST_GROUPS = 10
_NAME_WORDS = 4
_PHRASE_LIMIT = 400


class Span(NamedTuple):
    """Words `first` to `last` (exclusive) that together are one value.

    Attributes:
        covers: The words are parts of one number: none of them proves anything by itself.
    """

    first: int
    last: int
    key: str
    covers: bool = False


def spans(words: Words) -> list[Span]:
    """Every value of more than one word, by where it starts. Each mark is looked at once, with a few neighbours."""
    found: list[Span] = []
    digits_until = 0
    for index in words.marked:
        mark = words.marks[index]
        if mark & MONTH:
            found += _dates(words, index)
        if mark & DAY:
            found += _moments(words, Span(index, index + 1, words.keys[index]))
        if mark & CURRENCY:
            found += _amounts(words, index)
        if mark & MERIDIEM:
            found += _times(words, index)
        if mark & ACCOUNT_HEAD:
            found += _accounts(words, index)
        if mark & DIGITS and index >= digits_until:
            group = _digit_groups(words, index)
            digits_until = group[0]
            found += group[1]
    return found


def whole_key(words: Words) -> str | None:
    """The key of the one typed value that all the words are, a weekday in front ignored; None when they are not."""
    if len(words) == 1:
        return words.keys[0]
    if not 1 < len(words) <= _MOST_GROUPS + 1:
        return None
    first = 1 if words.keys[0].rstrip(".") in _WEEKDAYS else 0
    if first and len(words) == 2 and words.keys[1].startswith((DATE, MOMENT)):
        return words.keys[1]
    return next((span.key for span in spans(words) if span.first == first and span.last == len(words)), None)


def canonical_form(value: JsonValue, cutter: WordCutter | None = None) -> str:
    """A text that is equal for values that mean the same."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return number_key(value).partition("\x1f")[2]
    if not isinstance(value, str):
        return ""
    words = (cutter or WordCutter()).cut_field(value)
    key = whole_key(words)
    return " ".join(_shown(each) for each in ([key] if key is not None else words.keys)) or value.strip()


def kind_of(value: JsonValue, cutter: WordCutter | None = None) -> ValueKind:
    """The kind of a whole field or argument."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | float):
        return "number"
    if not isinstance(value, str):
        return "text"
    if len(value) > _PHRASE_LIMIT:
        return "text"
    words = (cutter or WordCutter()).cut_field(value)
    key = whole_key(words)
    if key is not None:
        return _kind(value.strip(), key)
    if 1 < len(words) <= _NAME_WORDS and all(_CAPITALISED.fullmatch(words.word(at)) for at in range(len(words))):
        return "name"
    return "text"


def find_values(text: str, cutter: WordCutter | None = None) -> tuple[Candidate, ...]:
    """Every typed value in free text, in order; of overlapping ones the longest.

    Rather one too many (any capitalised word is a name, an ambiguous date a date): a missing one would make
    another look like the only one.
    """
    words = (cutter or WordCutter()).cut(text)
    longest: dict[int, Span] = {}
    for span in spans(words):
        if span.first not in longest or longest[span.first].last < span.last:
            longest[span.first] = span
    found: list[Candidate] = []
    index = 0
    while index < len(words):
        span = longest.get(index)
        if span is not None:
            raw = text[words.starts[index] : words.ends[span.last - 1]]
            found.append(Candidate(raw, _kind(raw, span.key), _shown(span.key)))
            index = span.last
            continue
        named = _name(words, index, longest)
        if named > index:
            raw = text[words.starts[index] : words.ends[named - 1]]
            found.append(Candidate(raw, "name", " ".join(map(_shown, words.keys[index:named]))))
            index = named
            continue
        raw, key = words.word(index), words.keys[index]
        kind = _kind(raw, key)
        if kind != "text":
            found.append(Candidate(raw, kind, _shown(key)))
        index += 1
    return tuple(found)


def _name(words: Words, index: int, taken: dict[int, Span]) -> int:
    """Where a run of capitalised words that starts here ends; `index` when none does."""
    last = index
    while (
        last < len(words)
        and last - index < _NAME_WORDS
        and last not in taken
        and "\x1f" not in words.keys[last]
        and _CAPITALISED.fullmatch(words.word(last))
        and not any("0" <= char <= "9" for char in words.word(last))
        and (last == index or words.gap(last - 1) == " ")
    ):
        last += 1
    return last


def _kind(raw: str, key: str) -> ValueKind:
    if _DATE_LIKE.fullmatch(raw):
        return "date"
    kind = _KINDS.get(key[:2])
    digits = raw.replace(" ", "").replace("-", "")
    if kind == "number":
        if 13 <= len(digits) <= 19 and digits.isascii() and digits.isdigit() and passes_luhn(digits):
            return "account"
        if digits == raw and raw.isascii() and raw.isdigit() and len(raw) >= 8:
            return "identifier"
        return "amount" if "," in raw or re.search(r"\.[0-9]{2}$", raw) else "number"
    if kind is None and _AMOUNT_LIKE.fullmatch(raw):
        return "amount"
    if kind == "path" and not _looks_like_path(raw):
        return "text"
    if kind is not None:
        return kind
    if key in _FLAGS:
        return "flag"
    if " " not in raw and _looks_like_identifier(raw):
        return "identifier"
    return "name" if _CAPITALISED.fullmatch(raw) else "text"


def _looks_like_path(raw: str) -> bool:
    return raw[:1] in {"/", "~", "."} or raw.count("/") > 1 or "\\" in raw or "." in raw.rpartition("/")[2]


def _looks_like_identifier(raw: str) -> bool:
    if not _IDENTIFIER.fullmatch(raw):
        return False
    return any(char.isdigit() for char in raw) or raw[0] in "@#" or "_" in raw


def _shown(key: str) -> str:
    return key.partition("\x1f")[2] if "\x1f" in key[:2] else key


def _dates(words: Words, month: int) -> Iterator[Span]:
    number = MONTHS[words.keys[month]]
    following = words.word(month + 1) if _close(words, month) else ""
    if month and _YEAR.fullmatch(following) and _close(words, month - 1):
        first = month - 1
        if words.keys[first] == "of" and first and _close(words, first - 1):
            first -= 1
        written = _DAY.fullmatch(words.word(first))
        date = day(int(following), number, int(written[1])) if written is not None else None
        if date is not None:
            yield from _with_time(words, Span(first, month + 2, DATE + date))
    written = _DAY.fullmatch(following)
    if written is not None and _close(words, month + 1) and _YEAR.fullmatch(words.word(month + 2)):
        date = day(int(words.word(month + 2)), number, int(written[1]))
        if date is not None:
            yield from _with_time(words, Span(month, month + 3, DATE + date))
            return
    if not _YEAR.fullmatch(following):
        yield from _without_year(words, month, number, following)


def _without_year(words: Words, month: int, number: int, following: str) -> Iterator[Span]:
    """`20 Nov`, as ISO 8601 once wrote it (`--11-20`): equal in either order, and to no date with a year."""
    before = _DAY.fullmatch(words.word(month - 1)) if month and _close(words, month - 1) else None
    after = _DAY.fullmatch(following)
    if before is not None and day(2000, number, int(before[1])) is not None:
        yield Span(month - 1, month + 1, f"{DATE}--{number:02}-{int(before[1]):02}")
    elif after is not None and day(2000, number, int(after[1])) is not None:
        yield Span(month, month + 2, f"{DATE}--{number:02}-{int(after[1]):02}")


def _with_time(words: Words, date: Span) -> Iterator[Span]:
    yield date
    yield from _moments(words, date)


def _moments(words: Words, date: Span) -> Iterator[Span]:
    at = date.last
    if not _close(words, at - 1):
        return
    if words.keys[at] in {"at", "@", "um"} and _close(words, at):
        at += 1
    last = at + 1
    time = words.keys[at][2:] if words.keys[at].startswith(TIME) else None
    if _close(words, at) and words.keys[at + 1] in {"am", "pm"}:
        time, last = time_form(f"{words.word(at)} {words.keys[at + 1]}"), at + 2
    if time is None:
        return
    yield Span(date.first, last, f"{MOMENT}{date.key[2:]}T{time}")
    if _close(words, last - 1) and words.keys[last] in {"utc", "gmt", "z"}:
        yield Span(date.first, last + 1, f"{MOMENT}{date.key[2:]}T{time}Z")


def _amounts(words: Words, at: int) -> Iterator[Span]:
    currency = currency_of(words.word(at))
    if currency is None:
        return
    if at and _close(words, at - 1) and words.keys[at - 1].startswith(NUMBER):
        yield Span(at - 1, at + 1, f"{MONEY}{words.keys[at - 1][2:]} {currency}")
    if _close(words, at) and words.keys[at + 1].startswith(NUMBER):
        yield Span(at, at + 2, f"{MONEY}{words.keys[at + 1][2:]} {currency}")


def _times(words: Words, at: int) -> Iterator[Span]:
    if at and _close(words, at - 1):
        time = time_form(f"{words.word(at - 1)} {words.keys[at]}")
        if time is not None:
            yield Span(at - 1, at + 1, TIME + time)


def _accounts(words: Words, head: int) -> Iterator[Span]:
    length = IBAN_LENGTHS.get(words.word(head)[:2])
    if length is None:
        return
    groups = -(-length // 4)
    last, start = head + groups, words.starts[head]
    end = start + length + groups - 1
    if last > len(words) or words.ends[last - 1] != end:
        return
    written = words.text[start:end].translate(_BLANKS)
    if all(len(group) == 4 for group in written.split(" ")[:-1]) and (iban := iban_form(written)) is not None:
        yield Span(head, last, ACCOUNT + iban, covers=True)


def _digit_groups(words: Words, first: int) -> tuple[int, list[Span]]:
    """Groups of digits that are one number together: telephone, card, thousands with spaces."""
    last = first + 1
    while _adjacent(words, last - 1) and words.marks.get(last, 0) & DIGITS and words.word(last)[0] != "+":
        last += 1
    groups = [fold(words.word(index)) for index in range(first, min(last, first + _MOST_GROUPS + 1))]
    if len(groups) < 2 or len(groups) > _MOST_GROUPS:
        return last, []
    sizes = [len(group) for group in groups]
    total = sum(sizes)
    thousands = sizes[0] <= 3 and groups[0][0] in "123456789" and all(size == 3 for size in sizes[1:])
    telephone = groups[0][0] in "+0" and 7 <= total <= 16
    card = len(groups) >= 3 and all(size == 4 for size in sizes)
    if not (thousands or telephone or card or sizes == [3, 3, 4]):
        return last, []
    return last, [Span(first, last, word_key("".join(groups)), covers=True)]


def _close(words: Words, index: int) -> bool:
    """Whether the next word follows on this one within a sentence."""
    if index < 0 or index + 1 >= len(words):
        return False
    gap = words.gap(index)
    return len(gap) <= 3 and not gap.strip(" \t\xa0\u202f\u2009,.") and (gap[:1] != "." or len(words.word(index)) <= 4)


def _adjacent(words: Words, index: int) -> bool:
    return index + 1 < len(words) and words.gap(index) in {" ", "\xa0", "\u202f", "\u2009"}
