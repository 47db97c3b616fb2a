"""Values that follow from trusted ones: computed here and compared, never believed.

Decides: which derivations there are and whether one yields exactly the proposed value. Does not decide which leaves
are asked about (`judgement.py`).

Each derivation needs the user's own word for it: an end needs a start and a spoken length, a sum the word for a sum,
a superlative the superlative. Otherwise the few numbers and names in a prompt could be combined at will.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, DivisionByZero, InvalidOperation

from context.json_values import JsonValue, leaves
from context.origins import Source
from context.provenance.interface import Candidate, Sources
from context.provenance.normal_forms import money_form, number_form
from context.provenance.values import canonical_form, kind_of
from tool_gateway.provenance.argument_places import Leaf
from tool_gateway.provenance.choices import decides_nothing, named_choice
from tool_gateway.provenance.comparisons import spoken_superlatives, winner
from tool_gateway.provenance.evidence import Grant
from tool_gateway.provenance.meant import nouns_of
from tool_gateway.provenance.records import stored_names, words_at
from tool_gateway.provenance.said import Said, plain, stem, words_in
from tool_gateway.provenance.sinks import Role, words_of
from tool_gateway.provenance.spoken_times import (
    ENDS,
    STARTS,
    after,
    asked,
    granted_so,
    lengths_of,
    moment_of,
    names_of,
    said_so,
    same_zone,
)
from tool_gateway.provenance.uniqueness import at, granted_sources, granted_texts, pointed_fields, steps_of, total_of

_NO = frozenset({"no", "not", "don't", "without", "never", "dont", "kein", "keine", "nicht", "ohne", "un", "isn't"})
_FILLERS = frozenset({"is", "has", "should", "do", "flag", "mode", "with", "be", "use", "set", "make", "as", "the"})
_LENGTHS: dict[str, int] = {
    "minutes": 1,
    "minute": 1,
    "mins": 1,
    "min": 1,
    "duration": 1,
    "hours": 60,
    "hour": 60,
    "days": 1440,
    "nights": 1440,
    "weeks": 10080,
}
_FILE_NAMES = frozenset({"file", "files", "filename", "path", "paths", "folder", "document", "title", "directory"})
_TARGETS = frozenset({"destination", "dest", "dst", "target", "to", "new"})
_EVERY = frozenset({"all", "every", "each", "alle", "allen", "sämtliche", "jede", "both", "beide", "beiden"})
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}\Z")
_SLOT = re.compile(r"\{[^{}\n]{0,60}\}|<[^<>\n]{1,60}>|\[[^\[\]\n]{1,60}\]|_{3,}|…|\.{3}")
_MOST_FILLING = 400

_SUM = frozenset({"sum", "total", "all", "together", "altogether", "combined", "overall", "summe", "insgesamt"})
_PLUS = frozenset({"plus", "add", "and", "tip", "more", "increase", "sum", "total", "together", "including"})
_MINUS = frozenset({"minus", "less", "difference", "subtract", "remaining", "rest", "decrease", "reduce", "fewer"})
_TIMES = frozenset({"times", "each", "per", "double", "triple", "twice", "multiply", "every", "multiplied"})
_SPLIT = frozenset({"split", "divide", "divided", "share", "half", "third", "quarter", "evenly", "equally", "each"})
_IMPLIED = {"double": 2, "twice": 2, "triple": 3, "half": 2, "third": 3, "quarter": 4}
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)\s?(?:%|percent|per cent|prozent)", re.IGNORECASE)
_MOST_NUMBERS = 12
_CENT = Decimal("0.005")
_PIECES = frozenset({"quantity", "qty", "pieces", "copies", "units"})
_ARTICLES = frozenset({"the", "a", "an", "one", "ein", "eine", "einen", "einem", "einer", "das", "der"})
_COUNTING = frozenset(
    {
        *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "zwei"),
        *("drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "pair", "pairs"),
        *("dozen", "hundred", "couple", "both", "all", "each", "every", "paar", "dutzend", "beide", "alle"),
        *("some", "few", "several"),
    }
)
_COUNTED_OTHERWISE = frozenset({"quantity", "same", "many", "amount", "number", "times", "menge", "anzahl", "gleiche"})
_HOMES = frozenset({"account", "wallet"})
_HOLDERS = frozenset({"name", "holder", "creditor", "payee", "beneficiary", "recipient", "receiver"})
_HOLDER = re.compile(
    r"^[ \t>*|-]*(?:account holder|account name|name of (?:the )?account holder|payee|beneficiary|recipient"
    r"|kontoinhaber(?:in)?|zahlungsempfänger(?:in)?|empfänger(?:in)?|inhaber(?:in)?)\b[ \t]*[:|=]?[ \t*|]*"
    r"([^\W\d][^\n|*]{1,80}?)[ \t|*]*$",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_COMPARED = 5_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What a derivation may look at besides the leaf.

    Attributes:
        fine: Whether another leaf of the same call is fine.
        trusts: Whether a value is trusted by itself.
        given: The grant by which another leaf of the same call is fine; None where it is none.
        grants: Those that speak of the leaf.
        today: What relative days count from; None where no clock was given.
    """

    role: Role
    siblings: Sequence[Leaf]
    fine: Callable[[Leaf], bool]
    sources: Sources
    said: Said
    trusts: Callable[[JsonValue], bool]
    given: Callable[[Leaf], Grant | None]
    grants: Sequence[Grant] = ()
    today: date | None = None


