"""Text cut into words: the smallest things that can prove a value.

Decides: where a word begins and ends. A whole address, URL, path, number or date without spaces is one word, so no
part of one can pass for a value: in `pay 1000 to alice@x.com` there is no word `100` and no word `x.com`. Whatever
is not known to separate joins. Does not decide what words are equal by (`normal_forms.py`).

Time is linear in the text; the memo is bounded.
"""

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from context.provenance.normal_forms import (
    DATE,
    LONGEST_WORD,
    MONTHS,
    NUMBER,
    also_meant,
    currency_of,
    fold,
    word_key,
)

# What a word may start a longer value with; looked at once per place by `values.spans`.
MONTH, DAY, CURRENCY, DIGITS, ACCOUNT_HEAD, MERIDIEM, ENCODED = 1, 2, 4, 8, 16, 32, 64

# White space, quotes and angle brackets separate always: none may stand in a URL, an address or an unquoted path.
# A quoted path is one word, spaces included: `rm "/srv/My Files/a"` names neither `/srv/My` nor `Files/a`.
_CHUNK = re.compile(
    r"(?<=[\"`])(?:(?:~|\.{1,2})?/|[A-Za-z]:\\)[^\"`\n]{0,400}(?=[\"`])"
    r"|'(?:(?:~|\.{1,2})?/|[A-Za-z]:\\)[^'\"`<>|\n]{0,400}'"
    r"|[^\s\"`<>|\u201c\u201d\u201e\u00ab\u00bb"
    r"\u3001\u3002\u300a-\u3011\uff08\uff09\uff0c\uff1a\uff1b\uff01\uff1f]+"
)
_OPENING = "'\u2018\u2019([{,:;!?\u2026\u2013\u2014"
_CLOSING = "'\u2018\u2019)]},.:;!?\u2026\u2013\u2014"
_PAIRS = {")": "(", "]": "[", "}": "{"}
# Not between digits: 1,000 is one number. Not where a slash makes a comma part of a path or URL.
_LIST = re.compile(r"(?<![0-9])[,;]|[,;](?![0-9])")
_LINK = "]("
_PROSE = frozenset(_OPENING + _CLOSING + "-")
_DIGIT_GROUP = re.compile(r"\+?[0-9]{1,12}")
_ACCOUNT_HEAD = re.compile(r"[A-Z]{2}[0-9]{2}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{2}){6,}")
_WHOLE_PATH = re.compile(r"\s*(?:(?:~|\.{1,2})?/|[A-Za-z]:\\)[^\n]{0,400}")
_RUN = re.compile(r"[^\W\d_]+|[0-9]+")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@%+=#~-]*[A-Za-z0-9_/=]")
_MEMO_SIZE = 1 << 16

Atom = tuple[int, int, str, int, tuple[str, ...]]
"""Start, end, key, marks, and further keys that it vouches for."""


@dataclass(slots=True)
class Words:
    """The words of one text.

    Attributes:
        starts, ends: Places in `text`.
        keys: What each word is equal by.
        marked: Indices of words with a mark, in order; `marks` has them.
        also: Index → further keys that the word vouches for.
    """

    text: str
    starts: "array[int]" = field(default_factory=lambda: array("I"))
    ends: "array[int]" = field(default_factory=lambda: array("I"))
    keys: list[str] = field(default_factory=list[str])
    marked: list[int] = field(default_factory=list[int])
    marks: dict[int, int] = field(default_factory=dict[int, int])
    also: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])

    def __len__(self) -> int:
        return len(self.keys)

    def word(self, index: int) -> str:
        return self.text[self.starts[index] : self.ends[index]]

    def gap(self, index: int) -> str:
        """What stands between this word and the next."""
        return self.text[self.ends[index] : self.starts[index + 1]]


class WordCutter:
    """Cuts texts; remembers what it made of words it has met."""

    def __init__(self) -> None:
        self._memo: dict[str, tuple[Atom, ...]] = {}

    def cut(self, text: str) -> Words:
        words = Words(text)
        starts, ends, keys, memo = words.starts, words.ends, words.keys, self._memo
        for match in _CHUNK.finditer(text):
            chunk = match.group()
            found = memo.get(chunk)
            if found is None:
                found = tuple(_atoms(chunk))
                if len(chunk) <= 128:
                    if len(memo) >= _MEMO_SIZE:
                        memo.clear()
                    memo[chunk] = found
            at = match.start()
            for start, end, key, mark, also in found:
                if mark:
                    words.marked.append(len(keys))
                    words.marks[len(keys)] = mark
                if also:
                    words.also[len(keys)] = also
                starts.append(at + start)
                ends.append(at + end)
                keys.append(key)
        return words

    def single(self, text: str) -> Atom | None:
        """The word that all of `text` is, when it is one without marks: most fields are."""
        found = self._memo.get(text)
        if found is None:
            if len(text) > 128 or _CHUNK.fullmatch(text) is None:
                return None
            found = tuple(_atoms(text))
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            self._memo[text] = found
        return found[0] if len(found) == 1 and not (found[0][3] or found[0][4]) else None

    def cut_field(self, text: str) -> Words:
        """The words of a whole field: one that begins like a path and is one line is a path, spaces included."""
        return one_word(text) if is_spaced_path(text) else self.cut(text)


