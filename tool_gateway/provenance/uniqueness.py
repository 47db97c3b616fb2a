"""Whether a granted source leaves no choice: the value is the only candidate of its kind where the grant points.

Decides: which whole field, or which one value of a free text, a grant may give to an argument. Does not decide
whether there is a grant (`judgement.py`) nor what is computed from fields (`derived.py`).

Whole fields come first, so that text inside a body cannot imitate one. Everything that matches the grant's source is
one pool: reading a second file adds rivals, never replaces them. Values that are trusted anyway are no rivals.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from context.json_values import JsonValue, leaves
from context.origins import Source
from context.provenance.interface import Candidate, Sources, ValueKind
from context.provenance.normal_forms import number_form
from context.provenance.values import canonical_form, find_values, kind_of
from context.visible_text import escape_line
from tool_gateway.provenance.evidence import Grant
from tool_gateway.provenance.records import Record, record_at, records_of
from tool_gateway.provenance.said import plain, stem, words_in
from tool_gateway.provenance.sinks import Role, names_somebody, words_of

SUPERLATIVES = frozenset(
    {
        *("largest", "biggest", "highest", "greatest", "most", "longest", "smallest", "lowest", "least", "cheapest"),
        *("shortest", "last", "latest", "newest", "recent", "first", "earliest", "oldest", "expensive", "best"),
        *("worst", "next", "previous", "top"),
    }
)
"""Words that point by comparing; no record contains them in that sense."""

_STEP = re.compile(r'\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')
_TYPED: frozenset[ValueKind] = frozenset(
    {"address", "url", "path", "amount", "number", "date", "time", "moment", "account", "phone", "identifier"}
)
_SAME_KIND: tuple[frozenset[ValueKind], ...] = (
    frozenset({"amount", "number"}),
    frozenset({"date", "moment"}),
    frozenset({"account", "identifier"}),
)
_NEAR_NAMES: tuple[frozenset[str], ...] = (
    frozenset({"amount", "total", "price", "due", "sum", "cost"}),
    frozenset({"recipient", "iban", "payee", "account", "beneficiary"}),
    frozenset({"start", "begin"}),
    frozenset({"end", "finish"}),
    frozenset({"id", "identifier", "uuid"}),
    frozenset({"name", "title"}),
    frozenset({"url", "uri", "link", "href"}),
    frozenset({"path", "file", "filename"}),
)
_IDENTIFYING: frozenset[ValueKind] = frozenset({"identifier", "number", "account"})
_SUMS: frozenset[ValueKind] = frozenset({"amount", "number"})
_SIGNS = (
    r"(?:US\$|[$€£¥₹]|\b(?:EUR|USD|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|INR|CNY|euros?|dollars?|pounds?)\b)"
)
_FIGURE = r"[0-9][0-9.,'’]{0,20}"
_MONEY = re.compile(rf"{_SIGNS}\s?{_FIGURE}|{_FIGURE}\s?{_SIGNS}", re.IGNORECASE)
_TOTAL_WORDS = (
    r"\b(?:grand total|total|amount due|amount payable|balance due|amount|to pay|sum|gesamtbetrag|rechnungsbetrag"
    r"|endbetrag|gesamtsumme|gesamt|summe|betrag|zu zahlen|zahlbetrag)\b"
)
_TOTAL = re.compile(_TOTAL_WORDS, re.IGNORECASE)
_LABELLED = re.compile(rf"{_TOTAL_WORDS}[\s:.=|*-]{{1,20}}({_FIGURE})(?![\w%])", re.IGNORECASE)
_LONG_WITHOUT_VALUES = 10_000


@dataclass(frozen=True, slots=True)
class Pick:
    """What a grant says to a value.

    Attributes:
        because: Half a sentence: why it is fine, or why not.
        found: The value stands in what was granted.
    """

    fine: bool
    because: str
    found: bool = True


@dataclass(frozen=True, slots=True)
class _Field:
    source: Source
    candidate: Candidate
    steps: tuple[str | int, ...]

    @property
    def pattern(self) -> tuple[str, ...]:
        return tuple("[]" if isinstance(step, int) else step for step in self.steps)

    @property
    def name(self) -> str:
        return next((step for step in reversed(self.steps) if isinstance(step, str)), "")

    @property
    def item(self) -> tuple[str | int, ...]:
        """The innermost list item that holds it."""
        last = max((at for at, step in enumerate(self.steps[:-1]) if isinstance(step, int)), default=-1)
        return self.steps[: last + 1]


def granted_sources(grant: Grant, sources: Sources) -> tuple[Source, ...]:
    """All content that the grant is about."""
    return tuple(source for source in sources.sources if grant.source.matches(source))


def any_candidate(value: JsonValue, pool: Sequence[Source], sources: Sources) -> Pick:
    """The value stands anywhere in the pool, as a value of its own: what a grant is worth without uniqueness."""
    mine = canonical_form(value)
    for source in pool:
        if any(_same(candidate, value, mine) for candidate in sources.candidates(source.source_id)):
            return Pick(True, "it stands in what was granted")
        if isinstance(value, str) and value.strip() and value in sources.text(source.source_id):
            return Pick(True, "it stands in what was granted")
    return Pick(False, "it does not stand in what was granted", found=False)


def only_candidate(
    value: JsonValue,
    *,
    name: str,
    role: Role,
    grant: Grant,
    pool: Sequence[Source],
    sources: Sources,
    whole_list: Sequence[JsonValue] = (),
) -> Pick:
    """Whether the grant gives exactly this value.

    Args:
        name: The argument's own name, for telling fields of one record apart.
        pool: `granted_sources`.
        whole_list: All items of the list argument that the value stands in; a list taken over whole is no choice.
    """
    mine = canonical_form(value)
    if any(_hides_values(source, sources) for source in pool):
        return Pick(False, "what was granted is too long to tell whether there are others", found=False)
    fields, free = _candidates(pool, sources)
    hits = [one for one in fields if _same(one.candidate, value, mine)]
    if hits:
        pick = _among_fields(value, mine, hits, fields, name, role, grant, sources, whole_list)
        if pick.fine or not grant.plural or role in {"who", "how_much", "command"} or names_somebody(name):
            return pick
        return _one_of_several(hits, fields, name, grant, pool, sources) or pick
    loose = [candidate for candidate in free if _same(candidate, value, mine)]
    if loose and role == "how_much":
        return _in_bills(loose, mine, granted_texts(grant, pool, sources))
    if loose and role == "when":
        # A time is read together with its day, and competes with every other time (`spoken_times.py`).
        return Pick(False, "the text that was granted is no single time")
    if loose and role == "which" and grant.given_by == "words" and loose[0].kind in _IDENTIFYING:
        # What is said about a thing is no register of things: whoever reviews one may write the number of another.
        return Pick(False, "it identifies something, and stands inside a text only, where anything can be written")
    if loose:
        pointed = _pointed(fields, grant, sources)
        if role in {"who", "which", "where"} and any(_names(one.name) & _names(name) for one in pointed):
            return Pick(False, "the record that was granted has a field for it, and this stands in a text")
        kinds = _kinds(loose[0].kind)
        if role in {"who", "where"} and any(one.candidate.kind in kinds for one in pointed):
            return Pick(False, "the record that was granted has a field of that kind, and this stands in a text")
        inside = _inside_records(grant, pool, sources)
        if inside is not None and not any(_same(one, value, mine) for one in inside):
            return Pick(False, "it stands inside a text of a record that the user's words do not point at")
        return _in_free_text(loose, mine, pointed, free if inside is None else inside, sources)
    if isinstance(value, str) and len(value) > 1:
        texts = {sources.text(source.source_id).strip() for source in pool}
        if texts == {value.strip()}:
            return Pick(True, "it is the whole text of what was granted")
    return Pick(False, "it is no whole field of what was granted", found=False)


def granted_texts(grant: Grant, pool: Sequence[Source], sources: Sources) -> tuple[str, ...]:
    """The free texts of what the grant points at: long fields of pointed records, and texts without structure."""
    wanted = _wanted(grant)
    found: list[str] = []
    for source in pool:
        structure = sources.structure(source.source_id)
        if structure is None:
            found.append(sources.text(source.source_id))
            continue
        for record in _pointed_records(records_of(structure), wanted):
            found += (leaf for _, leaf in leaves(record.own) if isinstance(leaf, str) and kind_of(leaf) == "text")
    texts = list(dict.fromkeys(found))
    # A search shows how a text begins: what is cut off there is no value of its own.
    return tuple(one for one in texts if not any(two != one and _begins(two, one) for two in texts))


def _begins(text: str, start: str) -> bool:
    bare = start.rstrip(" .…")
    return len(bare) >= 20 and text.startswith(bare) and len(text) > len(start)


def _pointed_records(records: Sequence[Record], wanted: Sequence[frozenset[str]]) -> list[Record]:
    """The records that the words speak of, without those inside them; all of the result where there are no words."""
    if not wanted:
        return list(records[:1])
    held = [record for record in records if all(words <= record.near for words in wanted)]
    if held:
        return [one for one in held if not any(_is_inside(one, two) for two in held)]
    held = [record for record in records if all(words <= record.words for words in wanted)]
    return [one for one in held if not any(_is_inside(two, one) for two in held)]


def _is_inside(one: Record, two: Record) -> bool:
    return len(one.steps) > len(two.steps) and one.steps[: len(two.steps)] == two.steps


def _inside_records(grant: Grant, pool: Sequence[Source], sources: Sources) -> list[Candidate] | None:
    """What the texts of pointed records offer; None where the words point at nothing, or nothing has structure."""
    if not _wanted(grant) or not any(sources.structure(source.source_id) is not None for source in pool):
        return None
    return [one for text in granted_texts(grant, pool, sources) for one in find_values(text)]


def pointed_fields(grant: Grant, pool: Sequence[Source], sources: Sources) -> list[tuple[Source, Candidate, str]]:
    """Whole fields of the records that the grant points at, each with its place regardless of positions."""
    fields, _ = _candidates(pool, sources)
    return [(one.source, one.candidate, ".".join(one.pattern)) for one in _pointed(fields, grant, sources)]


def steps_of(field: str) -> tuple[str | int, ...]:
    """`events[0].start` as steps."""
    return tuple(
        int(match[2]) if match[2] is not None else (match[1] if match[1] is not None else match[3])
        for match in _STEP.finditer(field)
    )


def at(structure: JsonValue, steps: Iterable[str | int]) -> JsonValue:
    """What stands there; None where nothing does."""
    for step in steps:
        if isinstance(step, int) and isinstance(structure, list) and step < len(structure):
            structure = structure[step]
        elif isinstance(step, str) and isinstance(structure, dict):
            structure = structure.get(step)
        else:
            return None
    return structure


def _candidates(pool: Sequence[Source], sources: Sources) -> tuple[list[_Field], list[Candidate]]:
    fields: list[_Field] = []
    free: list[Candidate] = []
    for source in pool:
        for candidate in sources.candidates(source.source_id):
            if candidate.field is None:
                free.append(candidate)
            else:
                fields.append(_Field(source, candidate, steps_of(candidate.field)))
    return fields, free


def _hides_values(source: Source, sources: Sources) -> bool:
    """A source with too many values offers none (`Sources.candidates`): its rivals would not be seen."""
    if sources.candidates(source.source_id):
        return False
    return len(sources.text(source.source_id)) > _LONG_WITHOUT_VALUES or bool(sources.structure(source.source_id))


def _same(candidate: Candidate, value: JsonValue, mine: str) -> bool:
    if isinstance(value, bool) != isinstance(candidate.value, bool):
        return False
    if candidate.canonical == mine:
        return True
    # `98.70 EUR` gives the amount 98.7.
    return candidate.kind == "amount" and candidate.canonical.partition(" ")[0] == mine


def _kinds(kind: ValueKind) -> frozenset[ValueKind]:
    return next((group for group in _SAME_KIND if kind in group), frozenset({kind}))


def _among_fields(
    value: JsonValue,
    mine: str,
    hits: list[_Field],
    fields: list[_Field],
    name: str,
    role: Role,
    grant: Grant,
    sources: Sources,
    whole_list: Sequence[JsonValue],
) -> Pick:
    pointed = _pointed(fields, grant, sources)
    hits = [one for one in pointed if _same(one.candidate, value, mine)]
    if not hits:
        return Pick(False, "it is not in the one record that the user's words point at")
    kinds = frozenset[ValueKind]().union(*(_kinds(one.candidate.kind) for one in hits))
    patterns = {one.pattern for one in hits}
    rivals = [one for one in pointed if one.candidate.kind in kinds or one.pattern in patterns]
    others = _others(rivals, value, mine, sources)
    if not others:
        return Pick(True, f"it is the only {_noun(hits[0])} there")
    if len(whole_list) > 1 and _taken_whole(hits, pointed, whole_list):
        return Pick(True, f"the whole list {escape_line(hits[0].name, 40)} is taken over")
    exact = [one for one in rivals if _names(one.name) == _names(name)]
    best = exact or ([] if role == "who" else _nearest(rivals, name))
    if best and not _others(best, value, mine, sources) and any(_same(one.candidate, value, mine) for one in best):
        return Pick(True, f"it is the only {escape_line(best[0].name, 40)} there")
    shown = ", ".join(escape_line(str(one.candidate.value), 40) for one in others[:2])
    return Pick(False, f"what was granted offers others of its kind too: {shown}")


def _in_free_text(
    loose: list[Candidate], mine: str, fields: list[_Field], free: list[Candidate], sources: Sources
) -> Pick:
    kind = loose[0].kind
    if kind not in _TYPED:
        return Pick(False, "it stands inside a text only, where anything can be written")
    kinds = _kinds(kind)
    rivals = [one for one in (*free, *(one.candidate for one in fields)) if one.kind in kinds]
    others = [one for one in rivals if not _same(one, None, mine)]
    others = [one for one in others[:20] if not sources.origin(one.value).trusted] + others[20:]
    if others:
        return Pick(False, f"the text that was granted offers another {kind}: {escape_line(str(others[0].value), 40)}")
    return Pick(True, f"it is the only {kind} in the text that was granted")


def _wanted(grant: Grant) -> list[frozenset[str]]:
    """The words by which the user pointed."""
    named = words_in(str(grant.source.value)) if grant.source.argument is not None else ()
    wanted = [
        frozenset(stem(word) for word in words_in(plain(pointer)) if word not in SUPERLATIVES and word not in named)
        for pointer in grant.pointers
    ]
    return [words for words in wanted if words]


def _pointed(fields: list[_Field], grant: Grant, sources: Sources) -> list[_Field]:
    """Those in records that have all the words by which the user pointed; all where the user did not."""
    wanted = _wanted(grant)
    if not wanted:
        return fields
    known: dict[tuple[str, tuple[str | int, ...]], bool] = {}
    for one in fields:
        key = (one.source.source_id, one.item)
        if key not in known:
            record = record_at(sources.structure(one.source.source_id), one.item)
            known[key] = record is not None and all(_says(record, pointer) for pointer in wanted)
    return [one for one in fields if known[one.source.source_id, one.item]]


def _says(record: Record, pointer: frozenset[str]) -> bool:
    """Whether short fields of a record, and of the objects around it, have the words. A switch of that name counts
    more: "refundable" in a note does not make refundable what its own field says is not."""
    on, off = record.switches
    return pointer <= record.words | on and not pointer & off


def _one_of_several(
    hits: list[_Field], fields: list[_Field], name: str, grant: Grant, pool: Sequence[Source], sources: Sources
) -> Pick | None:
    """Each record that a plural points at gives its own value; without words that point, only one answer's."""
    if not _wanted(grant) and len(pool) > 1:
        return None
    pointed = _pointed(fields, grant, sources)
    best = _nearest(pointed, name) if pointed else []
    chosen = {(one.source.source_id, one.steps) for one in best}
    if any((one.source.source_id, one.steps) in chosen for one in hits):
        return Pick(True, "it is one of those that the user's words mean")
    return None


