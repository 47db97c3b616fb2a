"""What a task names, by the user's own words and the list of tools alone.

Decides: which tools with an effect the words name, which of their arguments which reads may decide, and which phrase
hands the task over to a text. Does not decide what follows for a call (`judgement.py`).

It is read once, before anything untrusted is, by tables and rules: no model, no network, the same words always give
the same reading. Where the words are unclear they name nothing; that costs a question, never an effect. Text that
the user quotes asks for nothing (`own_text.py`).

In a language that is not read here nothing is granted, and the task is None: nothing is narrowed either. Words that
nobody understood are no reason to ask about each call; every value still has to come from somewhere.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from context.calls import ToolRef
from context.provenance.interface import ValueKind
from context.provenance.values import find_values
from context.visible_text import escape_line, quote
from tool_gateway.gates.scope import in_scope
from tool_gateway.interface import KnownTool, Scope
from tool_gateway.language.english import ENGLISH
from tool_gateway.language.german import GERMAN
from tool_gateway.language.vocabulary import (
    CARRIERS,
    DESTRUCTION,
    FULFILS,
    GENERIC,
    PAYMENT,
    Language,
    Reading,
    Verb,
    akin,
    bag,
    best,
    english_forms,
    fulfils,
    singular,
    turned,
)
from tool_gateway.provenance.evidence import Grant, TaskScope
from tool_gateway.provenance.sinks import words_of
from tool_gateway.task.clauses import Clause, Phrase, read_clauses
from tool_gateway.task.delegations import delegation
from tool_gateway.task.grants import Asked, read_grants
from tool_gateway.task.mentions import antecedent
from tool_gateway.task.own_text import OwnText, Token, read_text
from tool_gateway.task.tool_words import ToolWords, tool_words

_LANGUAGES = (ENGLISH, GERMAN)
_SHOWN = 80
_COUNTED_WORDS = 2_000
_MOST_CLAUSES = 400
_ABOUT_OBJECT = frozenset({None, "to", "in", "on", "via", "as", "at", "by"})
_EVERYTHING = bag("anything changes something nothing actions etwas änderungen")
_CHANGING = bag("do update create set remind run put write")
_MONEY_NOUNS = frozenset({"transaction", "standingorder", "money", "purchase", "refund", "order", "account", "bank"})
_KNOWN_DEEDS = frozenset(
    deed for readings in ENGLISH.verbs.values() for reading in readings for deed in reading.verb.deeds
)
_SUMS = bag("money transaction share rest half part amount sum deposit")
_GIVING = frozenset({"send back", "give back", "zurückgeben", "zurückschicken", "zurücksenden", "zurückzahlen"})
_REQUESTING = frozenset({"ask for", "request", "claim"})
_RECURRING = bag(
    "standing recurring debit subscription mandate monthly weekly yearly every each regular regularly subscription "
    "dauerauftrag monatlich wöchentlich jährlich jeden regelmäßig lastschrift abo"
)
_RETURNING = frozenset({"send back", "give back", "get back"})
_CLAUSE_OPENERS = bag("dass ob wann that whether when")
_SPEAKING = bag("draft reply tell forward")
_MAKING = bag("create add schedule open")
_KEPT = frozenset({"page", "file", "note", "event", "issue", "task", "contact", "section"})
_PLANNING = bag("move update set reschedule schedule create add put book")
_WHOLE = bag("everything anything all rest whatever remainder alles rest")
_OF_SUMS = frozenset({None, "on", "for", "of"})
_LOOSE = bag("write save")
"""Deeds that are an answer to the user as often."""
_INTO = frozenset({"to", "in", "on", "at"})
_THERE = bag("there here dort dorthin")
_BACK = bag("there here it that this them her him dort dorthin hin es sie ihn ihm ihr ihnen das dies diese")
_NONE: frozenset[str] = frozenset()
_NAME_LIKE = bag("name title branch tag revision commit slug alias")
"""What an argument is called that takes a thing by its name."""

_RECORD_KINDS: frozenset[ValueKind] = frozenset({"identifier"})
_DAY_KINDS: frozenset[ValueKind] = frozenset({"date", "moment"})
_TRACED_KINDS: frozenset[ValueKind] = frozenset({"address", "url", "account", "phone", "date", "moment", "time"})
_TRACED = 20_000
_RECORD_WORDS = bag("no nr number id nummer #")


@dataclass(frozen=True, slots=True)
class WordReading:
    """What the user's words say.

    Attributes:
        task: Tools with an effect that they name; None in a language that is not read here: nothing is narrowed.
        grants: What they let which source decide.
        delegates: The phrase that hands the task to a text, escaped: nothing is granted then.
        language: None where the words are in no language that is read here.
    """

    task: TaskScope | None
    grants: tuple[Grant, ...] = ()
    delegates: str | None = None
    language: Literal["en", "de"] | None = None


def read_words(prompt: str, tools: Sequence[KnownTool], *, scope: Scope) -> WordReading:
    """The reading of `prompt` for the tools in `scope`. Deterministic; takes milliseconds, and never raises."""
    known = [tool_words(tool) for tool in tools if in_scope(scope, tool.ref)]
    text = read_text(prompt)
    if text.too_long:
        return WordReading(TaskScope())
    further = _further(known)
    language = _language(text, further.keys() | {noun for tool in known for noun in tool.nouns})
    if language is None:
        # Two words before a pasted page tell no language. That must not pass for one that is not read here.
        pasted = any(token.kind == "word" for token in text.doubtful)
        return WordReading(TaskScope() if pasted else None)
    every = read_clauses(text.tokens, language, further)
    # What is forbidden counts however late it is said; what is asked for only up to here.
    clauses = every[:_MOST_CLAUSES]
    acting = [tool for tool in known if tool.tool.rule.effect != "read"]
    # After a quotation that nothing closes the user may have gone on with a "don't".
    forbidden = {
        tool.ref
        for clause in (*every, *read_clauses(text.doubtful, language, {}))
        if clause.forbidden and not clause.narrowed
        for tool in acting
        if _forbids(clause, tool)
    }
    asked = [one for one in _asked(clauses, acting) if one.tool.ref not in forbidden]
    effects: dict[ToolRef, str] = {}
    for one in asked:
        clause = clauses[one.place]
        effects.setdefault(one.tool.ref, _shown(text, clause))
    handed_over = delegation(_own_words(text))
    grants: tuple[Grant, ...] = ()
    if handed_over is None:
        reads = [tool for tool in known if tool.tool.rule.effect == "read"]
        found = read_grants(text, clauses, asked, reads, _given(text, language))
        grants = tuple(grant for grant in found if not _is_said(grant))
    return WordReading(TaskScope(effects), grants, handed_over, language.code)


def _is_said(grant: Grant) -> bool:
    """Whether the argument takes the very name by which the user spoke of the thing: nobody else needs to say it.

    "Create branch rel-1" gives `branch_name`; a source that happens to speak of `rel-1` would only compete with it. A
    number, an address or a day that belongs to the name still has to be looked up.
    """
    words = words_of(grant.argument.rpartition(".")[2].removesuffix("[]"))
    return bool(grant.pointers) and bool(words) and words[-1] in _NAME_LIKE


def explain(reading: WordReading) -> list[str]:
    """The reading for people, one thing a line, safe to show."""
    if reading.task is None:
        return ["from your words: nothing was read, in this language; no source was granted, no tool set apart"]
    lines = [f"from your words: {words} asks for {_line(ref)}" for ref, words in reading.task.effects.items()]
    if not lines:
        lines.append("from your words: they name no tool that changes or sends anything; each such call asks")
    if reading.delegates is not None:
        lines.append(f'from your words: "{reading.delegates}" leaves the task to a text; nothing it says is granted')
    for grant in reading.grants:
        which = ", ".join(quote(pointer, _SHOWN) for pointer in grant.pointers)
        told = f" ({'each' if grant.plural else 'the one'} with {which})" if which else ""
        told += f", only its {' or '.join(grant.kinds)}," if grant.kinds else ""
        lines.append(f"from your words: {_line(grant.source)}{told} may decide {_line(grant.argument)} of {grant.ref}")
    return lines


def _line(value: object) -> str:
    return escape_line(str(value), 200)


def _shown(text: OwnText, clause: Clause) -> str:
    return quote(" ".join(text.words(clause.first, clause.last - 1).split()), _SHOWN)


def _language(text: OwnText, further: Set[str]) -> Language | None:
    """Of the user's own words; where they tell none, of what follows them as well."""
    own = [token.lower for token in text.tokens if token.kind == "word"][:_COUNTED_WORDS]
    rest = [token.lower for token in text.doubtful if token.kind == "word"][:_COUNTED_WORDS]
    return best(own, _LANGUAGES, further) or (best(own + rest, _LANGUAGES, further) if rest else None)


