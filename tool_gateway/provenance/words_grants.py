"""Which results may decide which arguments, by the user's own words.

Decides: for each tool that the words name, the arguments that they leave open and the reads that they name for them.
Does not decide what a grant is worth for a value (`uniqueness.py`).

Whom to pay, write to or share with is the user's choice. A source may only fill it in where the words say so: "to
the address in …", "reply to …", "pay the invoice …"; or where they name a person whom a list of contacts knows. A
kind of value that the prompt has anywhere is given, and no source decides it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from context.provenance.interface import ValueKind
from context.visible_text import quote
from tool_gateway.provenance.evidence import Grant, SourcePattern
from tool_gateway.provenance.language import DIRECTORIES, DOCUMENTS, PAYEES, bag
from tool_gateway.provenance.words_clauses import Clause, Phrase
from tool_gateway.provenance.words_english import ENGLISH
from tool_gateway.provenance.words_german import GERMAN
from tool_gateway.provenance.words_text import OwnText
from tool_gateway.provenance.words_tools import Argument, ToolWords
from tool_gateway.provenance.words_values import kinds_of

MOST_GRANTS = 100
_MOST_POINTERS = 12
_SHOWN = 120

_WHO: frozenset[ValueKind] = frozenset({"address", "name", "identifier", "phone"})
_TELLING: frozenset[ValueKind] = frozenset({"address", "url", "path", "amount", "account", "phone", "identifier"})
_TIMES: frozenset[ValueKind] = frozenset({"date", "time", "moment"})
_ROLE_KINDS: Mapping[str, frozenset[ValueKind]] = {
    "address": frozenset({"address"}),
    "who": _WHO,
    "account": frozenset({"account"}),
    "payee": frozenset({"account", "name"}),
    "amount": frozenset({"amount", "number"}),
    "when": _TIMES,
    "url": frozenset({"url"}),
    "identifier": frozenset({"identifier", "number"}),
    "phone": frozenset({"phone"}),
    "path": frozenset({"path"}),
    "all": frozenset({"account", "amount", "number", "name", "identifier", "address", "phone", *_TIMES}),
}
_ROLE_PARTS: Mapping[str, frozenset[str]] = {
    "address": frozenset({"who", "where"}),
    "who": frozenset({"who", "where"}),
    "account": frozenset({"who", "where"}),
    "payee": frozenset({"who", "where"}),
    "amount": frozenset({"how_much"}),
    "when": frozenset({"when"}),
    "url": frozenset({"where"}),
    "identifier": frozenset({"which"}),
    "phone": frozenset({"who", "where"}),
    "path": frozenset({"where", "which"}),
    "all": frozenset({"how_much", "when", "which"}),
}
_CHOICES = frozenset({"address", "who", "account", "payee", "phone"})
_TAKERS = frozenset({"invite", "pay", "refund", "share", "remind", "assign"})
_TELLING_NOUNS = bag("workshop standup lunch dinner breakfast interview session mittagessen")
"""Nouns that say which of the events it is."""
_DAYS = ENGLISH.days | GERMAN.days
_INTO_SOURCE = frozenset({"in", "from", "of", "on", "at", "per", "with", "that", "by"})
_POINTING = frozenset({"with", "from", "by", "about", "on", "of", "for", "at", "that"})
_HOLDING = frozenset({None, "to", "in", "from", "on"})
_LISTINGS = bag("list search find glob tree directory ls")
_TARGETS = bag("destination dest dst target to new")
_REFERENCES = frozenset({"reference", "ref", "invoice", "number"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One tool that one clause names. `place`: of the clause in the prompt."""

    place: int
    tool: ToolWords


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing that the words speak of, and the words that tell it from others."""

    clause: Clause
    phrase: Phrase
    pointers: tuple[str, ...]


def mention(clause: Clause, number: int) -> Mention:
    """The phrase with what is said about it: "the mail *from Anna about the lease*"."""
    phrase = clause.phrases[number]
    pointers = [*phrase.words]
    if phrase.head_word is not None and phrase.head_word.lower() in _TELLING_NOUNS:
        pointers.append(phrase.head_word)
    for following in clause.phrases[number + 1 :]:
        dated = following.preposition == "in" and not following.nouns and bool(following.words)
        if following.preposition not in _POINTING and not dated:
            break
        if following.role is not None or any(value.kinds & {"path", "url"} for value in following.values):
            break
        pointers += following.words
        if following.head_word is not None:
            pointers.append(following.head_word)
    said = dict.fromkeys(pointers)
    # A day seldom stands in a record as it was spoken; it points only where nothing else does.
    lasting = [word for word in said if word.lower() not in _DAYS and not kinds_of(word) & {"date", "time", "path"}]
    pointed = lasting or [word for word in said if "path" not in kinds_of(word)]
    return Mention(clause, phrase, tuple(pointed)[:_MOST_POINTERS])


def antecedent(clauses: Sequence[Clause], place: int) -> Mention | None:
    """What "it" stands for in the clause at `place`: the thing spoken of last, its verb's object before others."""
    for earlier in range(place - 1, max(place - 4, -1), -1):
        clause = clauses[earlier]
        numbers = [number for number, phrase in enumerate(clause.phrases) if _is_thing(phrase)]
        if numbers:
            direct = [number for number in numbers if clause.phrases[number].preposition is None]
            return mention(clause, (direct or numbers)[-1 if direct else 0])
    return None