def _in_bills(loose: list[Candidate], mine: str, texts: Sequence[str]) -> Pick:
    """An amount competes with amounts, not with every number: with those of a currency, and those called a total."""
    labelled, offered = _offered_amounts(texts)
    if offered == {mine}:
        return Pick(True, "it is the only amount in the text that was granted")
    if _is_total(mine, labelled, offered):
        return Pick(True, "it is the total of the amounts in the text that was granted")
    if loose[0].canonical.partition(" ")[0] not in offered:
        return Pick(False, "it is a number in the text that was granted, but no amount of money")
    shown = ", ".join(sorted(offered - {mine})[:2])
    return Pick(False, f"the text that was granted offers other amounts too: {escape_line(shown, 80)}")


def total_of(texts: Sequence[str]) -> Decimal | None:
    """The one amount that the texts come to; None where they offer none, or several that do not add up."""
    labelled, offered = _offered_amounts(texts)
    fitting = [one for one in offered if offered == {one} or _is_total(one, labelled, offered)]
    return Decimal(fitting[0]) if len(fitting) == 1 else None


def _is_total(mine: str, labelled: set[str], offered: set[str]) -> bool:
    """Items and the total that they add up to are one bill. A total alone would make whoever adds one the winner."""
    rest = [Decimal(each) for each in offered - {mine}]
    return labelled == {mine} and len(rest) > 1 and sum(rest) == Decimal(mine)


