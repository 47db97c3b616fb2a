"""One run, driven step by step: ask the model, carry its calls, check its answer, until an end.

Decides: what one step does and which happening it reports. Does not decide what comes next
(`machine`), whether a call goes out (`tool_gateway`), or what stands around a server.

All state is in the journal: a run that died goes on from its rows. Nothing that the model half said is
ever carried out, because a turn is stored only when its stream has ended well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.interface import CallReady, Completed, ModelAdapter, OfferedTool, Retrying, TextDelta, Usage, View
from context.decisions import Deny
from context.errors import ModelError
from context.events import Event, EventType
from context.ids import new_id
from context.json_values import JsonObject, JsonValue, digest
from context.labels import UNTRUSTED, Label, join_all
from context.messages import Image, Message, Part, Text, ToolCall, ToolResult
from context.runs import SETTLED, StoredCall
from host.journal import RunHandle
from host.runs.answers import CheckedAnswer, check_answer
from host.runs.chronicle import Chronicle
from host.runs.machine import ENDS, CallFacts, Happening, Phase, next_phase
from host.runs.stages import Halted, RunStages
from host.servers.pool import ServerPool
from host.telemetry import CHAT, EXECUTE_TOOL, Tracer
from tool_gateway.gates import in_scope
from tool_gateway.gateway import Gateway
from tool_gateway.interface import CallProposal, KnownTool, Scope
from tool_gateway.schemas.compiled import CompiledSchema
from tool_gateway.trail import reasons_json


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What stands for the whole run.

    Attributes:
        system: Standing instructions for the model.
        max_turns: Model calls allowed, over all resumptions.
        answer_schema: Compiled `--schema`, with its source for the provider.
        stages: What is checked before, during and after the model's work.
    """

    agent: str
    scope: Scope
    stages: RunStages
    system: str = ""
    max_turns: int = 40
    answer_schema: CompiledSchema | None = None
    schema_source: JsonObject | None = None


@dataclass(slots=True)
class RunTally:
    """What the run has used and found, for its final object."""

    usage: Usage = field(default_factory=Usage)
    usage_known: bool = False
    models: list[str] = field(default_factory=list[str])
    answer: str | None = None
    checked: CheckedAnswer | None = None
    fault: str | None = None
    in_doubt: list[str] = field(default_factory=list[str])


