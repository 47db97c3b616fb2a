"""The gateway's seams: what a gate sees and says, and the ports that others implement for it.

Decides: the shapes of a proposal, of the evidence, and of the ports. Does not decide the order of
the gates; that is one list in `gateway.py`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from context.calls import CallResult, Outcome, ToolDefinition, ToolRef
from context.decisions import Decision, Reason
from context.events import Event
from context.json_values import JsonObject, JsonValue
from context.labels import UNTRUSTED, Label
from context.quantities import Rate
from context.runs import CallState
from tool_gateway.policy.question import PolicyQuestion, Principal
from tool_gateway.provenance.evidence import Grant, ProvenanceEvidence
from tool_gateway.rules import ToolRule

PinState = Literal["pinned", "unpinned", "changed", "vanished", "relisting"]
ServerState = Literal["starting", "ready", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class CallProposal:
    """One call as proposed. After the form step `arguments` is canonical: exactly what would be sent.

    Attributes:
        name: What the model called; resolved by the directory, never trusted.
        malformed: The raw text when the arguments were no JSON object.
        filled: Names of arguments that the gateway filled itself; no model chose their values.
        masked: The arguments as written down and shown, where `arguments` holds values behind placeholders.
    """

    call_id: str
    run_id: str
    agent: str
    turn: int
    name: str
    arguments: JsonObject | None
    malformed: str | None = None
    filled: frozenset[str] = frozenset()
    masked: JsonObject | None = None

    @property
    def written(self) -> JsonObject | None:
        """The arguments as they may be stored, shown and traced: with placeholders, never what is behind them."""
        return self.arguments if self.masked is None else self.masked

    @property
    def chosen(self) -> JsonObject | None:
        """What the model chose, as `written`: the arguments without those that the gateway filled in."""
        if not self.filled or self.written is None:
            return self.written
        return {name: value for name, value in self.written.items() if name not in self.filled}


Proposal: TypeAlias = CallProposal
"""Grows with the product: sends to a model, context reads, input requests, answers."""


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A tool that the operator listed, with what was pinned when it was reviewed.

    Attributes:
        definition: As accepted into the lock; what models are shown. Never what the server says today.
        pin: Digest of that definition; empty where the tool was declared but never reviewed.
        returns: Label of its results.
        call_timeout: Seconds.
        result_bytes: Cap on a result.
        server_rate, server_concurrency: What the server as a whole allows.
    """

    ref: ToolRef
    definition: ToolDefinition
    rule: ToolRule
    pin: str
    returns: Label = UNTRUSTED
    call_timeout: float = 60.0
    result_bytes: int = 1024 * 1024
    owner: str | None = None
    server_rate: Rate | None = None
    server_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How the tool's server stands right now, as far as the host knows.

    Attributes:
        detail: For `failed`: what happened, as one escaped sentence.
        pin: How the live tool compares with the lock.
        walls: Difference between declared and live sandbox, empty when they agree.
    """

    state: ServerState
    pin: PinState = "pinned"
    detail: str = ""
    walls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Which tools an agent has in this run, as `server.tool` globs. The run's can only narrow the agent's.

    Attributes:
        preapproved: Tools whose asks were authorised when the run was started (`--approve`).
    """

    agent_tools: tuple[str, ...] = ("*",)
    run_tools: tuple[str, ...] | None = None
    preapproved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallEvidence:
    """All that gates may know besides the call: passed in, so that a gate needs no clock and no I/O.

    Attributes:
        now: Seconds since the epoch.
        tool: What the name resolved to, or None.
        nearest: The closest name in scope, for the refusal of an unknown one.
        paths: For texts under path constraints: the text → the path it resolves to inside the sandbox,
            symlinks of declared mounts included. A text that is absent here could not be resolved.
        granted: Rules whose ask was answered with yes for exactly this call.
        provenance: What the run has read, what was granted, and the task; None denies every effect.
        policy: The engine over the rules in force; None denies.
        principal: For whom the call would be made.
        budget: What is left of the run's bounded means: `turns`, `seconds`, `cents`.
        attended: Somebody can be asked right now.
    """

    now: float
    tool: KnownTool | None
    health: Health | None
    scope: Scope
    nearest: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    granted: frozenset[str] = frozenset()
    provenance: ProvenanceEvidence | None = None
    policy: "PolicyEngine | None" = None
    principal: Principal | None = None
    budget: Mapping[str, int] = field(default_factory=dict[str, int])
    attended: bool = False


