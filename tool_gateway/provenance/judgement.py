"""The judgement of one call by where its values come from: one verdict for each leaf, with the reason.

Decides: in which order the means are tried and what each verdict is called. Does not decide what asks follow from it
(`gates/provenance.py`), how a value is traced (`context.provenance`), or any single means: `uniqueness.py`,
`derived.py`, `content_rule.py`.

Nothing is judged before the run has read anything untrusted: what a model makes up then was put into its head by
nobody. From there on a value that cannot be traced counts as the attacker's.

In `sinks` mode only sinks are judged, and free text for what it could plant: a link in a message is a place to go,
which is what a sink is, wherever it stands.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from context.json_values import JsonObject, JsonValue
from context.json_values import leaves as scalars
from context.origins import Origin, Sighting, Source
from context.provenance.values import canonical_form, kind_of
from context.visible_text import escape_line
from tool_gateway.arguments.paths import select
from tool_gateway.interface import KnownTool
from tool_gateway.provenance.argument_places import Leaf, leaves_of
from tool_gateway.provenance.content_rule import content_fault
from tool_gateway.provenance.derived import Setting, derive
from tool_gateway.provenance.evidence import Grant, ProvenanceEvidence
from tool_gateway.provenance.meant import is_meant, named, nouns_of
from tool_gateway.provenance.passed_on import passing_fault, was_done
from tool_gateway.provenance.said import Said, heard
from tool_gateway.provenance.sinks import SINK_ROLES, Role, is_sink, role_of, schema_places, words_of
from tool_gateway.provenance.uniqueness import Pick, any_candidate, granted_sources, only_candidate

Verdict = Literal["trusted", "granted", "derived", "content", "own", "unjudged", "untrusted"]

Cause = Literal[
    "untrusted-value", "unknown-value", "ambiguous-grant", "planted-address", "dictated-text", "passed-on-text",
    "repeated-effect", "replaced-text",
]  # fmt: skip
"""Why a leaf asks. `untrusted-value`: it stands in untrusted content. `unknown-value`: it stands nowhere as a whole.
`ambiguous-grant`: it could as well be another. The last three speak of free text to a recipient who is fine."""

_MOST_SOURCE_ARGUMENT = 80
_PAYING = frozenset(
    {
        *("pay", "payment", "transfer", "wire", "donate", "refund", "charge", "tip", "transaction", "order", "buy"),
        *("purchase", "checkout", "book", "reserve", "withdraw", "deposit", "money"),
    }
)


@dataclass(frozen=True, slots=True)
class JudgedLeaf:
    """What is to be said of one leaf.

    Attributes:
        note: Half a sentence for people, escaped: why it is fine, or why not.
        cause: Only of an untrusted one.
        endorsement: What would make it allowed, `SOURCE=>SERVER.TOOL:ARG`; None where no grant would.
        grant: Of a granted one.
    """

    leaf: Leaf
    role: Role
    verdict: Verdict
    note: str
    cause: Cause | None = None
    endorsement: str | None = None
    grant: Grant | None = None

    @property
    def asks(self) -> bool:
        return self.verdict == "untrusted"


class Judgement:
    """One call's leaves. Each is traced and judged when somebody first wants to know, and once."""

    def __init__(
        self, tool: KnownTool, arguments: JsonObject, evidence: ProvenanceEvidence, today: date | None = None
    ) -> None:
        self.tool = tool
        self._today = today
        self.evidence = evidence
        self._arguments = arguments
        self._sources = evidence.sources
        self._leaves: tuple[Leaf, ...] | None = None
        self._judged: dict[int, JudgedLeaf] = {}
        self._judging: set[int] = set()
        self._said: Said | None = None

    @property
    def applies(self) -> bool:
        """Whether values of this run and this tool are judged at all."""
        return self.evidence.mode != "off" and self._sources.tainted

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every scalar and every key that the caller chose."""
        if self._leaves is None:
            self._leaves = leaves_of(self._arguments, schema_places(self.tool))
        return self._leaves

    def all(self) -> tuple[JudgedLeaf, ...]:
        """One for each leaf, in document order."""
        return tuple(self._of(index) for index in range(len(self.leaves)))

    def asking(self) -> tuple[JudgedLeaf, ...]:
        """Those because of which a person must be asked."""
        if not self.applies:
            return ()
        return tuple(judged for judged in self.all() if judged.asks)

    def origin(self, leaf: Leaf) -> Origin:
        return self._sources.origin(leaf.value, path=leaf.path)

    def _of(self, index: int) -> JudgedLeaf:
        judged = self._judged.get(index)
        if judged is None:
            if index in self._judging:
                # Two leaves that vouch for each other vouch for nothing.
                leaf = self.leaves[index]
                return JudgedLeaf(leaf, "which", "untrusted", "it depends on itself", "unknown-value")
            self._judging.add(index)
            judged = self._judged[index] = self._judge(index)
            self._judging.discard(index)
        return judged

    def _judge(self, index: int) -> JudgedLeaf:
        leaf = self.leaves[index]
        role = role_of(self.tool, leaf)
        if not self.applies:
            off = self.evidence.mode == "off"
            why = "where values come from is not judged" if off else "nothing untrusted was read before"
            return JudgedLeaf(leaf, role, "unjudged", why)
        sink = is_sink(self.tool, leaf)
        if self.tool.rule.effect == "read" and not sink:
            return JudgedLeaf(leaf, role, "unjudged", "the tool only reads, and this reaches nothing outside")
        if self.evidence.mode == "sinks" and not sink and role != "content":
            return JudgedLeaf(leaf, role, "unjudged", "it decides nothing: no sink")
        plain = self._plain(leaf, role)
        if plain is not None:
            return JudgedLeaf(leaf, role, "trusted", plain)
        if role == "content" and not sink and self.tool.rule.effect != "read":
            return self._free_text(leaf, role)
        judged = self._value(leaf, role)
        if role == "how_much" and not judged.asks and self._was_paid():
            because = "the same was done before in this run, for the same recipient"
            return JudgedLeaf(leaf, role, "untrusted", because, "repeated-effect")
        return judged

    def _was_paid(self) -> bool:
        """Whether money went the same way before: who may only repeat what the user said can still empty an account."""
        if self.tool.rule.effect == "read" or not _PAYING & set(words_of(self.tool.definition.name)):
            return False
        recipients = [one for one in self.leaves if role_of(self.tool, one) in {"who", "where", "which"}]
        return was_done(self.tool, recipients, self.evidence)

    def _plain(self, leaf: Leaf, role: Role) -> str | None:
        """What is fine wherever else it stands."""
        if leaf.value is None or (leaf.value == "" and role != "content"):
            return "it says nothing"
        place = leaf.place
        if (
            place is not None
            and place.allowed is not None
            and len(place.allowed) == 1
            and _in(leaf.value, place.allowed)
        ):
            return "the tool's schema allows nothing else"
        if place is not None and _in(leaf.value, place.defaults):
            return "it is the tool's own default"
        return None

    def _free_text(self, leaf: Leaf, role: Role) -> JudgedLeaf:
        """Content: what the user said of it first, then everything that makes any value fine, then the content rule."""
        means = self.evidence.means
        if not means.content_rule:
            if self.evidence.mode == "sinks":
                return JudgedLeaf(leaf, role, "unjudged", "it decides nothing: no sink")
            return self._value(leaf, role)
        fault = None
        if isinstance(leaf.value, str):
            fault = content_fault(
                leaf.value,
                name=leaf.name,
                said=self._heard,
                sources=self._sources,
                granted=lambda mark: self._gives_mark(leaf, role, mark),
            )
        if fault is not None and fault.code == "dictated-text":
            derived = self._derived(leaf, role, ())
            return derived or JudgedLeaf(leaf, role, "untrusted", fault.because, "dictated-text")
        judged = self._value(leaf, role)
        by_words = judged.grant is not None and judged.grant.given_by == "words"
        if not judged.asks and not (by_words and fault is not None):
            return judged
        if fault is not None:
            return JudgedLeaf(leaf, role, "untrusted", fault.because, "planted-address", judged.endorsement)
        if self.evidence.mode == "sinks" and self.tool.rule.effect == "read":
            return JudgedLeaf(leaf, role, "content", "free text that plants no address")
        if not self._goes_where_it_may():
            if self.evidence.mode == "sinks":
                return JudgedLeaf(leaf, role, "content", "free text that plants no address")
            return judged
        passing = passing_fault(leaf, self.leaves, self.tool, self.evidence, self._heard)
        if passing is not None:
            return JudgedLeaf(leaf, role, "untrusted", passing.because, passing.code)
        return JudgedLeaf(leaf, role, "content", "free text that plants no address, for somebody who is trusted")

    def _goes_where_it_may(self) -> bool:
        """Every leaf that says who, where or which in the same call is fine by itself."""
        for index, leaf in enumerate(self.leaves):
            role = role_of(self.tool, leaf)
            if role in {"who", "where", "which", "command"} and self._of(index).asks:
                return False
        return True

    def _value(self, leaf: Leaf, role: Role) -> JudgedLeaf:
        origin = self.origin(leaf)
        trusted = self._trusted(leaf, role, origin)
        if trusted is not None:
            return JudgedLeaf(leaf, role, "trusted", f"it stands in {trusted.described}")
        grants = self._grants(leaf)
        pick, grant = self._granted(leaf, role, origin, grants)
        if pick is not None and pick.fine:
            return JudgedLeaf(leaf, role, "granted", pick.because, grant=grant)
        called = self._named(leaf, role, origin)
        if called is not None:
            return JudgedLeaf(leaf, role, "granted", f"it is the only one there that is called {called}")
        derived = self._derived(leaf, role, grants)
        if derived is not None:
            return derived
        if self.evidence.own_values and leaf.value in self.evidence.own and not isinstance(leaf.value, bool):
            return JudgedLeaf(leaf, role, "own", "the client said it before any untrusted content did")
        if self.evidence.own_values and not isinstance(leaf.value, bool) and not _untrusted(origin):
            return JudgedLeaf(leaf, role, "own", "no untrusted content of this session contains it")
        if self.evidence.own_values and isinstance(leaf.value, bool):
            return JudgedLeaf(leaf, role, "own", "a mere yes or no of the client's")
        return self._asked(leaf, role, origin, pick)

    def _derived(self, leaf: Leaf, role: Role, grants: Sequence[Grant]) -> JudgedLeaf | None:
        if not self.evidence.means.derived_values:
            return None
        setting = Setting(
            role=role,
            siblings=self.leaves,
            fine=self._fine,
            sources=self._sources,
            said=self._heard,
            trusts=self._trusts,
            given=self._given,
            grants=grants,
            today=self._today,
        )
        because = derive(leaf, setting)
        return None if because is None else JudgedLeaf(leaf, role, "derived", because)

    def _fine(self, other: Leaf) -> bool:
        index = next(at for at, leaf in enumerate(self.leaves) if leaf is other)
        if index in self._judging:
            return False
        return self._of(index).verdict in {"trusted", "granted", "derived"}

    def _given(self, other: Leaf) -> Grant | None:
        """The grant by which another leaf of the call is fine."""
        index = next(at for at, leaf in enumerate(self.leaves) if leaf is other)
        return None if index in self._judging else self._of(index).grant

    def _trusted(self, leaf: Leaf, role: Role, origin: Origin) -> Source | None:
        """The source that vouches for a value, a trusted list only for what the user's words single out in it."""
        for sighting in origin.sightings:
            if not sighting.proves:
                continue
            source = sighting.source
            if source.kind != "tool":
                return source
            if source.source_id in self.evidence.browsed and _echoes(source, leaf.value):
                continue
            if role not in SINK_ROLES and (role != "when" or source.source_id not in self.evidence.browsed):
                return source
            meant = is_meant(
                leaf.value,
                source=source,
                field=sighting.field if sighting.whole else None,
                sources=self._sources,
                said=self._heard,
                browsed=self.evidence.browsed,
                whole_list=self._whole_list(leaf),
            )
            if meant or self.evidence.own_values:
                return source
        return None

    def _trusts(self, value: JsonValue) -> bool:
        """Whether a part of a value is trusted, whatever it decides."""
        return any(
            sighting.proves
            and not (sighting.source.source_id in self.evidence.browsed and _echoes(sighting.source, value))
            for sighting in self._sources.origin(value).sightings
        )

    def _named(self, leaf: Leaf, role: Role, origin: Origin) -> str | None:
        if not self.evidence.means.word_grants or leaf.path.endswith("{key}") or leaf.chosen_key:
            return None
        whole = [
            (one.source, one.field)
            for one in origin.sightings
            if one.whole and one.field is not None and one.source.kind == "tool" and one.how in {"exact", "normalised"}
        ]
        if not whole:
            return None
        called = named(
            leaf.value,
            leaf=leaf,
            role=role,
            nouns=nouns_of(words_of(leaf.name)),
            at_fields=whole,
            sources=self._sources,
            said=self._heard,
            may_ask=self._asked_by_nobody_untrusted,
        )
        return None if called is None else escape_line(called, 80)

    def _asked_by_nobody_untrusted(self, source: Source) -> bool:
        """A question with an invented or copied word in it may show one record and hide its namesake."""
        longest: int | None = None
        for _, value in scalars(source.arguments or {}):
            if value is None or isinstance(value, bool) or value == "" or self._sources.origin(value).trusted:
                continue
            if not isinstance(value, int | float):
                return False
            # A limit that was not reached hid nothing.
            longest = _longest_list(self._sources.structure(source.source_id)) if longest is None else longest
            if longest >= value:
                return False
        return True

    def _gives_mark(self, leaf: Leaf, role: Role, mark: str) -> bool:
        """Whether a link or an address inside a text is what a grant lets into it."""
        for grant in self._grants(leaf):
            if grant.source.ref is None or kind_of(mark) not in grant.kinds:
                continue
            pool = granted_sources(grant, self._sources)
            if pool and self.evidence.means.uniqueness and self._only(mark, leaf.name, role, grant, pool, ()).fine:
                return True
        return False

    @property
    def _heard(self) -> Said:
        if self._said is None:
            self._said = heard(self._sources)
        return self._said

    def _grants(self, leaf: Leaf) -> tuple[Grant, ...]:
        if not self.evidence.grants or leaf.path.endswith("{key}"):
            return ()
        path = leaf.rule_path
        return tuple(
            grant
            for grant in self.evidence.grants
            if grant.ref == self.tool.ref
            and (path == grant.argument or path.startswith((grant.argument + ".", grant.argument + "[")))
        )

    def _granted(
        self, leaf: Leaf, role: Role, origin: Origin, grants: Sequence[Grant]
    ) -> tuple[Pick | None, Grant | None]:
        """What the grants say, a person's own before those from words; of refusals the one that found the value."""
        refused: Pick | None = None
        for grant in sorted(grants, key=lambda one: one.given_by == "words"):
            if grant.source.ref is None:
                # The model may make this up; what it copied from untrusted content it did not make up.
                if not isinstance(leaf.value, bool) and _untrusted(origin):
                    pick = Pick(False, "the model may make it up, but it stands in untrusted content", found=False)
                else:
                    pick = Pick(True, "the model may decide this")
            elif grant.kinds and kind_of(leaf.value) not in grant.kinds:
                continue
            else:
                pick = self._from_source(leaf, role, grant, grants)
            if pick.fine:
                return Pick(True, f"granted ({escape_line(grant.because, 120)}): {pick.because}"), grant
            if refused is None or (pick.found and not refused.found):
                refused = pick
        return refused, None

    def _from_source(self, leaf: Leaf, role: Role, grant: Grant, grants: Sequence[Grant]) -> Pick:
        pool = granted_sources(grant, self._sources)
        if isinstance(leaf.value, bool) or not pool:
            return Pick(False, "nothing of what was granted was read", found=False)
        if not self.evidence.means.uniqueness:
            return any_candidate(leaf.value, pool, self._sources)
        if grant.given_by == "words":
            # A search and the page that it led to show the same things: what was read of either is a rival.
            alike = [one for one in grants if one.given_by == "words" and one.pointers == grant.pointers]
            pool = tuple(
                {source.source_id: source for one in alike for source in granted_sources(one, self._sources)}.values()
            )
        return self._only(leaf.value, leaf.name, role, grant, pool, self._whole_list(leaf))

    def _only(
        self, value: JsonValue, name: str, role: Role, grant: Grant, pool: Sequence[Source], whole: Sequence[JsonValue]
    ) -> Pick:
        return only_candidate(
            value, name=name, role=role, grant=grant, pool=pool, sources=self._sources, whole_list=whole
        )

    def _whole_list(self, leaf: Leaf) -> list[JsonValue]:
        path = leaf.rule_path
        return [value for _, value in select(path, self._arguments)] if path.endswith("[]") and "*" not in path else []

    def _asked(self, leaf: Leaf, role: Role, origin: Origin, pick: Pick | None) -> JudgedLeaf:
        seen = next((sighting for sighting in origin.sightings if not sighting.source.trusted), None)
        if pick is not None and pick.found:
            return JudgedLeaf(leaf, role, "untrusted", pick.because, "ambiguous-grant")
        from_tool = next(
            (one for one in origin.sightings if one.source.kind == "tool" and not one.source.trusted), None
        )
        if from_tool is not None:
            return JudgedLeaf(
                leaf, role, "untrusted", _seen(from_tool), "untrusted-value", self._endorsement(leaf, from_tool)
            )
        if origin.trusted and origin.best is not None:
            note = f"it is one of several in {origin.best.source.described}, and the user's words do not say which"
            return JudgedLeaf(leaf, role, "untrusted", note, "ambiguous-grant")
        if isinstance(leaf.value, bool):
            note = "the user's words do not name this switch"
        elif seen is not None:
            note = "only the model said it"
        elif origin.best is not None:
            note = f"it stands in {origin.best.source.described} only {_HOW[origin.best.how]}"
        else:
            note = "it was not seen anywhere: the model made it up"
        return JudgedLeaf(leaf, role, "untrusted", note, "unknown-value", self._endorsement(leaf, None))

    def _endorsement(self, leaf: Leaf, sighting: Sighting | None) -> str | None:
        """The text for `--endorse` that would speak of this value; None where it could not be written safely."""
        if leaf.path.endswith("{key}") or leaf.path == "…" or "'" in leaf.rule_path:
            return None
        target = f"{self.tool.ref}:{leaf.rule_path}"
        if sighting is None:
            return f"model=>{target}"
        source = sighting.source
        if source.ref is None:
            return None
        one_text = [
            (name, value)
            for name, value in (source.arguments or {}).items()
            if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _MOST_SOURCE_ARGUMENT
        ]
        if len(one_text) == 1 and not set("'=[]>") & set("".join(one_text[0])) and "." not in one_text[0][0]:
            name, value = one_text[0]
            return f"{source.ref}[{name}={value}]=>{target}"
        return f"{source.ref}=>{target}"