class RunLoop:
    """Drives one run. Used once."""

    def __init__(
        self,
        *,
        plan: RunPlan,
        handle: RunHandle,
        adapter: ModelAdapter,
        gateway: Gateway,
        pool: ServerPool,
        tracer: Tracer,
        chronicle: Chronicle,
    ) -> None:
        self._plan = plan
        self._handle = handle
        self._adapter = adapter
        self._gateway = gateway
        self._pool = pool
        self._tracer = tracer
        self._chronicle = chronicle
        self._ids = dict(chronicle.ids)
        self._regenerated = False
        self.tally = RunTally()

    async def drive(self) -> Phase:
        """Step until an end of `run_machine.ENDS`.

        Raises:
            JournalError, LeaseLost: the state could not be written, or is another process's now.
        """
        phase = self._first_phase()
        while phase not in ENDS:
            phase = next_phase(phase, await self._step(phase))
        return phase

    def _first_phase(self) -> Phase:
        """Where the rows say the run stands; a new one starts by thinking."""
        messages = self._handle.messages()
        last = messages[-1] if messages else None
        if last is None or last.role != "assistant":
            return "thinking"
        if last.calls:
            return "carrying"
        self.tally.answer = last.text
        return "checking"

    async def _step(self, phase: Phase) -> Happening:
        try:
            if phase == "thinking":
                return await self._think()
            if phase == "carrying":
                return await self._carry()
            return self._check()
        except Halted as halted:
            self.tally.fault = halted.reason.sentence()
            self._emit("warning", {"text": self.tally.fault, "code": halted.reason.code})
            return halted.happening

    # Thinking: one model call.

    async def _think(self) -> Happening:
        turn = self._handle.turns + 1
        if turn > self._plan.max_turns:
            self.tally.fault = f"the run used up its {self._plan.max_turns} turns (--max-turns)"
            return "turns_used_up"
        turn_id = f"{self._handle.run_id}.{turn}"
        view = self._view()
        self._emit("turn.started", {"turn": turn}, turn_id=turn_id)
        self._emit(
            "route.decided", {"model": self._adapter.model, "reason": "the agent's first model"}, turn_id=turn_id
        )
        if not self._may_send(view, turn_id):
            return "send_refused"
        name = f"{CHAT} {self._adapter.model}"
        with self._tracer.span(
            name, {"gen_ai.operation.name": "chat", "gen_ai.request.model": self._adapter.model}
        ) as span:
            try:
                spoken = await self._listen(view, turn_id)
            except ModelError as error:
                span.fail("model_error")
                self.tally.fault = error.sentence()
                return "model_failed"
            if spoken.usage is not None:
                span.attributes["gen_ai.usage.input_tokens"] = spoken.usage.input_tokens
                span.attributes["gen_ai.usage.output_tokens"] = spoken.usage.output_tokens
            span.attributes["gen_ai.response.model"] = spoken.model
            ids = {**self._ids, "turn_id": turn_id, "span_id": span.span_id}
        return await self._store_turn(turn, spoken, ids)

    async def _listen(self, view: View, turn_id: str) -> "_Spoken":
        text: list[str] = []
        calls: list[CallReady] = []
        done: Completed | None = None
        stream = self._adapter.stream(view)
        try:
            async for event in stream:
                match event:
                    case TextDelta():
                        text.append(event.text)
                        self._plan.stages.hear(event.text)
                        self._emit("message.delta", {"text": event.text}, turn_id=turn_id)
                    case CallReady():
                        calls.append(event)
                    case Retrying():
                        self._emit(
                            "warning",
                            {"text": f"attempt {event.attempt} failed: {event.reason}; next in {event.delay:g} s"},
                            turn_id=turn_id,
                        )
                    case Completed():
                        done = event
        finally:
            await stream.aclose()
        self._plan.stages.hear_end()
        if done is None:
            raise ModelError("the stream ended without an end", where=f"model {self._adapter.model}")
        if done.stop == "refusal":
            raise ModelError(
                f"the model refused: {''.join(text)[:300] or 'no reason given'}", where=f"model {done.model}"
            )
        if done.stop == "length":
            self._emit("warning", {"text": "the model's output was cut at its length limit"}, turn_id=turn_id)
        return _Spoken("".join(text), tuple(calls), done.model, done.usage, done.stop)

    async def _store_turn(self, turn: int, spoken: "_Spoken", ids: Mapping[str, str]) -> Happening:
        """The whole turn, its calls included, in one transaction."""
        self.tally.models.append(spoken.model)
        if spoken.usage is not None:
            self.tally.usage_known = True
            self.tally.usage += spoken.usage
        calls = [
            ToolCall(new_id("call"), call.provider_id, call.name, call.arguments, call.malformed)
            for call in spoken.calls
        ]
        parts: list[Part] = [Text(spoken.text)] if spoken.text else []
        message = Message(new_id("msg"), "assistant", (*parts, *calls), self._view_label())
        position = len(self._handle.calls())
        rows = [
            StoredCall(
                call_id=call.call_id,
                run_id=self._handle.run_id,
                turn=turn,
                position=position + index,
                provider_id=call.provider_id,
                name=call.name,
                server=None,
                tool=None,
                effect=None,
                state="proposed",
                arguments=call.arguments,
                malformed=call.malformed,
            )
            for index, call in enumerate(calls)
        ]
        usage: JsonObject | None = None
        if spoken.usage is not None:
            usage = {
                "input_tokens": spoken.usage.input_tokens,
                "output_tokens": spoken.usage.output_tokens,
                "cached_input_tokens": spoken.usage.cached_input_tokens,
                "reasoning_tokens": spoken.usage.reasoning_tokens,
            }
        events = [
            self._event(
                "message.completed",
                {"text": spoken.text, "model": spoken.model, "calls": len(calls), "stop": spoken.stop},
                ids,
            ),
            *(self._proposed(call, ids) for call in calls),
            self._event("turn.completed", {"turn": turn, "usage": usage}, ids),
        ]
        self._handle.store_turn(turn, message, rows, events)
        if calls:
            return "calls_proposed"
        self.tally.answer = spoken.text
        return "text_answered"

    def _proposed(self, call: ToolCall, ids: Mapping[str, str]) -> Event:
        tool = self._pool.resolve(call.name)
        named: JsonObject = (
            {"server": tool.ref.server, "tool": tool.ref.tool} if tool else {"server": None, "tool": None}
        )
        data: JsonObject = {**named, "name": call.name, "arguments": call.arguments}
        if call.malformed is not None:
            data["malformed"] = call.malformed
        return self._event("call.proposed", data, {**ids, "call_id": call.call_id})

    # Carrying: the calls of one turn, in the model's order.

    async def _carry(self) -> Happening:
        parked = False
        if doubtful := [call.call_id for call in self._open_calls() if call.state == "in_doubt"]:
            self.tally.in_doubt.extend(doubtful)
            return "call_in_doubt"
        open_calls = self._open_calls()
        for stored in open_calls:
            if stored.state == "proposed":
                self._plan.stages.propose(_address(stored, self._pool), stored.arguments)
        await self._gateway.foresee([_proposal(stored, self._plan.agent) for stored in open_calls])
        for stored in open_calls:
            end = await self._carry_one(stored)
            if end == "in_doubt":
                self.tally.in_doubt.append(stored.call_id)
                return "call_in_doubt"
            parked = parked or end is None
        if parked:
            return "call_parked"
        self._plan.stages.settle(self._store_results())
        return "calls_settled"

    async def _carry_one(self, stored: StoredCall) -> str | None:
        """The call's outcome; None while it waits for a person."""
        proposal = _proposal(stored, self._plan.agent)
        tool = self._pool.resolve(stored.name)
        address = str(tool.ref) if tool else "unknown"
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": address}
        with self._tracer.span(
            f"{EXECUTE_TOOL} {address}", {**attributes, "gen_ai.tool.call.id": stored.call_id}
        ) as span:
            end = await self._gateway.carry(proposal, span_id=span.span_id, legs=stored.legs)
            span.attributes["gatehost.decision"] = end.decision
            if end.outcome is not None:
                span.attributes["gatehost.outcome"] = end.outcome
            if end.outcome in {"failed", "in_doubt"}:
                span.fail("tool_error")
        return end.outcome

    def _open_calls(self) -> list[StoredCall]:
        return [call for call in self._handle.calls() if call.state not in SETTLED]

    def _store_results(self) -> list[StoredCall]:
        """The answers to the newest turn's calls, as one message the model will see."""
        turn = self._handle.turns
        settled = [call for call in self._handle.calls() if call.turn == turn]
        parts = tuple(_tool_result(call) for call in settled)
        label = join_all(_label(call.result) for call in settled)
        self._handle.store_results(turn, Message(new_id("msg"), "tool", parts, label))
        return settled

    # Checking: the answer against the schema and the agent's own checks.

    def _check(self) -> Happening:
        answer = self.tally.answer or ""
        checked = check_answer(answer, self._plan.answer_schema) if self._plan.answer_schema is not None else None
        self.tally.checked = checked
        found = (
            *(checked.faults if checked else ()),
            *self._plan.stages.answer_faults(answer, checked, self._view_label(), self._handle.calls()),
        )
        if not found:
            return "answer_valid"
        faults = "\n".join(f"- {fault}" for fault in found)
        what = "does not satisfy --schema" if checked and checked.faults else "fails the agent's checks"
        if self._regenerated:
            self.tally.fault = f"the answer {what} after one regeneration:\n{faults}"
            return "answer_invalid_again"
        self._regenerated = True
        self._emit("warning", {"text": f"the answer {what}; asking once more:\n{faults}"})
        only = " with one JSON document only" if self._plan.answer_schema is not None else ""
        text = f"Your answer was rejected by a mechanical check:\n{faults}\nAnswer again{only}."
        self._handle.store_results(self._handle.turns, Message(new_id("msg"), "user", (Text(text),), UNTRUSTED))
        return "answer_invalid"

    # What the model sees.

    def _view(self) -> View:
        offered = [tool for tool in self._pool.tools.values() if self._offered(tool)]
        return View(
            messages=tuple(_answered(self._handle.messages())),
            tools=tuple(OfferedTool(tool.ref.model_name, tool.definition) for tool in offered),
            system=self._plan.system,
            tool_names={str(tool.ref): name for name, tool in self._pool.tools.items()},
            schema=self._plan.schema_source,
        )

    def _may_send(self, view: View, turn_id: str) -> bool:
        """Judged and recorded before every send: what the content is labelled, and where it goes."""
        label = self._view_label()
        decision = self._plan.stages.may_send(view, label)
        facts = _view_facts(view)
        labels: JsonObject = {"integrity": label.integrity, "labels": [*sorted(label.confidentiality)]}
        body: JsonObject = {
            **labels,
            "model": self._adapter.model,
            "view": facts["digest"],
            "decision": decision.word,
            "reasons": [*reasons_json(decision.reasons)],
        }
        self._handle.append(
            self._event("view.built", {**facts, **labels}, {**self._ids, "turn_id": turn_id}),
            entries=(self._chronicle.entry("send", body, ids={"turn_id": turn_id}),),
        )
        if isinstance(decision, Deny):
            self.tally.fault = "; ".join(reason.sentence() for reason in decision.reasons)
            return False
        return True

    def _offered(self, tool: KnownTool) -> bool:
        """In scope, pinned, its server not down for a while. Always the pinned text, never the live one."""
        if not tool.pin or not self._pool.may_answer(tool.ref.server):
            return False
        return in_scope(self._plan.scope, tool.ref)

    def _view_label(self) -> Label:
        return join_all(message.label for message in self._handle.messages())

    def facts(self) -> list[CallFacts]:
        """All calls of the run, for the exit code."""
        return [
            CallFacts(
                address=f"{call.server}.{call.tool}" if call.server else call.name,
                decision=call.decision or "deny",
                outcome=call.state if call.state in {*SETTLED, "in_doubt"} else None,
                server_was_down=any(reason.get("code") in {"server_failed", "server_down"} for reason in call.reasons),
            )
            for call in self._handle.calls()
        ]

    def _emit(self, kind: EventType, data: JsonObject, *, turn_id: str | None = None) -> None:
        ids = {**self._ids, "turn_id": turn_id} if turn_id else self._ids
        self._handle.append(self._event(kind, data, ids))

    def _event(self, kind: EventType, data: JsonObject, ids: Mapping[str, str]) -> Event:
        return Event(kind, self._handle.run_id, dict(ids), data)


