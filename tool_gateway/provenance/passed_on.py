"""Free text that plants no address and still is not what the user asked for.

Decides: whether a text for somebody who is fine only passes on what untrusted content says, comes a second time to
the same recipient, or wipes out what stood there. Does not decide what a text may contain (`content_rule.py`).

What the user's words speak of may be written about, and a source that they name may be passed on. A lie about the very
matter, to the very recipient, once, cannot be told from an answer.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from context.json_values import JsonObject, JsonValue, leaves
from context.provenance.interface import Sources
from context.provenance.values import canonical_form
from tool_gateway.interface import KnownTool
from tool_gateway.language.english import ENGLISH
from tool_gateway.language.german import GERMAN
from tool_gateway.provenance.argument_places import Leaf, leaves_of
from tool_gateway.provenance.evidence import ProvenanceEvidence
from tool_gateway.provenance.said import Said, plain, stem, words_in
from tool_gateway.provenance.sinks import Role, role_of, schema_places, words_of

_REPLACING = frozenset({"update", "replace", "overwrite", "edit", "rewrite", "modify", "revise"})
_FORMER = frozenset({"old", "search", "find", "before", "original"})
_WHOLE_TEXTS = frozenset({"body", "content", "contents", "text", "markdown", "html", "document", "page"})
_RECIPIENTS: frozenset[Role] = frozenset({"who", "where", "which"})
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_SHORTEST = 4
_MOST_SENTENCES = 40
_MOST_DONE = 500
_COPIED = 0.5
_KEPT = 0.5
_MUCH = 0.25
_ALIKE = 5


@dataclass(frozen=True, slots=True)
class PassingFault:
    """Why such a text asks; `because` is half a sentence for people."""

    code: Literal["passed-on-text", "repeated-effect", "replaced-text"]
    because: str


def passing_fault(
    leaf: Leaf,
    siblings: Sequence[Leaf],
    tool: KnownTool,
    evidence: ProvenanceEvidence,
    said: Said,
) -> PassingFault | None:
    """What speaks against a text that the model wrote, beside what it contains; None where nothing does."""
    if not isinstance(leaf.value, str) or not said.words:
        return None
    recipients = [one for one in siblings if role_of(tool, one) in _RECIPIENTS]
    if not _names_what_goes(siblings) and _wipes_out(leaf, leaf.value, recipients, tool, evidence.sources):
        return PassingFault("replaced-text", "it takes the place of a text and keeps little of what stood there")
    if was_done(tool, recipients, evidence):
        return PassingFault("repeated-effect", "the same was done before in this run, for the same recipient")
    texts = [one.value for one in siblings if role_of(tool, one) == "content" and isinstance(one.value, str)]
    if any(_speaks_of(text, _matter(said.text)) for text in texts):
        return None
    home = _values(recipients) if _names_what_goes(siblings) else frozenset[str]()
    if _is_copied(leaf.value, evidence.sources, home):
        return PassingFault(
            "passed-on-text", "it repeats what untrusted content says, and the user's words speak of nothing in it"
        )
    return None


def _names_what_goes(siblings: Sequence[Leaf]) -> bool:
    """Whether the call says which text it replaces (`oldText`): the rest stays as it is."""
    return any(_FORMER & set(words_of(one.name)) and isinstance(one.value, str) and one.value for one in siblings)


def _wipes_out(leaf: Leaf, text: str, recipients: Sequence[Leaf], tool: KnownTool, sources: Sources) -> bool:
    if not _REPLACING & set(words_of(tool.definition.name)) or not _WHOLE_TEXTS & set(words_of(leaf.name)):
        return False
    named = _values(recipients)
    old = [
        found
        for source in sources.sources
        if source.kind == "tool" and named & {canonical_form(value) for _, value in leaves(source.arguments or {})}
        if (found := sources.text(source.source_id))
    ]
    new = Counter(words_in(text))
    return not any(_keeps(Counter(words_in(one)), new) for one in old)


def _keeps(old: Counter[str], new: Counter[str]) -> bool:
    return (old & new).total() >= _KEPT * old.total() and old.total() > 0


def was_done(tool: KnownTool, recipients: Sequence[Leaf], evidence: ProvenanceEvidence) -> bool:
    """Whether a call of this tool for the same recipients was carried out before in this run.

    Args:
        recipients: The leaves that say who, where and which.
    """
    mine = {(one.rule_path, canonical_form(one.value)) for one in recipients if one.value not in {None, ""}}
    if not mine:
        return False
    root = schema_places(tool)
    for ref, arguments in evidence.done[-_MOST_DONE:]:
        if ref != tool.ref:
            continue
        before = {
            (one.rule_path, canonical_form(one.value))
            for one in leaves_of(arguments, root)
            if role_of(tool, one) in _RECIPIENTS and one.value not in {None, ""}
        }
        if mine & before and (mine <= before or before <= mine):
            return True
    return False


@functools.lru_cache(maxsize=32)
def _matter(text: str) -> frozenset[str]:
    """Words of the user that say what it is about: no verbs, no kinds of things, nothing that any task has."""
    return frozenset(stem(word) for word in words_in(text) if len(word) > 2 and not _is_common(word))


def _is_common(word: str) -> bool:
    return any(
        word in language.verbs
        or word in language.function
        or word in language.adverbs
        or language.noun(word) is not None
        for language in (ENGLISH, GERMAN)
    )


def _speaks_of(text: str, matter: frozenset[str]) -> bool:
    words = {stem(word) for word in words_in(plain(text[:20_000]))}
    if words & matter:
        return True
    starts = {word[:_ALIKE] for word in matter if len(word) > _ALIKE}
    return any(word[:_ALIKE] in starts for word in words if len(word) > _ALIKE)


def _values(leaves_: Sequence[Leaf]) -> frozenset[str]:
    return frozenset(canonical_form(one.value) for one in leaves_) - {""}


def _is_copied(text: str, sources: Sources, home: frozenset[str]) -> bool:
    """Whether most of its words stand in sentences that untrusted results have as they are.

    What is edited in place goes to nobody new: results that were asked for by the same `home` do not count.

    Results that the user named may be passed on, as long as it is much of them: not the one sentence that was put in.
    """
    copied = total = 0
    given: Counter[str] = Counter()
    for sentence in _sentences(text):
        count = len(words_in(sentence))
        total += count
        if count < _SHORTEST:
            continue
        found = [
            one.source
            for one in sources.origin(sentence).sightings
            if one.source.kind == "tool"
            and not one.source.trusted
            and one.how in {"exact", "normalised"}
            and not home & {canonical_form(value) for _, value in leaves(one.source.arguments or {})}
        ]
        copied += count if found else 0
        given.update({one.source_id: count for one in found if _was_asked_for(one.arguments, sources)})
    passed_on = any(count >= _MUCH * len(words_in(sources.text(one))) for one, count in given.items())
    return total > 0 and copied >= _COPIED * total and not passed_on


def _was_asked_for(arguments: JsonObject | None, sources: Sources) -> bool:
    """Whether the user wrote what the result was asked with: the file's path, the page's address."""
    return any(
        isinstance(value, str) and len(value) > 3 and _says(value, sources) for _, value in leaves(arguments or {})
    )


def _says(value: JsonValue, sources: Sources) -> bool:
    return any(one.proves and one.source.kind == "user" for one in sources.origin(value).sightings)


def _sentences(text: str) -> Iterator[str]:
    found = 0
    for part in _SENTENCE.split(text[:50_000]):
        bare = part.strip().lstrip("-*•# ").strip()
        if bare:
            found += 1
            yield bare.rstrip(".!?")
        if found == _MOST_SENTENCES:
            return
