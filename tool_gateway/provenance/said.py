"""What the user said, read for the few things that derivations and the content rule ask: words, numbers, spans of
time, quotations.

Decides: how those are found in a prompt. Does not decide what the user wants done (`task/reading.py`) nor what a found
word
is worth (`derived.py`, `content_rule.py`).
"""

import functools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from context.provenance.interface import Sources
from context.provenance.normal_forms import fold, number_form

_LONGEST = 200_000
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_QUOTED = re.compile(
    r'"([^"]{1,20000})"|“([^”]{1,20000})”|„([^“”]{1,20000})[“”]|«([^»]{1,20000})»|(?<!\w)\'([^\'\n]{2,2000})\'(?!\w)'
)
_NUMBER = re.compile(r"(?<![\w.,])-?[0-9][0-9.,']{0,30}(?![\w])")
_COUNTS: dict[str, float] = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "ein": 1,
    "zwei": 2,
    "drei": 3,
    "vier": 4,
    "fünf": 5,
    "sechs": 6,
    "sieben": 7,
    "acht": 8,
    "neun": 9,
    "eleven": 11,
    "twelve": 12,
    "zehn": 10,
    "elf": 11,
    "zwölf": 12,
    "a": 1,
    "an": 1,
    "eine": 1,
    "half": 0.5,
    "halbe": 0.5,
    "einer": 1,
}
_SPAN = re.compile(
    r"\b([0-9]{1,4}(?:[.,][0-9]{1,2})?|" + "|".join(_COUNTS) + r")[\s-]?(?:an?\s)?"
    r"(hours?|hrs?|h|minutes?|mins?|days?|nights?|weeks?|stunden?|minuten?|tage?n?|nächte?|wochen?)"
    r"(\s+and\s+a\s+half|\s+(?:and\s+)?(?:30|thirty)\s+min(?:ute)?s?)?\b",
    re.IGNORECASE,
)
_UNITS = {"h": 60, "s": 60, "m": 1, "d": 1440, "n": 1440, "t": 1440, "w": 10080}
_MOST_FOUND = 100
_LONGEST_NAME = 120
_NEAR = 3
_QUOTES = frozenset("\"'“”„«»‘’`")


@dataclass(frozen=True, slots=True)
class Quotation:
    """One passage in quotation marks.

    Attributes:
        before: The words before it, at most six, nearest last.
    """

    text: str
    before: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where the user wrote a name.

    Attributes:
        sigil: `#` or `@` right before it.
        before, after: The nearest words, at most three and one.
        quoted: It stands in quotation marks.
    """

    sigil: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    quoted: bool


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that the user said in one run.

    Attributes:
        joined: The words with single spaces between and around, for looking up phrases.
        numbers: Written ones and counting words.
        text: All of it, as `plain` writes it.
    """

    words: tuple[str, ...]
    vocabulary: frozenset[str]
    joined: str
    numbers: tuple[Decimal, ...]
    spans: tuple[timedelta, ...]
    quotations: tuple[Quotation, ...]
    text: str = ""

    def mentions(self, name: str) -> Iterator[Mention]:
        """Where the user wrote this very name, not as a part of a longer one: `hackday` is not `hackday-crew`."""
        plain_name = plain(name)
        if not 2 <= len(plain_name) <= _LONGEST_NAME or not any(char.isalpha() for char in plain_name):
            return
        start = self.text.find(plain_name)
        while start >= 0:
            end = start + len(plain_name)
            sigil = self.text[start - 1] if start and self.text[start - 1] in "#@" else ""
            if _starts(self.text, start - len(sigil)) and _ends(self.text, end):
                before = words_in(self.text[max(0, start - 60) : start])[-_NEAR:]
                after = words_in(self.text[end : end + 40])[:1]
                quoted = self.text[start - 1 : start] in _QUOTES and self.text[end : end + 1] in _QUOTES
                yield Mention(sigil, before, after, bool(self.text[start - 1 : start]) and quoted)
            start = self.text.find(plain_name, start + 1)

    def phrase(self, words: tuple[str, ...]) -> bool:
        """Whether the words stand there one after the other; a plural's ending does not count."""
        if not words:
            return False
        return f" {' '.join(words)} " in self.joined or f" {' '.join(map(stem, words))} " in self.joined