class Gate(Protocol):
    """One check. Synchronous and pure; a gate that raises counts as a denial."""

    @property
    def name(self) -> str: ...

    def judge(self, call: CallProposal, evidence: CallEvidence) -> Decision: ...


class Directory(Protocol):
    """Knows the tools and the servers behind them."""

    def resolve(self, name: str) -> KnownTool | None:
        """The listed tool a model means by `name` (`server__tool` or its hashed form), or None."""
        ...

    def nearest(self, name: str, scope: Scope) -> str | None: ...

    async def health(self, ref: ToolRef) -> Health:
        """Waits until the server is up or has failed, at most its start timeout."""
        ...

    def resolve_paths(self, ref: ToolRef, texts: Sequence[str]) -> Mapping[str, str]:
        """Sandbox paths after `..` and symlinks of declared mounts; unresolvable texts are left out."""
        ...


@dataclass(frozen=True, slots=True)
class RawResult:
    """A server's answer before caps, checks and escaping.

    Attributes:
        content: Content blocks as MCP wrote them.
        input_required: The server asked for input instead of answering; its opaque state.
    """

    content: Sequence[JsonObject]
    structured: JsonValue = None
    has_structured: bool = False
    is_error: bool = False
    input_required: JsonObject | None = None


class Caller(Protocol):
    """Sends a request that has passed every gate."""

    async def call(
        self,
        ref: ToolRef,
        arguments: JsonObject,
        *,
        timeout: float,
        meta: JsonObject,
        on_progress: "Callable[[float, float | None, str | None], Awaitable[None]] | None" = None,
    ) -> RawResult:
        """Raises: ServerError, with `sent` telling whether the request had left."""
        ...


ApprovalStatus = Literal["pending", "approved", "denied", "expired", "used"]


@dataclass(frozen=True, slots=True)
class CardValue:
    """One leaf of the arguments as a person judges it.

    Attributes:
        origin: `the user's words`, `the result of web.fetch`, `not seen anywhere`.
        passage: The text around the place where it was seen, escaped; None where it was not.
        trusted: Nothing asks because of this value.
        note: Why it is trusted or not, in a few words: a grant, a derivation, a rule.
        endorsement: The grant that would spare asking for it, `SOURCE=>SERVER.TOOL:ARG`; None where none would.
    """

    path: str
    value: JsonValue
    origin: str
    passage: str | None = None
    trusted: bool = False
    note: str | None = None
    endorsement: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What a person is asked, bound to exactly one call.

    Attributes:
        binding: Digest of agent, run, tool pin, policy version and canonical arguments.
        rules: What asks.
        expires: Seconds since the epoch.
        values: Every leaf of the arguments with its origin.
        approvers: Who may answer, one expression for each rule that says so, all of which must hold: roles, `,` for
            "or", `+` for "and another person": `finance`, `finance,operator`, `finance+finance`.
        minor: The call is outside the task; shown as one collapsed line.
        pin: The tool's pin when it was asked; a standing rule made of the answer holds while it stays.
    """

    approval_id: str
    run_id: str
    call_id: str
    agent: str
    ref: ToolRef
    effect: str
    arguments: JsonObject
    binding: str
    rules: tuple[str, ...]
    reasons: tuple[Reason, ...]
    expires: float
    values: tuple[CardValue, ...] = ()
    approvers: tuple[str, ...] = ()
    minor: bool = False
    pin: str = ""


@dataclass(frozen=True, slots=True)
class StandingRule:
    """A yes that was given for good: visible, revocable, and no wider than what was shown.

    Attributes:
        pin: Of the tool when the rule was made; while it differs, the rule answers nothing.
        rules: What asked then. An ask for anything else is still put to a person.
        arguments: Those that were approved.
        same: None: all arguments must be equal. Otherwise the argument paths whose values must be; the others are
            free, yet no argument may appear that the approved call did not have.
        given_by, roles: Who gave it, and their roles then.
        given_at, expires: Seconds since the epoch; without `expires` it holds until it is revoked.
        origin: The approval that it was made of.
    """

    rule_id: str
    agent: str
    ref: ToolRef
    effect: str
    pin: str
    rules: frozenset[str]
    arguments: JsonObject
    same: tuple[str, ...] | None
    given_by: str
    given_at: float
    origin: str
    roles: frozenset[str] = field(default_factory=frozenset[str])
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """A request with its answer.

    Attributes:
        by: Who answered, e.g. `terminal:alice`, `flag:--approve`.
        note: A reason for the model, on denial.
    """

    request: ApprovalRequest
    status: ApprovalStatus
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A person, or a rule that stands for one, said yes or no.

    Attributes:
        roles: Of the person, as the operator configured them.
        grants: Endorsements given with the answer ("this source may decide this argument for the rest of the run").
        standing: The yes was made a standing rule; its id.
    """

    granted: bool
    by: str
    note: str | None = None
    roles: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] = ()
    standing: str | None = None


