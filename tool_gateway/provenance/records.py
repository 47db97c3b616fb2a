"""Records of results: the objects in their lists, and the rows of tables that are written as text.

Decides: what one record is, which of its fields are short enough to tell it from others, and which names stand in
a listing. Does not decide which record is meant (`meant.py`, `uniqueness.py`).

A body that mentions a word is not the record that somebody means: only short fields tell records apart.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import cast

from context.json_values import JsonObject, JsonValue, leaves
from tool_gateway.provenance.said import plain, stem, words_in

MOST_RECORDS = 5_000
POINTING_LENGTH = 160
_MOST_TEXTS = 400
_MOST_DEPTH = 12
_KEPT = 64
_COLUMNS = re.compile(r"\s{2,}|\t|\s*\|\s*")
_MOST_LINES = 5_000
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

Steps = tuple[str | int, ...]


class Record:
    """One object of a list, or the whole result where it is no list. What it says is read when somebody asks.

    Attributes:
        steps: The way to it.
        own: Its own fields, those of lists inside it included.
        around: Short fields of the objects around it.
    """

    def __init__(self, steps: Steps, own: JsonObject, around: tuple[str, ...]) -> None:
        self.steps = steps
        self.own = own
        self.around = around

    @cached_property
    def outer(self) -> tuple[str, ...]:
        """Its short fields and those around it, without those of lists inside it."""
        held = (text for name, item in self.own.items() if not isinstance(item, list) for text in _short(name, item))
        return (*self.around, *islice(held, _MOST_TEXTS))

    @cached_property
    def inner(self) -> tuple[str, ...]:
        held = (text for name, item in self.own.items() if isinstance(item, list) for text in _short(name, item))
        return tuple(islice(held, _MOST_TEXTS))

    @cached_property
    def raw(self) -> str:
        """All of it in lower case, for looking in it quickly before it is read."""
        return "\n".join((*self.outer, *self.inner)).lower()

    @cached_property
    def texts(self) -> frozenset[str]:
        """Its short fields, as `said.plain` writes them."""
        return frozenset(map(plain, (*self.outer, *self.inner)))

    @cached_property
    def near(self) -> frozenset[str]:
        """The words of `outer`, by stem."""
        return frozenset(stem(word) for text in self.outer for word in words_in(plain(text)))

    @cached_property
    def words(self) -> frozenset[str]:
        """All its words, by stem."""
        return self.near | frozenset(stem(word) for text in self.inner for word in words_in(plain(text)))

    @cached_property
    def switches(self) -> tuple[frozenset[str], frozenset[str]]:
        """The words of its own fields that are true, and of those that are false."""
        on: set[str] = set()
        off: set[str] = set()
        for name, item in self.own.items():
            if isinstance(item, bool):
                (on if item else off).update(stem(word.lower()) for word in _NAME_WORD.findall(name))
        return frozenset(on - off), frozenset(off)

    def may_say(self, parts: Iterable[str]) -> bool:
        """False only where none of the folded words can be one of its own."""
        return not self.raw.isascii() or any(part in self.raw for part in parts)


def records_of(structure: JsonValue) -> tuple[Record, ...]:
    """Every record, outer before inner; none where there are more than 5,000: none can be called the only one then."""
    kept = _MADE.get(id(structure))
    if kept is not None and kept[0] is structure:
        _MADE.move_to_end(id(structure))
        return kept[1]
    found: list[Record] = []
    for record in _records(structure, (), (), 0):
        found.append(record)
        if len(found) > MOST_RECORDS:
            found = []
            break
    made = tuple(found)
    _MADE[id(structure)] = (structure, made)
    while len(_MADE) > _KEPT:
        _MADE.popitem(last=False)
    return made


_MADE: OrderedDict[int, tuple[JsonValue, tuple[Record, ...]]] = OrderedDict()
"""By the identity of a structure, which is never changed once it was read."""


def words_at(structure: JsonValue, steps: Steps) -> frozenset[str]:
    """The words of the record at this place; none where there is no record, or too many."""
    record = record_at(structure, steps)
    return frozenset() if record is None else record.words


def record_at(structure: JsonValue, steps: Steps) -> Record | None:
    """The record at this place; None where there is none, or too many."""
    key = id(structure)
    kept = _PLACES.get(key)
    if kept is None or kept[0] is not structure:
        kept = _PLACES[key] = (structure, {record.steps: record for record in records_of(structure)})
        while len(_PLACES) > _KEPT:
            _PLACES.popitem(last=False)
    return kept[1].get(steps)


_PLACES: OrderedDict[int, tuple[JsonValue, dict[Steps, Record]]] = OrderedDict()


def stored_names(text: str) -> tuple[str, ...]:
    """What may be a name in a listing written as text: the last column of each line, a marker before it left out."""
    found: dict[str, None] = {}
    for line in text.splitlines()[:_MOST_LINES]:
        columns = [part for part in _COLUMNS.split(line.strip().strip("|")) if part]
        if not columns:
            continue
        last = columns[-1].strip()
        found[last.removeprefix("- ").removeprefix("* ").removeprefix("[FILE] ").removeprefix("[DIR] ")] = None
    return tuple(found)


def _records(value: JsonValue, steps: Steps, around: tuple[str, ...], depth: int) -> Iterator[Record]:
    """The root and every object in a list; `around` are the short fields of what holds it."""
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, dict) and (not steps or isinstance(steps[-1], int)):
        record = Record(steps, value, around)
        yield record
        if any(isinstance(item, dict | list) for item in value.values()):
            around = record.outer
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, dict | list):
                yield from _records(item, (*steps, name), around, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[JsonValue]", value)):
            if isinstance(item, dict | list):
                yield from _records(item, (*steps, index), around, depth + 1)


def _short(name: str, item: JsonValue) -> Iterator[str]:
    values = (leaf for _, leaf in leaves({name: item})) if isinstance(item, dict | list) else (item,)
    for leaf in values:
        if isinstance(leaf, str | int | float) and not isinstance(leaf, bool):
            text = str(leaf)
            if 0 < len(text) <= POINTING_LENGTH:
                yield text
