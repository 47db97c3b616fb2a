"""What the tools of a run do and take, in the words that a task would use for them.

Decides: a tool's deeds and nouns from its name, title, server and, where these say nothing, its accepted
description; and of each argument which kinds of values it takes. Does not decide which tool a task names
(`reading.py`), nor what part an argument plays (`sinks.py`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

from context.calls import ToolRef
from context.provenance.interface import ValueKind
from tool_gateway.interface import KnownTool
from tool_gateway.language.english import ENGLISH
from tool_gateway.language.vocabulary import PAYMENT, Verb, bag, singular, turned
from tool_gateway.provenance.argument_places import Place
from tool_gateway.provenance.sinks import Role, argument_roles, schema_places

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FIRST_SENTENCE = 200
_FILLERS = bag("to a an the of for by with in on at from as is and or new all my api tool mcp server service")

_KINDS: Mapping[str, frozenset[ValueKind]] = {
    word: cast("frozenset[ValueKind]", frozenset(kinds.split()))
    for words, kinds in (
        ("email mail to cc bcc recipient recipients address addresses sender attendee attendees participant "
         "participants invitee invitees guest guests", "address name identifier"),
        ("user users username member members assignee assignees person people owner contact contacts",
         "name identifier address"),
        ("iban account bic swift", "account identifier"),
        ("payee beneficiary", "account name identifier"),
        ("url uri link href webhook website", "url"),
        ("host domain endpoint", "url name"),
        ("path file filename filepath folder directory destination source dir", "path name"),
        ("amount price total sum cost fee", "amount number"),
        ("quantity qty count limit", "number"),
        ("date day deadline", "date moment"),
        ("time start end begin finish starts ends begins due when at datetime timestamp until", "moment date time"),
        ("id ids uid uuid reference ref number code sku key hash sha", "identifier number"),
        ("phone mobile tel", "phone"),
        ("channel room branch repo repository project", "name identifier"),
        ("name title", "name text"),
    )
    for word in words.split()
}  # fmt: skip
_HOMES: Mapping[str, frozenset[str]] = {
    name: bag(nouns)
    for names, nouns in (
        ("gmail outlook imap smtp mailbox inbox postbox exchange mails", "mail"),
        ("gcal ical caldav agenda diary", "event"),
        ("slack teams discord telegram whatsapp mattermost zulip matrix signal chat", "message channel"),
        ("notion confluence wiki", "page"),
        ("jira github gitlab linear trello asana tracker bugzilla", "issue task"),
        ("gdrive drive dropbox onedrive sharepoint storage disk fs filesystem nextcloud", "file folder"),
        ("hubspot salesforce crm people directory", "contact customer"),
        ("todoist todo todos tasks", "task reminder"),
        ("shop store market", "product order cart"),
        ("hotels booking travel", "reservation hotel"),
        ("flights airline", "flight reservation"),
    )
    for name in names.split()
}
"""What servers with such names are about."""
_FORMATS: Mapping[str, frozenset[ValueKind]] = {
    "email": frozenset({"address"}),
    "uri": frozenset({"url"}),
    "date": frozenset({"date"}),
    "date-time": frozenset({"moment", "date", "time"}),
    "time": frozenset({"time"}),
    "uuid": frozenset({"identifier"}),
}
COMMON = frozenset(ENGLISH.nouns.values())
"""Every noun that a vocabulary knows."""
_KEYS = bag("id ids uid uuid")
_MAILED = bag("email mail bcc")
_MAILING = bag("send reply forward write post")
_ANY: frozenset[ValueKind] = frozenset({"identifier", "name", "text", "number"})


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as a task may name it.

    Attributes:
        kinds: Kinds of values that it takes; `path` where a file goes in.
        nouns: The thing whose id it is: `event` for `event_id`.
        words: Of its name.
    """

    path: str
    role: Role
    kinds: frozenset[ValueKind]
    nouns: frozenset[str]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class ToolWords:
    """One tool.

    Attributes:
        nouns: Objects of its own name; empty where the name says only what is done.
        home: Nouns of its server.
        literal: All words of its name, as they are.
        described: Deeds and nouns are the description's: good enough for neither destruction nor payment.
    """

    tool: KnownTool
    deeds: frozenset[str]
    nouns: frozenset[str]
    home: frozenset[str]
    literal: frozenset[str]
    described: bool
    arguments: tuple[Argument, ...]

    @property
    def ref(self) -> ToolRef:
        return self.tool.ref

    @property
    def about(self) -> frozenset[str]:
        """The nouns it is known by: its own, or else its server's."""
        return self.nouns or self.home

    @property
    def topics(self) -> frozenset[str]:
        """All it may be spoken of by: its own nouns where they are common ones, or else its server's as well."""
        common = self.nouns & COMMON
        return self.nouns if common else self.nouns | self.home

    @property
    def reach(self) -> frozenset[str]:
        """Its topics, and the things whose ids it takes: a tool with a `channel_id` posts in a channel."""
        keys = (one.nouns & COMMON for one in self.arguments if not one.words.isdisjoint(_KEYS))
        return self.topics.union(*keys)

    @property
    def pays(self) -> bool:
        return not self.deeds.isdisjoint(PAYMENT)