def _offered_amounts(texts: Sequence[str]) -> tuple[set[str], set[str]]:
    """Those called a total, and all."""
    labelled: set[str] = set()
    money: set[str] = set()
    for text in texts:
        for line in text.splitlines():
            for match in _MONEY.finditer(line):
                number = _number_of(match[0])
                if number is not None:
                    money.add(number)
                    if _TOTAL.search(line[: match.start()]):
                        labelled.add(number)
            for match in _LABELLED.finditer(line):
                number = _number_of(match[1])
                if number is not None:
                    labelled.add(number)
    offered = money | labelled
    if not offered:
        offered = {one.canonical.partition(" ")[0] for text in texts for one in find_values(text) if one.kind in _SUMS}
    return labelled, offered


def _number_of(text: str) -> str | None:
    bare = re.sub(r"[^0-9.,'’-]", "", text).strip(".,'’-")
    return number_form(bare)


def _others(rivals: list[_Field], value: JsonValue, mine: str, sources: Sources) -> list[_Field]:
    """Rivals of another meaning, without the trusted ones: a trusted list is no rival to what stands elsewhere. To one
    of its own it is, since a list that exists does not say which of it is meant."""
    found: dict[str, _Field] = {}
    for one in rivals:
        if not _same(one.candidate, value, mine):
            found.setdefault(one.candidate.canonical, one)
    listed = list(found.values())
    if sources.origin(value).trusted:
        return listed
    return [one for one in listed[:20] if not sources.origin(one.candidate.value).trusted] + listed[20:]


