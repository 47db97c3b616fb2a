"""Which results may decide which arguments, by the user's own words.

Decides: for each tool that the words name, the arguments that they leave open and the reads that they name for them.
Does not decide what a grant is worth for a value (`uniqueness.py`).

Whom to pay, write to or share with is the user's choice. A source may only fill it in where the words say so: "to
the address in …", "reply to …", "tell her" of somebody who wrote, "pay the invoice …"; or where they name a person
whom a list of contacts knows. Money goes where a mail says only if the words name the mail. A kind of value that the
prompt has anywhere is given, and no source decides it.

Which thing is meant is told by lists in which it has a name ("#launch", "the page Rota"), never by a read that takes
the very id. A page that would be replaced as a whole is not granted: its old text is half of what is at stake.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from context.provenance.interface import ValueKind
from context.visible_text import quote
from tool_gateway.language.vocabulary import DIRECTORIES, DOCUMENTS, PAYEES, bag
from tool_gateway.provenance.evidence import Grant, SourcePattern
from tool_gateway.task.clauses import Clause, Phrase
from tool_gateway.task.mentions import (
    WRITTEN,
    Mention,
    antecedent,
    is_thing,
    mention,
    pointing,
    speakers,
    things,
)
from tool_gateway.task.own_text import OwnText, Token
from tool_gateway.task.tool_words import COMMON, Argument, ToolWords

MOST_GRANTS = 100
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
_PEOPLE = DIRECTORIES | bag("participant customer recipient assignee owner")
_IDS = bag("id ids uid uuid")
_BODIES = bag("body content contents text markdown html")
_REPLACING = bag("update overwrite write set edit")
_GOODS = bag("sku skus ean isbn asin product item article")
_KEYED = _IDS | _GOODS | bag("no nr number reference ref code key")
_PICKS = bag("offer option fare result listing entry record object variant choice")
"""Names of ids that say only that there were several to choose from."""
_PAYING_SIDE = frozenset({"account", "money", "card"})
_PARTIES = bag("creditor payee beneficiary recipient debtor payer receiver")
_TITLES = bag("name title document file doc paper filename")
_OWN_SIDE = bag("debtor payer source sender origin own")
"""Where the user's own account goes in."""
_RIGHTS = bag("role roles permission permissions visibility access audience privacy scope")
_TOLD_ROLES = frozenset({"amount", "when"})
"""Kinds of value that a paper which is to be read first may give to what follows; never whom."""
_SHOWN_ROLES = frozenset({"url", "phone", "address", "account", "identifier"})
"""Kinds of value that a message may hand on: "send her the link on page …"."""
_SHOWN_KINDS: frozenset[ValueKind] = frozenset({"url", "phone", "address", "account", "identifier"})
_HOLDERS = WRITTEN | bag("file page note invoice issue task document draft section letter")
_FOLLOWING = bag("read open download follow")
_OPENING = bag("open follow")
_ADDRESSING = bag("tell send reply write invite share forward add schedule")
_PLANNING = bag("schedule create add put book ban update reschedule move set remind write note save append")
_DESCRIBING = frozenset({"that", "by", "from"})
_INTO_SOURCE = frozenset({"in", "from", "of", "on", "at", "per", "with", "that", "by"})
_HOLDING = frozenset({None, "to", "in", "from", "on", "for", "of", "at"})
_LISTINGS = bag("list search find glob tree directory ls")
_FILES = bag("file folder draft image note document invoice letter")
_TARGETS = bag("destination dest dst target to new")
_REFERENCES = frozenset({"reference", "ref", "invoice", "number", "code"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One tool that one clause names. `place`: of the clause in the prompt."""

    place: int
    tool: ToolWords


def read_grants(
    text: OwnText,
    clauses: Sequence[Clause],
    asked: Sequence[Asked],
    reads: Sequence[ToolWords],
    given: frozenset[ValueKind],
) -> tuple[Grant, ...]:
    """The grants, at most 100, in the order of the words."""
    granting = _Granting(text, clauses, reads, given)
    found: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Grant] = {}
    followed = (grant for place in range(len(clauses)) for grant in granting.followed(place))
    for grant in chain(chain.from_iterable(granting.grants(one) for one in asked), followed):
        found.setdefault((str(grant), str(grant.source.value), grant.pointers, grant.kinds), grant)
        if len(found) >= MOST_GRANTS:
            break
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
        every = asked.tool.arguments
        open_ones = [argument for argument in every if not self._is_given(argument, asked.tool)]
        yield from self._stated(asked.tool, asked.place, open_ones)
        if asked.tool.pays:
            yield from self._paid(asked.tool, clause, spoken, open_ones)
        if "reply" in clause.verb.deeds:
            yield from self._replied(asked.tool, asked.place, spoken, open_ones)
        if not asked.tool.pays:
            yield from self._addressed(asked.tool, asked.place, open_ones)
            yield from self._planned(asked.tool, asked.place, spoken, open_ones)
        yield from self._which(asked.tool, spoken, [one for one in every if _is_path(one) or one in open_ones])
        yield from self._persons(asked, open_ones)

    def followed(self, place: int) -> Iterator[Grant]:
        """ "Open the link in Anna's mail": the one link of the mail that is named may be fetched."""
        clause = self._clauses[place]
        if clause.verb is None or clause.forbidden or clause.verb.deeds.isdisjoint(_FOLLOWING):
            return
        opening = not clause.verb.deeds.isdisjoint(_OPENING)
        for number, phrase in enumerate(clause.phrases):
            if not (phrase.role == "url" or (opening and phrase.preposition is None and not phrase.values)):
                continue
            said = self._source_after(place, number)
            if said is None:
                continue
            for read in self._reads:
                for argument in read.arguments:
                    if "url" in argument.kinds and argument.role == "where" and not self._is_given(argument, read):
                        yield from self._each(self._holding(said), read, argument, clause, said, kinds=("url",))

    def _source_after(self, place: int, number: int) -> Mention | None:
        """What the words name after a kind of value, as the place where it stands: "the link *in the mail from …*"."""
        clause = self._clauses[place]
        between: list[str] = []
        for later in range(number + 1, len(clause.phrases)):
            source = clause.phrases[later]
            if source.preposition == "about" and clause.phrases[number].role == "who":
                between += source.words
                continue
            if source.preposition not in _INTO_SOURCE:
                break
            said = mention(clause, later)
            if source.thing and not is_thing(source):
                said = antecedent(self._clauses, place) or said
            if _is_container(said):
                return _within(said, between)
            if self._holding(said) or self._sources(said):
                return _with_names(said, between)
            if source.preposition in _DESCRIBING:
                between += source.names or source.words
        return self._told_later(place, clause.phrases[number])

    def _read_before(self, place: int) -> Mention | None:
        """ "*Read the letter rent.txt* and change the order to the new amount": the paper that is to be read first."""
        for earlier in range(place - 1, max(place - 3, -1), -1):
            clause = self._clauses[earlier]
            if clause.forbidden or clause.verb is None or "read" not in clause.verb.deeds:
                continue
            numbers = [
                number
                for number, phrase in enumerate(clause.phrases)
                if phrase.preposition is None and is_thing(phrase) and not phrase.several
            ]
            said = mention(clause, numbers[0]) if len(numbers) == 1 else None
            if said is None or not (said.pointers or _has_file(said.phrase)) or not self._holding(said):
                return None
            return said
        return None

    def _told_later(self, place: int, phrase: Phrase, *, role: str | None = None) -> Mention | None:
        """ "His address is in his mail." "You'll find it on the page Brand." """
        for later in range(place + 1, min(place + 4, len(self._clauses))):
            clause = self._clauses[later]
            if clause.forbidden or (clause.verb is not None and clause.verb.deeds.isdisjoint({"read"})):
                continue
            about = any(one.role == (role or phrase.role) for one in clause.phrases)
            if role is None:
                about = about or any(one.thing and not is_thing(one) for one in clause.phrases)
            for number, one in enumerate(clause.phrases):
                if not about or one.preposition not in {"in", "on", "at", "from"}:
                    continue
                said = mention(clause, number)
                if self._holding(said):
                    # "In his mail": whose it is, the words before it say.
                    return said if said.pointers else _with_names(said, self._called(place))
        return None

    def _called(self, place: int) -> list[str]:
        """The names of the clause, and where it has none, of the one before."""
        for earlier in range(place, max(place - 3, -1), -1):
            names = [name for one in self._clauses[earlier].phrases for name in (*one.receivers, *one.names)]
            if names:
                return names[:1]
        return []

    def _holding(self, said: Mention) -> tuple[SourcePattern, ...]:
        """The reads that show what stands *in* a thing: the messages of a channel, the text of a mail or file."""
        phrase = said.phrase
        if any(value.kinds & {"path", "url"} for value in phrase.values):
            return self._sources(said)
        senses = said.senses
        if "channel" in senses:
            senses = frozenset({"message", "thread"})
        return tuple(SourcePattern(read.ref) for read in self._reads if not read.topics.isdisjoint(senses & _HOLDERS))

    def _is_given(self, argument: Argument, tool: ToolWords) -> bool:
        if argument.role in {"content", "option", "command"}:
            return True
        if argument.role == "when":
            return bool(argument.kinds & self._given & _TIMES)
        if argument.role == "how_much":
            return bool(self._given & {"amount", "number"})
        told = argument.kinds & self._given & _TELLING
        if len(told) == 1 and "identifier" in told:
            # "The mail about ticket AB-12" gives no mail's id.
            nouns = _id_nouns(argument, tool)
            return any(
                not nouns.isdisjoint(phrase.nouns) or not phrase.nouns
                for clause in self._clauses
                for phrase in clause.phrases
                if any(value.kinds & {"identifier", "number"} and _is_id(value.text) for value in phrase.values)
            )
        return bool(told)

    def _stated(self, tool: ToolWords, place: int, arguments: Sequence[Argument]) -> Iterator[Grant]:
        """ "to the address in bill.txt", "the participants of the meeting", "the amount in the mail from Bob"."""
        clause = self._clauses[place]
        for number, phrase in enumerate(clause.phrases):
            role = phrase.role
            if role is None:
                continue
            described = role == "who" and not tool.pays and not phrase.several and self._describes(clause, number)
            stating = self._may_state(clause, phrase) or described
            if not stating and not (role in _SHOWN_ROLES and not tool.pays):
                continue
            said = self._source_after(place, number)
            if said is None and role == "who" and described:
                said = self._writer(clause, number)
            if said is None and role == "when":
                said = next(speakers(self._clauses, place), None)
            if said is None and role in _TOLD_ROLES and not phrase.several:
                said = self._read_before(place)
            if said is None or (
                not said.pointers and not said.senses.isdisjoint(tool.topics) and not _has_file(said.phrase)
            ):
                continue
            patterns = self._holding(said) or self._sources(said)
            kinds, parts = _ROLE_KINDS[role], _ROLE_PARTS[role]
            if role == "all" and tool.pays:
                parts = parts | {"who", "where"}
            # "At the time that Ines proposes" leaves the time to her, whatever day is spoken of as well.
            asked = tool.arguments if role == "when" else arguments
            if stating:
                for argument in asked:
                    if role == "identifier" and argument.words.isdisjoint(_REFERENCES):
                        continue
                    person = role in {"who", "address"} and _takes_person(argument)
                    if person or (argument.role in parts and argument.kinds & kinds):
                        yield from self._each(patterns, tool, argument, clause, said)
            if role in _SHOWN_ROLES and phrase.preposition in {None, "with", "about", "for"} and not tool.pays:
                for argument in tool.arguments:
                    if argument.role == "content":
                        yield from self._each(
                            patterns, tool, argument, clause, said, kinds=tuple(sorted(kinds & _SHOWN_KINDS))
                        )

    def _describes(self, clause: Clause, number: int) -> bool:
        """ "The person *who reported bug 311*": the words after it say who."""
        after = clause.phrases[number + 1 : number + 2]
        return bool(after) and after[0].preposition in {"that", "about"} and bool(clause.told)

    def _writer(self, clause: Clause, number: int) -> Mention | None:
        """Whoever wrote the message with these words."""
        phrase = clause.phrases[number]
        words: list[str] = []
        for later in clause.phrases[number + 1 :]:
            if later.preposition == "that" and words:
                break
            words += [*later.words, *([later.head_word] if later.head_word is not None else [])]
        pointers = pointing(words)
        return Mention(clause, phrase, WRITTEN, pointers) if pointers else None

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
        refunding = clause.verb is not None and "refund" in clause.verb.deeds
        ordered = "refund" in tool.deeds or refunding
        arguments = [argument for argument in arguments if not _is_own_side(argument)]
        for said in papers or (spoken if ordered else ()):
            patterns = self._sources(said)
            pointers: Mention | tuple[str, ...] = said
            if not patterns and papers:
                # The paper itself is what decides. A mail may be anybody's; it has to be named.
                patterns = tuple(SourcePattern(read.ref) for read in self._reads if "file" in read.topics)
                if not any(self._sources(other) for other in self._holders(said)) and patterns:
                    yield from self._decided(patterns, tool, clause, said, arguments)
                    continue
                patterns = ()
            if not patterns:
                holder = next((other for other in self._holders(said) if self._sources(other)), None)
                if holder is None:
                    continue
                patterns, pointers = self._sources(holder), tuple(dict.fromkeys((*said.pointers, *holder.pointers)))
            if papers:
                yield from self._decided(patterns, tool, clause, pointers, arguments)
            else:
                for argument in arguments:
                    if argument.role == "how_much":
                        yield from self._each(patterns, tool, argument, clause, pointers)
        if refunding:
            yield from self._given_back(tool, clause, arguments)

    def _decided(
        self,
        patterns: Sequence[SourcePattern],
        tool: ToolWords,
        clause: Clause,
        said: Mention | tuple[str, ...],
        arguments: Sequence[Argument],
    ) -> Iterator[Grant]:
        for argument in arguments:
            payee = argument.role in {"who", "where"} and bool(argument.kinds & {"account", "name"})
            reference = argument.role == "which" and bool(argument.words & _REFERENCES)
            if argument.role == "how_much" or payee or reference:
                yield from self._each(patterns, tool, argument, clause, said)

    def _given_back(self, tool: ToolWords, clause: Clause, arguments: Sequence[Argument]) -> Iterator[Grant]:
        """ "Send Emma back what she sent": the bank's own list of payments says how much, and from which account."""
        names = [name for phrase in clause.phrases for name in (*phrase.receivers, *phrase.names)][:1]
        patterns = tuple(SourcePattern(read.ref) for read in self._reads if "transaction" in read.nouns)
        for argument in arguments if names else ():
            account = argument.role in {"who", "where"} and "account" in argument.kinds
            if account or argument.role == "how_much":
                yield from self._each(patterns, tool, argument, clause, pointing(names))

    def _holders(self, said: Mention) -> Iterator[Mention]:
        """Where a paper lies: "the invoice *in the mail from Anna*"."""
        for number, phrase in enumerate(said.clause.phrases):
            if phrase.preposition not in {"in", "from", "of", "per", "at"} or not is_thing(phrase):
                continue
            # "From my account" is where the money comes from, not where the paper lies.
            if phrase.head_senses.isdisjoint(_PAYING_SIDE) and not (phrase.own and phrase.preposition == "from"):
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
        if target.senses and target.senses.isdisjoint(WRITTEN):
            return
        if target.phrase.person and not is_thing(target.phrase):
            earlier = antecedent(self._clauses, place)
            if earlier is None or earlier.senses.isdisjoint(WRITTEN):
                return
            target = earlier
        nouns = target.senses & WRITTEN or verb.nouns
        yield from self._written_by(tool, clause, target, nouns, arguments)

    def _addressed(self, tool: ToolWords, place: int, arguments: Sequence[Argument]) -> Iterator[Grant]:
        """ "Tell her", "invite him": whoever wrote the mail or message that was spoken of."""
        clause = self._clauses[place]
        verb = clause.verb
        if verb is None or verb.deeds.isdisjoint(_ADDRESSING):
            return
        if any(phrase.person for phrase in clause.phrases):
            earlier = antecedent(self._clauses, place)
            if earlier is not None and not earlier.senses.isdisjoint(WRITTEN) and earlier.pointers:
                yield from self._written_by(tool, clause, earlier, earlier.senses & WRITTEN, arguments)
            for said in speakers(self._clauses, place):
                yield from self._written_by(tool, clause, said, said.senses, arguments)
        for number in range(len(clause.phrases)):
            # "Invite Ann. Her address is in her mail."
            stated = self._told_later(place, clause.phrases[number], role="address")
            if stated is not None:
                yield from self._written_by(tool, clause, stated, stated.senses, arguments)
                return

    def _written_by(
        self, tool: ToolWords, clause: Clause, said: Mention, nouns: frozenset[str], arguments: Sequence[Argument]
    ) -> Iterator[Grant]:
        """The sender of what is meant, and the id of what is answered."""
        meant = [read for read in self._reads if not read.topics.isdisjoint(nouns & WRITTEN)]
        for argument in arguments:
            if _takes_person(argument):
                yield from self._each([SourcePattern(read.ref) for read in meant], tool, argument, clause, said)
            elif argument.role == "which" and _is_id_of(argument, tool, WRITTEN):
                listing = [SourcePattern(read.ref) for read in meant if not _is_keyed(read, argument)]
                yield from self._each(listing, tool, argument, clause, said)

    def _planned(
        self, tool: ToolWords, place: int, spoken: Sequence[Mention], arguments: Sequence[Argument]
    ) -> Iterator[Grant]:
        """ "Put the appointment from the clinic's mail into my calendar": when it is, the mail says."""
        takers = [argument for argument in arguments if argument.role == "when"]
        verb = self._clauses[place].verb
        if not takers or verb is None or verb.deeds.isdisjoint(_PLANNING):
            return
        clause = self._clauses[place]
        if any(one.preposition == "to" and one.role not in {None, "when"} for one in clause.phrases):
            return  # "to the new amount" changes no day
        sources = [
            said
            for said in spoken
            if said.clause is not clause or said.phrase.preposition in {"from", "in", "of", "on", "about", None}
        ]
        meant = antecedent(self._clauses, place)
        if meant is not None and not any(self._tells_when(said, tool) for said in sources):
            sources.append(meant)
        for said in sources:
            if self._tells_when(said, tool):
                # A time is no choice of whom: without a name to point by, the one time in all that was read will do.
                pointed = said if any(_is_name(word) for word in said.pointers) else replace(said, further=((),))
                for argument in takers:
                    yield from self._each(self._holding(said), tool, argument, clause, pointed)

    def _tells_when(self, said: Mention, tool: ToolWords) -> bool:
        own = not said.senses.isdisjoint(tool.topics) and said.phrase.preposition in {None, "in", "on"}
        return not own and bool(self._holding(said))

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
            if not paths and not _is_told_apart(argument):
                continue
            nouns = _path_nouns(argument) if paths else _id_nouns(argument, tool)
            named = any(said.phrase.preposition in _HOLDING and nouns & said.senses for said in spoken)
            direct = any(said.phrase.preposition in {None, "to"} and nouns & said.senses for said in spoken)
            for said in spoken:
                own = nouns & said.senses
                if direct and said.phrase.preposition not in {None, "to"}:
                    continue
                if said.phrase.preposition not in _HOLDING or not own:
                    own = frozenset[str]()
                    if named or not self._instance(tool, said):
                        continue
                if paths:
                    if own and not _has_file(said.phrase):
                        yield from self._listed(tool, argument, said)
                    continue
                if _replaces(tool):
                    continue
                meant = [
                    read
                    for read in self._reads
                    if not read.topics.isdisjoint(own or nouns) and not _is_keyed(read, argument)
                ]
                if not own:
                    meant = [read for read in meant if read.ref.server == tool.ref.server]
                # A list of bookings knows the number of a booking; a search for flights only sells new ones.
                listing = [read for read in meant if not read.nouns.isdisjoint(argument.nouns & COMMON)]
                patterns = tuple(SourcePattern(read.ref) for read in listing or meant)
                yield from self._each(patterns, tool, argument, said.clause, said, plural=said.phrase.several)

    def _listed(self, tool: ToolWords, argument: Argument, said: Mention) -> Iterator[Grant]:
        """What a file says is no place to take a path from; a listing is, of the folder that was said."""
        folders = [
            value.text
            for phrase in said.clause.around
            for value in phrase.values
            if _is_folder(value) and phrase is not said.phrase
        ]
        if not folders and "path" in self._given:
            return
        listings = [
            read
            for read in self._reads
            if not read.literal.isdisjoint(_LISTINGS)
            and (read.ref.server == tool.ref.server or not read.topics.isdisjoint({"file", "folder"}))
        ]
        patterns = tuple(SourcePattern(read.ref) for read in listings)
        if folders:
            patterns = tuple(
                SourcePattern(read.ref, one.path, folder)
                for read in listings
                for one in read.arguments
                if "path" in one.kinds and "[]" not in one.path
                for folder in folders[:1]
            )
        yield from self._each(patterns, tool, argument, said.clause, said, plural=said.phrase.several)

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
            and (verb is None or (not verb.nouns and verb.deeds.isdisjoint(_TAKERS | {"tell", "send", "reply"})))
            and (phrase.common is not None or bool(phrase.names))
            and bool(said.pointers)
        )

    def _persons(self, asked: Asked, arguments: Sequence[Argument]) -> Iterator[Grant]:
        """A name that a directory turns into an address; for money only the bank's own list of payees."""
        tool, clause = asked.tool, self._clauses[asked.place]
        kinds = PAYEES if tool.pays else DIRECTORIES
        patterns = tuple(SourcePattern(read.ref) for read in self._reads if not read.about.isdisjoint(kinds))
        takers = [
            one
            for one in arguments
            if (one.role == "who" and one.kinds & {"address", "name", "identifier", "account"})
            or (_takes_person(one) and not tool.pays)
            if one.words.isdisjoint(_RIGHTS) and not (tool.pays and _is_own_side(one))
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
            if phrase.person:
                yield from self._called(place - 1)

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
                    if (kind in argument.kinds or (kind == "path" and _is_title(argument, read)))
                    and "[]" not in argument.path
                    and "*" not in argument.path
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
        said: Mention | tuple[str, ...],
        *,
        plural: bool = False,
        kinds: tuple[ValueKind, ...] = (),
    ) -> Iterator[Grant]:
        words = quote(self._text.words(clause.first, clause.last - 1).strip(), _SHOWN)
        because = f"the user's words {words} name it"
        for pointers in said.layers if isinstance(said, Mention) else (said,):
            for pattern in patterns:
                yield Grant(pattern, tool.ref, argument.path, "words", because, pointers, plural, kinds)


def _with_names(said: Mention, names: Sequence[str]) -> Mention:
    if not names:
        return said
    return replace(
        said,
        pointers=pointing((*said.pointers, *names)),
        further=tuple(pointing((*one, *names)) for one in said.further),
    )


def _is_keyed(read: ToolWords, argument: Argument) -> bool:
    """`get_page(page_id)` tells nothing about which page is meant, `get_product(sku)` about which product.

    Its text could name any.
    """
    return any(one.nouns == argument.nouns and one.words & argument.words & _KEYED for one in read.arguments)


def _replaces(tool: ToolWords) -> bool:
    """Whether it puts a whole new text in place of the old one: then which one is half of the harm."""
    whole = any(one.role == "content" and not one.words.isdisjoint(_BODIES) for one in tool.arguments)
    return whole and not tool.deeds.isdisjoint(_REPLACING) and not tool.topics.isdisjoint({"page", "file", "note"})


def _is_own_side(argument: Argument) -> bool:
    return not set(argument.path.replace("_", ".").lower().split(".")).isdisjoint(_OWN_SIDE)


def _is_told_apart(argument: Argument) -> bool:
    """An argument that takes the id or name of some thing, by its own name."""
    if not _PARTIES.isdisjoint(argument.path.lower().split(".")[:-1]):
        return False
    named = _IDS | _GOODS | _PICKS | _REFERENCES | {"name", "key", "slug"}
    return not argument.words.isdisjoint(named) or not argument.nouns.isdisjoint(COMMON)


def _is_container(said: Mention) -> bool:
    """A channel's name stands beside its messages, not in them."""
    return "channel" in said.senses and said.phrase.role is None


def _within(said: Mention, words: Sequence[str]) -> Mention:
    return replace(said, pointers=pointing(words), further=())


def _is_name(word: str) -> bool:
    return word[:1].isupper() or any(char.isdigit() for char in word)


def _takes_person(argument: Argument) -> bool:
    """An address or a user's id; not a role, nor what is attached."""
    if argument.role == "which" and argument.words & _IDS and not argument.nouns.isdisjoint(_PEOPLE):
        return True
    if argument.role not in {"who", "where"} or not argument.words.isdisjoint(_RIGHTS):
        return False
    return bool(argument.kinds & {"address", "phone"}) or (
        argument.role == "who" and bool(argument.kinds & _WHO) and "channel" not in argument.nouns
    )


def _is_title(argument: Argument, read: ToolWords) -> bool:
    """`read_document(name)`: papers are called by the names of their files."""
    named = argument.role == "which" and argument.words <= _TITLES and bool(argument.words)
    return named and "file" in read.topics and read.literal.isdisjoint(_LISTINGS)


def _is_path(argument: Argument) -> bool:
    return "path" in argument.kinds


def _is_id(text: str) -> bool:
    return text[:1] not in "#@" or text[1:2].isdigit()


def _is_folder(value: Token) -> bool:
    return "path" in value.kinds and "." not in value.text.rsplit("/", 1)[-1]


def _has_file(phrase: Phrase) -> bool:
    return any("path" in value.kinds for value in phrase.values)


def _path_nouns(argument: Argument) -> frozenset[str]:
    if not argument.words.isdisjoint(_TARGETS):
        return frozenset()
    return (argument.nouns - {"path", "name", "dir", "source"}) or _FILES


def _id_nouns(argument: Argument, tool: ToolWords) -> frozenset[str]:
    if not argument.words.isdisjoint(_GOODS):
        return frozenset({"product"})
    if not argument.words.isdisjoint(_PICKS):
        return tool.topics
    plain = argument.nouns - {"id", "ids", "name", "number", "code", "reference", "key", "uid", "uuid"}
    if not plain.isdisjoint({"thread", "parent"}):
        plain |= {"message", "thread"}
    return plain or tool.topics


def _is_id_of(argument: Argument, tool: ToolWords, nouns: frozenset[str]) -> bool:
    return bool(argument.kinds & {"identifier", "number"}) and not _id_nouns(argument, tool).isdisjoint(nouns)