def things(clauses: Sequence[Clause], place: int) -> list[Mention]:
    """What the clause at `place` is about, "it" resolved."""
    clause = clauses[place]
    found: list[Mention] = []
    for number, phrase in enumerate(clause.phrases):
        if phrase.thing and not _is_thing(phrase):
            meant = antecedent(clauses, place)
            if meant is not None:
                found.append(Mention(meant.clause, _placed(meant.phrase, phrase), meant.pointers))
        elif not phrase.empty or phrase.words:
            found.append(mention(clause, number))
    if not clause.objects and clause.verb is not None and not found:
        meant = antecedent(clauses, place)
        if meant is not None and clause.phrases == ():
            found.append(meant)
    return found


def read_grants(
    text: OwnText,
    clauses: Sequence[Clause],
    asked: Sequence[Asked],
    reads: Sequence[ToolWords],
    given: frozenset[ValueKind],
) -> tuple[Grant, ...]:
    """The grants, at most 100, in the order of the words."""
    granting = _Granting(text, clauses, reads, given)
    found: dict[tuple[str, str, tuple[str, ...]], Grant] = {}
    for one in asked:
        for grant in granting.grants(one):
            found.setdefault((str(grant), str(grant.source.value), grant.pointers), grant)
            if len(found) >= MOST_GRANTS:
                return tuple(found.values())
    return tuple(found.values())


