"""Everything that a run has read, and where in it a value was first seen.

Decides: which sighting of a value proves it and which only explains it. Proven is what stands in a trusted source as
whole words (`words.py`) that are equal in their normal form (`normal_forms.py`), side by side, without any operator,
quote or hidden character that the source does not have there. Everything else that was found (part of a longer
word, encoded, in pieces) is there for the person who is asked. Does not decide what a value without proof means for
a call (`tool_gateway.provenance`).

No limit ever proves anything. A value that is too long, or whose search would end before all that is untrusted was
looked into, has that content as a sighting in pieces, since for some callers not being seen there counts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, cast

from context.json_values import JsonObject, JsonValue
from context.origins import Origin, Sighting, SightingKind, Source
from context.provenance.chosen_keys import leaves_and_keys
from context.provenance.encodings import decoded
from context.provenance.fields import Place, keys, leaves, structure_of
from context.provenance.interface import Candidate
from context.provenance.normal_forms import LONGEST_WORD, fold, number_key, word_key
from context.provenance.passages import passage
from context.provenance.shelf import MOST_CHARACTERS, Budget, Match, Shelf
from context.provenance.values import canonical_form, find_values, kind_of, whole_key
from context.provenance.words import ENCODED, WordCutter, Words, is_spaced_path, one_word, sub_words
from context.visible_text import is_hidden

LONGEST_VALUE = 256 * 1024
"""Characters of a value that is traced at all."""

MOST_CANDIDATES = 20_000
"""A source with more values than this offers none: what is not the only one for sure must not look like it."""

_MOST_SIGHTINGS = 64
_MOST_BESIDE_PROOF = 4
_MOST_ENCODED = 1_000
_SHORTEST_PART = 4
_SHORTEST_PIECE = 3
_MOST_PIECES = 8
_OPERATORS = frozenset("|<>&;$`\"'()[]{}*\\?!")
_FILLING = frozenset({"http", "https", "www", "com", "org", "net", "mailto", "file"})
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb", '\'\'"""""')
_RANKS: dict[SightingKind, int] = {"exact": 0, "normalised": 1, "decoded": 2, "inside": 3, "pieces": 4}

_Trust = Literal["trusted", "untrusted", "model"]


