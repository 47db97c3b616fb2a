"""The words of tasks: what verbs ask for, what nouns mean, and how both are bent.

Decides: the shape of a vocabulary, which deeds a tool may do for an asked one, and which language a text is in.
Does not decide which words there are (`english.py`, `german.py`), nor what a sentence asks for
(`clauses.py`).

A *deed* is what a verb asks for, or a tool does: `send`, `delete`, `pay`. Nouns are known by one name in all
languages: `mail`, `event`, `file`. Everything is a table; looking a word up never searches.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Form = Literal["base", "finite", "ing", "participle", "to"]
"""`base`: imperative or infinitive. `finite`: he sends, she sent. `to`: the German infinitive with zu inside."""

Preposition = Literal["about", "from", "in", "to", "with", "of", "on", "for", "by", "at", "as", "via", "per", "says"]


def bag(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


DESTRUCTION = frozenset({"delete", "remove", "clear", "cancel", "revoke", "end", "close", "reset", "overwrite", "ban"})
"""Deeds whose verbs are explicit enough for a destructive tool."""

PAYMENT = frozenset({"pay", "refund", "buy"})
"""Deeds of tools that move money; no other verb names such a tool."""

GENERIC = frozenset(
    {"send", "create", "add", "update", "set", "write", "save", "move", "copy", "run", "append", "read", "open"}
    | {"post", "give", "upload", "download", "schedule", "do", "submit", "start", "mark", "print", "put"}
    | DESTRUCTION
)
"""Deeds that say little without their object: a tool that names no object is matched by its server's name."""

FULFILS: Mapping[str, frozenset[str]] = {
    deed: bag(others)
    for deed, others in {
        "send": "post",
        "reply": "send post",
        "tell": "send post reply",
        "forward": "send",
        "post": "send create add",
        "create": "add open schedule set",
        "add": "create invite append",
        "schedule": "create add book",
        "book": "create schedule",
        "invite": "add update",
        "remind": "create add set schedule",
        "update": "set move reschedule mark write append rename overwrite assign complete",
        "set": "update create",
        "mark": "update set",
        "reschedule": "update move set",
        "move": "rename update reschedule",
        "rename": "move update",
        "save": "write create",
        "write": "create save append",
        "append": "write update add",
        "put": "create add move write save",
        "open": "create",
        "request": "create send submit",
        "share": "send invite grant add post",
        "grant": "share add set",
        "give": "grant share",
        "assign": "update set",
        "complete": "update mark close",
        "close": "update complete",
        "archive": "move",
        "submit": "create send",
        "run": "start",
        "start": "run",
        "delete": "remove clear cancel",
        "remove": "delete",
        "clear": "delete remove",
        "cancel": "delete end",
        "end": "cancel close",
        "overwrite": "write update save",
        "ban": "remove",
        "freeze": "ban",
        "upgrade": "update",
        "refund": "pay",
        "buy": "add create",
        "download": "save",
    }.items()
}
"""Deed asked for → further deeds of a tool that may do it."""

KIN: tuple[frozenset[str], ...] = tuple(
    bag(family)
    for family in (
        "send tell reply forward post draft comment react write share",
        "create add schedule book open write save append put post submit comment draft log upload "
        "leave give start request",
        "update set mark rename reschedule move append overwrite write put assign complete renew rate accept decline",
        "move rename put archive save copy upload add mark",
        "share grant give invite add assign send",
        "schedule book invite reschedule create add remind accept decline confirm update subscribe",
        "return refund exchange",
    )
)
"""Deeds that one verb or another may mean. Only where the words name the tool's own object or carrier, and nothing
closer; never for payment or destruction."""

CARRIERS: Mapping[str, frozenset[str]] = {
    deed: bag(nouns)
    for deed, nouns in {
        "send": "mail message",
        "tell": "mail message",
        "forward": "mail message",
        "reply": "mail message",
        "post": "message channel post page",
        "share": "file folder message permission link",
        "invite": "participant event",
        "remind": "reminder task",
        "schedule": "event",
        "reschedule": "event",
        "book": "reservation",
        "buy": "product cart order",
        "save": "file",
        "write": "file",
        "append": "file",
        "overwrite": "file",
    }.items()
}
"""What a tool is about that does a deed whose object is something else: "send Anna the figures" takes a mail."""