@dataclass(frozen=True, slots=True)
class _Spoken:
    """One finished model turn."""

    text: str
    calls: tuple[CallReady, ...]
    model: str
    usage: Usage | None
    stop: str


def _answered(messages: Sequence[Message]) -> Iterator[Message]:
    """The conversation with a result for every call: providers refuse one that has none.

    An earlier run of the session may have stopped with calls that were never carried out, or never answered.
    """
    for message, following in zip(messages, (*messages[1:], None), strict=True):
        yield message
        told = {part.call_id for part in following.parts if isinstance(part, ToolResult)} if following else set[str]()
        open_ = tuple(_unanswered(call) for call in message.calls if call.call_id not in told)
        if open_:
            yield Message(f"{message.message_id}.unanswered", "tool", open_)


def _proposal(stored: StoredCall, agent: str) -> CallProposal:
    return CallProposal(
        call_id=stored.call_id,
        run_id=stored.run_id,
        agent=agent,
        turn=stored.turn,
        name=stored.name,
        arguments=stored.arguments,
        malformed=stored.malformed,
    )


def _address(stored: StoredCall, pool: ServerPool) -> str:
    tool = pool.resolve(stored.name)
    return str(tool.ref) if tool else stored.name


def _unanswered(call: ToolCall) -> ToolResult:
    text = "[no result] The run ended before the outcome of this call was known. It may or may not have happened."
    return ToolResult(call.call_id, call.provider_id, call.name, (Text(text),), is_error=True)


