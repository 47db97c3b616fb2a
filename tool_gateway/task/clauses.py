"""What the sentences of a task ask for and forbid: its verbs, each with its objects.

Decides: which verbs are requests (imperatives, polite questions, "I want you to", "must be paid"), which are
forbidden ("don't", "without deleting"), and the phrases around them. Does not decide which tools are meant
(`reading.py`).

A verb counts only where a request can stand. "The mail that Anna sent", "the mail asking to delete it", "should I
pay?" ask for nothing: a verb that is missed costs a question.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tool_gateway.language.vocabulary import PAYMENT, Language, Preposition, Reading, Verb, bag, closest, singular
from tool_gateway.task.own_text import Token

_TYPOS = 200
_LONGEST_SENTENCE = 300
_SUBJECTS = bag("i we you i'd we'd i'll we'll would")
_WANTS = bag("want need like love have got ought")
_CONTROLS = bag("want need like ask help love asking expect")
_GOES_ON = bag("sure remember try forget hesitate fail proceed")
_POLITE = bag("can could would will kannst könntest würdest können könnten würden")
_YOU = frozenset({"you", "du", "sie"})
_MODALS = bag("must should shall to")
_STATED = bag("did does has have had is are was were hat haben habe ist sind war")
_ALL = bag("everything everyone everybody something anything alles")
_VAGUE = bag(
    "new old big small whole entire complete following same attached given open important urgent current upcoming "
    "pending neue neuen alte alten ganze ganzen gleiche gleichen wichtige wichtigen offene offenen"
)
"""Adjectives that hardly ever stand in the record itself."""
_ALONE = bag("commit push merge deploy checkout")
"""Verbs that are whole requests without an object: "fix it and commit"."""
_ME = bag("me us mir uns")
_GERMAN_MODALS = bag("soll sollen sollte muss müssen müsste möchte möchten will wollen")
_GIVEN_NAMES = bag("bill mark grant will may june april sue chase faith hope page")
_LINE_HEADS = frozenset("-*•–·")
_LEADING = frozenset({"in", "on", "at", "from", "to", "via"})
_SPEECH = bag("tell send reply post write forward")
_THERE = bag("there here")
_SEVERAL = bag(
    "everybody everyone people leute "
    "all both every each two three four five six several these those alle allen aller beide beiden sämtliche "
    "sämtlichen jede jeden zwei drei vier fünf sechs mehrere mehreren"
)
_FRESH = bag("a an ein eine einen einem einer")
_OWN = bag("my our mein meine meinen meinem meiner unser unsere unseren unserem unserer")
_REASONS = bag("whether if because so while ob weil damit falls")
_PARTICLES = bag("back over into bescheid")
"""Second parts of a verb that may stand at the end of its clause."""
_ASKED_FOR = bag("for about")


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words after one preposition, or a verb's direct object.

    Attributes:
        preposition: None for the direct object; `that` for a relative clause; `says` for what is told or dictated.
        head: The last noun; `nouns` are all.
        role: The kind of value that the phrase stands for; `roles` are the words that say so.
        unknown: Words that no vocabulary knows.
        common: The last word that no vocabulary knows: a noun of the user's own.
        names: Words that look like names.
        receivers: Those of them to whom a verb gives its object: "send *Anna* the list".
        senses: Everything that the nouns may mean; `head_senses` of the last alone.
        several: More than one thing is meant: "all mails", "the drafts".
        fresh: With "a": something that does not exist yet, or any.
        own: With "my": something of the user's own.
        words: Content words, as written, that are not the head: what tells this thing from others of its kind.
    """

    preposition: Preposition | Literal["that"] | None
    first: int
    last: int
    nouns: tuple[str, ...] = ()
    head: str | None = None
    common: str | None = None
    role: str | None = None
    roles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    values: tuple[Token, ...] = ()
    receivers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    head_word: str | None = None
    thing: bool = False
    person: bool = False
    senses: frozenset[str] = frozenset()
    head_senses: frozenset[str] = frozenset()
    several: bool = False
    fresh: bool = False
    unknown: tuple[str, ...] = ()
    own: bool = False

    @property
    def empty(self) -> bool:
        return not (self.nouns or self.common or self.names or self.values or self.thing or self.person or self.role)