@dataclass(frozen=True, slots=True)
class Parked:
    """Nobody answers now; the run waits and can be resumed when somebody has."""


class Approver(Protocol):
    """Asks. Nobody to ask means no."""

    @property
    def attended(self) -> bool:
        """Somebody can be asked right now."""
        ...

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered | Parked]:
        """All that one turn asks, on one card; one answer for each, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record before it is numbered and linked.

    Attributes:
        contents: Values that stand in the line only as salted digests; kept apart, erasable.
    """

    entry_id: str
    type: str
    run_id: str
    ts: str
    body: JsonObject
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    contents: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class CallChange:
    """A call's next state, with what became known of it. None leaves a column as it is."""

    call_id: str
    state: CallState
    ref: ToolRef | None = None
    effect: str | None = None
    arguments: JsonObject | None = None
    decision: str | None = None
    reasons: tuple[JsonObject, ...] | None = None
    key: str | None = None
    result: JsonObject | None = None
    legs: int | None = None
    duration_ms: float | None = None
    approval: str | None = None
    input_state: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ApprovalChange:
    """A new approval request, or the status of an old one.

    Attributes:
        grants: Endorsements given with the answer; they stand for the rest of the run.
    """

    approval: Approval
    grants: tuple[Grant, ...] = ()


Change: TypeAlias = CallChange | ApprovalChange


class Journal(Protocol):
    """Intents, outcomes and approvals of one run, fenced by its lease."""

    async def commit(
        self,
        *changes: Change,
        events: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
        durable: bool = False,
    ) -> None:
        """All of it in one transaction, or none. With `durable` it has reached the disk on return.

        Raises:
            JournalError: it could not be written, so nothing may go out.
            LeaseLost: another process owns the run.
        """
        ...

    def approval(self, call_id: str) -> Approval | None:
        """The newest approval of this call, with what another process may have answered."""
        ...

    def time_seen(self, approval_id: str) -> float:
        """The latest moment known to have passed since it was asked, in seconds since the epoch; 0.0 when none is."""
        ...

    def standing_rules(self) -> Sequence[StandingRule]:
        """Rules made of earlier answers that may answer now, the oldest first."""
        ...


class Record(Protocol):
    """The decision record: append-only, linked, verifiable by an outsider."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Raises: JournalError."""
        ...


class PolicyEngine(Protocol):
    """Cross-cutting rules. Errors, missing facts and the lack of a decision deny.

    `version` is a digest of all rules and stands in every approval's binding.
    """

    @property
    def version(self) -> str: ...

    def judge(self, question: PolicyQuestion) -> Decision:
        """Of an ask, `rules` are ids of policies and `approvers` what their annotations say."""
        ...


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How one call ended.

    Attributes:
        decision: The word that stands in outputs: of an ask that was approved, `ask`.
        result: What the model is shown, refusals included.
        parked: The call waits for a person; `outcome` is None then.
    """

    call_id: str
    ref: ToolRef | None
    decision: Literal["allow", "ask", "deny"]
    reasons: tuple[Reason, ...]
    outcome: Outcome | None
    result: CallResult
    approval: str | None = None
    parked: bool = False
    duration_ms: float = 0.0
