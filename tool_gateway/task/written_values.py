"""Values that a user writes down in a task: addresses, links, files, accounts, amounts, days, times, numbers.

Decides: which stretches of a prompt are a value, and of which kinds it can be. Does not decide where a value in a
call came from (`context.provenance`), nor what a written value fixes (`grants.py`).

A stretch may be of several kinds: `50` after "pay" is an amount and a number. Being generous here only takes grants
away, since a value that was written needs none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from context.provenance.interface import ValueKind


@dataclass(frozen=True, slots=True)
class Written:
    """One value. `start`, `end`: characters in the prompt."""

    text: str
    kinds: frozenset[ValueKind]
    start: int
    end: int


_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\b\.?"
)
_MONEY = r"(?:[€$£¥]|(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|franken|francs?|jpy|yen|pln|cents?|bucks)\b)"
_NUMBER = r"\d{1,15}(?:[.,']\d{1,12}){0,6}"

# Every alternative is bounded or starts at a fixed mark, so that a long prompt costs linear time.
_VALUE = re.compile(
    rf"""
    (?P<url>\b(?:https?|ftp|file)://[^\s<>"'`]{{1,2000}} | \bwww\.[^\s<>"'`]{{1,2000}})
  | (?P<address>(?<![\w.%+-])[\w.%+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,8}})
  | (?P<account>\b[A-Z]{{2}}\d{{2}}(?:[ ]?[A-Z0-9]{{2,4}}){{3,8}}\b | \b\d{{4}}(?:[ -]\d{{4}}){{3}}\b)
  | (?P<moment>\b\d{{4}}-\d{{2}}-\d{{2}}[T ]\d{{2}}:\d{{2}}(?::\d{{2}})?(?:Z|[+-]\d{{2}}:?\d{{2}})?)
  | (?P<date>\b\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}\b
      | \b(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|1[0-2])[./](?:\d{{4}}|\d{{2}})?(?!\d)
      | \b\d{{1,2}}(?:st|nd|rd|th)?\.?[ ](?:of[ ])?(?i:{_MONTH})(?:,?[ ]\d{{4}})?
      | \b(?i:{_MONTH})[ ]\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?[ ]\d{{4}})?)
  | (?P<time>\b\d{{1,2}}[:.]\d{{2}}(?::\d{{2}})?[ ]?(?i:am|pm|a\.m\.|p\.m\.|uhr|h)?\b(?![.,]?\d) (?<!\.\d\d)
      | \b\d{{1,2}}[ ]?(?i:am|pm|o'clock|uhr)\b)
  | (?P<amount>(?i:{_MONEY})[ ]?{_NUMBER} | {_NUMBER}[ ]?(?i:{_MONEY}))
  | (?P<phone>(?<![\w+])\+\d[\d ()/-]{{5,24}}\d)
  | (?P<path>(?<![\w/.~-])(?:~|\.{{1,2}})?/[\w.@+~-]{{1,255}}(?:/[\w.@+~-]{{0,255}}){{0,40}}
      | (?<![\w/.-])[\w@+~-]{{1,128}}(?:[./][\w@+~-]{{1,128}}){{0,12}}[./](?![A-Z][a-z])
        [A-Za-z][\w-]{{0,127}}(?![\w/]))
  | (?P<identifier>(?<!\w)\#[\w-]{{1,64}} | \b[A-Z]{{2,10}}[-_/]\d[\w/-]{{0,40}}
      | \b(?=[a-f0-9-]{{0,40}}\d)(?=[a-f0-9-]{{0,40}}[a-f])[a-f0-9][a-f0-9-]{{5,63}}\b
      | \b(?=[A-Za-z]{{0,20}}\d)[A-Za-z]{{1,20}}\d[\w-]{{0,60}}\b
      | (?<!\w)@[\w.-]{{2,64}})
  | (?P<number>(?<![\w.]){_NUMBER}(?![\w]))
    """,
    re.VERBOSE,
)

_KINDS: dict[str, frozenset[ValueKind]] = {
    "url": frozenset({"url"}),
    "address": frozenset({"address"}),
    "account": frozenset({"account", "identifier"}),
    "moment": frozenset({"moment", "date", "time"}),
    "date": frozenset({"date", "moment"}),
    "time": frozenset({"time", "moment"}),
    "amount": frozenset({"amount", "number"}),
    "phone": frozenset({"phone"}),
    "path": frozenset({"path"}),
    "identifier": frozenset({"identifier"}),
    "number": frozenset({"number", "amount"}),
}
_LONG_NUMBER = 8
_LONG_KINDS: frozenset[ValueKind] = frozenset({"account", "identifier", "phone"})
_ABBREVIATIONS = frozenset({"e.g", "i.e", "a.m", "p.m", "z.b", "d.h", "u.s", "and/or", "und/oder", "he/she", "s/he"})


def written_values(text: str) -> Iterator[Written]:
    """Every value of `text`, from left to right, none inside another. Takes time linear in the text."""
    for match in _VALUE.finditer(text):
        kind = match.lastgroup or "number"
        found, end = match[0], match.end()
        if kind in {"url", "path", "address", "identifier"}:
            found = found.rstrip(".,;:!?)]}…")
            end = match.start() + len(found)
        if not found or found.lower() in _ABBREVIATIONS:
            continue
        kinds: frozenset[ValueKind] = _KINDS[kind]
        if kind == "number" and len(found) >= _LONG_NUMBER and found.isdigit():
            kinds = kinds | _LONG_KINDS
        if kind in {"time", "date"} and re.fullmatch(r"[0-9]{1,2}\.[0-9]{2}\.?", found):
            kinds = kinds | _KINDS["number"]  # 12.30 is an hour, a day, or a price
        yield Written(found, kinds, match.start(), end)


def kinds_of(text: str) -> frozenset[ValueKind]:
    """The kinds of a text that is one value as a whole; none where it is not."""
    for value in written_values(text):
        return value.kinds if (value.start, value.end) == (0, len(text)) else frozenset()
    return frozenset()