class _Granting:
    def __init__(
        self, text: OwnText, clauses: Sequence[Clause], reads: Sequence[ToolWords], given: frozenset[ValueKind]
    ) -> None:
        self._text = text
        self._clauses = clauses
        self._reads = reads
        self._given = given

    def grants(self, asked: Asked) -> Iterator[Grant]:
        clause = self._clauses[asked.place]
        if clause.verb is None:
            return
        spoken = things(self._clauses, asked.place)
        open_ones = [argument for argument in asked.tool.arguments if not self._is_given(argument)]
        yield from self._stated(asked.tool, asked.place, open_ones)
        if asked.tool.pays:
            yield from self._paid(asked.tool, clause, spoken, open_ones)
        if "reply" in clause.verb.deeds:
            yield from self._replied(asked.tool, asked.place, spoken, open_ones)
        yield from self._which(asked.tool, spoken, open_ones)
        yield from self._persons(asked, open_ones)

    def _is_given(self, argument: Argument) -> bool:
        if argument.role in {"content", "option", "command"}:
            return True
        if argument.role == "when":
            return bool(argument.kinds & self._given & _TIMES)
        if argument.role == "how_much":
            return bool(self._given & {"amount", "number"})
        return bool(argument.kinds & self._given & _TELLING)

    def _stated(self, tool: ToolWords, place: int, arguments: Sequence[Argument]) -> Iterator[Grant]:
        """ "to the address in bill.txt", "the participants of the meeting", "the amount in the mail from Bob"."""
        clause = self._clauses[place]
        for number, phrase in enumerate(clause.phrases):
            if phrase.role is None or not self._may_state(clause, phrase):
                continue
            kinds, parts = _ROLE_KINDS[phrase.role], _ROLE_PARTS[phrase.role]
            if phrase.role == "all" and tool.pays:
                parts = parts | {"who", "where"}
            for later in range(number + 1, len(clause.phrases)):
                source = clause.phrases[later]
                if source.preposition not in _INTO_SOURCE:
                    break
                said = mention(clause, later)
                if source.thing and not _is_thing(source):
                    said = antecedent(self._clauses, place) or said
                patterns = self._sources(said)
                for argument in arguments if patterns else ():
                    if argument.role in parts and argument.kinds & kinds:
                        yield from self._each(patterns, tool, argument, clause, said.pointers)
                if patterns:
                    break

    def _may_state(self, clause: Clause, phrase: Phrase) -> bool:
        if phrase.role not in _CHOICES:
            return phrase.preposition not in {"about", "that"}
        if phrase.preposition in {"to", "with", "for"}:
            return True
        verb = clause.verb
        taking = verb is not None and (bool(verb.nouns) or not verb.deeds.isdisjoint(_TAKERS))
        return taking and phrase.preposition is None

    def _paid(
        self, tool: ToolWords, clause: Clause, spoken: Sequence[Mention], arguments: Sequence[Argument]
    ) -> Iterator[Grant]:
        """An invoice says how much, to whom and for what."""
        papers = [
            said
            for said in spoken
            if said.phrase.preposition is None
            and (not DOCUMENTS.isdisjoint(said.phrase.nouns[-1:]) or _has_file(said.phrase))
        ]
        ordered = "refund" in tool.deeds or (clause.verb is not None and "refund" in clause.verb.deeds)
        for said in papers or (spoken if ordered else ()):
            patterns = self._sources(said)
            pointers = said.pointers
            if not patterns:
                holder = next((other for other in self._holders(said) if self._sources(other)), None)
                if holder is None:
                    continue
                patterns, pointers = self._sources(holder), tuple(dict.fromkeys((*said.pointers, *holder.pointers)))
            for argument in arguments:
                taken = argument.role == "how_much" or (
                    bool(papers)
                    and (
                        (argument.role in {"who", "where"} and bool(argument.kinds & {"account", "name"}))
                        or (argument.role == "which" and bool(argument.words & _REFERENCES))
                    )
                )
                if taken:
                    yield from self._each(patterns, tool, argument, clause, pointers)

    def _holders(self, said: Mention) -> Iterator[Mention]:
        """Where a paper lies: "the invoice *in the mail from Anna*"."""
        for number, phrase in enumerate(said.clause.phrases):
            if phrase.preposition in {"in", "from", "of", "per", "at"} and _is_thing(phrase):
                yield mention(said.clause, number)

    def _replied(
        self, tool: ToolWords, place: int, spoken: Sequence[Mention], arguments: Sequence[Argument]
    ) -> Iterator[Grant]:
        """Who is answered is who wrote."""
        clause = self._clauses[place]
        verb = clause.verb
        target = next((said for said in spoken if said.phrase.preposition in {"to", None}), None)
        if verb is None or target is None:
            return
        nouns = frozenset(target.phrase.nouns)
        meant = [read for read in self._reads if not read.about.isdisjoint(nouns & _WRITTEN or verb.nouns)]
        if nouns and nouns.isdisjoint(_WRITTEN):
            return
        if target.phrase.person and not _is_thing(target.phrase):
            earlier = antecedent(self._clauses, place)
            if earlier is None or frozenset(earlier.phrase.nouns).isdisjoint(_WRITTEN):
                return
            target = earlier
        patterns = tuple(SourcePattern(read.ref) for read in meant)
        for argument in arguments:
            addressed = argument.role in {"who", "where"} and bool(argument.kinds & _WHO)
            if addressed or (argument.role == "which" and _is_id_of(argument, tool, _WRITTEN)):
                yield from self._each(patterns, tool, argument, clause, target.pointers)

    def _which(self, tool: ToolWords, spoken: Sequence[Mention], arguments: Sequence[Argument]) -> Iterator[Grant]:
        """The record that is meant: "the meeting with Anna" for `event_id`."""
        for argument in arguments:
            if argument.role not in {"which", "where"}:
                continue
            paths = "path" in argument.kinds
            if not paths and not argument.kinds & {"identifier", "number", "name"}:
                continue
            if argument.role == "where" and not paths:
                continue
            nouns = _path_nouns(argument) if paths else _id_nouns(argument, tool)
            named = any(said.phrase.preposition in _HOLDING and nouns & set(said.phrase.nouns) for said in spoken)
            for said in spoken:
                own = nouns & frozenset(said.phrase.nouns)
                if said.phrase.preposition not in _HOLDING or not own:
                    own = frozenset[str]()
                    if named or not self._instance(tool, said):
                        continue
                if not own and paths:
                    continue
                meant = [read for read in self._reads if not read.about.isdisjoint(own or nouns)]
                if paths:
                    # What a file says is no place to take a path from; a listing is.
                    meant = [read for read in self._reads if not read.literal.isdisjoint(_LISTINGS)]
                if not own:
                    meant = [read for read in meant if read.ref.server == tool.ref.server]
                patterns = tuple(SourcePattern(read.ref) for read in meant)
                yield from self._each(patterns, tool, argument, said.clause, said.pointers)

    def _instance(self, tool: ToolWords, said: Mention) -> bool:
        """A thing called by its own name: "add the red lamp to my cart" for `product_id`."""
        phrase, verb = said.phrase, said.clause.verb
        return (
            tool.tool.rule.effect != "destructive"
            and not tool.pays
            and phrase.preposition in {None, "of", "for", "on"}
            and not phrase.nouns
            and not phrase.receivers
            and phrase.role is None
            and (verb is None or (not verb.nouns and verb.deeds.isdisjoint(_TAKERS)))
            and (phrase.common is not None or bool(phrase.names))
            and bool(said.pointers)
        )

    def _persons(self, asked: Asked, arguments: Sequence[Argument]) -> Iterator[Grant]:
        """A name that a directory turns into an address; for money only the bank's own list of payees."""
        tool, clause = asked.tool, self._clauses[asked.place]
        kinds = PAYEES if tool.pays else DIRECTORIES
        patterns = tuple(SourcePattern(read.ref) for read in self._reads if not read.about.isdisjoint(kinds))
        takers = [
            one for one in arguments if one.role == "who" and one.kinds & {"address", "name", "identifier", "account"}
        ]
        if not patterns or not takers:
            return
        for name in self._receivers(asked.place):
            for argument in takers:
                yield from self._each(patterns, tool, argument, clause, (name,))

    def _receivers(self, place: int) -> Iterator[str]:
        clause = self._clauses[place]
        for phrase in clause.phrases:
            if phrase.preposition in {"to", "with", "for"} and phrase.role is None and not phrase.nouns:
                yield from phrase.names
            elif phrase.preposition is None:
                yield from phrase.receivers
                if not phrase.nouns and not phrase.receivers:
                    yield from phrase.names
            if phrase.person and place > 0:
                yield from (
                    name for other in self._clauses[place - 1].phrases for name in (*other.names, *other.receivers)
                )

    def _sources(self, said: Mention) -> tuple[SourcePattern, ...]:
        """The reads that a mention names: by a file or link, by a number, or by what they are about."""
        phrase = said.phrase
        for kind in ("path", "url"):
            values = [value.text for value in phrase.values if kind in value.kinds]
            if values:
                return tuple(
                    SourcePattern(read.ref, argument.path, value)
                    for value in values
                    for read in self._reads
                    for argument in read.arguments
                    if kind in argument.kinds and "[]" not in argument.path and "*" not in argument.path
                )
        nouns = frozenset(phrase.nouns[-1:])
        found: list[SourcePattern] = []
        for read in self._reads:
            if read.about.isdisjoint(nouns):
                continue
            numbers = [value.text.lstrip("#") for value in phrase.values if value.kinds & {"identifier", "number"}]
            keys = [one.path for one in read.arguments if one.role == "which" and _is_id_of(one, read, nouns)]
            if numbers and keys and "[]" not in keys[0]:
                found += (SourcePattern(read.ref, keys[0], number) for number in numbers)
            else:
                found.append(SourcePattern(read.ref))
        return tuple(found)

    def _each(
        self,
        patterns: Sequence[SourcePattern],
        tool: ToolWords,
        argument: Argument,
        clause: Clause,
        pointers: tuple[str, ...],
    ) -> Iterator[Grant]:
        words = quote(self._text.words(clause.first, clause.last - 1).strip(), _SHOWN)
        for pattern in patterns:
            yield Grant(pattern, tool.ref, argument.path, "words", f"the user's words {words} name it", pointers)


_WRITTEN = frozenset({"mail", "message", "thread", "comment", "review"})


def _is_thing(phrase: Phrase) -> bool:
    return bool(phrase.nouns) or any(value.kinds & {"path", "url"} for value in phrase.values)


def _has_file(phrase: Phrase) -> bool:
    return any("path" in value.kinds for value in phrase.values)


def _placed(phrase: Phrase, other: Phrase) -> Phrase:
    return replace(phrase, preposition=other.preposition)


def _path_nouns(argument: Argument) -> frozenset[str]:
    if not argument.words.isdisjoint(_TARGETS):
        return frozenset()
    return (argument.nouns - {"path", "name", "dir", "source"}) or frozenset({"file", "folder"})


def _id_nouns(argument: Argument, tool: ToolWords) -> frozenset[str]:
    plain = argument.nouns - {"id", "ids", "name", "number", "code", "reference", "key", "uid", "uuid"}
    return plain or tool.about


def _is_id_of(argument: Argument, tool: ToolWords, nouns: frozenset[str]) -> bool:
    return bool(argument.kinds & {"identifier", "number"}) and not _id_nouns(argument, tool).isdisjoint(nouns)
