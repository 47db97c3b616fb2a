"""What one run knows: everything it has read, and what was granted in it.

Decides: how words, results and configuration become sources, and what a result is worth when the call was made with
values that nobody trusts. Does not decide how values are found (`context.provenance`) nor what a call may do.

Only grows. It is rebuilt on resuming from the stored messages and calls, in their order.
"""

from collections.abc import Iterable
from typing import Literal

from context.calls import CallResult, ToolRef
from context.json_values import JsonObject, leaves
from context.labels import UNTRUSTED, Label
from context.origins import Source
from context.provenance.index import SourceIndex
from context.provenance.interface import Sources, ValueKind
from context.provenance.values import kind_of
from tool_gateway.provenance.evidence import Grant, Means, ProvenanceEvidence, ProvenanceMode, TaskScope
from tool_gateway.provenance.sinks import role_of_name


class RunKnowledge:
    """Owned by the host, one for each run; gates only see its `evidence`."""

    def __init__(self, mode: ProvenanceMode, *, means: Means | None = None, own_values: bool = False) -> None:
        self._mode: ProvenanceMode = mode
        self._means = means or Means()
        self._own_values = own_values
        self._index = SourceIndex()
        self._grants: list[Grant] = []
        self._task: TaskScope | None = None
        self._said = 0
        self._configured = 0
        self._browsed: set[str] = set()
        self._done: list[tuple[ToolRef, JsonObject]] = []
        self._own: set[str | int | float] = set()
        self._evidence: ProvenanceEvidence | None = None

    @property
    def sources(self) -> Sources:
        return self._index

    @property
    def grants(self) -> tuple[Grant, ...]:
        return tuple(self._grants)

    def user_said(self, text: str) -> None:
        """The task, or a further message of the user's."""
        self._said += 1
        self._add(Source(f"user:{self._said}", "user"), text)

    def configured(self, texts: Iterable[str]) -> None:
        """What the operator wrote: the agent's instructions, constants of rules, roots of mounts."""
        for text in texts:
            self._configured += 1
            self._add(Source(f"config:{self._configured}", "config"), text)

    def returned(
        self,
        call_id: str,
        ref: ToolRef,
        arguments: JsonObject,
        label: Label,
        result: CallResult,
        *,
        vouched: bool = False,
    ) -> None:
        """What a server answered. Not for refusals: those are the gateway's own words, and may quote anything.

        Args:
            label: As declared for the tool's results.
            vouched: A person approved this very call, so its arguments are theirs.
        """
        integrity = label.integrity
        if integrity == "trusted" and not vouched:
            steering = self._steering(arguments)
            if steering == "chosen":
                # It echoes what it was given, or answers the question that an attacker chose.
                integrity = "untrusted"
            elif steering == "windowed":
                self._browsed.add(call_id)
        if not result.is_error:
            self._done.append((ref, arguments))
        confidentiality = label.confidentiality | result.label.confidentiality
        source = Source(call_id, "tool", Label(integrity, confidentiality), ref, arguments)
        self._index.add(source, text=result.text, structured=result.structured)
        self._evidence = None

    def model_said(self, turn: int, text: str) -> None:
        """The model's own words: they explain a value, and prove nothing."""
        self._add(Source(f"model:{turn}", "model", UNTRUSTED), text)

    def proposed(self, arguments: JsonObject) -> None:
        """What another host's client wants to send: what no untrusted content held by now is its own from here on."""
        for path, value in leaves(arguments):
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value not in self._own:
                origin = self._index.origin(value, path=path)
                if not any(seen.source.kind == "tool" and not seen.source.trusted for seen in origin.sightings):
                    self._own.add(value)

    def grant(self, grant: Grant) -> None:
        if grant not in self._grants:
            self._grants.append(grant)
        self._evidence = None

    def task(self, scope: TaskScope | None) -> None:
        """What the user's words ask for. Read once, before anything else is."""
        self._task = scope
        self._evidence = None

    def evidence(self) -> ProvenanceEvidence:
        """All that gates see, of what is known right now."""
        if self._evidence is None:
            self._evidence = ProvenanceEvidence(
                mode=self._mode,
                sources=self._index,
                grants=tuple(self._grants),
                task=self._task,
                means=self._means,
                own_values=self._own_values,
                own=self._own,
                browsed=frozenset(self._browsed),
                done=tuple(self._done),
            )
        return self._evidence

    def _add(self, source: Source, text: str) -> None:
        if text:
            self._index.add(source, text=text)
            self._evidence = None

    def _steering(self, arguments: JsonObject) -> Literal["no", "windowed", "chosen"]:
        """What values of nobody who is trusted had to say in the call.

        A window of dates only narrows what a calendar shows: its events are the user's all the same. Which of them
        is meant must then come from the user's words. Any other value may choose the record, or be echoed.
        """
        if not self._index.tainted:
            return "no"
        windowed = False
        for path, value in leaves(arguments):
            if value is None or isinstance(value, bool) or value == "":
                continue
            name = path.rpartition(".")[2].partition("[")[0]
            if isinstance(value, int | float) and role_of_name(name, number=True) == "option":
                continue
            if self._index.origin(value, path=path).trusted:
                continue
            if kind_of(value) not in _MOMENTS or role_of_name(name) not in {"when", "which"}:
                return "chosen"
            windowed = True
        return "windowed" if windowed else "no"


_MOMENTS: frozenset[ValueKind] = frozenset({"date", "moment", "time"})