def derive(leaf: Leaf, setting: Setting) -> str | None:
    """How the value follows, as half a sentence for people; None where it does not."""
    for derivation in _DERIVATIONS:
        because = derivation(leaf, setting)
        if because is not None:
            return because
    return None


def _choice(leaf: Leaf, setting: Setting) -> str | None:
    """A word of the schema's own list that the user said, or a switch that the user named."""
    value, place, said = leaf.value, leaf.place, setting.said
    if isinstance(value, str) and place is not None and place.allowed is not None and value in place.allowed:
        if said.phrase(words_of_value(value)):
            return "the user's words contain this choice"
        return "the user's words mean this choice" if named_choice(value, place.allowed, said) else None
    if not isinstance(value, bool) or leaf.chosen_key:
        return None
    named = tuple(word for word in words_of(leaf.name) if word not in _FILLERS)
    spoken = _where(said, named)
    if spoken is None:
        off = setting.role == "option" and decides_nothing(value, words_of(leaf.name))
        return "an option that is left switched off" if off else None
    refused = bool(_NO & set(said.words[max(0, spoken - 3) : spoken]))
    return "the user's words name this switch" if value is not refused else None


def _where(said: Said, words: tuple[str, ...]) -> int | None:
    stems = tuple(map(stem, words))
    for start in range(len(said.words) - len(words) + 1) if words and said.phrase(words) else ():
        if tuple(map(stem, said.words[start : start + len(words)])) == stems:
            return start
    return None


def _day_and_time(leaf: Leaf, setting: Setting) -> str | None:
    """A moment made of a day and a time that are each trusted, or an end on the day of a trusted start."""
    moment = moment_of(leaf.value) if setting.role == "when" else None
    if moment is None:
        return None
    day, clock, zone = moment
    if day and clock and not zone and setting.trusts(day) and setting.trusts(clock):
        return "its day and its time are trusted"
    if not ENDS & names_of(leaf):
        return None
    for other in setting.siblings:
        start = moment_of(other.value) if STARTS & names_of(other) else None
        if other is leaf or start is None or not setting.fine(other):
            continue
        if day and clock and day == start[0] and zone == start[2] and setting.trusts(clock):
            return f"it is on the day of {other.path}, at a trusted time"
        for length in setting.said.spans:
            if after(start, length) == moment:
                return f"it is {other.path} plus the length that the user named"
    return None


def _spoken_time(leaf: Leaf, setting: Setting) -> str | None:
    """ "24 November at 11:00" with its year, a weekday with its date, or the one time that a granted text names."""
    if setting.role != "when" or setting.today is None:
        return None
    one = asked(leaf, setting.siblings, setting.fine, setting.sources)
    if one is None:
        return None
    because = said_so(one, setting.said, _texts(setting.sources), setting.today)
    if because is not None or not setting.grants:
        return because
    lengths = lengths_of(setting.siblings, setting.fine, setting.sources) if one.starts else ()
    for texts in _granted_texts(setting):
        because = granted_so(one, texts, setting.today, lengths)
        if because is not None:
            return because
    return None