@dataclass(frozen=True, slots=True)
class Clause:
    """One verb with its objects, or words before the first verb (`verb` is None then).

    Attributes:
        guessed: The verb was misspelt.
        narrowed: A prohibition of *other* things only.
        lead: Phrases before the verb that say where: "*On the page Rota*, replace …".
        told: Words of the clause that tell what somebody said or did: "wrote", "asked", "suggests".
    """

    verb: Verb | None
    forbidden: bool
    first: int
    last: int
    phrases: tuple[Phrase, ...]
    guessed: bool = False
    narrowed: bool = False
    words: frozenset[str] = frozenset()
    lead: tuple[Phrase, ...] = ()
    told: frozenset[str] = frozenset()

    @property
    def around(self) -> tuple[Phrase, ...]:
        """All phrases, those before the verb last."""
        return (*self.phrases, *self.lead)

    @property
    def objects(self) -> tuple[Phrase, ...]:
        """What the verb is done to."""
        return tuple(phrase for phrase in self.phrases if phrase.preposition is None)


def read_clauses(tokens: Sequence[Token], language: Language, further: Mapping[str, Reading]) -> list[Clause]:
    """All clauses in order. `further`: verbs that only the tools at hand know."""
    reader = _Reader(tokens, language, further)
    return [clause for first, last in _sentences(tokens) for clause in reader.sentence(first, last)]