def _own_words(text: OwnText) -> str:
    return " ".join("…" if token.kind == "quote" and not token.kinds else token.text for token in text.tokens)


def _further(tools: Iterable[ToolWords]) -> dict[str, Reading]:
    """Verbs of the tools' own that no vocabulary has: `frobnicate_widget`."""
    found: dict[str, Reading] = {}
    for tool in tools:
        for deed in tool.deeds:
            if not ENGLISH.knows(deed) and deed not in GENERIC | PAYMENT and len(deed) > 2 and deed in tool.literal:
                verb = Verb(deed, frozenset({deed}))
                for form, kind in english_forms(deed, {}):
                    found.setdefault(form, Reading(verb, kind))
    return found


def _given(text: OwnText, language: Language) -> frozenset[ValueKind]:
    """The kinds of value that stand anywhere in the prompt, quotations included."""
    records: set[int] = set()
    kinds: set[ValueKind] = set()
    for before, token in zip(text.tokens, text.tokens[1:], strict=False):
        numbered = before.kind == "word" and (language.noun(before.lower) or before.lower in _RECORD_WORDS)
        if numbered and token.kind == "value" and "number" in token.kinds and token.text.isdigit():
            # "invoice 4711" is the name of an invoice, not its amount.
            records.add(token.start)
        if token.kind == "word" and token.lower in language.days:
            kinds |= _DAY_KINDS
    for value in text.written:
        if value.text[:1] in "#@" and value.text[1:2].isalpha():
            continue  # the name of a channel or a person, not its id
        kinds |= _RECORD_KINDS if value.start in records else value.kinds
    # What the tracing of values knows by another spelling is given, too.
    kinds |= _TRACED_KINDS.intersection(each.kind for each in find_values(text.prompt[:_TRACED]))
    return frozenset(kinds)


