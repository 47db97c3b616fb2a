"""Which record of a list the user's words single out by comparing: "the cheapest refundable one under 250 euros".

Decides: what a superlative compares, which records a switch or a bound leaves out, and which record then wins. Does
not decide which list was granted (`derived.py`).

All of it is computed over whole fields and never believed. Where a record lacks the measure, two are equal, or
something that the user said of the thing is nowhere to be found, nothing wins. Words only ever speak against a winner:
a record that repeats all that the user said would otherwise push out every other one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from context.json_values import JsonObject, JsonValue
from context.provenance.normal_forms import number_form
from tool_gateway.provenance.records import Record
from tool_gateway.provenance.said import Said, plain, stem, words_in
from tool_gateway.provenance.sinks import words_of
from tool_gateway.provenance.uniqueness import SUPERLATIVES

Measure = Callable[[JsonValue], Decimal | str | None]

_PRICES = frozenset({"price", "cost", "amount", "fee", "fare", "total"})
_RATINGS = frozenset({"rating", "score", "star", "stars", "rated"})
_TIMES = frozenset({"date", "time", "created", "modified", "sent"})
_STARTS = frozenset({"date", "time", "start", "created"})
_SIZES = frozenset({"size", "bytes", "amount", "total", "length", "volume", "quantity", "count", "value", "sum"})
GREATEST: dict[str, frozenset[str]] = {
    **dict.fromkeys(("largest", "biggest", "highest", "greatest", "most", "longest"), _SIZES),
    **dict.fromkeys(("best", "top"), _RATINGS),
    "expensive": _PRICES,
    **dict.fromkeys(("last", "latest", "newest", "recent"), _TIMES),
}
SMALLEST: dict[str, frozenset[str]] = {
    **dict.fromkeys(("smallest", "lowest", "least", "shortest"), _SIZES),
    "worst": _RATINGS,
    "cheapest": _PRICES,
    **dict.fromkeys(("first", "earliest", "oldest", "next"), _STARTS),
}
_BY_TIME = frozenset({"last", "latest", "newest", "recent", "first", "earliest", "oldest", "next"})
_NO_MEASURES = frozenset({"id", "ids", "number", "index", "reviews", "votes", "rank"})
_NO = frozenset({"no", "not", "non", "without", "isn't", "kein", "keine", "nicht", "ohne", "un"})
_FILLERS = frozenset({"is", "has", "flag"})
_MONEY_WORDS = r"(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|francs?|franken|[€$£])"
_BOUND = re.compile(
    r"\b(?P<how>less than|cheaper than|lower than|under|below|unter|weniger als|(?:at|no) most|up to|not more than"
    r"|no more than|maximum(?: of)?|max|höchstens|maximal|bis zu|more than|higher than|over|above|über|mehr als"
    r"|at least|not less than|no less than|minimum(?: of)?|min|mindestens)\s(?P<sign>[€$£]\s?)?"
    rf"(?P<number>[0-9][0-9.,']{{0,15}})\s?(?P<unit>{_MONEY_WORDS}(?!\w)|[^\W\d]+)?"
)
_STRICT = frozenset({"less than", "cheaper than", "lower than", "under", "below", "unter", "weniger als"})
_ABOVE = frozenset({"more than", "higher than", "over", "above", "über", "mehr als"})
_AT_LEAST = ("at least", "not less than", "no less than", "min", "mindestens")
_COUNTED = re.compile(r"(?<![\w.,])([0-9]{1,3})\s([^\W\d_]{3,20})\b")
_MOST_DEPTH = 4


@dataclass(frozen=True, slots=True)
class _Bound:
    limit: Decimal
    upper: bool
    strict: bool
    unit: str
    money: bool


def spoken_superlatives(said: Said, pointers: Iterable[str]) -> list[str]:
    """Those by which the user pointed; where the pointing has none, all that were said."""
    known = [word for word in (*GREATEST, *SMALLEST) if word in said.vocabulary]
    pointed = {word for pointer in pointers for word in words_in(pointer)}
    return [word for word in known if word in pointed] or known


def winner(
    word: str,
    records: Sequence[JsonValue],
    *,
    said: Said,
    number: Callable[[JsonValue], Decimal | None],
    instant: Callable[[JsonValue], str | None],
    pointers: Iterable[str],
    explained: Callable[[str], bool],
) -> int | None:
    """The place of the one record that the words single out; None where it is not clear.

    Args:
        number, instant: Read a field as a measure.
        pointers: What the user said of the thing.
        explained: Whether a word that no record has was said of something else.
    """
    fields = [dict(_fields(one)) for one in records if isinstance(one, dict)]
    if len(fields) != len(records) or not fields:
        return None
    measure: Measure = instant if word in _BY_TIME else number
    place = _measured(GREATEST.get(word) or SMALLEST[word], fields, measure, said, by_time=word in _BY_TIME)
    kept = _kept(fields, said, number)
    if place is None or not kept:
        return None
    values = {index: measure(fields[index][place]) for index in kept}
    known = [value for value in values.values() if value is not None]
    best = max(known) if word in GREATEST else min(known)  # type: ignore[type-var]
    found = [index for index in kept if values[index] == best]
    if len(found) != 1 or not _is_described(found[0], records, fields, said, pointers, explained):
        return None
    return found[0]


def _fields(record: JsonObject, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    """Fields of the record and of the objects in it; lists are things of their own."""
    for name, value in record.items():
        if isinstance(value, dict) and len(way) < _MOST_DEPTH:
            yield from _fields(value, (*way, name))
        elif not isinstance(value, dict | list):
            yield (*way, name), value


def _measured(
    hints: frozenset[str],
    fields: Sequence[dict[tuple[str, ...], JsonValue]],
    measure: Measure,
    said: Said,
    *,
    by_time: bool,
) -> tuple[str, ...] | None:
    """The one field that all records have and that the word compares."""
    names = [
        way
        for way in fields[0]
        if all(way in one and measure(one[way]) is not None for one in fields)
        and (by_time or not _NO_MEASURES & set(words_of(way[-1])))
    ]
    speaking = [way for way in names if _is_spoken(way, said)]
    hinted = [way for way in names if _is_hinted(way, hints)]
    chosen = speaking if len(speaking) == 1 else hinted
    anywhere = {way for one in fields for way in one}
    if not hinted and not speaking and hints is not _PRICES and hints is not _RATINGS:
        # A record whose price cannot be read must not make the rest be compared by something else.
        chosen = names if not any(_is_hinted(way, hints) for way in anywhere) else []
    return chosen[0] if len(chosen) == 1 and _same_unit(chosen[0], fields) else None


def _is_spoken(way: tuple[str, ...], said: Said) -> bool:
    return any(said.phrase(words_of(step)) for step in way)


def _is_hinted(way: tuple[str, ...], hints: frozenset[str]) -> bool:
    return bool(hints & {word for step in way for word in words_of(step)})


def _same_unit(way: tuple[str, ...], fields: Sequence[dict[tuple[str, ...], JsonValue]]) -> bool:
    """10 EUR and 9 GBP are not compared."""
    beside = [one for one in fields[0] if one[:-1] == way[:-1] and {"currency", "unit"} & set(words_of(one[-1]))]
    return all(len({str(one.get(unit)) for one in fields}) == 1 for unit in beside)


def _kept(
    fields: Sequence[dict[tuple[str, ...], JsonValue]], said: Said, number: Callable[[JsonValue], Decimal | None]
) -> list[int]:
    """The records that no switch and no bound of the user's leaves out; none where one cannot be read."""
    kept = list(range(len(fields)))
    for way in {way: None for one in fields for way, value in one.items() if isinstance(value, bool)}:
        wanted = _switch(way[-1], said)
        if wanted is not None:
            if not all(isinstance(one.get(way), bool) for one in fields):
                return []
            kept = [index for index in kept if fields[index][way] is wanted]
    for bound in _bounds(said):
        measure = _bounded(bound, fields, number)
        if measure is None:
            return []
        kept = [index for index in kept if _within(number(fields[index][measure]), bound)]
    return kept