_HOW = {
    "exact": "as a part of something longer",
    "normalised": "in another form",
    "decoded": "encoded",
    "inside": "inside something longer",
    "pieces": "in pieces",
}


def judge(
    tool: KnownTool, arguments: JsonObject, evidence: ProvenanceEvidence, *, now: float | None = None
) -> Judgement:
    """The judgement of one call, worked out once for one evidence and what had been read by then.

    Args:
        now: Seconds since the epoch; without it no word for a day is counted from today.
    """
    memo = evidence.memo
    today = None if now is None else datetime.fromtimestamp(now).astimezone().date()
    key = (len(evidence.sources.sources), today)
    if len(memo.kept) == 2 and memo.kept[0] is tool and memo.key == key and _alike(memo.kept[1], arguments):
        work = memo.work
        if isinstance(work, Judgement):
            return work
    work = Judgement(tool, arguments, evidence, today)
    memo.kept, memo.key, memo.work = (tool, arguments), key, work
    return work


def _longest_list(structure: JsonValue) -> int:
    held = structure.values() if isinstance(structure, dict) else (structure,)
    return max((len(one) for one in held if isinstance(one, list)), default=0)


def _echoes(source: Source, value: JsonValue) -> bool:
    """Whether the call's own arguments had it: what they brought in, the result cannot vouch for."""
    mine = canonical_form(value)
    for _, given in scalars(source.arguments or {}):
        form = canonical_form(given)
        if mine and mine in form:
            return True
    return False


def _alike(one: object, two: JsonObject) -> bool:
    """The same arguments; `1` and `true` are not, though Python calls them equal."""
    return one is two or (one == two and json.dumps(one) == json.dumps(two))


def _untrusted(origin: Origin) -> bool:
    """Whether untrusted content has anything of it, in any form."""
    return any(sighting.source.kind == "tool" and not sighting.source.trusted for sighting in origin.sightings)


def _seen(sighting: Sighting) -> str:
    where = f" at {escape_line(sighting.field, 80)}" if sighting.field else ""
    how = "" if sighting.how in {"exact", "normalised"} else f" {_HOW[sighting.how]}"
    return f"it stands in {sighting.source.described}{where}{how}, which is untrusted"


def _in(value: JsonValue, options: Sequence[JsonValue]) -> bool:
    return any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in options)