@dataclass(slots=True)
class _Content:
    texts: list[str] = field(default_factory=list[str])
    free_texts: list[str] = field(default_factory=list[str])
    structure: JsonValue = None
    candidates: tuple[Candidate, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to look for a value: these words, side by side."""

    keys: list[str]
    gaps: str = ""


_HIDDEN = re.compile(r"(?:secret|pii):[a-z0-9][a-z0-9_.-]*:[0-9a-f]{8,16}")
"""What stands in a hidden value's place is nobody's second candidate."""


class SourceIndex:
    """`context.provenance.interface.Sources`, built up as the run reads."""

    def __init__(self, *, most_characters: int = MOST_CHARACTERS) -> None:
        """An empty index.

        Args:
            most_characters: Of trusted content, of untrusted content and of the model's words each; what is read
                beyond them is kept, but not indexed.
        """
        self._sources: list[Source] = []
        self._numbers: dict[str, int] = {}
        self._contents: list[_Content] = []
        self._shelves: dict[_Trust, Shelf] = {
            "trusted": Shelf(most_characters),
            "untrusted": Shelf(most_characters),
            "model": Shelf(most_characters),
        }
        self._json_texts: dict[str, list[int]] = {}
        self._cutter = WordCutter()
        self._traced: dict[tuple[type, JsonValue], tuple[Sighting, ...]] = {}
        self._tainted = False

    def add(self, source: Source, *, text: str = "", structured: JsonValue = None) -> None:
        """What a source said, as soon as it is read. A source may say more later, structure only once.

        Raises:
            ValueError: its id belongs to another source, or it has structure already.
        """
        number = self._numbers.get(source.source_id)
        if number is None:
            number = self._numbers[source.source_id] = len(self._sources)
            self._sources.append(source)
            self._contents.append(_Content())
        elif self._sources[number] != source:
            raise ValueError(f"{source.source_id} is the id of another source already; give every source its own")
        content = self._contents[number]
        structure, said_twice = structure_of(structured, text)
        if structure is not None and content.structure is not None:
            if structured is not None:
                raise ValueError(f"{source.source_id} has structured content already; give the new content its own id")
            structure, said_twice = None, False
        self._tainted = self._tainted or (source.kind == "tool" and not source.trusted)
        self._traced.clear()
        content.candidates = None
        if text:
            content.texts.append(text)
        shelf = self._shelves[_trust(source)]
        shelf.begin()
        if structure is not None:
            content.structure = structure
            self._add_structure(shelf, number, structure)
        if text and not said_twice:
            content.free_texts.append(text)
            self._add_text(shelf, number, text)
        elif text:
            self._json_texts.setdefault(text.strip(), []).append(number)
        shelf.finish()

    @property
    def sources(self) -> Sequence[Source]:
        return tuple(self._sources)

    @property
    def tainted(self) -> bool:
        return self._tainted

    def text(self, source_id: str) -> str:
        """Its free text, as added.

        Raises:
            KeyError: no such source.
        """
        return "\n".join(self._contents[self._numbers[source_id]].texts)

    def structure(self, source_id: str) -> JsonValue:
        """Its structured content; see `fields.structure_of` for JSON that is written as text.

        Raises:
            KeyError: no such source.
        """
        return self._contents[self._numbers[source_id]].structure

    def origin(self, value: JsonValue, *, path: str = "") -> Origin:
        """Where one leaf was seen. Truth values, null and empty text are never traced: they stand everywhere."""
        if value is None or isinstance(value, bool | dict | list) or value == "":
            return Origin(path, value)
        name = (type(value), value)
        found = self._traced.get(name)
        if found is None:
            found = self._traced[name] = self._trace(value)
        return Origin(path, value, found)

    def origins(self, arguments: JsonObject, *, schema: JsonObject | None = None) -> tuple[Origin, ...]:
        """One for each leaf and each key that the caller chose.

        Args:
            schema: The tool's input schema: keys that it declares are not the caller's. Without it the top-level
                keys are taken for the tool's and all others for the caller's.
        """
        return tuple(self.origin(value, path=path) for path, value in leaves_and_keys(arguments, schema))

    def candidates(self, source_id: str) -> tuple[Candidate, ...]:
        """All typed values, whole fields first; none at all when there are more than `MOST_CANDIDATES`.

        Raises:
            KeyError: no such source.
        """
        content = self._contents[self._numbers[source_id]]
        if content.candidates is None:
            content.candidates = self._list_candidates(content)
        return content.candidates

    def _list_candidates(self, content: _Content) -> tuple[Candidate, ...]:
        whole: list[Candidate] = []
        found: list[Candidate] = []
        texts: list[str] = []
        if content.structure is not None:
            for holder, key, leaf in leaves(content.structure):
                if leaf is None or leaf == "":
                    continue
                kind = kind_of(leaf, self._cutter)
                place = Place(holder, key)
                where = place.path
                if where is None:
                    texts.append(str(leaf))
                    continue
                whole.append(Candidate(leaf, kind, canonical_form(leaf, self._cutter), where, place.record))
                if kind == "text" and isinstance(leaf, str):
                    texts.append(leaf)
                if len(whole) > MOST_CANDIDATES:
                    return ()
        for text in (*texts, *sorted(keys(content.structure)), *content.free_texts):
            found += (
                one for one in find_values(text, self._cutter) if not _HIDDEN.fullmatch(one.canonical.strip("[]"))
            )
            if len(whole) + len(found) > MOST_CANDIDATES:
                return ()
        return (*whole, *found)

    def _add_structure(self, shelf: Shelf, number: int, structure: JsonValue) -> None:
        for holder, key, leaf in leaves(structure):
            if isinstance(leaf, str):
                word = self._cutter.single(leaf)
                if word is not None:
                    shelf.add_word(word, leaf, source=number, holder=holder, key=key)
                elif leaf:
                    words = self._cutter.cut_field(leaf)
                    shelf.add(words, source=number, holder=holder, key=key)
                    self._add_encoded(shelf, number, words)
            elif leaf is not None and not isinstance(leaf, bool):
                text = repr(leaf)
                name, literal = number_key(leaf), word_key(text)
                word = (0, len(text), name, 0, ())
                if literal == name:
                    shelf.add_word(word, text, source=number, holder=holder, key=key)
                else:
                    words = one_word(text, name)
                    words.also[0] = (literal,)
                    shelf.add(words, source=number, holder=holder, key=key)
        for name in sorted(keys(structure)):
            self._add_text(shelf, number, name)

    def _add_text(self, shelf: Shelf, number: int, text: str) -> None:
        words = self._cutter.cut(text)
        shelf.add(words, source=number)
        self._add_encoded(shelf, number, words)

    def _add_encoded(self, shelf: Shelf, number: int, words: Words) -> None:
        """What words of the text say once decoded, as texts of their own that prove nothing."""
        read = 0
        for index in words.marked:
            if words.marks[index] & ENCODED and read < _MOST_ENCODED:
                for plain in decoded(words.word(index)):
                    read += 1
                    shelf.add(self._cutter.cut(plain), source=number, encoded=True)

    def _trace(self, value: JsonValue) -> tuple[Sighting, ...]:
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            return tuple(self._possible(source) for source in self._sources if not source.trusted)[:1]
        readings = self._readings(value)
        found: list[Sighting] = list(self._as_json_text(value))
        raw = value if isinstance(value, str) else str(value)
        behind = [self._cutter.cut(plain) for plain in decoded(raw)]
        proven = False
        for trust, shelf in self._shelves.items():
            here = list(self._whole(shelf, readings, raw, _MOST_BESIDE_PROOF if proven else _MOST_SIGHTINGS))
            proven = proven or any(sighting.proves for sighting in here)
            if (
                not proven
                and not shelf.is_empty
                and not any(sighting.how in {"exact", "normalised"} for sighting in here)
            ):
                here += self._explain(shelf, raw, readings, behind)
                if not here and trust != "trusted" and shelf.unread is not None:
                    here.append(self._possible(self._sources[shelf.unread]))
            found += here
        return self._ordered(found)

    def _readings(self, value: JsonValue) -> list[_Reading]:
        if isinstance(value, int | float):
            keys = dict.fromkeys((number_key(value), word_key(str(value))))
            return [_Reading([key]) for key in keys]
        words = self._cutter.cut(cast("str", value))
        if not words.keys:
            return []
        gaps = _gaps(words)
        readings = [_Reading(words.keys, gaps)]
        key = whole_key(words)
        if key is not None and [key] != words.keys:
            readings.append(_Reading([key], gaps))
        if is_spaced_path(words.text):
            readings.append(_Reading(one_word(words.text).keys))
        return readings

    def _whole(self, shelf: Shelf, readings: list[_Reading], raw: str, most: int) -> Iterator[Sighting]:
        """Sightings as whole words: exact, normalised or, where the source has them encoded, decoded."""
        for reading in readings:

            def accept(first: int, last: int, reading: _Reading = reading) -> bool:
                return not shelf.is_part((first, last)) and _has_all(shelf, (first, last), reading.gaps)

            fields = [match for match in shelf.fields(reading.keys)[:most] if accept(*match)]
            phrases = islice(shelf.phrases(reading.keys, accept), most)
            typed = shelf.typed(reading.keys[0])[:most] if len(reading.keys) == 1 else []
            for match in dict.fromkeys((*fields, *phrases, *(match for match in typed if accept(*match)))):
                start, end = shelf.bounds(match)
                segment = shelf.segment(match[0])
                how: SightingKind = "exact" if segment.text[start:end] == raw else "normalised"
                if how == "normalised" and _stands(segment.text, raw, start):
                    how = "exact"
                yield self._sighting(shelf, match, "decoded" if segment.encoded else how)

    def _explain(self, shelf: Shelf, raw: str, readings: list[_Reading], behind: list[Words]) -> Iterator[Sighting]:
        """What a value that stands nowhere as a whole may have been made from, the likeliest first.

        Args:
            behind: What the value says once decoded.
        """
        budget = Budget()
        for words in behind:
            match = next(shelf.phrases(words.keys, lambda first, last: True), None)
            if match is None and len(words.text) >= _SHORTEST_PART:
                match = shelf.inside(fold(words.text.strip()), budget)
            if match is not None:
                yield self._sighting(shelf, match, "decoded")
                return
        for reading in readings:
            match = next(shelf.phrases(reading.keys, lambda first, last: True), None)
            if match is None and len(reading.keys) == 1:
                match = next(iter(shelf.typed(reading.keys[0])), None)
            if match is not None:
                yield self._sighting(shelf, match, "inside")
                return
        part = fold(raw.strip())
        if _SHORTEST_PART <= len(part) <= LONGEST_WORD:
            match = shelf.inside(part, budget)
            if match is not None:
                yield self._sighting(shelf, match, "inside")
                return
        match = self._pieces(shelf, raw, readings, budget)
        if match is not None:
            yield self._sighting(shelf, match, "pieces")

    def _possible(self, source: Source) -> Sighting:
        """For what was not looked for: where absence would count in a value's favour, it was not seen to be absent."""
        return Sighting(source, "pieces", "(too long to be searched)")

    def _pieces(self, shelf: Shelf, raw: str, readings: list[_Reading], budget: Budget) -> Match | None:
        keys = readings[0].keys if readings else []
        if len(keys) > 1:
            run = shelf.longest_run(keys)
            if run is not None:
                return run
            if all(shelf.count(key) for key in keys):
                return shelf.first(min(keys, key=shelf.count))
        pieces = sorted(set(sub_words(raw[:LONGEST_WORD])), key=len, reverse=True)
        long_enough = [piece for piece in pieces if len(piece) >= _SHORTEST_PIECE and piece not in _FILLING]
        if not long_enough or len(long_enough) > _MOST_PIECES or long_enough == pieces[:1] == [fold(raw)]:
            return None
        best: Match | None = None
        for piece in long_enough:
            match = shelf.first(word_key(piece)) or shelf.inside(piece, budget)
            if match is None:
                return None
            best = best or match
        return best

    def _as_json_text(self, value: JsonValue) -> Iterator[Sighting]:
        """A text result that is JSON, passed on whole."""
        if not isinstance(value, str) or not self._json_texts:
            return
        for number in self._json_texts.get(value.strip(), [])[:_MOST_SIGHTINGS]:
            yield Sighting(self._sources[number], "exact", passage(value, 0, len(value)), whole=True)

    def _sighting(self, shelf: Shelf, match: Match, how: SightingKind) -> Sighting:
        segment = shelf.segment(match[0])
        start, end = shelf.bounds(match)
        where = segment.path
        whole = where is not None and match == (segment.first, segment.last) and how in {"exact", "normalised"}
        return Sighting(self._sources[segment.source], how, passage(segment.text, start, end), where, whole)

    def _ordered(self, found: list[Sighting]) -> tuple[Sighting, ...]:
        def order(sighting: Sighting) -> tuple[bool, int, int, bool]:
            number = self._numbers[sighting.source.source_id]
            return not sighting.proves, _RANKS[sighting.how], number, not sighting.whole

        different: dict[tuple[str, str, str | None], Sighting] = {}
        for sighting in sorted(found, key=order):
            different.setdefault((sighting.source.source_id, sighting.how, sighting.field), sighting)
        return tuple(different.values())[:_MOST_SIGHTINGS]


def _trust(source: Source) -> _Trust:
    if source.kind == "model":
        return "model"
    return "trusted" if source.trusted else "untrusted"


def _gaps(words: Words) -> str:
    """The operators, quotes and hidden characters between and around the words; around a single one, everything."""
    text = words.text
    parts = [text[: words.starts[0]], *(words.gap(index) for index in range(len(words) - 1)), text[words.ends[-1] :]]
    between = "".join(parts).translate(_QUOTES)
    if len(words) == 1:  # `/srv/data.` is another file than `/srv/data`
        return "".join(char for char in between if not char.isspace() or is_hidden(char))
    return "".join(char for char in between if char in _OPERATORS or is_hidden(char))


def _has_all(shelf: Shelf, match: Match, telling: str) -> bool:
    """Whether the source has all these characters there, in this order.

    A value that adds one (`a > b` for `a b`, `x' or 'y`) may mean something else to a shell or a database.
    """
    if not telling:
        return True
    around = iter(shelf.gaps(match).translate(_QUOTES))
    return all(char in around for char in telling)


def _stands(text: str, raw: str, start: int) -> bool:
    """Whether the value stands here as it is, with the punctuation that a word leaves out."""
    return any(text.startswith(raw, max(start - lead, 0)) for lead in range(3))