TURNS: Mapping[tuple[str, str], str] = {
    (deed, noun): turned
    for deeds, nouns, turned in (
        ("write create", "mail message", "send"),
        ("write create give", "reply", "reply"),
        ("create do schedule set send submit start give add", "transaction standingorder", "pay"),
        ("send give move put", "money", "pay"),
        ("create do submit put add", "order", "buy"),
        ("create do submit put add start", "purchase", "buy"),
        ("create do submit give start request tell", "refund", "refund"),
        ("reply", "money", "refund"),
        ("create do submit start request open", "return", "return"),
        ("create do put", "copy", "copy"),
        ("give", "permission", "share"),
        ("write", "comment", "add"),
    )
    for deed in deeds.split()
    for noun in nouns.split()
}
"""Verbs of little meaning whose object says what is done: "make a payment", `create_order`."""

DIRECTORIES = frozenset({"contact", "user", "employee", "member"})
"""Nouns of tools that turn a person's name into an address."""

PAYEES = frozenset({"payee"})
"""The same for accounts: only a bank's own list of them, which nobody outside can write in."""

DOCUMENTS = frozenset({"invoice"})
"""Nouns of papers that say what is to be paid, to whom and for what."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        nouns: Objects that the verb names by itself: to *email*.
        nounlike: The same letters are often a noun: *order*, *mail*.
    """

    lemma: str
    deeds: frozenset[str]
    nouns: frozenset[str] = frozenset()
    nounlike: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a word as a verb. `particle`: another word that must stand at the end of the clause."""

    verb: Verb
    form: Form
    particle: str | None = None


@dataclass(frozen=True, slots=True)
class Language:
    """One vocabulary.

    Attributes:
        verbs: Bent form → readings.
        phrases: Verb and a word shortly after it → the verb that both make together: *get rid*, *call off*.
        nouns: Bent form → noun; two words are joined by a blank.
        also: Noun as written → further things that it may mean: a *review* can be a meeting, a *quote* lies in a mail.
        suffixes: Whether a long word means what its ending means (compounds).
        function: Articles, pronouns, auxiliaries: words that tell the language and say nothing else.
        roles: Nouns that stand for a kind of value in a source: *the amount in …*.
    """

    code: Literal["en", "de"]
    verbs: Mapping[str, tuple[Reading, ...]]
    phrases: Mapping[tuple[str, str], Verb]
    nouns: Mapping[str, str]
    also: Mapping[str, frozenset[str]]
    suffixes: bool
    function: frozenset[str]
    prepositions: Mapping[str, Preposition]
    determiners: frozenset[str]
    things: frozenset[str]
    persons: frozenset[str]
    adverbs: frozenset[str]
    negators: frozenset[str]
    unnegators: frozenset[str]
    narrowers: frozenset[str]
    questions: frozenset[str]
    coordinators: frozenset[str]
    joiners: frozenset[str]
    relatives: frozenset[str]
    reporters: frozenset[str]
    proposers: frozenset[str]
    ranks: frozenset[str]
    days: frozenset[str]
    roles: Mapping[str, str]

    def noun(self, word: str) -> str | None:
        """The noun that a lower-case word means, or None."""
        found = self.nouns.get(word)
        if found is None and self.suffixes and len(word) > 7:
            for length in range(min(len(word) - 3, 16), 3, -1):
                found = self.nouns.get(word[-length:])
                if found is not None:
                    return found
        return found

    def senses(self, word: str) -> frozenset[str]:
        """Everything that a lower-case noun may mean."""
        found = self.also.get(word)
        if found is None and self.suffixes and len(word) > 7:
            length = next((size for size in range(min(len(word) - 3, 16), 3, -1) if word[-size:] in self.also), 0)
            found = self.also[word[-length:]] if length else None
        noun = self.noun(word)
        own: frozenset[str] = frozenset({noun}) if noun is not None else frozenset()
        return own | found if found is not None else own

    def knows(self, word: str) -> bool:
        return word in self.function or word in self.verbs or word in self.adverbs or self.noun(word) is not None


def closest(word: str, known: Mapping[str, object]) -> str | None:
    """The one longer word of `known` that `word` misses by one slip; None where none or several are.

    Only for words of at least six letters, and the first letter must be right.
    """
    if not 6 <= len(word) <= 20 or not word.isalpha():
        return None
    found: str | None = None
    for other in _slips(word):
        if other in known and len(other) > 5 and other[0] == word[0] and other != found:
            if found is not None:
                return None
            found = other
    return found


_LETTERS = "abcdefghijklmnopqrstuvwxyzäöüß"


def _slips(word: str) -> Iterator[str]:
    for index in range(len(word)):
        head, tail = word[:index], word[index:]
        yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in _LETTERS:
            yield head + letter + tail[1:]
            yield head + letter + tail
    for letter in _LETTERS:
        yield word + letter


def singular(word: str) -> str:
    """An English noun without its plural ending."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def plural(word: str) -> str:
    """The plural of an English noun."""
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("ch", "sh", "s", "x")) else "s")


