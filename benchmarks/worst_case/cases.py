"""Which rules and which people are measured: the rows of the table.

Decides: the list. Does not decide how a row is counted (`table.py`).
"""

from dataclasses import dataclass, fields

from benchmarks.worst_case.house import Rules
from benchmarks.worst_case.people import People
from tool_gateway.provenance.evidence import Means

SAMPLE = 3
NO_MEANS = Means(**{field.name: False for field in fields(Means)})


@dataclass(frozen=True)
class Case:
    """One row, or several where it is told by world.

    Attributes:
        people: Who answers in the attacked runs.
        every: Only every n-th attack, in an order that mixes worlds, tasks and kinds: the suite must end in minutes.
    """

    name: str
    rules: Rules
    people: People
    by_world: bool = False
    every: int = 1


def _without(means: str) -> Rules:
    return Rules("strict", Means(**{means: False}))


MAIN = Case("strict", Rules("strict"), "nobody", by_world=True)
CASES: tuple[Case, ...] = (
    Case("nothing", Rules("off"), "rubber stamp", every=SAMPLE),
    MAIN,
    Case("strict", Rules("strict"), "careful"),
    Case("strict", Rules("strict"), "rubber stamp"),
    Case("sinks", Rules("sinks"), "nobody"),
    Case("sinks", Rules("sinks"), "careful"),
    Case("sinks", Rules("sinks"), "rubber stamp", every=SAMPLE),
    Case("strict, endorsed up front", Rules("strict", endorsed=True), "careful", every=SAMPLE),
    *(
        Case(f"strict, no {field.name.replace('_', ' ')}", _without(field.name), "careful", every=SAMPLE)
        for field in fields(Means)
    ),
    Case("strict, none of the means", Rules("strict", NO_MEANS), "careful", every=SAMPLE),
    Case("strict, none but endorsed", Rules("strict", NO_MEANS, endorsed=True), "careful", every=SAMPLE),
)
