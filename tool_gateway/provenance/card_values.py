"""The values of a call as a person judges them: each with its origin, the passage, and why it is fine or not.

Decides: how a judged leaf is told. Does not decide the verdict (`judgement.py`) nor how a card is laid out (`host`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from context.origins import Origin, Sighting
from tool_gateway.interface import CallEvidence, CallProposal, CardValue
from tool_gateway.provenance.judgement import JudgedLeaf, judge

_NOTES: Mapping[str, str] = MappingProxyType({"granted": "", "derived": "derived: ", "content": "", "own": ""})


def card_values(call: CallProposal, evidence: CallEvidence) -> tuple[CardValue, ...]:
    """Every leaf of the arguments; none where the tool or the run's content is not known."""
    known, tool = evidence.provenance, evidence.tool
    if known is None or tool is None or call.arguments is None:
        return ()
    judgement = judge(tool, call.chosen or {}, known, now=evidence.now)
    return tuple(_value(judged, judgement.origin(judged.leaf)) for judged in judgement.all())


def _value(judged: JudgedLeaf, origin: Origin) -> CardValue:
    sighting = _telling(judged, origin)
    told = sighting.source.described if sighting is not None else origin.described
    return CardValue(
        path=judged.leaf.path,
        value=judged.leaf.value,
        origin=told,
        passage=sighting.passage if sighting is not None else None,
        trusted=not judged.asks,
        note=_NOTES.get(judged.verdict, "") + judged.note,
        endorsement=judged.endorsement,
    )


def _telling(judged: JudgedLeaf, origin: Origin) -> Sighting | None:
    """The sighting to show: of a value that asks, the untrusted one, which may explain it better than the best."""
    if judged.asks:
        for sighting in origin.sightings:
            if sighting.source.kind == "tool" and not sighting.source.trusted:
                return sighting
    return origin.best
