"""What a task speaks of, and by which of its words each thing is told from others of its kind.

Decides: the things that a clause is about, "it" and "her" resolved, and the words that point at their records. Does not
decide which tool reads them, nor what a grant may give (`grants.py`).

The words that point come in layers: all of them, and the names alone. The second admits more records than the first,
never fewer, so that it cannot help a record that somebody planted beside the one that is meant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tool_gateway.language.english import ENGLISH
from tool_gateway.language.german import GERMAN
from tool_gateway.language.vocabulary import PAYMENT, bag
from tool_gateway.task.clauses import Clause, Phrase
from tool_gateway.task.written_values import kinds_of

_MOST_POINTERS = 12
_LONG_NUMBER = 3
"""Digits; shorter numbers are days and counts as often as names."""
_BACKWARDS = 5
"""Clauses that a pronoun may go back over."""
_TELLING_NOUNS = bag("workshop standup lunch dinner breakfast interview session mittagessen kickoff retro demo webinar")
"""Nouns that say which of the events it is."""
_DAYS = ENGLISH.days | GERMAN.days
_POINTING = frozenset({"with", "from", "by", "about", "on", "of", "for", "at", "that"})
_BUYING = PAYMENT | {"book", "renew", "subscribe"}
_MEANS = frozenset({"from", "with", "on", "by", "via", "per"})
_CONDITIONS = (
    (ENGLISH.ranks | GERMAN.ranks)
    - bag("first second third last latest newest most recent next previous unread erste ersten letzte letzten")
) | bag(
    "best worst top less more fewer cheaper under below above over least maximum höchstens mindestens unter beste "
    "besten"
)
"""Words that compare: only together with the rest do they say which one is meant."""
_PURSES = frozenset({"account", "card"})
_JOURNEYS = frozenset({"flight", "reservation"})
_ALTERNATIVE = frozenset({"from", "by", "of", "with"})
_CARRIERS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("mailed", "emailed", "e-mailed", "gemailt", "mailte"), frozenset({"mail"})),
    **dict.fromkeys(("messaged", "texted", "pinged"), frozenset({"message"})),
}
WRITTEN = frozenset({"mail", "message", "thread", "comment", "review", "letter", "post"})
"""Nouns of what people write to each other."""


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing that the words speak of.

    Attributes:
        senses: What its noun may mean.
        pointers: The words that tell it from others; `further`: other sets of words that may point at it.
    """

    clause: Clause
    phrase: Phrase
    senses: frozenset[str]
    pointers: tuple[str, ...]
    further: tuple[tuple[str, ...], ...] = ()

    @property
    def layers(self) -> tuple[tuple[str, ...], ...]:
        return tuple(dict.fromkeys((self.pointers, *self.further)))


def mention(clause: Clause, number: int) -> Mention:
    """The phrase with what is said about it: "the mail *from Anna about the lease*"."""
    phrases = clause.around
    phrase = phrases[number]
    tags = [value.text for value in phrase.values if value.text[:1] in "#@" and value.text[1:2].isalpha()]
    if tags:
        # `#launch` says it all.
        return Mention(clause, phrase, phrase.head_senses | frozenset(phrase.nouns[-1:]), tuple(tags[:1]))
    common = [*phrase.words]
    names = [*phrase.names]
    if phrase.head_word is not None and phrase.head_word.lower() in _TELLING_NOUNS:
        common.append(phrase.head_word)
    alternatives: list[tuple[list[str], list[str]]] = []
    before: str | None = None
    for following in phrases[number + 1 :]:
        if _pays_for(clause, following):
            break
        dated = following.preposition == "in" and not following.nouns and bool(following.words)
        # "Auf 950 Euro" is what it is changed to.
        dated = dated and not any("amount" in value.kinds for value in following.values)
        bound = following.preposition == "to" and not phrase.head_senses.isdisjoint(_JOURNEYS)
        if following.preposition not in _POINTING and not dated and not bound:
            break
        if following.role is not None or any(value.kinds & {"path", "url"} for value in following.values):
            break
        if following.thing and not following.nouns and following.preposition in _ALTERNATIVE:
            break  # "… and the one from …" is another thing
        said = [*following.words, *([following.head_word] if following.head_word is not None else [])]
        if before == following.preposition and before in _ALTERNATIVE and alternatives:
            alternatives.append((said, [*following.names]))
            continue
        before = following.preposition
        alternatives.append((said, [*following.names]))
    chosen = _combined(common, names, alternatives, phrases[number + 1 :])
    if any(word.lower() in _CONDITIONS for words in chosen[:1] for word in words):
        # Of "the cheapest refundable one in Porto" the name alone would drop what it has to be.
        chosen = chosen[:1]
    return Mention(clause, phrase, phrase.head_senses | frozenset(phrase.nouns[-1:]), chosen[0], tuple(chosen[1:]))


def _pays_for(clause: Clause, phrase: Phrase) -> bool:
    """ "From my account", "with my Visa": what it is paid with says nothing of the thing that is paid for."""
    if clause.verb is None or clause.verb.deeds.isdisjoint(_BUYING) or phrase.preposition not in _MEANS:
        return False
    if phrase.nouns and phrase.head_senses.isdisjoint(_PURSES):
        return False
    return not phrase.head_senses.isdisjoint(_PURSES) or (phrase.own and bool(phrase.names))