def _asked(clauses: Sequence[Clause], acting: Sequence[ToolWords]) -> list[Asked]:
    found: list[Asked] = []
    topics = frozenset[str]().union(*(tool.reach for tool in acting))
    for place, clause in enumerate(clauses):
        if clause.verb is None or clause.forbidden:
            continue
        named = [tool for tool in acting if _names(clauses, place, tool)]
        if not named:
            named = [tool for tool in acting if _carries(clauses, place, tool)]
        if not named or _only_makes(named, clause):
            named += [tool for tool in acting if tool not in named and _akin(clauses, place, tool, topics)]
        if not named:
            named = [tool for tool in acting if _vaguely(clauses, place, tool, topics)]
        found += (Asked(place, tool) for tool in named)
    return found


def _names(clauses: Sequence[Clause], place: int, tool: ToolWords) -> bool:
    """Whether the verb and its object are the tool's."""
    clause = clauses[place]
    verb = clause.verb
    if verb is None:
        return False
    heads = _heads(clauses, place)
    deeds = _deeds(clause, heads)
    if tool.pays:
        own = tool.nouns - _MONEY_NOUNS - (CARRIERS["buy"] if "buy" in deeds else _NONE)
        if verb.lemma in _RETURNING and not heads <= _SUMS:
            return False
        if verb.lemma in _GIVING and "refund" in tool.nouns | tool.literal:
            return False
        if verb.lemma in _REQUESTING and "refund" not in tool.nouns | tool.literal:
            return False
        if not tool.literal.isdisjoint(_RECURRING) and clause.words.isdisjoint(_RECURRING):
            return False
        paying = not deeds.isdisjoint(PAYMENT) and fulfils(deeds & PAYMENT, tool.deeds)
        return paying and not clause.guessed and (not own or not heads or not own.isdisjoint(heads | _nouns(clause)))
    if tool.tool.rule.effect == "destructive":
        meant = heads.union(*(phrase.head_senses for phrase in clause.objects))
        return _destroys(deeds, tool) and not clause.guessed and not tool.described and not tool.about.isdisjoint(meant)
    if not fulfils(deeds, tool.deeds) and not _makes(tool, verb):
        return False
    # "Send the shoes back", "send them back": a tool that takes things back, not money.
    things = any(phrase.thing or phrase.nouns or phrase.common for phrase in clause.objects)
    returning = things and "return" in deeds & tool.deeds
    if not deeds.isdisjoint(PAYMENT) and "buy" not in deeds and not returning:
        return False
    own = tool.nouns - {verb.lemma} - (deeds & tool.deeds)
    nouns = heads | _nouns(clause) | verb.nouns
    for deed in deeds & {"buy", "invite"}:
        nouns |= CARRIERS[deed] - {"event"}
    if own:
        return not own.isdisjoint(nouns) or (not deeds.isdisjoint({"update", "set"}) and _part_of(clause, tool))
    if _makes(tool, verb) or not tool.deeds <= GENERIC | _SPEAKING or not tool.home.isdisjoint(nouns):
        return True
    exactly = not deeds.isdisjoint(tool.deeds)
    return exactly and any(not argument.nouns.isdisjoint(nouns) for argument in tool.arguments)