def _zone(leaf: Leaf, setting: Setting) -> str | None:
    """The zone in which everything that the run has read is written, beside a time that is fine."""
    if not isinstance(leaf.value, str) or not {"zone", "timezone", "tz"} & set(words_of(leaf.name)):
        return None
    for other in setting.siblings:
        moment = moment_of(other.value)
        if moment is None or not moment[0] or not moment[1] or other.steps[:-1] != leaf.steps[:-1]:
            continue
        if setting.fine(other) and same_zone(leaf.value, f"{moment[0]}T{moment[1]}", setting.sources):
            return f"it is the zone of the times that were read, for {other.path}"
    return None


def _granted_texts(setting: Setting) -> Iterator[tuple[str, ...]]:
    """The texts that each pointing of the user's opens, of all sources that it speaks of together."""
    pointings: dict[tuple[str, ...], list[Grant]] = {}
    for grant in setting.grants:
        if grant.source.ref is not None:
            pointings.setdefault(grant.pointers, []).append(grant)
    for grants in pointings.values():
        texts: dict[str, None] = {}
        for grant in grants:
            pool = granted_sources(grant, setting.sources)
            texts.update(dict.fromkeys(granted_texts(grant, pool, setting.sources)))
        yield tuple(texts)


def _length(leaf: Leaf, setting: Setting) -> str | None:
    """`duration_minutes = 90` for "an hour and a half"."""
    unit = next((_LENGTHS[word] for word in reversed(words_of(leaf.name)) if word in _LENGTHS), None)
    number = _number(leaf.value) if unit is not None else None
    if setting.role not in {"when", "how_much", "option"} or number is None or unit is None:
        return None
    spoken = {Decimal(int(span.total_seconds())) / 60 for span in setting.said.spans}
    return "the user named this length of time" if number * unit in spoken else None


def _stored_name(leaf: Leaf, setting: Setting) -> str | None:
    """The one stored file whose name the user spoke: "the landing page" for `landing-page.html`."""
    value = leaf.value
    if setting.role not in {"which", "where", "content"} or not isinstance(value, str) or len(value) > 300:
        return None
    if not (_EXTENSION.search(value) or _FILE_NAMES & set(words_of(leaf.name))):
        return None
    if "://" in value or "\\" in value or not _is_spoken(value, setting.said):
        return None
    folder = value.rpartition("/")[0]
    if folder and not setting.trusts(folder):
        return None
    seen = [
        sighting.source.source_id
        for sighting in setting.sources.origin(value).sightings
        if sighting.source.kind == "tool" and sighting.how == "exact"
    ]
    if not seen:
        return None
    mine = canonical_form(value)
    for source_id in dict.fromkeys(seen):
        for other in setting.sources.candidates(source_id):
            if isinstance(other.value, str) and other.canonical != mine and _rivals(other.value, value, setting.said):
                return None
    return "it is the only stored name that the user's words speak"


def _joined_path(leaf: Leaf, setting: Setting) -> str | None:
    """A said folder and a name that the user said or that its listing has; or a said folder and the same name."""
    value = leaf.value
    if setting.role not in {"which", "where"} or not isinstance(value, str) or "://" in value or len(value) > 300:
        return None
    folder, slash, name = value.rpartition("/")
    if not slash or not name or "\\" in value or ".." in value or not _is_said(folder or "/", setting):
        return None
    if _is_said(name, setting):
        return "the user named the folder and the file"
    if set(words_of(leaf.name)) & _TARGETS:
        for other in setting.siblings:
            held = other.value if other is not leaf and isinstance(other.value, str) else ""
            if held.rpartition("/")[2] == name and not set(words_of(other.name)) & _TARGETS and setting.fine(other):
                return f"it is the file of {other.path} in a folder that the user named"
        return None
    return _listed(folder, name, setting)


def _listed(folder: str, name: str, setting: Setting) -> str | None:
    """One of the files of the folder that the user's words mean: as many as they count, or the only one."""
    names: dict[str, None] = {}
    for source in setting.sources.sources:
        if source.kind != "tool" or folder not in _asked_for(source.arguments):
            continue
        structure = setting.sources.structure(source.source_id)
        if structure is None:
            names.update(dict.fromkeys(stored_names(setting.sources.text(source.source_id))))
        else:
            held = (one.value for one in setting.sources.candidates(source.source_id) if one.field is not None)
            names.update(dict.fromkeys(text for text in held if isinstance(text, str)))
    meant = [one for one in names if _EXTENSION.search(one) and _is_about(one, setting.said)]
    if name not in meant:
        return None
    if len(meant) == 1 or setting.said.vocabulary & _EVERY or Decimal(len(meant)) in setting.said.numbers:
        return "it is in the folder that the user named, and among the files that the words mean"
    return None