def is_spaced_path(text: str) -> bool:
    return " " in text and _WHOLE_PATH.fullmatch(text) is not None and " " in text.strip()


def one_word(text: str, key: str | None = None) -> Words:
    """All of `text` as a single word."""
    start = len(text) - len(text.lstrip())
    end = max(len(text.rstrip()), start)
    word = text[start:end]
    return Words(text, array("I", (start,)), array("I", (end,)), [word_key(word) if key is None else key])


def _atoms(chunk: str) -> Iterator[Atom]:
    if chunk.isascii() and chunk.isalpha() and len(chunk) <= 11:
        key = chunk.lower()
        yield 0, len(chunk), key, _word_mark(key), ()
        return
    plain = _PLAIN.fullmatch(chunk) is not None
    for start, end in ((0, len(chunk)),) if plain else _pieces(chunk):
        bounds = (start, end) if plain else _stripped(chunk, start, end)
        if bounds is None:
            continue
        start, end = bounds
        word = chunk[start:end]
        key = word_key(word)
        yield start, end, key, _mark(word, key), also_meant(word, key)


def _pieces(chunk: str) -> Iterator[tuple[int, int]]:
    start = 0
    while (link := chunk.find(_LINK, start)) >= 0:
        yield from _listed(chunk, start, link)
        start = link + len(_LINK)
    yield from _listed(chunk, start, len(chunk))


def _listed(chunk: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = chunk[start:end]
    if "/" in part or "\\" in part or not ("," in part or ";" in part):
        yield start, end
        return
    last = 0
    for match in _LIST.finditer(part):
        yield start + last, start + match.start()
        last = match.end()
    yield start + last, end


def _stripped(chunk: str, start: int, end: int) -> tuple[int, int] | None:
    """The piece without the punctuation of the sentence around it; None when nothing else is left."""
    if chunk.startswith("**", start, end) and end - start > 4 and chunk[start + 2].isalnum():
        start += 2
        if chunk.endswith("**", start, end):
            end -= 2
    balance = {opening: chunk.count(opening, start, end) for opening in _PAIRS.values()}
    while start < end and chunk[start] in _OPENING:
        if chunk[start] in balance:
            balance[chunk[start]] -= 1
        start += 1
    surplus = {closing: chunk.count(closing, start, end) - balance[_PAIRS[closing]] for closing in _PAIRS}
    while start < end and (last := chunk[end - 1]) in _CLOSING:
        if last in surplus:
            if surplus[last] <= 0:
                break  # https://example.org/a_(b) keeps its bracket
            surplus[last] -= 1
        end -= 1
    if end - start > 2 and chunk[end - 2] in "'\u2019" and chunk[end - 1] in "sS":
        end -= 2  # Alice's
    if start >= end or all(char in _PROSE for char in chunk[start:end]):
        return None
    return start, end


def _word_mark(key: str) -> int:
    if key in MONTHS:
        return MONTH
    if key in {"am", "pm"}:
        return MERIDIEM
    return CURRENCY if currency_of(key) is not None else 0


def _mark(word: str, key: str) -> int:
    if len(word) > LONGEST_WORD:
        return ENCODED if _BASE64.fullmatch(word) or _HEX.fullmatch(word) else 0
    mark = 0
    plain = fold(word)
    if key.startswith(DATE):
        mark |= DAY
    if _DIGIT_GROUP.fullmatch(plain) and (key.startswith(NUMBER) or plain.lstrip("+").isdigit()):
        mark |= DIGITS
    elif _ACCOUNT_HEAD.fullmatch(word):
        mark |= ACCOUNT_HEAD
    elif _BASE64.fullmatch(word) or _HEX.fullmatch(word):
        mark |= ENCODED
    return mark or _word_mark(plain.rstrip("."))


def sub_words(text: str) -> list[str]:
    """The runs of letters and of digits in a word, folded: what it may have been put together from."""
    return _RUN.findall(fold(unquote(text)))