def _combined(
    common: list[str], names: list[str], said: Sequence[tuple[list[str], list[str]]], phrases: Sequence[Phrase]
) -> list[tuple[str, ...]]:
    """Each way in which the words may point: "from Anna and Bob" are two; then the names alone."""
    prepositions = [phrase.preposition for phrase in phrases][: len(said)]
    ways: list[tuple[list[str], list[str]]] = [(common, names)]
    for index, (words, called) in enumerate(said):
        alternative = (
            index > 0 and prepositions[index] == prepositions[index - 1] and prepositions[index] in _ALTERNATIVE
        )
        if alternative and said[index - 1][1] and called:
            ways += [
                ([*(word for word in one if word not in said[index - 1][0]), *words], [*other, *called])
                for one, other in ways[:1]
            ]
            continue
        ways = [([*one, *words], [*other, *called]) for one, other in ways]
    full = [pointing(words) for words, _ in ways[:4]]
    alone = [pointing(called) for words, called in ways[:4] if called and pointing(called) != pointing(words)]
    if names and said:
        # "The Hotel Adler in Porto": a list of hotels in Porto need not say so again.
        alone.append(pointing(names))
    return list(dict.fromkeys((*full, *(one for one in alone if one)))) or [()]


def pointing(words: Sequence[str]) -> tuple[str, ...]:
    """Those of the words that can stand in a record."""
    said = dict.fromkeys(words)
    # A day seldom stands in a record as it was spoken; it points only where nothing else does.
    lasting = [
        word
        for word in said
        if word.lower() not in _DAYS
        and not kinds_of(word) & {"date", "time", "path"}
        and not (word.isdigit() and len(word) < _LONG_NUMBER)
    ]
    pointed = lasting or [word for word in said if "path" not in kinds_of(word)]
    return tuple(pointed)[:_MOST_POINTERS]


def is_thing(phrase: Phrase) -> bool:
    return bool(phrase.nouns) or any(value.kinds & {"path", "url"} for value in phrase.values)


def antecedent(clauses: Sequence[Clause], place: int) -> Mention | None:
    """What "it" stands for in the clause at `place`: the thing spoken of last, its verb's object before others."""
    for earlier in range(place - 1, max(place - 1 - _BACKWARDS, -1), -1):
        clause = clauses[earlier]
        numbers = [number for number, phrase in enumerate(clause.phrases) if is_thing(phrase)]
        if numbers:
            direct = [number for number in numbers if clause.phrases[number].preposition is None]
            return mention(clause, (direct or numbers)[-1 if direct else 0])
    return None


def things(clauses: Sequence[Clause], place: int) -> list[Mention]:
    """What the clause at `place` is about, "it" and "the one" resolved."""
    clause = clauses[place]
    found: list[Mention] = []
    for number, phrase in enumerate(clause.around):
        if phrase.thing and not is_thing(phrase):
            other = _the_one(clause, number, found)
            meant = antecedent(clauses, place) if other is None else None
            if other is not None:
                found.append(other)
            elif meant is not None:
                found.append(replace(meant, phrase=replace(meant.phrase, preposition=phrase.preposition)))
        elif not phrase.empty or phrase.words:
            found.append(mention(clause, number))
    if (not clause.objects or not clause.words.isdisjoint(_BACK)) and clause.verb is not None:
        meant = antecedent(clauses, place)
        if meant is not None and (clause.phrases == () or not clause.words.isdisjoint(_BACK)):
            found.append(meant)
    return found


_BACK = bag("there here dort dorthin")


def _the_one(clause: Clause, number: int, found: Sequence[Mention]) -> Mention | None:
    """ "The newsletter from Acme and *the one from Bolt*": the noun is the last one's, the words are its own."""
    phrases = clause.around
    if not found or number + 1 >= len(phrases) or phrases[number + 1].preposition not in _ALTERNATIVE | {"about"}:
        return None
    kind = next((one for one in reversed(found) if is_thing(one.phrase)), None)
    if kind is None:
        return None
    own = mention(clause, number)
    return Mention(clause, replace(kind.phrase, words=(), names=()), kind.senses, own.pointers, own.further)


def speakers(clauses: Sequence[Clause], place: int) -> Iterator[Mention]:
    """The mails and messages of those who are told of: "*Petra wrote* that …", "*somebody asked* me for a tour"."""
    for earlier in range(place, max(place - 1 - _BACKWARDS, -1), -1):
        clause = clauses[earlier]
        if not clause.told or not clause.phrases or (clause.verb is not None and earlier == place):
            continue
        senses = frozenset[str]().union(*(_CARRIERS.get(word, frozenset[str]()) for word in clause.told)) or WRITTEN
        first = next((phrase for phrase in clause.phrases if phrase.names or phrase.role == "who"), None)
        if first is None:
            continue
        if first.names:
            yield Mention(clause, first, senses, pointing(first.names[:1]))
            return
        number = next(
            (at for at, phrase in enumerate(clause.phrases) if phrase is not first and pointing(_content(phrase))), None
        )
        if number is not None:
            yield Mention(clause, first, senses, pointing(_content(clause.phrases[number])))
            return


def _content(phrase: Phrase) -> list[str]:
    return [*phrase.words, *([phrase.head_word] if phrase.head_word is not None else [])]