def _sentences(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    first = 0
    for index, token in enumerate(tokens):
        if index - first >= _LONGEST_SENTENCE:
            yield first, index
            first = index
        if token.kind != "mark":
            continue
        ends = token.text in {".", "!", "?", ";", "\n\n", "…"}
        if token.text == "\n" and index + 1 < len(tokens):
            following = tokens[index + 1]
            ends = following.text[:1].isupper() or following.text in _LINE_HEADS or following.kind == "value"
        if ends:
            if index > first:
                yield first, index + (token.text == "?")
            first = index + 1
    if first < len(tokens):
        yield first, len(tokens)


@dataclass(frozen=True, slots=True)
class _Found:
    """A verb that is asked for or forbidden. `start`: where its clause begins."""

    index: int
    verb: Verb
    forbidden: bool
    start: int
    guessed: bool = False
    subject: tuple[int, int] | None = None
    last_word: bool = False


_GermanVerb: TypeAlias = tuple[int, Verb, bool, bool]
"""Place, verb, whether it stands last, whether it was misspelt."""


class _Reader:
    def __init__(self, tokens: Sequence[Token], language: Language, further: Mapping[str, Reading]) -> None:
        self._tokens = tokens
        self._language = language
        self._further = further
        self._slips: dict[str, str | None] = {}

    def sentence(self, first: int, last: int) -> Iterator[Clause]:
        found = list(self._german(first, last) if self._language.code == "de" else self._english(first, last))
        position = first
        lead: tuple[Phrase, ...] = ()
        for number, verb in enumerate(found):
            following = found[number + 1].start if number + 1 < len(found) else last
            if number == 0 and verb.start > first:
                # German verbs may stand last, with their objects before them.
                if verb.last_word:
                    position = first
                else:
                    before = self._clause(None, first, verb.start)
                    lead = tuple(phrase for phrase in before.phrases if phrase.preposition in _LEADING)
                    yield before
            end = max(following, verb.index + 1)
            if verb.last_word:
                phrases = (*self._phrases(verb.start, verb.index), *self._phrases(verb.index + 1, end))
            elif verb.subject is not None:
                phrases = (*self._phrases(*verb.subject), *self._rest(verb.index + 1, end))
            else:
                phrases = tuple(self._phrases(verb.index + 1, end))
            words = frozenset(token.lower for token in self._tokens[position if verb.last_word else verb.start : end])
            yield Clause(
                verb.verb,
                verb.forbidden,
                verb.start if verb.last_word or verb.subject else verb.index,
                end,
                phrases,
                verb.guessed,
                verb.forbidden and not words.isdisjoint(self._language.narrowers),
                words,
                lead,
                self._tells(verb.index + 1, end),
            )
            lead = ()
            position = end
        if not found and last > first:
            yield self._clause(None, first, last)

    def _clause(self, verb: Verb | None, first: int, last: int) -> Clause:
        return Clause(verb, False, first, last, tuple(self._phrases(first, last)), told=self._tells(first, last))

    def _tells(self, first: int, last: int) -> frozenset[str]:
        """What was said, written or proposed there: finite verbs of speech."""
        language = self._language
        found: set[str] = set()
        for token in self._tokens[first:last]:
            if token.kind != "word":
                continue
            finite = any(
                reading.form in {"finite", "participle"} and not reading.verb.deeds.isdisjoint(_SPEECH)
                for reading in language.verbs.get(token.lower, ())
            )
            if finite or token.lower in language.reporters or token.lower in language.proposers:
                found.add(token.lower)
        return frozenset(found)

    def _rest(self, first: int, last: int) -> Iterator[Phrase]:
        """After a passive nothing is a direct object."""
        for phrase in self._phrases(first, last):
            yield replace(phrase, preposition="for") if phrase.preposition is None else phrase

    # English

    def _english(self, first: int, last: int) -> Iterator[_Found]:
        tokens, language = self._tokens, self._language
        start = self._skip_adverbs_right(first, last)
        question = start < last and tokens[start].lower in language.questions and not self._polite(start, last)
        reported = False
        asked_before: _Found | None = None
        boundary = first
        for index in range(first, last):
            token = tokens[index]
            if token.kind == "mark" and token.text in {",", ":", "(", ")", "–", "—", "-"} | _LINE_HEADS:
                boundary = index + 1
                if token.text == ":" and reported:
                    return  # what follows is somebody's speech
                continue
            if token.kind != "word":
                continue
            if token.lower in language.coordinators and token.lower not in language.joiners:
                boundary = index + 1
            for reading, guessed in self._readings(index):
                found = self._english_verb(
                    index, first, last, boundary, reading, question=question, reported=reported, before=asked_before
                )
                if found is not None:
                    asked_before = replace(found, guessed=guessed)
                    yield asked_before
                    boundary = index + 1 if not found.forbidden else boundary
                    break
            # "What they ask for …" reports no speech that could go on as an order.
            after = tokens[index + 1].lower if index + 1 < last else ""
            reported = reported or (token.lower in language.reporters and after not in _ASKED_FOR)

    def _english_verb(
        self,
        index: int,
        first: int,
        last: int,
        boundary: int,
        reading: Reading,
        *,
        question: bool,
        reported: bool,
        before: _Found | None,
    ) -> _Found | None:
        tokens, language = self._tokens, self._language
        verb = self._phrasal(index, last, reading.verb)
        if self._idle(index, last, verb):
            return None
        negated = self._negated(boundary, index)
        left = self._skip_adverbs_left(index - 1, first)
        word = tokens[left].lower if left >= first else ""
        if reading.form == "participle":
            if word not in {"be", "get"}:
                return None
            modal = self._skip_left(left - 1, first, language.adverbs | {"not"})
            if modal < first or tokens[modal].lower not in _MODALS or reported or question:
                return None
            return _Found(index, verb, negated, boundary, subject=(boundary, modal))
        if reading.form == "ing":
            if negated:
                return _Found(index, verb, True, index)
            taken = word == "mind" or (word == "of" and left > first and tokens[left - 1].lower == "care")
            return _Found(index, verb, False, index) if taken and not reported else None
        if reading.form != "base":
            return None
        if negated:
            # "Can't make our budget review": after a noun or an article it is a noun itself.
            free = left < first or tokens[left].kind == "mark" or word in language.negators | language.coordinators
            verbal = free or (word in language.function and word not in language.determiners) or word in _YOU
            return None if verb.nounlike and not verbal else _Found(index, verb, True, index)
        if left < first or tokens[left].kind == "mark" or word in language.coordinators:
            mark = left < first or tokens[left].kind == "mark"
            joined = left >= first and word in language.joiners
            if before is not None and before.forbidden and joined and tokens[left - 1].text != ",":
                return _Found(index, verb, True, index)
            if question and (left >= first and not ((joined and tokens[left - 1].text == ",") or word == "then")):
                return None
            if (verb.nounlike or question or (mark and left >= first)) and not self._takes_object(index, last, verb):
                return None
            if joined and reported and not self._after_comma(left):
                return None
            return _Found(index, verb, False, index)
        if word in _YOU:
            aux = self._skip_left(left - 1, first, language.adverbs | {"that"})
            return (
                _Found(index, verb, False, index)
                if aux >= first and tokens[aux].lower in _POLITE | {"sure"} and not reported
                else None
            )
        if word in {"let's", "lets"} or (
            word in {"me", "us"} and left > first and tokens[left - 1].lower in {"help", "let"}
        ):
            return _Found(index, verb, False, index) if not reported else None
        if word == "to" and not reported and not question and self._controlled(left, first, before):
            return _Found(index, verb, False, index)
        if word == "must" and left > first and tokens[left - 1].lower in {"i", "we", "you"} and not reported:
            return _Found(index, verb, False, index)
        return None

    def _after_comma(self, index: int) -> bool:
        return index > 0 and self._tokens[index - 1].text == ","

    def _controlled(self, to: int, first: int, before: _Found | None) -> bool:
        """Whether "to" follows words of wanting: "I'd like to", "I need you to", "use X to"."""
        tokens = self._tokens
        left = self._skip_adverbs_left(to - 1, first)
        if left < first:
            return False
        word = tokens[left].lower
        earlier = tokens[left - 1].lower if left > first else ""
        if word in _WANTS:
            return earlier in _SUBJECTS
        if word in {"you", "me", "us"}:
            return earlier in _CONTROLS
        if word in _GOES_ON:
            return True
        return before is not None and before.verb.lemma == "use"

    def _negated(self, boundary: int, index: int) -> bool:
        negated = False
        for place in range(boundary, index):
            word = self._tokens[place].lower
            if word in self._language.unnegators:
                negated = False
            elif word in self._language.negators:
                stated = word in {"not", "nicht"} and place > 0 and self._tokens[place - 1].lower in _STATED
                if not stated or (
                    self._tokens[place - 1].lower in {"is", "are"} and self._tokens[index - 1].lower == "be"
                ):
                    negated = True
        return negated

    def _idle(self, index: int, last: int, verb: Verb) -> bool:
        """Fixed phrases in which the verb asks for nothing."""
        following = self._tokens[index + 1].lower if index + 1 < last else ""
        return (
            (verb.lemma == "do" and following in {"not", "you", "i", "we", "they"})
            or (verb.lemma == "make" and following in {"sure", "certain", "sense"})
            or (verb.lemma == "note" and following == "that")
            or (following in _ME and not verb.deeds.isdisjoint({"create", "give", "write", "draft", "tell"}))
            or (following == "a" and index + 2 < last and self._tokens[index + 2].lower in {"look", "moment", "second"})
        )

    def _phrasal(self, index: int, last: int, verb: Verb) -> Verb:
        for place in range(index + 1, min(index + 13, last)):
            word = self._tokens[place].lower
            onto = word == "on" and place + 1 < last and self._tokens[place + 1].lower == "to"
            far = place > index + 4 and word not in _PARTICLES and not onto
            if not far and (verb.lemma, word) in self._language.phrases:
                return self._language.phrases[verb.lemma, word]
        return verb

    def _takes_object(self, index: int, last: int, verb: Verb) -> bool:
        """Whether a word that is a noun as often is followed by what a verb is followed by."""
        language = self._language
        place = self._skip_adverbs_right(index + 1, last)
        if place >= last or self._tokens[place].text == "." or self._tokens[place].lower in language.joiners:
            return self._tokens[index - 1].lower in language.joiners and verb.lemma in _ALONE
        token = self._tokens[place]
        if token.kind in {"value", "quote"}:
            return True
        if token.kind == "mark":
            return False
        lower = token.lower
        if lower in language.determiners or lower in language.things or lower in language.persons:
            return True
        if lower in _ME or lower in _ALL or lower in _THERE or lower in {"what", "whatever"}:
            return True
        if token.text[:1].isupper() or token.possessive:
            return True
        if "reply" in verb.deeds and lower == "to":
            return True
        if lower in {"on", "in"} and verb.nounlike and verb.deeds.isdisjoint(PAYMENT) and self._opens(index):
            return place + 1 < last and self._tokens[last - 1].text != "?"
        if lower in {"to", "with", "for"} and not verb.nounlike:
            return True
        if language.noun(lower) is None and not verb.nounlike:
            return lower not in language.prepositions or lower in {"up", "out"}
        if language.noun(lower) is not None:
            if lower.endswith("s") or not verb.nounlike:
                return True
            after = self._tokens[place + 1] if place + 1 < last else None
            if after is None:
                return False
            plain = not verb.nouns and verb.deeds.isdisjoint(PAYMENT) and self._tokens[last - 1].text != "?"
            planned = plain and after.lower in {"with", "to", "for", "on", "at", "from", "mit", "am", "um"}
            return planned or after.kind in {"value", "quote"} or after.text[:1].isupper()
        return False

    def _opens(self, index: int) -> bool:
        """Whether a sentence begins with the word."""
        return index == 0 or self._tokens[index - 1].text in {".", "!", "?", ";", "\n", "\n\n"}

    def _polite(self, start: int, last: int) -> bool:
        place = self._skip_adverbs_right(start + 1, last)
        return self._tokens[start].lower in _POLITE and place < last and self._tokens[place].lower in _YOU

    # German

    def _german(self, first: int, last: int) -> Iterator[_Found]:
        tokens, language = self._tokens, self._language
        for start, end, joined in self._parts(first, last):
            begin = self._skip_adverbs_right(start, end)
            if begin >= end:
                continue
            opening = tokens[begin].lower
            verbs: list[tuple[int, tuple[Reading, bool]]] = [
                (index, each) for index in range(begin, end) for each in self._readings(index)
            ]
            negated = any(tokens[index].lower in language.negators for index in range(start, end)) and not any(
                tokens[index].lower in language.unnegators for index in range(start, end)
            )
            polite = opening in _POLITE and begin + 1 < end and tokens[begin + 1].lower in _YOU
            wanting = any(tokens[index].lower in _GERMAN_MODALS for index in range(begin, end))
            asking = tokens[last - 1].text == "?" and opening in language.questions and not polite
            subordinate = opening in language.relatives or (joined and opening in language.determiners and not negated)
            taken = self._german_verb(begin, end, verbs, polite=polite, wanting=wanting, asking=asking)
            if taken is None:
                continue
            if subordinate and not negated and not (opening == "dass" and wanting):
                wanted = (
                    opening == "dass"
                    and start > first
                    and any(tokens[index].lower in {"möchte", "will", "stelle"} for index in range(first, start))
                )
                if not wanted:
                    continue
            if any(tokens[index].lower in language.reporters for index in range(first, begin)) and not negated:
                return
            index, verb, last_word, guessed = taken
            idiom = next(
                (
                    language.phrases[verb.lemma, token.lower]
                    for token in tokens[start:end]
                    if (verb.lemma, token.lower) in language.phrases
                ),
                None,
            )
            verb = idiom or verb
            yield _Found(index, verb, negated, start, guessed, last_word=last_word)

    def _german_verb(
        self,
        begin: int,
        end: int,
        verbs: Sequence[tuple[int, tuple[Reading, bool]]],
        *,
        polite: bool,
        wanting: bool,
        asking: bool,
    ) -> _GermanVerb | None:
        tokens = self._tokens
        if asking:
            return None
        words = [index for index in range(begin, end) if tokens[index].kind == "word"]
        final = words[-1] if words else begin
        found: list[_GermanVerb] = []
        for index, (reading, guessed) in verbs:
            capital = tokens[index].text[:1].isupper() and index > begin
            if capital:
                continue
            if index == begin and reading.form == "base":
                if reading.particle is not None:
                    if any(self._is_particle(place, end, reading.particle) for place in range(index + 1, end)):
                        return index, reading.verb, False, guessed
                elif not found:
                    found.append((index, reading.verb, False, guessed))
            elif index >= final - 1 and reading.particle is None and index > begin:
                passive = reading.form == "participle" and tokens[final].lower == "werden" and wanting
                infinitive = reading.form in {"base", "to"} and index == final
                subject = tokens[begin].lower in {"ich", "wir"} and not wanting
                finite = tokens[begin].lower in {"er", "sie", "es", "man"} and not wanting
                if passive or (infinitive and not subject and not finite):
                    found.append((index, reading.verb, True, guessed))
        if not found and polite:
            for index, (reading, guessed) in verbs:
                if reading.form == "base" and reading.particle is None and index > begin:
                    return index, reading.verb, True, guessed
        return found[-1] if found else None

    def _is_particle(self, place: int, end: int, particle: str) -> bool:
        """ "Teil Anna den Termin *mit*" against "teile die Datei *mit Anna*"."""
        if self._tokens[place].lower != particle:
            return False
        if particle not in self._language.prepositions or place + 1 >= end:
            return True
        after = self._tokens[place + 1]
        return after.kind == "mark" or after.lower in self._language.prepositions or after.lower in {"und", "oder"}

    def _parts(self, first: int, last: int) -> Iterator[tuple[int, int, bool]]:
        """Main parts of a German sentence, and whether a comma opened one."""
        start, comma = first, False
        for index in range(first, last):
            token = self._tokens[index]
            mark = token.kind == "mark" and token.text in {",", ":", "–", "—", "?", "-"}
            if mark or (token.lower in {"und", "aber", "sondern"} and self._verb_follows(index, last)):
                if index > start:
                    yield start, index, comma
                start, comma = index + 1, token.text == ","
        if last > start:
            yield start, last, comma

    def _verb_follows(self, index: int, last: int) -> bool:
        """A clause of its own comes after "und", not just a second noun."""
        for place in range(index + 1, last):
            token = self._tokens[place]
            if token.kind == "mark":
                return False
            if not token.text[:1].isupper() and any(True for _ in self._readings(place)):
                return True
        return False

    # Words

    def _readings(self, index: int) -> Iterator[tuple[Reading, bool]]:
        token = self._tokens[index]
        if token.kind != "word" or token.possessive:
            return
        found = self._language.verbs.get(token.lower)
        if found is not None:
            yield from ((reading, False) for reading in found)
            return
        if token.lower in self._further:
            yield self._further[token.lower], False
            return
        if self._language.knows(token.lower) or (token.text[:1].isupper() and index > 0):
            return
        if token.lower not in self._slips:
            if len(self._slips) >= _TYPOS:
                return
            self._slips[token.lower] = closest(token.lower, self._language.verbs)
        meant = self._slips[token.lower]
        if meant is not None:
            for reading in self._language.verbs[meant]:
                if reading.verb.deeds.isdisjoint(PAYMENT):
                    yield reading, True

    def _skip_left(self, index: int, first: int, words: frozenset[str]) -> int:
        while index >= first and self._tokens[index].lower in words:
            index -= 1
        return index

    def _skip_adverbs_left(self, index: int, first: int) -> int:
        return self._skip_left(index, first, self._language.adverbs - {"then"})

    def _skip_adverbs_right(self, index: int, last: int) -> int:
        tokens = self._tokens
        while index < last and (
            tokens[index].lower in self._language.adverbs
            or (tokens[index].kind == "mark" and tokens[index].text in {",", "\n"} | _LINE_HEADS)
        ):
            index += 1
        return index

    # Phrases

    def _phrases(self, first: int, last: int) -> Iterator[Phrase]:
        language = self._language
        preposition: Preposition | Literal["that"] | None = None
        start = first
        for index in range(first, last):
            token = self._tokens[index]
            lower = token.lower
            following: Preposition | Literal["that"] | None = None
            if token.kind == "word" and lower in language.prepositions and not self._article(index, first):
                following = language.prepositions[lower]
            elif token.kind == "word" and index > first and lower in _REASONS:
                following = "says"
            elif token.kind == "word" and index > first and self._relative(index, first):
                following = "that"
            elif token.kind == "mark" and token.text == ":":
                following = "says"  # what comes is dictated
            elif (token.kind == "mark" and token.text == ",") or lower in language.joiners:
                yield from self._phrase(preposition, start, index)
                start = index + 1
                continue
            if following is not None:
                yield from self._phrase(preposition, start, index)
                preposition, start = following, index + 1
        yield from self._phrase(preposition, start, last)

    def _article(self, index: int, first: int) -> bool:
        """German "der" is "of the" only right after a noun; elsewhere it is an article."""
        lower = self._tokens[index].lower
        if self._language.code != "de" or lower not in {"der", "des"}:
            return False
        return index == first or self._language.noun(self._tokens[index - 1].lower) is None

    def _relative(self, index: int, first: int) -> bool:
        lower = self._tokens[index].lower
        if self._language.code == "de":
            return index > first and self._tokens[index - 1].text == "," and lower in self._language.determiners
        return lower in {"that", "which", "who"} and self._tokens[index - 1].kind != "mark" and index > first

    def _phrase(self, preposition: Preposition | Literal["that"] | None, first: int, last: int) -> Iterator[Phrase]:
        language = self._language
        nouns: list[str] = []
        head_at = -1
        common: str | None = None
        role: str | None = None
        roles: list[str] = []
        names: list[str] = []
        receivers: list[str] = []
        unknown: list[str] = []
        values: list[Token] = []
        words: list[tuple[int, str]] = []
        thing = person = False
        senses: set[str] = set()
        head_senses: frozenset[str] = frozenset()
        several = any(self._tokens[place].lower in _SEVERAL for place in range(first, last))
        fresh = first < last and self._tokens[first].lower in _FRESH
        own = first < last and self._tokens[first].lower in _OWN
        index = first
        while index < last:
            token = self._tokens[index]
            place = index
            index += 1
            if token.kind == "value" or (token.kind == "quote" and token.kinds):
                values.append(token)
                words.append((place, token.text))
                named = _tagged(token)
                if named is not None and not nouns:
                    nouns.append(named)
                    head_senses = frozenset({named})
                    senses.add(named)
                continue
            if token.kind == "quote":
                if 0 < len(token.text) <= 120:
                    words.append((place, token.text))
                continue
            if token.kind == "mark":
                continue
            lower = token.lower
            pair = f"{lower} {self._tokens[index].lower}" if index < last else ""
            if pair in language.nouns:
                nouns.append(language.nouns[pair])
                head_at = place
                head_senses = language.senses(pair)
                senses |= head_senses
                several = several or _is_plural(pair, language)
                index += 1
                continue
            if self._is_name(place, first):
                name = [_bare(token)]
                while index < last and not token.possessive and self._is_name(index, first):
                    token = self._tokens[index]
                    name.append(_bare(token))
                    index += 1
                names.append(" ".join(name))
                if preposition is None and not token.possessive and self._gives(index, last):
                    receivers.append(names[-1])
                else:
                    words.append((place, names[-1]))
                continue
            if lower in language.roles:
                role = language.roles[lower]
                roles.append(lower)
            noun = language.noun(lower)
            if noun is not None:
                nouns.append(noun)
                head_at = place
                head_senses = language.senses(lower)
                senses |= head_senses
                several = several or (_is_plural(lower, language) and not token.possessive)
                words.append((place, _bare(token)))
                continue
            if lower in language.ranks or lower in language.days:
                words.append((place, _bare(token)))
                continue
            # "It" alone is a thing; "this mail" is not.
            alone = (
                index >= last or self._tokens[index].kind == "mark" or self._tokens[index].lower in language.function
            )
            if lower in language.persons:
                person = person or alone or lower in {"him", "her", "ihm"}
                thing = thing or lower in language.things or lower == "them"
            elif lower in language.things and alone:
                thing = True
            elif any(lower in words for words in (language.function, language.adverbs, language.negators, _SEVERAL)):
                continue
            elif lower not in language.roles and lower not in _ALL | _VAGUE and not self._told(lower):
                common = lower
                unknown.append(lower)
                words.append((place, _bare(token)))
        told = tuple(text for place, text in words if place != head_at)
        phrase = Phrase(
            preposition,
            first,
            last,
            tuple(nouns),
            nouns[-1] if nouns else None,
            common,
            role,
            tuple(roles),
            tuple(names),
            tuple(values),
            tuple(receivers),
            told,
            _bare(self._tokens[head_at]) if head_at >= 0 else None,
            thing,
            person,
            frozenset(senses),
            head_senses,
            several,
            fresh,
            tuple(unknown),
            own,
        )
        if not phrase.empty or told:
            yield phrase

    def _told(self, lower: str) -> bool:
        """Whether the word can only tell what happened: "sent", "got"."""
        readings = self._language.verbs.get(lower, ())
        return bool(readings) and all(reading.form in {"finite", "participle"} for reading in readings)

    def _gives(self, index: int, last: int) -> bool:
        if index < last and self._tokens[index].lower == "back":
            index += 1
        if index >= last:
            return False
        token = self._tokens[index]
        return token.kind == "value" or token.lower in self._language.determiners

    def _is_name(self, index: int, first: int) -> bool:
        token = self._tokens[index]
        if token.kind != "word" or not token.text[:1].isupper() or len(token.text) < 2:
            return False
        lower = token.lower
        language = self._language
        before = self._tokens[index - 1].lower if index > first else ""
        if lower in _GIVEN_NAMES and language.code == "en" and before not in language.determiners:
            return True
        if language.knows(lower) or lower in language.days or lower in language.roles or lower in language.ranks:
            return False
        # German writes every noun like a name; with an article it is one.
        return not (language.code == "de" and before in language.determiners and before not in {"des"})


def _tagged(token: Token) -> str | None:
    """What `#launch` and `@ann` name by their mark alone."""
    if len(token.text) > 1 and token.text[1:2].isalpha():
        return {"#": "channel", "@": "user"}.get(token.text[0])
    return None


def _is_plural(word: str, language: Language) -> bool:
    """English only: German plurals are told by their article (`_SEVERAL`) or by an s."""
    return word.endswith("s") and singular(word) != word and language.noun(singular(word)) == language.noun(word)


def _bare(token: Token) -> str:
    return token.text[:-2] if token.possessive else token.text