def _asked_for(arguments: JsonValue) -> list[JsonValue]:
    return [
        value.rstrip("/") if isinstance(value, str) else value
        for value in (arguments.values() if isinstance(arguments, dict) else ())
    ]


def _is_about(name: str, said: Said) -> bool:
    """Whether a word of the name is a thing that the user spoke of, in either language."""
    if len(name) > 80:
        return False
    words = _stem_words(name)
    return bool(nouns_of(word for word in words if len(word) > 3) & nouns_of(w for w in said.words if len(w) > 3))


def _is_said(text: str, setting: Setting) -> bool:
    """Whether the user or the configuration wrote it, as a word of its own."""
    return any(
        sighting.proves and sighting.source.kind in {"user", "config"}
        for sighting in setting.sources.origin(text).sightings
    )


def _is_spoken(name: str, said: Said) -> bool:
    words = _stem_words(name)
    return sum(map(len, words)) >= 3 and said.phrase(words)


def _rivals(other: str, value: str, said: Said) -> bool:
    like_a_name = _EXTENSION.search(other) is not None or _EXTENSION.search(value) is None
    return len(other) <= 300 and like_a_name and _is_spoken(other, said)


def _stem_words(name: str) -> tuple[str, ...]:
    """The words of a file's name without folder and without its one ending."""
    return words_of_value(_EXTENSION.sub("", name.rpartition("/")[2]))


def _computed(leaf: Leaf, setting: Setting) -> str | None:
    """A sum, difference, product, split or percentage of the user's numbers and granted whole fields."""
    number = _number(leaf.value)
    if number is None or setting.role in {"who", "where", "command", "content"}:
        return None
    said = setting.said
    numbers = list(said.numbers[:_MOST_NUMBERS])
    fields = list(_granted_numbers(setting)) if setting.grants else []
    if not numbers and not fields:
        return None
    # Only with a number of the user's, or over a whole column; two fields of a record are not for adding at will.
    for _, column in fields:
        if len(column) > 1 and _SUM & said.vocabulary and _close(sum(column, Decimal(0)), number):
            return "it is the sum of all granted fields of one name"
    singles = [column[0] for _, column in fields if len(set(column)) == 1]
    if _SUM & said.vocabulary:
        singles += [sum(column, Decimal(0)) for _, column in fields if len(column) > 1]
    percents = [Decimal(match[1]) / 100 for match in _PERCENT.finditer(" ".join(_texts(setting.sources)))]
    for one in [*numbers, *singles]:
        for part in percents:
            if one / 100 != part and any(
                _close(each, number) for each in (one * part, one * (1 + part), one * (1 - part))
            ):
                return "it is the percentage that the user named"
        for word in _IMPLIED.keys() & said.vocabulary:
            times = word in {"double", "twice", "triple"}
            if _close(one * _IMPLIED[word] if times else one / _IMPLIED[word], number):
                return f"it is {word} of a trusted or granted number"
        for two in numbers:
            if one is not two and _close_any(_combined(one, two, said.vocabulary), number):
                return "it is computed from the user's numbers and granted fields"
    return None


def _combined(one: Decimal, two: Decimal, spoken: frozenset[str]) -> Iterator[Decimal]:
    if _PLUS - {"and"} & spoken:
        yield one + two
    if _MINUS & spoken:
        yield one - two
        yield two - one
    if _TIMES & spoken:
        yield one * two
    if _SPLIT & spoken:
        try:
            yield one / two
        except (DivisionByZero, InvalidOperation):
            return


def _granted_numbers(setting: Setting) -> Iterator[tuple[str, list[Decimal]]]:
    columns: dict[str, list[Decimal]] = {}
    for grant in setting.grants:
        pool = granted_sources(grant, setting.sources)
        for _, candidate, pattern in pointed_fields(grant, pool, setting.sources):
            number = _number(candidate.value)
            if number is not None:
                columns.setdefault(f"{grant}\n{pattern}", []).append(number)
        total = total_of(granted_texts(grant, pool, setting.sources))
        if total is not None:
            columns.setdefault(f"{grant}\n", []).append(total)
    yield from list(columns.items())[:_MOST_NUMBERS]