def heard(sources: Sources) -> Said:
    """All of the user's words so far."""
    return _read(tuple(sources.text(source.source_id) for source in sources.sources if source.kind == "user"))


def words_in(text: str) -> tuple[str, ...]:
    """The words of a text, folded, without a possessive ending."""
    return tuple(_plain(match[0]) for match in _WORD.finditer(fold(text[:_LONGEST])))


def stem(word: str) -> str:
    """`files` and `file` are one word here; nothing cleverer, which would make different words equal."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def plain(text: str) -> str:
    """Folded, without accents, with single blanks: for finding a name. What is only alike here is a rival there."""
    folded = " ".join(fold(text).split())
    if folded.isascii():
        return folded
    apart = unicodedata.normalize("NFD", folded)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))


def _starts(text: str, at: int) -> bool:
    return at <= 0 or not (text[at - 1].isalnum() or text[at - 1] in "_-./@#\\")


def _ends(text: str, at: int) -> bool:
    following = text[at : at + 2]
    if not following or not (following[0].isalnum() or following[0] in "_-./@:\\"):
        return True
    # A full stop or a colon ends the sentence; before a letter it goes on with the name.
    return following[0] in ".:-" and (len(following) == 1 or not (following[1].isalnum() or following[1] in "_-./"))


@functools.lru_cache(maxsize=32)
def _read(texts: tuple[str, ...]) -> Said:
    text = "\n\n".join(texts)[:_LONGEST]
    words = words_in(text)
    stems = tuple(map(stem, words))
    # A word between marks ends a phrase as any other: what is joined is only what stands together.
    joined = f" {' '.join(words)} \n {' '.join(stems)} "
    return Said(
        words,
        frozenset(words) | frozenset(stems),
        joined,
        _numbers(text, words),
        spans_in(text),
        _quotations(text),
        plain(text),
    )


def _plain(word: str) -> str:
    word = word.replace("’", "'")
    return word[:-2] if word.endswith("'s") else word


def _numbers(text: str, words: tuple[str, ...]) -> tuple[Decimal, ...]:
    found: dict[Decimal, None] = {}
    for match in _NUMBER.finditer(text):
        form = number_form(match[0].rstrip(".,'"))
        if form is not None:
            found[Decimal(form)] = None
    for word in words:
        if word in _COUNTS and len(word) > 2 and word not in {"one", "ein", "eine", "einer"}:
            found[Decimal(str(_COUNTS[word]))] = None
    return tuple(found)[:_MOST_FOUND]


def spans_in(text: str) -> tuple[timedelta, ...]:
    """Every length of time that a text names, at most 100."""
    found: dict[timedelta, None] = {}
    for match in _SPAN.finditer(text):
        written = match[1].lower().replace(",", ".")
        count = float(_COUNTS[written]) if written in _COUNTS else float(written)
        minutes = count * _UNITS[match[2][0].lower()]
        if match[3]:
            minutes += 30 if match[2][0].lower() in {"h", "s"} else 0
        found[timedelta(minutes=minutes)] = None
    return tuple(found)[:_MOST_FOUND]


def _quotations(text: str) -> tuple[Quotation, ...]:
    found: list[Quotation] = []
    for match in _QUOTED.finditer(text):
        inner = next(group for group in match.groups() if group is not None)
        before = words_in(text[max(0, match.start() - 80) : match.start()])[-6:]
        found.append(Quotation(inner, before))
        if len(found) == _MOST_FOUND:
            break
    return tuple(found)
