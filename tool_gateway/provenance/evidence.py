"""What the provenance gates see besides the call: sources, grants, the task, and which means are in force.

Decides: the shapes. Does not decide where grants come from (`endorsements.py`, `task/reading.py`) nor what they are
worth for a value (`judgement.py`).
"""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from context.calls import ToolRef
from context.json_values import JsonObject, JsonValue
from context.origins import Source
from context.provenance.interface import Sources, ValueKind

ProvenanceMode = Literal["strict", "sinks", "off"]


@dataclass(frozen=True, slots=True)
class SourcePattern:
    """Which results a grant is about: `server.tool`, `server.tool[arg=value]`, or the model's own words.

    Attributes:
        ref: None stands for the model.
        argument, value: The result of the one call whose argument at this path has this value.
    """

    ref: ToolRef | None
    argument: str | None = None
    value: JsonValue = None

    def matches(self, source: Source) -> bool:
        if self.ref is None:
            return source.kind == "model"
        if source.kind != "tool" or source.ref != self.ref:
            return False
        if self.argument is None:
            return True
        found: JsonValue = source.arguments
        for name in self.argument.split("."):
            if not isinstance(found, dict) or name not in found:
                return False
            found = found[name]
        return found == self.value or (isinstance(found, int | float) and str(found) == self.value)

    def __str__(self) -> str:
        if self.ref is None:
            return "model"
        if self.argument is None:
            return str(self.ref)
        return f"{self.ref}[{self.argument}={self.value if isinstance(self.value, str) else json.dumps(self.value)}]"


@dataclass(frozen=True, slots=True)
class Grant:
    """One source may decide one argument of one tool, for one run. Shown, recorded, never widened later.

    Attributes:
        argument: Path into the arguments, `[]` for list items: `order.files[].path`.
        given_by: `flag:--endorse`, `prompt`, `words`, `answer:apr_…`.
        because: One sentence for people, escaped.
        pointers: Words of the user that say which record of the source is meant; none: all of it.
        plural: The words mean several records ("all mails from …"): each that the pointers point at may give a value,
            to calls of their own or as items of one list. Never of an argument that says whom or how much.
        kinds: Of a free text: only values of these kinds inside it may come from the source ("the link on page …"),
            each the only one of its kind there; empty: the argument's whole value is meant.
    """

    source: SourcePattern
    ref: ToolRef
    argument: str
    given_by: str
    because: str
    pointers: tuple[str, ...] = ()
    plural: bool = False
    kinds: tuple[ValueKind, ...] = ()

    def __str__(self) -> str:
        return f"{self.source}=>{self.ref}:{self.argument}"


@dataclass(frozen=True, slots=True)
class TaskScope:
    """Which effects the user's own words ask for.

    Attributes:
        effects: Tools with an effect other than `read` that the words name, each with the words that do.
    """

    effects: Mapping[ToolRef, str] = field(default_factory=dict[ToolRef, str])

    def names(self, ref: ToolRef) -> bool:
        return ref in self.effects


@dataclass(frozen=True, slots=True)
class Means:
    """The means that spare people questions, each a switch, so that each can be measured alone."""

    word_grants: bool = True
    uniqueness: bool = True
    derived_values: bool = True
    content_rule: bool = True
    task_scope: bool = True


class Memo:
    """What was worked out for one call on one evidence, so that a gate and a card do not trace it twice."""

    __slots__ = ("kept", "key", "work")

    def __init__(self) -> None:
        self.key: tuple[object, ...] = ()
        self.kept: tuple[object, ...] = ()
        self.work: object = None


@dataclass(frozen=True, slots=True)
class ProvenanceEvidence:
    """All that the provenance gates know of a run.

    Attributes:
        task: None where no scope was read from the user's words (`word_grants = false`, or another host's client).
        own_values: A value that no untrusted source contains counts as the agent's own: for clients of `gatehost
            serve`, whose user's words the gateway never sees.
        browsed: Results whose content is trusted, but not the choice of what they show: they answer a window of dates
            that nobody trusted named.
        done: Calls that were carried out before, with their arguments.
        own: Texts and numbers that the client said before any untrusted content held them: a result that repeats one
            does not take it away.
        memo: For `judgement.judge`; nobody else's.
    """

    mode: ProvenanceMode
    sources: Sources
    grants: tuple[Grant, ...] = ()
    task: TaskScope | None = None
    means: Means = Means()
    own_values: bool = False
    browsed: frozenset[str] = frozenset()
    done: tuple[tuple[ToolRef, JsonObject], ...] = ()
    own: Set[str | int | float] = frozenset()
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