def tool_words(tool: KnownTool) -> ToolWords:
    """`tool` in words. Reads accepted text only."""
    home = _parts(tool.ref.server)
    name = _parts(tool.ref.tool)
    # `git_commit` on server git: the server's name says where, not what.
    own = [word for word in name if word not in home] or name
    verb = _verb(own)
    rest = own
    if verb is None and tool.definition.title:
        titled = _parts(tool.definition.title[:_FIRST_SENTENCE])
        verb = _verb(titled)
        rest = [*own, *titled]
    described = False
    if verb is None and tool.rule.effect != "destructive":
        sentence = _parts(re.split(r"[.\n]", tool.definition.description[:_FIRST_SENTENCE], maxsplit=1)[0])[:8]
        verb = _verb(sentence)
        described = verb is not None
        rest = [*own, *sentence] if described else own
    verb = _together(own, verb)
    lemma = verb.lemma if verb is not None else (own[0] if own else "")
    nouns = _nouns(word for word in _joined(rest) if word not in lemma.split() and word not in verb_forms(verb))
    deeds = turned(verb.deeds, nouns) if verb is not None else frozenset({lemma} if lemma else ())
    if described and not deeds.isdisjoint(PAYMENT):
        deeds, described = frozenset(own[:1]), False
    if verb is not None:
        nouns |= verb.nouns
    arguments = tuple(_arguments(tool, pays=not deeds.isdisjoint(PAYMENT)))
    return ToolWords(
        tool,
        deeds,
        nouns,
        _nouns(_joined(home)).union(
            _carried(tool, deeds, arguments), *(_HOMES.get(word, frozenset[str]()) for word in home)
        ),
        frozenset(name),
        described,
        arguments,
    )


def _carried(tool: KnownTool, deeds: frozenset[str], arguments: Sequence[Argument]) -> frozenset[str]:
    """What takes an address and free text and sends it is mail, whatever its server is called."""
    if tool.rule.effect in {"read", "destructive"} or deeds.isdisjoint(_MAILING):
        return frozenset()
    places = {place.path: place for place in schema_places(tool).walk()}
    mailed = any(
        one.words & _MAILED or _formats(places, one.path) == _FORMATS["email"] for one in arguments if one.role == "who"
    )
    written = any(one.role == "content" for one in arguments)
    return frozenset({"mail"}) if mailed and written else frozenset()


def _together(words: Sequence[str], verb: Verb | None) -> Verb | None:
    """`pass_on_mail` forwards; `compose_and_send` does both."""
    for first, second in pairwise(words):
        if (first, second) in ENGLISH.phrases:
            verb = ENGLISH.phrases[first, second]
            break
    if verb is not None and "forward" in verb.deeds:
        return replace(verb, deeds=frozenset({"forward"}))
    if verb is None or "and" not in words:
        return verb
    others = [found.deeds for word in words if (found := _strict(word)) is not None and found.deeds.isdisjoint(PAYMENT)]
    return replace(verb, deeds=verb.deeds.union(*others))


def verb_forms(verb: Verb | None) -> frozenset[str]:
    """How a tool's name may write its verb besides the lemma."""
    return frozenset() if verb is None else frozenset({verb.lemma, verb.lemma + "s"})


def _parts(name: str) -> list[str]:
    return [word.lower() for word in _PARTS.findall(name[:400]) if not word.isdigit()]


def _joined(words: Sequence[str]) -> list[str]:
    """Two words that are one noun in one: pull request."""
    found: list[str] = []
    for word in words:
        if found and f"{found[-1]} {word}" in ENGLISH.nouns:
            found[-1] = f"{found[-1]} {word}"
        else:
            found.append(word)
    return found


def _nouns(words: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for word in words:
        noun = ENGLISH.nouns.get(word)
        if noun is None and (word in _FILLERS or word in ENGLISH.function or _strict(word) or len(word) < 3):
            continue
        found.add(noun or singular(word))
    return frozenset(found)


def _verb(words: Sequence[str]) -> Verb | None:
    """The verb of a name: a sure one wherever it stands, else the first word that can be one, else the last."""
    for word in words:
        verb = _strict(word)
        if verb is not None:
            return verb
    for word in (*words[:1], *reversed(words[1:])):
        for reading in ENGLISH.verbs.get(word, ()):
            if reading.form in {"base", "finite"}:
                return reading.verb
    return None


def _strict(word: str) -> Verb | None:
    for reading in ENGLISH.verbs.get(word, ()):
        if reading.form in {"base", "finite"} and not reading.verb.nounlike:
            return reading.verb
    return None


def _arguments(tool: KnownTool, *, pays: bool) -> Iterable[Argument]:
    places = {place.path: place for place in schema_places(tool).walk()}
    for path, role in argument_roles(tool).items():
        last = path.replace("[]", "").rsplit(".", 1)[-1].strip('"')
        words = _parts(last)
        kinds: set[ValueKind] = set()
        for word in words:
            kinds |= _KINDS.get(word, frozenset())
        if {"id", "ids", "uid", "uuid"} & set(words):
            kinds = {"identifier", "number"}
        kinds |= _formats(places, path)
        if not kinds:
            kinds |= {"amount", "number"} if role == "how_much" else _ANY
        if pays and role in {"who", "where"} and kinds & {"name", "identifier"}:
            kinds |= {"account"}
        if role == "option" and {"id", "ids", "uid", "uuid"} & set(words):
            role = "which"  # `page_id` as a number is no page to turn to
        yield Argument(path, role, frozenset(kinds), _nouns(_joined(words)), frozenset(words))


def _formats(places: Mapping[str, Place], path: str) -> frozenset[ValueKind]:
    place = places.get(path)
    return frozenset[ValueKind]().union(*(_FORMATS.get(each, ()) for each in place.formats)) if place else frozenset()