def _just_one(leaf: Leaf, setting: Setting) -> str | None:
    """One piece of the thing that the same call names, spoken of as one: "the cheapest tent", "a tent"."""
    if isinstance(leaf.value, bool) or leaf.value != 1 or not _PIECES & set(words_of(leaf.name)):
        return None
    if setting.said.vocabulary & _COUNTED_OTHERWISE:
        return None
    for other in setting.siblings:
        if other is leaf or not isinstance(other.value, str | int) or isinstance(other.value, bool):
            continue
        if setting.given(other) is not None or setting.fine(other):
            for sighting in setting.sources.origin(other.value).sightings:
                if not sighting.whole or sighting.field is None or sighting.source.kind != "tool":
                    continue
                words = words_at(setting.sources.structure(sighting.source.source_id), steps_of(sighting.field)[:-1])
                if _spoken_of_as_one(words, setting.said):
                    return f"the user spoke of one, which {other.path} names"
    return None


def _spoken_of_as_one(words: frozenset[str], said: Said) -> bool:
    """Whether the first thing that the user says with words of the record is singular, with an article."""
    for start, first in enumerate(said.words):
        if len(first) <= 3 or stem(first) not in words or first in _ARTICLES:
            continue
        last = start
        while last + 1 < len(said.words) and len(said.words[last + 1]) > 3 and stem(said.words[last + 1]) in words:
            last += 1
        before = said.words[max(0, start - 4) : start]
        counted = any(word[0].isdigit() or word in _COUNTING for word in before)
        return said.words[last] == stem(said.words[last]) and not counted and bool(_ARTICLES & set(before))
    return False


def _same_home(leaf: Leaf, setting: Setting) -> str | None:
    """The own account in which the very payment was found that the user's words single out and that is repeated."""
    words = set(words_of(leaf.name))
    if setting.role not in {"who", "which"} or not isinstance(leaf.value, str | int) or not setting.trusts(leaf.value):
        return None
    mine = canonical_form(leaf.value)
    homes: dict[str, None] = {}
    for other in setting.siblings:
        grant = setting.given(other) if other is not leaf and _number(other.value) is not None else None
        if grant is None or not grant.pointers:
            continue
        for sighting in setting.sources.origin(other.value).sightings:
            if sighting.source.kind != "tool" or not sighting.whole or not grant.source.matches(sighting.source):
                continue
            asked_for = sighting.source.arguments or {}
            same = [value for name, value in asked_for.items() if set(words_of(name)) <= words and _HOMES & words]
            homes.update(dict.fromkeys(canonical_form(value) for value in same) or {"": None})
    return "the granted amount was found in this one" if list(homes) == [mine] else None


def _holder(leaf: Leaf, setting: Setting) -> str | None:
    """The name that a granted text labels as the holder's, beside the one account that the same text gives."""
    value = leaf.value
    if setting.role not in {"who", "which"} or not isinstance(value, str) or not _HOLDERS & names_of(leaf):
        return None
    for other in setting.siblings:
        if other is leaf or other.steps[:-1] != leaf.steps[:-1] or kind_of(other.value) != "account":
            continue
        grant = setting.given(other)
        if grant is None:
            continue
        texts = granted_texts(grant, granted_sources(grant, setting.sources), setting.sources)
        held = {" ".join(match[1].split()) for text in texts for match in _HOLDER.finditer(text)}
        if held == {value}:
            return f"it is the only holder of an account in the text that gives {other.path}"
    return None


def _template(leaf: Leaf, setting: Setting) -> str | None:
    """The user's own quoted text, its gaps filled with trusted text."""
    value = leaf.value
    if not isinstance(value, str) or setting.role in {"who", "command"}:
        return None
    for quotation in setting.said.quotations:
        fixed = _SLOT.split(quotation.text)
        if not 2 <= len(fixed) <= 12 or not any(part.strip() for part in fixed):
            continue
        filled = _fillings(value, fixed)
        if filled is not None and all(setting.trusts(text.strip()) for text in filled):
            return "it is the text that the user gave, its gaps filled with trusted values"
    return None


def _fillings(value: str, fixed: Sequence[str]) -> list[str] | None:
    """What stands in the gaps, each as short as can be; None where the fixed parts do not fit."""
    if not value.startswith(fixed[0]):
        return None
    found: list[str] = []
    position = len(fixed[0])
    for index, part in enumerate(fixed[1:], start=1):
        last = index == len(fixed) - 1
        end = (len(value) - len(part) if value.endswith(part) else -1) if last else value.find(part, position + 1)
        if end < position or end - position > _MOST_FILLING:
            return None
        found.append(value[position:end])
        position = end + len(part)
    return found


