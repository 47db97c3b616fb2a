"""Which record of a result the user's words mean.

Decides: whether the words single out the record that a value stands in: among those of a trusted list, and by the
name of a thing whose record anybody could have written. Does not decide what a grant gives (`uniqueness.py`).

A trusted list says that something exists, not that the user meant it: whoever injects text may well know another
account of the same address book. In a list that others write in, a name counts only where the user said what kind
of thing is called so (`#launch`, "the wiki page Team board"), and a second record of that name asks.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from context.json_values import JsonValue
from context.origins import Source
from context.provenance.interface import Sources
from context.provenance.values import canonical_form, kind_of
from context.provenance.words import WordCutter
from tool_gateway.language.english import ENGLISH
from tool_gateway.language.german import GERMAN
from tool_gateway.provenance.argument_places import Leaf
from tool_gateway.provenance.records import Record, Steps, records_of
from tool_gateway.provenance.said import Said, plain, stem, words_in
from tool_gateway.provenance.sinks import Role, names_somebody, words_of
from tool_gateway.provenance.uniqueness import at, steps_of

_NAMES = frozenset(
    {
        *("name", "title", "displayname", "display", "fullname", "realname", "label", "handle", "summary", "heading"),
        *("login", "username", "slug", "nickname", "caption", "filename", "file"),
    }
)
_IDENTIFIERS = frozenset(
    {"id", "ids", "key", "uuid", "guid", "uid", "identifier", "ref", "slug", "sku", "code", "number"}
)
_PLACES_OF_PEOPLE = frozenset({"channel", "channels", "room", "rooms", "conversation", "conversations"})
_KEPT = 256
_ADDRESSES = frozenset({"url", "address", "account", "phone", "amount"})
_COMMON = frozenset(
    {
        *("the", "and", "for", "with", "from", "that", "this", "your", "our", "his", "her", "their", "its", "him"),
        *("them", "you", "are", "was", "has", "have", "not", "but", "all", "any", "who", "what", "when", "where"),
        *("which", "please", "into", "about", "mail", "email", "send", "new", "true", "false", "none", "null"),
        *("der", "die", "das", "den", "dem", "des", "und", "mit", "von", "für", "fur", "ein", "eine", "einen"),
        *("einem", "mein", "meine", "meinen", "meinem", "ist", "auf", "bei", "aus", "nach", "bitte", "zum", "zur"),
        *("com", "org", "net", "www", "http", "https"),
    }
)
"""Words that any task has, and any address."""


@dataclass(frozen=True, slots=True)
class _Found:
    record: Record
    canonical: str


def is_meant(
    value: JsonValue,
    *,
    source: Source,
    field: str | None,
    sources: Sources,
    said: Said,
    browsed: frozenset[str],
    whole_list: Sequence[JsonValue] = (),
) -> bool:
    """Whether a field of a trusted result is no choice, or the one that the user's words single out.

    Args:
        browsed: Results whose window nobody trusted chose: there the words must point, also at the only record.
        whole_list: All items of the list argument that the value stands in; a record's list taken over is no choice.
    """
    looked_through = source.source_id in browsed
    if field is None:
        return not looked_through
    steps = steps_of(field)
    item, tail = _split(steps)
    if not item and not any(isinstance(step, int) for step in steps):
        return not looked_through
    mine = canonical_form(value)
    pool = [one for one in sources.sources if one.kind == "tool" and one.ref == source.ref and one.trusted]
    found = [hit for one in pool for hit in _values(sources.structure(one.source_id), item, tail)]
    own = [hit for hit in found if hit.canonical == mine]
    if not own:
        return False
    taken = set(map(canonical_form, whole_list)) if len(whole_list) > 1 else {mine}
    holders = {id(hit.record.own) for hit in own}
    beside = [
        hit for hit in found if hit.canonical != mine and not (id(hit.record.own) in holders and hit.canonical in taken)
    ]
    if any(id(hit.record.own) in holders for hit in beside):
        return False  # one of several values of the very record
    if not beside and not looked_through:
        return True
    return _singled_out([hit.record for hit in own], [hit.record for hit in beside], said)


def named(
    value: JsonValue,
    *,
    leaf: Leaf,
    role: Role,
    nouns: frozenset[str],
    at_fields: Iterable[tuple[Source, str]],
    sources: Sources,
    said: Said,
    may_ask: Callable[[Source], bool],
) -> str | None:
    """The name by which the user called the one record whose identifier the value is; None where it is none.

    Args:
        nouns: What kind of thing the argument names: `page` for `page_id`.
        at_fields: The whole fields in which the value was seen.
        may_ask: Whether a result answers a question that nobody untrusted put.
    """
    words = frozenset(words_of(leaf.name))
    if isinstance(value, bool) or role not in {"which", "where", "who"}:
        return None
    if (role == "who" or names_somebody(leaf.name)) and not words & _PLACES_OF_PEOPLE:
        return None
    for source, field in at_fields:
        steps = steps_of(field)
        item, tail = _split(steps)
        key = tail[-1] if len(tail) == 1 else None
        if not isinstance(key, str) or not frozenset(words_of(key)) & (_IDENTIFIERS | words):
            continue
        record = at(sources.structure(source.source_id), item)
        if not isinstance(record, dict):
            continue
        kinds = nouns | _nouns(words_of(str(next((step for step in reversed(item) if isinstance(step, str)), ""))))
        for name_key, name in record.items():
            if name_key == key or not isinstance(name, str) or not frozenset(words_of(name_key)) & _NAMES:
                continue
            bare = name.strip().lstrip("#@")
            if (
                _is_called(bare, kinds, words, said)
                and kind_of(value) not in _ADDRESSES
                and may_ask(source)
                and _is_only(bare, canonical_form(value), key, source, sources)
            ):
                return bare
    return None


def nouns_of(words: Iterable[str]) -> frozenset[str]:
    """The kinds of thing that words name, in one language of the vocabulary."""
    return _nouns(tuple(words))


@functools.lru_cache(maxsize=4096)
def _noun(word: str) -> str | None:
    return ENGLISH.noun(word) or GERMAN.noun(word)


def _nouns(words: Iterable[str]) -> frozenset[str]:
    found = {_noun(word) or stem(word) for word in words}
    return frozenset(found - {"id", "ids", "", "key", "uuid", "list", "item", "hit", "result", "data"})


def _is_called(name: str, kinds: frozenset[str], argument: frozenset[str], said: Said) -> bool:
    for mention in said.mentions(name):
        if mention.sigil == "#" and argument & (_PLACES_OF_PEOPLE | {"tag", "label", "topic"}):
            return True
        if kinds & _nouns((*mention.before, *mention.after)):
            return True
    return False


def _is_only(name: str, mine: str, key: str, source: Source, sources: Sources) -> bool:
    """No other record of the same server, read under any question, has the name and another identifier."""
    wanted = plain(name)
    spellings = frozenset({wanted, f"#{wanted}", f"@{wanted}"})
    for other in sources.sources:
        if other.kind != "tool" or other.ref is None or source.ref is None or other.ref.server != source.ref.server:
            continue
        structure = sources.structure(other.source_id)
        if structure is None:
            continue
        records = records_of(structure)
        if not records:
            return False  # too many to be looked through
        for record in records:
            if not record.may_say((wanted,)) or record.texts.isdisjoint(spellings):
                continue
            identifier = record.own.get(key)
            if identifier is None or isinstance(identifier, dict | list) or canonical_form(identifier) == mine:
                continue
            if any(isinstance(text, str) and plain(text.strip()) in spellings for text in record.own.values()):
                return False
    return True


def _split(steps: Steps) -> tuple[Steps, Steps]:
    """The way to the innermost record, and on from there."""
    last = max((place for place, step in enumerate(steps[:-1]) if isinstance(step, int)), default=-1)
    return steps[: last + 1], steps[last + 1 :]


def _values(structure: JsonValue, item: Steps, tail: Steps) -> tuple[_Found, ...]:
    """What stands at the same place in every record of the same list. Kept, since a listing is asked about often."""
    pattern = _pattern(item)
    names = tuple(step for step in tail if isinstance(step, str))
    key = (id(structure), pattern, names)
    kept = _MADE.get(key)
    if kept is not None and kept[0] is structure:
        _MADE.move_to_end(key)
        return kept[1]
    cutter = WordCutter()
    found: list[_Found] = []
    for record in records_of(structure):
        if _pattern(record.steps) == pattern:
            held = at(record.own, names)
            values = held if isinstance(held, list) else [held]
            found += (_Found(record, canonical_form(one, cutter)) for one in values if one is not None)
    made = tuple(found)
    _MADE[key] = (structure, made)
    while len(_MADE) > _KEPT:
        _MADE.popitem(last=False)
    return made


_MADE: OrderedDict[tuple[int, tuple[str, ...], tuple[str, ...]], tuple[JsonValue, tuple[_Found, ...]]] = OrderedDict()
"""By the identity of a structure, which is never changed once it was read."""


def _pattern(steps: Steps) -> tuple[str, ...]:
    return tuple("[]" if isinstance(step, int) else step for step in steps)


def _singled_out(own: Sequence[Record], others: Sequence[Record], said: Said) -> bool:
    vocabulary = _all_words(said.text)
    if not any(record.words & vocabulary for record in own):
        return False
    mine = frozenset[str]().union(*(record.texts for record in own))
    names = {text for text in mine if not text.isdigit() and next(said.mentions(text), None) is not None}
    spoken = _words_of_any(own) & _telling(said.text)
    rivals = [record for record in others if record.may_say((*names, *_telling(said.text)))]
    if any(all(name not in record.texts for record in rivals) for name in names):
        return True
    if spoken - _words_of_any(rivals):
        return True
    most = max(len(record.words & spoken) for record in own)
    return most > max((len(record.words & _telling(said.text)) for record in rivals), default=0)


@functools.lru_cache(maxsize=32)
def _all_words(text: str) -> frozenset[str]:
    return frozenset(map(stem, words_in(text)))


def _words_of_any(records: Sequence[Record]) -> frozenset[str]:
    return frozenset[str]().union(*(record.words for record in records))


@functools.lru_cache(maxsize=32)
def _telling(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_in(text) if len(word) > 2 and word not in _COMMON)