def _deeds(clause: Clause, heads: Set[str]) -> frozenset[str]:
    """What the verb and its objects ask for together: to add *Bob* to something is to invite him."""
    if clause.verb is None:
        return _NONE
    if not heads and "to" in {phrase.preposition for phrase in clause.phrases} and _is_sum(clause):
        heads = frozenset({"money"})
    deeds = turned(clause.verb.deeds, heads)
    if "add" in deeds and not heads and any(phrase.names for phrase in clause.objects):
        return frozenset({"add", "invite"})
    return deeds


def _is_sum(clause: Clause) -> bool:
    """ "Move everything above 2000 euros from … to …": what is moved has no name but its sum."""
    things = frozenset[str]().union(*(phrase.senses for phrase in clause.phrases))
    money = any("money" in _value_nouns(phrase.values) for phrase in clause.phrases if phrase.preposition in _OF_SUMS)
    return money and things <= _MONEY_NOUNS | {"payee"} and not clause.words.isdisjoint(_WHOLE)


def _makes(tool: ToolWords, verb: Verb) -> bool:
    """`create_draft` is to draft, `add_comment` to comment."""
    made = verb.lemma in tool.literal and not tool.deeds.isdisjoint({"create", "add"})
    return made and not verb.nouns and not verb.deeds <= GENERIC and verb.deeds.isdisjoint(PAYMENT)


def _part_of(clause: Clause, tool: ToolWords) -> bool:
    """ "Change my phone number" for a tool that takes a phone number."""
    said = {word for phrase in clause.objects if not phrase.nouns for word in (*phrase.roles, phrase.common) if word}
    return any(not argument.words.isdisjoint(said) for argument in tool.arguments)


def _destroys(deeds: frozenset[str], tool: ToolWords) -> bool:
    """Whether a verb of destruction stands for what the tool does; to overwrite is to write over something."""
    return any(
        deed in tool.deeds or not FULFILS.get(deed, _NONE).isdisjoint(tool.deeds & _destroying(deed))
        for deed in deeds & DESTRUCTION
    )


def _destroying(deed: str) -> frozenset[str]:
    return DESTRUCTION | FULFILS["overwrite"] if deed == "overwrite" else DESTRUCTION