def _taken_whole(hits: list[_Field], pointed: list[_Field], whole_list: Sequence[JsonValue]) -> bool:
    """The argument's list has exactly the items of one list field of one record."""
    for hit in hits:
        if not hit.steps or not isinstance(hit.steps[-1], int):
            continue
        held = hit.steps[:-1]
        same = [one for one in pointed if one.steps[:-1] == held and one.source.source_id == hit.source.source_id]
        alike = [one for one in pointed if one.pattern == hit.pattern]
        if len(alike) == len(same) and {one.candidate.canonical for one in same} == set(
            map(canonical_form, whole_list)
        ):
            return True
    return False


def _names(name: str) -> frozenset[str]:
    return frozenset(map(stem, words_of(name)))


def _nearest(rivals: list[_Field], name: str) -> list[_Field]:
    """Those whose names say the most of what the argument's says; none where none says anything."""
    wanted = _names(name)
    near = frozenset[str]().union(*(group for group in _NEAR_NAMES if wanted & group))

    def likeness(one: _Field) -> float:
        named = _names(one.name)
        shared = len(named & wanted) + (0.5 if not named & wanted and named & near else 0.0)
        return shared - 0.1 * len(named - wanted) if shared else 0.0

    scored = [(likeness(one), one) for one in rivals]
    most = max(score for score, _ in scored)
    return [one for score, one in scored if score == most] if most > 0 else []


def _noun(one: _Field) -> str:
    return escape_line(one.name, 40) or one.candidate.kind
