"""The three stages around one run's model: what is known before a send, while it works, and of its answer.

Decides: which facts the checks are given, and the words for a run that they end. Does not decide anything itself
(`tool_gateway.stages`, `PolicyEngine`), nor what a run does next (`machine`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from adapters.interface import ModelSettings, OfferedTool, View
from context.decisions import Allow, Deny, Reason
from context.json_values import JsonObject, JsonValue, canonical_bytes
from context.labels import Label
from context.messages import Image, Text, ToolResult
from context.runs import StoredCall
from host.runs.answers import CheckedAnswer
from tool_gateway.gates.policy import send_question
from tool_gateway.interface import PolicyEngine
from tool_gateway.policy.question import ModelResource, Principal
from tool_gateway.redaction.scanner import Scanner
from tool_gateway.stages import (
    AnswerFacts,
    CallFacts,
    Continue,
    ModelFacts,
    ReadSource,
    SendFacts,
    StageSettings,
    Stop,
    Verdict,
    Watch,
    answer_faults,
    judge_send,
)

CHARACTERS_A_TOKEN = 4
"""An estimate, until windows are measured."""


class Halted(Exception):
    """A check ended or suspended the run in the middle of a turn; nothing of the turn is kept."""

    def __init__(self, happening: Literal["halted", "held"], reason: Reason) -> None:
        super().__init__(reason.sentence())
        self.happening: Literal["halted", "held"] = happening
        self.reason = reason


class RunStages:
    """The stages of one run."""

    def __init__(
        self,
        settings: StageSettings,
        *,
        model: ModelSettings,
        policy: PolicyEngine,
        principal: Principal,
        budget: Callable[[], Mapping[str, int]],
        attended: bool,
        scanner: Scanner | None = None,
    ) -> None:
        self._settings = settings
        self._model = model
        self._policy = policy
        self._principal = principal
        self._budget = budget
        self._attended = attended
        self._scanner = scanner
        self._watch = Watch(settings)
        self._tool_sizes: dict[str, tuple[OfferedTool, int]] = {}

    def may_send(self, view: View, label: Label) -> Allow | Deny:
        """Whether this content may go to this model: its labels, its cost, its size, and the rules on sends.

        A rule that asks about a send denies it: a person can be asked about a call, which names its values; a view
        is too large to be judged on a card.
        """
        price = self._model.price or {}
        facts = ModelFacts(
            self._model.name,
            self._model.location,
            window=self._model.window,
            input_price=price.get("input"),
            output_price=price.get("output"),
        )
        left = self._budget()
        characters, images = _size(view)
        characters += sum(map(self._tool_size, view.tools))
        send = SendFacts(
            label=label,
            input_tokens=characters // CHARACTERS_A_TOKEN,
            tools=len(view.tools),
            images=images,
            left=left,
        )
        decision = judge_send(facts, send, self._settings)
        if isinstance(decision, Deny):
            return decision
        resource = ModelResource(self._model.name, self._model.adapter, self._model.location)
        ruled = self._policy.judge(
            send_question(
                resource,
                principal=self._principal,
                label=label,
                now=time.time(),
                budget=left,
                attended=self._attended,
            )
        )
        if isinstance(ruled, Allow):
            return ruled
        return Deny(ruled.reasons)

    def _tool_size(self, tool: OfferedTool) -> int:
        """Characters of a tool as a model is shown it; counted once, since every turn shows the same ones."""
        known = self._tool_sizes.get(tool.name)
        if known is None or known[0].definition is not tool.definition:
            definition = tool.definition
            size = len(definition.description) + len(canonical_bytes(definition.input_schema))
            known = self._tool_sizes[tool.name] = tool, size
        return known[1]

    def hear(self, delta: str) -> None:
        """Raises: Halted."""
        _heed(self._watch.heard(delta))

    def hear_end(self) -> None:
        """Raises: Halted."""
        _heed(self._watch.ended())

    def propose(self, address: str, arguments: JsonObject | None) -> None:
        """Raises: Halted."""
        _heed(self._watch.proposed(address, arguments))

    def settle(self, calls: Sequence[StoredCall]) -> None:
        """All calls of a turn have ended. Raises: Halted."""
        _heed(
            self._watch.settled(
                *(CallFacts(_address(call), call.arguments, call.state == "denied", call.result) for call in calls)
            )
        )

    def answer_faults(
        self, text: str, checked: CheckedAnswer | None, label: Label, calls: Sequence[StoredCall]
    ) -> tuple[str, ...]:
        """What the model must mend in its answer."""
        sources = [
            ReadSource(call.call_id, call.arguments or {}, _text(call.result))
            for call in calls
            if call.state == "succeeded"
        ]
        facts = AnswerFacts(
            text,
            output=checked.output if checked else None,
            has_output=checked is not None and not checked.faults,
            label=label,
            sources=sources,
            scanner=self._scanner,
        )
        return answer_faults(facts, self._settings)


def _heed(verdict: Verdict) -> None:
    if not isinstance(verdict, Continue):
        raise Halted("halted" if isinstance(verdict, Stop) else "held", verdict.reason)


def _size(view: View) -> tuple[int, int]:
    """Characters and images of a view, without its tools."""
    characters = len(view.system)
    images = 0
    for message in view.messages:
        for part in message.parts:
            held = part.content if isinstance(part, ToolResult) else (part,)
            for one in held:
                if isinstance(one, Text):
                    characters += len(one.text)
                elif isinstance(one, Image):
                    images += 1
    return characters, images


def _address(call: StoredCall) -> str:
    return f"{call.server}.{call.tool}" if call.server else call.name


def _text(result: JsonObject | None) -> str:
    """All text of a result, structured content included, as the model was shown it."""
    found: list[str] = []
    blocks: JsonValue = (result or {}).get("content")
    for block in blocks if isinstance(blocks, list) else []:
        if isinstance(block, dict) and isinstance(block.get("text"), str):
            found.append(str(block["text"]))
    structured = (result or {}).get("structured")
    if structured is not None:
        found.append(canonical_bytes(structured).decode())
    return "\n".join(found)