def english_forms(lemma: str, irregular: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Form]]:
    """All forms of an English verb. `irregular`: lemma → past, participle."""
    doubled = lemma + lemma[-1] if lemma in _DOUBLING else lemma
    yield lemma, "base"
    yield plural(lemma), "finite"
    if lemma.endswith("e") and not lemma.endswith("ee"):
        yield lemma[:-1] + "ing", "ing"
    else:
        yield doubled + "ing", "ing"
    if lemma in irregular:
        past, participle = irregular[lemma]
        yield past, "finite"
        yield participle, "participle"
        return
    if lemma.endswith("e"):
        bent = lemma + "d"
    elif lemma.endswith("y") and lemma[-2] not in "aeiou":
        bent = lemma[:-1] + "ied"
    else:
        bent = doubled + "ed"
    yield bent, "participle"


_DOUBLING = bag(
    "drop submit commit plan tag transfer set get put run log pin stop tip bid ban dm scan wrap unpin refer remit"
) | {"cancell", "labell"}


def by_form(readings: Iterable[tuple[str, Reading]]) -> Mapping[str, tuple[Reading, ...]]:
    """Form → its readings, in the order given."""
    found: dict[str, list[Reading]] = {}
    for form, reading in readings:
        if reading not in found.setdefault(form, []):
            found[form].append(reading)
    return {form: tuple(each) for form, each in found.items()}


def table(text: str) -> Iterator[tuple[str, list[str]]]:
    """Lines `head: word word` of a vocabulary. A word may hold `~` for a blank."""
    for line in text.strip().splitlines():
        head, _, words = line.partition(":")
        yield head.strip(), [word.replace("~", " ") for word in words.split()]


def fulfils(asked: frozenset[str], done: frozenset[str]) -> bool:
    """Whether a tool that does `done` may be meant by a verb that asks for `asked`."""
    return any(deed in done or not FULFILS.get(deed, frozenset[str]()).isdisjoint(done) for deed in asked)


def akin(asked: frozenset[str], done: frozenset[str]) -> bool:
    """Whether both are deeds of one family."""
    return any(not family.isdisjoint(asked) and not family.isdisjoint(done) for family in KIN)


def turned(deeds: frozenset[str], nouns: Iterable[str]) -> frozenset[str]:
    """The deeds of a verb together with its object: to make a *payment* is to pay."""
    objects = tuple(nouns)
    meant = {TURNS[deed, noun] for deed in deeds for noun in objects if (deed, noun) in TURNS}
    return frozenset(meant) if meant else deeds


_FOREIGN = bag(
    "le la les des une un du et pour dans avec est sur au aux que qui je il elle nous vous mon ma mes ce cette pas "
    "el los las por para con una del y es mi mis su sus lo al este esta "
    "di che il gli per non sono della delle nel nella mio mia questo questa "
    "de het een van en op voor met aan niet dat deze mijn naar "
    "och att det som på av till för inte jag är med og ikke på til jeg "
    "não um uma os com em ao dos das nos na no o"
) - {"me", "no", "on"}


def best(words: Sequence[str], languages: Sequence[Language], further: Container[str] = ()) -> Language | None:
    """The language that most of `words` (lower-case) belong to; None where it is not clearly one of them.

    Args:
        further: Words that belong to any: those of the tools at hand.
    """
    if not words:
        return None
    foreign = sum(word in _FOREIGN or not _latin(word) for word in words)
    counted = [(sum(word in further or language.knows(word) for word in words), language) for language in languages]
    known, found = max(counted, key=lambda each: each[0])
    telling = sum(word in found.function or word in found.verbs for word in words)
    if not telling or known < (0.4 if foreign else 0.25) * len(words) or foreign * 2 > known:
        return None
    return found


def _latin(word: str) -> bool:
    return all(char.isascii() or char in "äöüßéèáàóòíúñçêëïøåæ’" for char in word)