def _switch(name: str, said: Said) -> bool | None:
    """Whether the user wants it on or off; None where it was not spoken of."""
    words = tuple(stem(word) for word in words_of(name) if word not in _FILLERS)
    spoken = tuple(map(stem, said.words))
    for start in range(len(spoken) - len(words) + 1) if words else ():
        if spoken[start : start + len(words)] == words:
            return not _NO & set(said.words[max(0, start - 2) : start])
    return None


def _bounds(said: Said) -> Iterator[_Bound]:
    for match in _BOUND.finditer(said.text):
        form = number_form(match["number"].rstrip(".,'"))
        if form is None:
            continue
        how = match["how"]
        lower = how in _ABOVE or how in _AT_LEAST or how.startswith("minimum")
        unit = match["unit"] or ""
        money = bool(match["sign"]) or re.fullmatch(_MONEY_WORDS, unit) is not None
        yield _Bound(Decimal(form), not lower, how in _STRICT or how in _ABOVE, unit, money)


def _bounded(
    bound: _Bound,
    fields: Sequence[dict[tuple[str, ...], JsonValue]],
    number: Callable[[JsonValue], Decimal | None],
) -> tuple[str, ...] | None:
    """The one field that the bound speaks of."""
    wanted = _PRICES if bound.money else frozenset({bound.unit, stem(bound.unit)}) - {""}
    wanted |= _RATINGS if wanted & _RATINGS else frozenset()
    found = [
        way
        for way in fields[0]
        if wanted & {word for step in way for word in (*words_of(step), *map(stem, words_of(step)))}
        and all(number(one.get(way)) is not None for one in fields)
    ]
    return found[0] if len(found) == 1 and _same_unit(found[0], fields) else None


def _within(value: Decimal | None, bound: _Bound) -> bool:
    if value is None:
        return False
    if value == bound.limit:
        return not bound.strict
    return value < bound.limit if bound.upper else value > bound.limit


def _is_described(
    index: int,
    records: Sequence[JsonValue],
    fields: Sequence[dict[tuple[str, ...], JsonValue]],
    said: Said,
    pointers: Iterable[str],
    explained: Callable[[str], bool],
) -> bool:
    """Whether the winner is what the user said of it: all that any record has of it, and all else explained."""
    read = [Record((), one, ()) for one in records if isinstance(one, dict)]
    keys = {stem(word) for way in fields[0] for step in way for word in words_of(step)}
    for counted in _COUNTED.finditer(said.text):
        phrase = re.compile(rf"(?<![\w.,]){re.escape(counted[1])}[\s-]{re.escape(stem(counted[2]))}")
        having = [place for place, one in enumerate(read) if any(phrase.search(text) for text in one.texts)]
        if having and index not in having:
            return False
    bounded = {stem(word) for match in _BOUND.finditer(said.text) for word in words_in(match[0])}
    everywhere = frozenset[str]().union(*(one.words for one in read))
    for word in {stem(word) for pointer in pointers for word in words_in(plain(pointer))}:
        if word in _SUPERLATIVE_STEMS or word in bounded or word in read[index].switches[0]:
            continue
        if word in everywhere:
            if word not in read[index].words:
                return False
        elif word not in keys and not (word in _RATINGS and keys & _RATINGS) and not explained(word):
            return False
    return True


_SUPERLATIVE_STEMS = frozenset(map(stem, SUPERLATIVES))