def _carries(clauses: Sequence[Clause], place: int, tool: ToolWords) -> bool:
    """Whether the tool carries what is sent, saved or planned: "send Anna the figures" takes a mail."""
    clause = clauses[place]
    verb = clause.verb
    if verb is None or tool.pays or tool.tool.rule.effect == "destructive" or clause.guessed:
        return False
    deeds = _deeds(clause, _heads(clauses, place))
    told = not clause.words.isdisjoint(_CLAUSE_OPENERS) or any(
        phrase.preposition in {"that", "says"} for phrase in clause.phrases
    )
    addressed = any(
        phrase.preposition == "to" and any("address" in value.kinds for value in phrase.values)
        for phrase in clause.phrases
    )
    to_whom = (
        addressed
        or (told and any(phrase.unknown and not phrase.nouns for phrase in clause.objects))
        or any(
            (phrase.preposition == "to" and (phrase.names or phrase.person))
            or (
                phrase.preposition is None
                and (phrase.receivers or phrase.person or (phrase.names and not phrase.nouns))
            )
            for phrase in clause.phrases
        )
    )
    if to_whom and deeds <= {"write"}:
        deeds = frozenset({"tell"} if any(phrase.person for phrase in clause.phrases) else {"send"})
    if "send" in deeds and any(_lies_in_mail(phrase) for phrase in clause.objects):
        deeds |= {"forward"}
    if not fulfils(deeds, tool.deeds):
        return False
    carriers = frozenset(noun for deed in deeds for noun in CARRIERS.get(deed, ()))
    if deeds <= {"write", "append", "overwrite", "save", "add", "create", "update"} and "file" not in _nouns(clause):
        # "Write a summary" is an answer; only with a file it is a file.
        carriers = _NONE
    if not tool.about.isdisjoint(carriers):
        return True
    return "channel" in tool.reach and bool(carriers) and "channel" in _spoken(clauses, place)


def _spoken(clauses: Sequence[Clause], place: int) -> frozenset[str]:
    """The things that the clause speaks of, "there" included."""
    clause = clauses[place]
    nouns = _all_nouns(clause)
    if not clause.words.isdisjoint(_THERE):
        meant = antecedent(clauses, place)
        nouns |= _all_nouns(meant.clause) if meant is not None else _NONE
    return nouns


def _lies_in_mail(phrase: Phrase) -> bool:
    """ "The invoice from Acme" came by mail, so that sending it may be forwarding; "a mail" is a new one."""
    return not phrase.fresh and not phrase.head_senses.isdisjoint({"mail", "message"})


def _akin(clauses: Sequence[Clause], place: int, tool: ToolWords, topics: Set[str]) -> bool:
    """Whether the verb is of the tool's family and the clause, or what it goes back to, speaks of the tool's things.

    Too many harmless tools of the thing that is spoken of cost nothing: each value has to come from somewhere still.
    """
    clause = clauses[place]
    verb = clause.verb
    if verb is None or tool.pays or tool.tool.rule.effect == "destructive" or clause.guessed:
        return False
    deeds = _deeds(clause, _heads(clauses, place))
    if not deeds.isdisjoint(PAYMENT) and "buy" not in deeds:
        return False
    strange = tool.deeds.isdisjoint(_KNOWN_DEEDS) and not deeds <= {"read"}
    if not akin(deeds, tool.deeds) and not fulfils(deeds, tool.deeds) and not strange:
        return False
    if deeds <= {"open", "do"}:
        return False
    if deeds <= _LOOSE:
        # "Write a summary of the mails" is an answer; "write it on the page Rota" is not.
        into = [phrase for phrase in clause.around if phrase.preposition in _INTO]
        return not frozenset[str]().union(*(phrase.senses for phrase in into)).isdisjoint(tool.reach)
    nouns = _target_nouns(clause)
    if nouns.isdisjoint(topics):
        nouns = _all_nouns(clause)
    nouns |= verb.nouns
    if verb.nounlike and verb.lemma in ENGLISH.nouns:
        nouns |= {ENGLISH.nouns[verb.lemma]}
    if nouns.isdisjoint(tool.reach):
        meant = antecedent(clauses, place)
        if meant is not None and _goes_back(clause):
            nouns |= _all_nouns(meant.clause)
    return not nouns.isdisjoint(tool.reach)


def _only_makes(named: Sequence[ToolWords], clause: Clause) -> bool:
    """Whether all that was found makes something new, while the words speak of what is there already."""
    there = any(not phrase.fresh and phrase.senses & _KEPT for phrase in clause.around)
    return there and all(tool.deeds <= _MAKING for tool in named)


