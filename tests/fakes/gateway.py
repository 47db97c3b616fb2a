"""The gateway's ports in memory: recording, controllable, with the rules that the real ones keep.

`known_tool` builds a listed tool in one line. `FakeJournal` refuses illegal transitions as the real one
does, so a gateway that takes a wrong step fails here too.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import anyio
import anyio.lowlevel

from context.calls import Effect, ToolDefinition, ToolRef
from context.decisions import Allow, Decision
from context.errors import JournalError, ServerError
from context.events import Event
from context.json_values import JsonObject
from context.labels import UNTRUSTED, Label
from context.runs import CallState, check_call
from tool_gateway.approvals import StandingRule, check_approval
from tool_gateway.gates import in_scope
from tool_gateway.interface import (
    Answered,
    Approval,
    ApprovalChange,
    ApprovalRequest,
    CallChange,
    CallEvidence,
    CallProposal,
    Change,
    Entry,
    Health,
    KnownTool,
    Parked,
    RawResult,
    Scope,
)
from tool_gateway.pins import tool_digest
from tool_gateway.policy.question import PolicyQuestion, Principal
from tool_gateway.provenance.evidence import ProvenanceMode
from tool_gateway.provenance.knowledge import RunKnowledge
from tool_gateway.rules import ToolRule


def known_tool(
    address: str = "files.read_file",
    *,
    effect: Effect = "read",
    approve: str = "policy",
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
    schema: JsonObject | None = None,
    output_schema: JsonObject | None = None,
    returns: Label = UNTRUSTED,
    result_bytes: int = 1024 * 1024,
    call_timeout: float = 60.0,
    description: str = "",
) -> KnownTool:
    """A listed and pinned tool. `arguments` as in the servers file: path → constraints."""
    server, name = address.split(".", 1)
    definition = ToolDefinition(
        name=name,
        description=description,
        input_schema={"type": "object"} if schema is None else schema,
        output_schema=output_schema,
    )
    rule = ToolRule.model_validate({"effect": effect, "approve": approve, "arguments": arguments or {}})
    return KnownTool(
        ToolRef(server, name),
        definition,
        rule,
        tool_digest(definition),
        returns=returns,
        call_timeout=call_timeout,
        result_bytes=result_bytes,
    )


def proposal(tool: KnownTool | str, arguments: JsonObject | None = None, **changes: Any) -> CallProposal:
    """A call of `tool` as a model would propose it."""
    name = tool if isinstance(tool, str) else tool.ref.model_name
    call = CallProposal("call_1", "run_1", "default", 1, name, {} if arguments is None else arguments)
    return replace(call, **changes)


def evidence(tool: KnownTool | None, **changes: Any) -> CallEvidence:
    """Evidence of a healthy, pinned tool in scope."""
    plain = CallEvidence(
        now=1000.0,
        tool=tool,
        health=Health("ready"),
        scope=Scope(),
        provenance=RunKnowledge("off").evidence(),
        policy=UnsafeAllowAll(),
        principal=Principal("default", "alice"),
    )
    return replace(plain, **changes)


class FakeDirectory:
    """Tools by model name; health and resolved paths as set.

    Attributes:
        healths: Per tool; one that is not set is ready and pinned.
        links: Text → where it resolves to; others are normalised, relative ones from `/`.
        unresolvable: Texts that resolve to nothing.
        asked: Tools whose health was asked for, in order.
    """

    def __init__(self, *tools: KnownTool) -> None:
        self.tools = {tool.ref.model_name: tool for tool in tools}
        self.healths: dict[ToolRef, Health] = {}
        self.links: dict[str, str] = {}
        self.unresolvable: set[str] = set()
        self.asked: list[ToolRef] = []
        self.resolved: list[str] = []

    def resolve(self, name: str) -> KnownTool | None:
        return self.tools.get(name)

    def nearest(self, name: str, scope: Scope) -> str | None:
        known = [model_name for model_name, tool in self.tools.items() if in_scope(scope, tool.ref)]
        return next(iter(get_close_matches(name, known, n=1)), None)

    async def health(self, ref: ToolRef) -> Health:
        self.asked.append(ref)
        await anyio.lowlevel.checkpoint()
        return self.healths.get(ref, Health("ready"))

    def resolve_paths(self, ref: ToolRef, texts: Sequence[str]) -> Mapping[str, str]:
        self.resolved.extend(texts)
        return {text: self.links.get(text) or _plain(text) for text in texts if text not in self.unresolvable}


def _plain(text: str) -> str:
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)


@dataclass
class Sent:
    """One request that went out."""

    ref: ToolRef
    arguments: JsonObject
    timeout: float
    meta: JsonObject


class FakeCaller:
    """Answers with what was queued, in order, and then with `answer`. A queued exception is raised.

    Attributes:
        sent: Every request.
        before_answer: Awaited between a request's leaving and its answer, e.g. to cancel in between.
    """

    def __init__(self, answer: RawResult | None = None) -> None:
        self.answer = answer or RawResult([{"type": "text", "text": "done"}])
        self.queue: deque[RawResult | ServerError] = deque()
        self.sent: list[Sent] = []
        self.before_answer: Callable[[Sent], Awaitable[None]] | None = None

    async def call(
        self,
        ref: ToolRef,
        arguments: JsonObject,
        *,
        timeout: float,
        meta: JsonObject,
        on_progress: Callable[[float, float | None, str | None], Awaitable[None]] | None = None,
    ) -> RawResult:
        request = Sent(ref, arguments, timeout, meta)
        self.sent.append(request)
        if self.before_answer is not None:
            await self.before_answer(request)
        if on_progress is not None:
            await on_progress(1.0, 1.0, None)
        answer = self.queue.popleft() if self.queue else self.answer
        if isinstance(answer, ServerError):
            raise answer
        return answer


class FakeApprover:
    """Gives the queued answers in order, and then `answer`. Nobody to ask means no.

    Attributes:
        asked: Every request.
        meanwhile: Run while the person thinks, e.g. to change a pin.
    """

    def __init__(self, answer: Answered | Parked | None = None) -> None:
        self.answer = answer or Answered(False, by="nobody")
        self.queue: deque[Answered | Parked] = deque()
        self.asked: list[ApprovalRequest] = []
        self.meanwhile: Callable[[], None] | None = None

    @property
    def attended(self) -> bool:
        return True

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered | Parked]:
        self.asked.extend(requests)
        await anyio.lowlevel.checkpoint()
        if self.meanwhile is not None:
            self.meanwhile()
        return [self.queue.popleft() if self.queue else self.answer for _ in requests]


@dataclass
class Commit:
    """One transaction."""

    changes: tuple[Change, ...]
    events: tuple[Event, ...]
    entries: tuple[Entry, ...]
    durable: bool


@dataclass
class FakeJournal:
    """Calls and approvals by call id, with every commit in order.

    Attributes:
        fail: Raised by the next commits when set; nothing of them is kept.
        fail_on_state: Raise `JournalError` when a call is to enter this state.
    """

    commits: list[Commit] = field(default_factory=list)
    states: dict[str, CallState] = field(default_factory=dict)
    rows: dict[str, CallChange] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    standing: list[StandingRule] = field(default_factory=list)
    seen: float = 0.0
    fail: Exception | None = None
    fail_on_state: CallState | None = None

    async def commit(
        self,
        *changes: Change,
        events: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
        durable: bool = False,
    ) -> None:
        await anyio.lowlevel.checkpoint()
        if self.fail is not None:
            raise self.fail
        for change in changes:
            self._check(change)
        for change in changes:
            self._apply(change)
        self.commits.append(Commit(changes, tuple(events), tuple(entries), durable))

    def approval(self, call_id: str) -> Approval | None:
        return self.approvals.get(call_id)

    def time_seen(self, approval_id: str) -> float:
        return self.seen

    def standing_rules(self) -> list[StandingRule]:
        return list(self.standing)

    @property
    def events(self) -> list[Event]:
        return [event for commit in self.commits for event in commit.events]

    @property
    def entries(self) -> list[Entry]:
        return [entry for commit in self.commits for entry in commit.entries]

    def _check(self, change: Change) -> None:
        if isinstance(change, CallChange):
            if change.state == self.fail_on_state:
                raise JournalError("the disk is full", where="journal.db", next_step="free some space")
            check_call(self.states.get(change.call_id, "proposed"), change.state)
            return
        known = self.approvals.get(change.approval.request.call_id)
        same = known is not None and known.request.approval_id == change.approval.request.approval_id
        if known is not None and same:
            check_approval(known.status, change.approval.status)

    def _apply(self, change: Change) -> None:
        match change:
            case CallChange():
                self.states[change.call_id] = change.state
                before = self.rows.get(change.call_id, change)
                news = {name: value for name in change.__slots__ if (value := getattr(change, name)) is not None}
                self.rows[change.call_id] = replace(before, **news)
            case ApprovalChange():
                self.approvals[change.approval.request.call_id] = change.approval


class UnsafeAllowAll:
    """A policy engine that allows everything, for tests of what comes before and after it."""

    version = "unsafe-allow-all"

    def judge(self, question: PolicyQuestion) -> Decision:
        return Allow()


def knowledge(mode: ProvenanceMode = "off") -> RunKnowledge:
    """What a run knows before it has read anything."""
    return RunKnowledge(mode)


class FakeRecord:
    """The entries, in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.fail: Exception | None = None

    def append(self, entries: Sequence[Entry]) -> None:
        if self.fail is not None:
            raise self.fail
        self.entries.extend(entries)
