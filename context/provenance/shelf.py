"""An inverted index over the words of many texts of one degree of trust.

Decides: how a sequence of words, a typed value or a part of a word is found without reading the texts again. Does
not decide what a find is worth (`index.py`).

Trusted and untrusted texts stand on different shelves, so that nobody can bury a trusted place under a flood of
his own: the work for one value is bounded on each shelf alone. Memory: 12 to 16 bytes for each word and a few
hundred for each different one, which was measured as 10 to 15 times the text, for a text made to be costly 50
times. Beyond `most_characters` nothing is indexed any more; `unread` says from which source on.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from context.provenance.fields import Place
from context.provenance.normal_forms import fold
from context.provenance.values import spans
from context.provenance.words import Atom, Words

MOST_CHARACTERS = 16 * 1024**2
_MOST_TRIED = 1_000
_MOST_SOURCES = 64
_MOST_FIELDS = 8
_MOST_TYPED = 64
_RUN_WORDS, _RUN_PLACES, _RUN_STEPS, _SHORTEST_RUN = 32, 4, 4_000, 4

Match = tuple[int, int]
"""Indices of the first word and the one after the last."""

Accept = Callable[[int, int], bool]


class Segment(NamedTuple):
    """One text on the shelf: free text, a field, a key, or what a word encodes.

    Attributes:
        first, last: Its words on the shelf, `last` exclusive.
        holder, key: Of a field: what holds it, and its key or index there. None for all others.
    """

    source: int
    text: str
    first: int
    last: int
    holder: Place | None
    key: str | int
    encoded: bool

    @property
    def path(self) -> str | None:
        return None if self.holder is None else Place(self.holder, self.key).path


@dataclass(slots=True)
class Budget:
    """How many characters of the vocabulary may still be searched for the sake of one value."""

    characters: int = 256 * 1024


@dataclass(slots=True)
class Shelf:
    """Add words as they are read; find them again.

    Attributes:
        most_characters: What is indexed at most.
        unread: The first source that found no room any more.
    """

    most_characters: int = MOST_CHARACTERS
    unread: int | None = None
    _vocabulary: dict[str, int] = field(default_factory=dict[str, int])
    _postings: list["int | array[int]"] = field(default_factory=list["int | array[int]"])
    _words: "array[int]" = field(default_factory=lambda: array("I"))
    _starts: "array[int]" = field(default_factory=lambda: array("I"))
    _ends: "array[int]" = field(default_factory=lambda: array("I"))
    # A segment is taken apart into columns: most are one short field, and there may be very many.
    _segment_starts: "array[int]" = field(default_factory=lambda: array("I"))
    _segment_sources: "array[int]" = field(default_factory=lambda: array("I"))
    _segment_texts: list[str] = field(default_factory=list[str])
    _segment_holders: list[Place | None] = field(default_factory=list[Place | None])
    _segment_keys: list[str | int] = field(default_factory=list[str | int])
    _encoded: set[int] = field(default_factory=set[int])
    _batch_starts: "array[int]" = field(default_factory=lambda: array("I"))
    _fields: dict[int | bytes, "int | array[int]"] = field(default_factory=dict[int | bytes, "int | array[int]"])
    _typed: dict[str, Match | list[Match]] = field(default_factory=dict[str, Match | list[Match]])
    _covered: dict[int, Match] = field(default_factory=dict[int, Match])
    _spellings: list[tuple[str, "array[int]"]] = field(default_factory=list[tuple[str, "array[int]"]])
    _new_spellings: list[str] = field(default_factory=list[str])
    _new_ids: "array[int]" = field(default_factory=lambda: array("I"))
    _characters: int = 0

    @property
    def is_empty(self) -> bool:
        return not self._words and self.unread is None

    def begin(self) -> None:
        """A source starts."""
        self._batch_starts.append(len(self._words))

    def finish(self) -> None:
        """The source is over: its new words can be searched for parts."""
        if self._new_spellings:
            self._spellings.append(("\n".join(self._new_spellings), self._new_ids))
            self._new_spellings, self._new_ids = [], array("I")

    def add_word(self, word: Atom, text: str, *, source: int, holder: Place, key: str | int) -> None:
        """A field that is one plain word: the short way of `add`."""
        if not self._has_room(len(text), source):
            return
        at = len(self._words)
        start, end, name, _, _ = word
        number = self._vocabulary.get(name)
        if number is None:
            number = self._vocabulary[name] = len(self._postings)
            self._postings.append(at)
            self._new_spellings.append(fold(text[start:end]))
            self._new_ids.append(number)
        else:
            self._append(number, at)
        self._words.append(number)
        self._starts.append(start)
        self._ends.append(end)
        self._remember_field(number, self._begin_segment(at, source, text, holder, key))

    def add(
        self, words: Words, *, source: int, holder: Place | None = None, key: str | int = "", encoded: bool = False
    ) -> None:
        """One text. In time linear in its words."""
        if not words.keys or not self._has_room(len(words.text), source):
            return
        first = len(self._words)
        vocabulary, postings, ids = self._vocabulary, self._postings, self._words
        at = first
        for name in words.keys:
            number = vocabulary.get(name)
            if number is None:
                number = vocabulary[name] = len(postings)
                postings.append(at)
                self._new_spellings.append(fold(words.word(at - first)))
                self._new_ids.append(number)
            else:
                known = postings[number]
                if isinstance(known, int):
                    postings[number] = array("I", (known, at))
                else:
                    known.append(at)
            ids.append(number)
            at += 1
        self._starts.extend(words.starts)
        self._ends.extend(words.ends)
        segment = self._begin_segment(first, source, words.text, holder, key)
        if encoded:
            self._encoded.add(segment)
        if holder is not None:
            self._remember_field(ids[first] if at - first == 1 else ids[first:at].tobytes(), segment)
        for index, names in words.also.items():
            for name in names:
                self._remember_typed(name, (first + index, first + index + 1))
        if words.marked:
            for span in spans(words):
                match = (first + span.first, first + span.last)
                self._remember_typed(span.key, match)
                if span.covers:
                    for covered in range(*match):
                        self._covered[covered] = match

    def gaps(self, match: Match) -> str:
        """What stands between the words of the match, and the two characters on either side of it."""
        first, last = match
        text = self.segment(first).text
        start, end = self.bounds(match)
        between = (text[self._ends[at] : self._starts[at + 1]] for at in range(first, last - 1))
        return text[max(start - 2, 0) : start] + "".join(between) + text[end : end + 2]

    def segment(self, word: int) -> Segment:
        return self._segment(bisect_right(self._segment_starts, word) - 1)

    def bounds(self, match: Match) -> tuple[int, int]:
        """Where the match stands in the text of its segment."""
        return self._starts[match[0]], self._ends[match[1] - 1]

    def is_part(self, match: Match) -> bool:
        """Whether the match begins or ends inside a number of several words."""
        for edge in (match[0], match[1] - 1):
            around = self._covered.get(edge)
            if around is not None and not (match[0] <= around[0] and around[1] <= match[1]):
                return True
        return False

    def fields(self, keys: list[str]) -> list[Match]:
        """Whole fields that say these words, in order."""
        ids = self._numbers(keys)
        if ids is None:
            return []
        known = self._fields.get(ids[0] if len(ids) == 1 else ids.tobytes())
        if known is None:
            return []
        found: list[Match] = []
        per_source: dict[int, int] = {}
        for number in (known,) if isinstance(known, int) else known[:_MOST_TRIED]:
            segment = self._segment(number)
            per_source[segment.source] = per_source.get(segment.source, 0) + 1
            if per_source[segment.source] <= _MOST_FIELDS:
                found.append((segment.first, segment.last))
        return found[:_MOST_SOURCES]

    def typed(self, key: str) -> list[Match]:
        """Values of several words, and words that vouch for this key beside their own."""
        known = self._typed.get(key)
        if known is None:
            return []
        return [known] if isinstance(known, tuple) else known

    def phrases(self, keys: list[str], accept: Accept) -> Iterator[Match]:
        """Places where the words follow on each other; of each source the first one that is accepted."""
        ids = self._numbers(keys)
        if ids is None:
            return
        rarest = min(range(len(ids)), key=lambda index: _count(self._postings[ids[index]]))
        known = self._postings[ids[rarest]]
        places = array("I", (known,)) if isinstance(known, int) else known
        size, at, tried, found = len(ids), 0, 0, 0
        while at < len(places) and tried < _MOST_TRIED and found < _MOST_SOURCES:
            first = places[at] - rarest
            at += 1
            tried += 1
            if first < 0 or (size > 1 and self._words[first : first + size] != ids):
                continue
            if first + size > self.segment(first).last or not accept(first, first + size):
                continue
            yield first, first + size
            found += 1
            batch = bisect_right(self._batch_starts, first)
            if batch == len(self._batch_starts):
                return
            at = bisect_left(places, self._batch_starts[batch], lo=at)

    def inside(self, part: str, budget: Budget) -> Match | None:
        """A word that contains `part` (folded), the latest sources first, as far as the budget goes."""
        for spellings, ids in reversed(self._spellings):
            if budget.characters <= 0:
                return None
            at = spellings.find(part, 0, budget.characters)
            budget.characters -= min(len(spellings), budget.characters)
            if at >= 0:
                return self._first(ids[spellings.count("\n", 0, at)])
        return None

    def first(self, key: str) -> Match | None:
        """The first place of one word."""
        number = self._vocabulary.get(key)
        return None if number is None else self._first(number)

    def count(self, key: str) -> int:
        number = self._vocabulary.get(key)
        return 0 if number is None else _count(self._postings[number])

    def longest_run(self, keys: list[str]) -> Match | None:
        """The longest stretch of neighbouring words of `keys`, at least four, around its rarest words."""
        known = [(self.count(key), index) for index, key in enumerate(keys)]
        rare = sorted(entry for entry in known if entry[0])[:_RUN_WORDS]
        best: Match | None = None
        steps = _RUN_STEPS
        numbers = [self._vocabulary.get(key, -1) for key in keys]
        for _, index in rare:
            places = self._postings[numbers[index]]
            for place in (places,) if isinstance(places, int) else places[:_RUN_PLACES]:
                segment = self.segment(place)
                low = high = 0
                while steps and place - low > segment.first and index - low > 0:
                    steps -= 1
                    if self._words[place - low - 1] != numbers[index - low - 1]:
                        break
                    low += 1
                while steps and place + high + 1 < segment.last and index + high + 1 < len(numbers):
                    steps -= 1
                    if self._words[place + high + 1] != numbers[index + high + 1]:
                        break
                    high += 1
                if low + high + 1 >= _SHORTEST_RUN and (best is None or low + high + 1 > best[1] - best[0]):
                    best = (place - low, place + high + 1)
        return best

    def _segment(self, number: int) -> Segment:
        following = number + 1
        return Segment(
            self._segment_sources[number],
            self._segment_texts[number],
            self._segment_starts[number],
            self._segment_starts[following] if following < len(self._segment_starts) else len(self._words),
            self._segment_holders[number],
            self._segment_keys[number],
            number in self._encoded,
        )

    def _has_room(self, characters: int, source: int) -> bool:
        if self.unread is None and self._characters + characters > self.most_characters:
            self.unread = source
        self._characters += characters
        return self.unread is None

    def _begin_segment(self, first: int, source: int, text: str, holder: Place | None, key: str | int) -> int:
        self._segment_starts.append(first)
        self._segment_sources.append(source)
        self._segment_texts.append(text)
        self._segment_holders.append(holder)
        self._segment_keys.append(key)
        return len(self._segment_starts) - 1

    def _append(self, number: int, at: int) -> None:
        known = self._postings[number]
        if isinstance(known, int):
            self._postings[number] = array("I", (known, at))
        else:
            known.append(at)

    def _first(self, number: int) -> Match:
        known = self._postings[number]
        place = known if isinstance(known, int) else known[0]
        return place, place + 1

    def _numbers(self, keys: list[str]) -> "array[int] | None":
        ids: array[int] = array("I")
        for key in keys:
            number = self._vocabulary.get(key)
            if number is None:
                return None
            ids.append(number)
        return ids if ids else None

    def _remember_field(self, key: int | bytes, segment: int) -> None:
        known = self._fields.get(key)
        if known is None:
            self._fields[key] = segment
        elif isinstance(known, int):
            self._fields[key] = array("I", (known, segment))
        else:
            known.append(segment)

    def _remember_typed(self, key: str, match: Match) -> None:
        known = self._typed.get(key)
        if known is None:
            self._typed[key] = match
        elif isinstance(known, tuple):
            self._typed[key] = [known, match]
        elif len(known) < _MOST_TYPED:
            known.append(match)


def _count(places: "int | array[int]") -> int:
    return 1 if isinstance(places, int) else len(places)