def _superlative(leaf: Leaf, setting: Setting) -> str | None:
    """The field of the one record that is largest, last or cheapest, over whole fields of one granted source."""
    if setting.role in {"who", "command"} or not setting.grants:
        return None
    mine = canonical_form(leaf.value)
    for grant in setting.grants:
        pool = granted_sources(grant, setting.sources)
        if len(pool) != 1 or not _asked_by_the_user(pool[0], setting):
            continue
        pointers = [one for other in setting.grants if other.source == grant.source for one in other.pointers]
        structure = setting.sources.structure(pool[0].source_id)
        fields = [one for one in setting.sources.candidates(pool[0].source_id) if one.field is not None]
        for word in spoken_superlatives(setting.said, pointers):
            if _extreme_gives(word, mine, fields, structure, pointers, pool[0], setting):
                return f"it belongs to the {word} one, as computed from {pool[0].described}"
    return None


def _asked_by_the_user(source: Source, setting: Setting) -> bool:
    """Whether no word of the question was brought in by untrusted content: another list has another winner."""
    for _, value in leaves(source.arguments or {}):
        if not isinstance(value, str) or set(map(stem, words_in(value))) <= setting.said.vocabulary:
            continue
        origin = setting.sources.origin(value)
        if not origin.trusted and any(one.source.kind == "tool" and not one.source.trusted for one in origin.sightings):
            return False
    return True


def _extreme_gives(
    word: str,
    mine: str,
    fields: Iterable[Candidate],
    structure: JsonValue,
    pointers: Sequence[str],
    source: Source,
    setting: Setting,
) -> bool:
    asked_for = {stem(one) for _, value in leaves(source.arguments or {}) for one in words_in(plain(str(value)))}

    def explained(one: str) -> bool:
        return one in asked_for or _stands_in_trusted(one, setting.sources)

    for hit in fields:
        steps = steps_of(hit.field or "")
        index = max((at_ for at_, step in enumerate(steps[:-1]) if isinstance(step, int)), default=None)
        if hit.canonical != mine or index is None:
            continue
        records = at(structure, steps[:index])
        if not isinstance(records, list) or not 2 <= len(records) <= _MOST_COMPARED:
            continue
        best = winner(
            word,
            records,
            said=setting.said,
            number=_number,
            instant=_instant,
            pointers=pointers,
            explained=explained,
        )
        if best is not None and best == steps[index]:
            return True
    return False


def _stands_in_trusted(word: str, sources: Sources) -> bool:
    """ "With my Visa" is said of the card in the own profile."""
    return any(
        source.kind == "tool" and source.trusted and word in _plain_words(sources.text(source.source_id)[:20_000])
        for source in sources.sources
    )


@functools.lru_cache(maxsize=64)
def _plain_words(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_in(plain(text)))


_DERIVATIONS: tuple[Callable[[Leaf, Setting], str | None], ...] = (
    _choice,
    _day_and_time,
    _spoken_time,
    _zone,
    _length,
    _joined_path,
    _stored_name,
    _computed,
    _just_one,
    _same_home,
    _holder,
    _template,
    _superlative,
)


def words_of_value(value: str) -> tuple[str, ...]:
    """`in_progress`, `In progress` and `inProgress` → `in`, `progress`."""
    return words_in(" ".join(_split_camel(value)).replace("_", " "))


def _split_camel(value: str) -> Iterator[str]:
    for word in value.replace("_", " ").split():
        yield from re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word).split()


def _number(value: JsonValue) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    if not isinstance(value, str) or len(value) > 40 or not (value[0:1].isdigit() or value[-1:].isdigit()):
        return None
    form = number_form(value.strip()) or (money_form(value) or "").partition(" ")[0]
    return Decimal(form) if form else None


def _close(one: Decimal, two: Decimal) -> bool:
    return abs(one - two) <= _CENT


def _close_any(many: Iterator[Decimal], number: Decimal) -> bool:
    return any(_close(one, number) for one in many)


def _texts(sources: Sources) -> list[str]:
    return [sources.text(source.source_id)[:20_000] for source in sources.sources if source.kind == "user"]


def _instant(value: JsonValue) -> str | None:
    """A moment that sorts as text; only forms that name year, month and day."""
    moment = moment_of(value)
    return None if moment is None or not moment[0] else f"{moment[0]}T{moment[1]}{moment[2]}"