def _vaguely(clauses: Sequence[Clause], place: int, tool: ToolWords, topics: Set[str]) -> bool:
    """Whether the verb is the tool's, and its object a thing of which no tool speaks by name: "return the lamp"."""
    clause = clauses[place]
    verb = clause.verb
    if verb is None or tool.pays or tool.tool.rule.effect == "destructive" or clause.guessed:
        return False
    deeds = _deeds(clause, _heads(clauses, place)) - _LOOSE - {"open", "do", "read", "post", "run", "take"}
    if verb.deeds <= PAYMENT or not any(phrase.unknown or phrase.roles for phrase in clause.objects):
        return False
    known = frozenset[str]().union(*(phrase.head_senses for phrase in clause.objects))
    return known.isdisjoint(topics) and not deeds.isdisjoint(tool.deeds)


def _goes_back(clause: Clause) -> bool:
    """Whether the clause says "it" or "there", or nothing of its own."""
    return (
        not clause.objects
        or any(phrase.thing or phrase.person for phrase in clause.phrases)
        or not clause.words.isdisjoint(_BACK)
    )


def _target_nouns(clause: Clause) -> frozenset[str]:
    """What is acted on, and where to; not where it comes from, nor what it is about."""
    return frozenset[str]().union(
        *(
            phrase.senses | _value_nouns(phrase.values)
            for phrase in clause.around
            if phrase.preposition in _ABOUT_OBJECT
        )
    )


def _all_nouns(clause: Clause) -> frozenset[str]:
    """Whatever the clause speaks of, in every sense; a time to move something to speaks of a plan."""
    found: set[str] = set()
    for phrase in clause.around:
        found |= phrase.senses | _value_nouns(phrase.values)
        found |= {singular(word) for word in (*phrase.unknown, *phrase.roles)}
    verb = clause.verb
    timed = any(
        phrase.role == "when" or any(value.kinds & {"date", "time", "moment"} for value in phrase.values)
        for phrase in clause.phrases
    )
    if verb is not None and timed and not verb.deeds.isdisjoint(_PLANNING):
        found.add("event")
    return frozenset(found)


def _heads(clauses: Sequence[Clause], place: int) -> frozenset[str]:
    """The nouns of the verb's own objects, "it" resolved, files and sums of money included."""
    clause = clauses[place]
    found: set[str] = set()
    objects = clause.objects
    for phrase in objects:
        if phrase.head is not None:
            found.add(phrase.head)
        elif phrase.common is not None:
            found.add(singular(phrase.common))
        elif phrase.thing:
            meant = antecedent(clauses, place)
            if meant is not None:
                found |= {meant.phrase.head} if meant.phrase.head is not None else _value_nouns(meant.phrase.values)
        found |= _value_nouns(phrase.values) if phrase.head is None else set()
    if clause.verb is not None and clause.verb.lemma == "ask for":
        found |= {phrase.head for phrase in clause.phrases if phrase.preposition == "for" and phrase.head is not None}
    return frozenset(found)


def _nouns(clause: Clause) -> frozenset[str]:
    """The nouns of all phrases that say what is acted on, or where to."""
    found: set[str] = set()
    for phrase in clause.phrases:
        if phrase.preposition in _ABOUT_OBJECT:
            found |= set(phrase.nouns) | _value_nouns(phrase.values)
            found |= {singular(phrase.common)} if phrase.common is not None else set()
            found |= {singular(word) for word in phrase.roles if word not in ENGLISH.nouns}
    return frozenset(found)


def _value_nouns(values: Sequence[Token]) -> set[str]:
    found: set[str] = set()
    for value in values:
        if "path" in value.kinds:
            found.add("file")
        elif "url" in value.kinds:
            found.add("page")
        elif "amount" in value.kinds and not value.text.replace(".", "").replace(",", "").isdigit():
            found.add("money")
    return found


def _forbids(clause: Clause, tool: ToolWords) -> bool:
    """Whether a "don't" is about the tool; in doubt it is."""
    verb = clause.verb
    if verb is None:
        return False
    if not verb.deeds.isdisjoint(_CHANGING) and not clause.words.isdisjoint(_EVERYTHING):
        return True
    heads = frozenset(phrase.head for phrase in clause.objects if phrase.head is not None)
    if not fulfils(turned(verb.deeds, heads) | verb.deeds, tool.deeds) and not _makes(tool, verb):
        return False
    about = heads | verb.nouns
    return not about or not tool.about.isdisjoint(about | frozenset(CARRIERS.get(next(iter(verb.deeds)), ())))