def _view_facts(view: View) -> JsonObject:
    characters = sum(len(part.text) for message in view.messages for part in message.parts if isinstance(part, Text))
    return {
        "messages": len(view.messages),
        "tools": [tool.name for tool in view.tools],
        "characters": characters,
        "digest": digest(
            [view.system, [message.message_id for message in view.messages], [t.name for t in view.tools]]
        ),
    }


def _tool_result(call: StoredCall) -> ToolResult:
    result = call.result or {}
    content: list[Text | Image] = []
    blocks = result.get("content")
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, dict):
            continue
        if block.get("kind") == "text":
            content.append(Text(str(block.get("text", ""))))
        elif block.get("kind") == "image":
            content.append(Image(str(block.get("media_type", "")), str(block.get("data", ""))))
    if not content:
        content.append(Text(_structured_text(result.get("structured"))))
    return ToolResult(call.call_id, call.provider_id, call.name, tuple(content), is_error=bool(result.get("is_error")))


def _structured_text(value: JsonValue) -> str:
    import json

    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _label(result: JsonObject | None) -> Label:
    result = result or {}
    labels = result.get("labels")
    words = frozenset(str(word) for word in labels) if isinstance(labels, list) else frozenset[str]()
    return Label("trusted" if result.get("integrity") == "trusted" else "untrusted", words)
