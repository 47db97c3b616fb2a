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
from typing import Literal

from context.json_values import JsonObject, JsonValue
from context.origins import Origin, Sighting
from context.visible_text import escape_line
from tool_gateway.arguments.paths import select
from tool_gateway.interface import KnownTool
from tool_gateway.provenance.argument_places import Leaf, leaves_of
from tool_gateway.provenance.content_rule import content_fault
from tool_gateway.provenance.derived import Setting, derive
from tool_gateway.provenance.evidence import Grant, ProvenanceEvidence
from tool_gateway.provenance.said import Said, heard
from tool_gateway.provenance.sinks import Role, is_sink, role_of, schema_places
from tool_gateway.provenance.uniqueness import Pick, any_candidate, granted_sources, only_candidate

Verdict = Literal["trusted", "granted", "derived", "content", "own", "unjudged", "untrusted"]

Cause = Literal["untrusted-value", "unknown-value", "ambiguous-grant", "planted-address", "dictated-text"]
"""Why a leaf asks. `untrusted-value`: it stands in untrusted content. `unknown-value`: it stands nowhere as a whole."""

_MOST_SOURCE_ARGUMENT = 80


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

    def __init__(self, tool: KnownTool, arguments: JsonObject, evidence: ProvenanceEvidence) -> None:
        self.tool = tool
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
        return self._value(leaf, role)

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
            fault = content_fault(leaf.value, name=leaf.name, said=self._heard, sources=self._sources)
        if fault is not None and fault.code == "dictated-text":
            derived = self._derived(leaf, role, ())
            return derived or JudgedLeaf(leaf, role, "untrusted", fault.because, "dictated-text")
        judged = self._value(leaf, role)
        by_words = judged.grant is not None and judged.grant.given_by == "words"
        if not judged.asks and not (by_words and fault is not None):
            return judged
        if fault is not None:
            return JudgedLeaf(leaf, role, "untrusted", fault.because, "planted-address", judged.endorsement)
        if self.evidence.mode == "sinks" or self._goes_where_it_may():
            return JudgedLeaf(leaf, role, "content", "free text that plants no address, for somebody who is trusted")
        return judged

    def _goes_where_it_may(self) -> bool:
        """Every leaf that says who, where or which in the same call is fine by itself."""
        for index, leaf in enumerate(self.leaves):
            role = role_of(self.tool, leaf)
            if role in {"who", "where", "which", "command"} and self._of(index).asks:
                return False
        return True

    def _value(self, leaf: Leaf, role: Role) -> JudgedLeaf:
        origin = self.origin(leaf)
        if origin.trusted and origin.best is not None:
            return JudgedLeaf(leaf, role, "trusted", f"it stands in {origin.best.source.described}")
        grants = self._grants(leaf)
        pick, grant = self._granted(leaf, role, origin, grants)
        if pick is not None and pick.fine:
            return JudgedLeaf(leaf, role, "granted", pick.because, grant=grant)
        derived = self._derived(leaf, role, grants)
        if derived is not None:
            return derived
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
            grants=grants,
        )
        because = derive(leaf, setting)
        return None if because is None else JudgedLeaf(leaf, role, "derived", because)

    def _fine(self, other: Leaf) -> bool:
        index = next(at for at, leaf in enumerate(self.leaves) if leaf is other)
        if index in self._judging:
            return False
        if self.origin(other).trusted:
            return True
        return self._of(index).verdict in {"trusted", "granted", "derived"}

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
            else:
                pick = self._from_source(leaf, role, grant)
            if pick.fine:
                return Pick(True, f"granted ({escape_line(grant.because, 120)}): {pick.because}"), grant
            if refused is None or (pick.found and not refused.found):
                refused = pick
        return refused, None

    def _from_source(self, leaf: Leaf, role: Role, grant: Grant) -> Pick:
        pool = granted_sources(grant, self._sources)
        if isinstance(leaf.value, bool) or not pool:
            return Pick(False, "nothing of what was granted was read", found=False)
        if not self.evidence.means.uniqueness:
            return any_candidate(leaf.value, pool, self._sources)
        return only_candidate(
            leaf.value,
            name=leaf.name,
            role=role,
            grant=grant,
            pool=pool,
            sources=self._sources,
            whole_list=self._whole_list(leaf),
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


def judge(tool: KnownTool, arguments: JsonObject, evidence: ProvenanceEvidence) -> Judgement:
    """The judgement of one call, worked out once for one evidence and what had been read by then."""
    memo = evidence.memo
    read = len(evidence.sources.sources)
    if len(memo.kept) == 2 and memo.kept[0] is tool and memo.key == (read,) and _alike(memo.kept[1], arguments):
        work = memo.work
        if isinstance(work, Judgement):
            return work
    work = Judgement(tool, arguments, evidence)
    memo.kept, memo.key, memo.work = (tool, arguments), (read,), work
    return work


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
