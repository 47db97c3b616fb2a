"""What a policy engine is asked, in no engine's dialect.

Decides: the facts that rules may speak about. Does not decide how an engine writes them (`cedar.py`) or what it
answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from context.calls import ApproveMode, Effect, ToolRef
from context.json_values import JsonObject, JsonValue

Action = Literal["call", "send", "read_context", "serve"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An agent acting for a user; `roles` are those of both."""

    agent: str
    user: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ToolResource:
    """A tool; in Cedar a member of its server and of its groups.

    Attributes:
        owner: Who answers for its server.
        groups: As the operator wrote them (`groups` of the tool).
    """

    ref: ToolRef
    effect: Effect
    owner: str | None = None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelResource:
    """Where content is sent. `location` is `local` or `cloud`."""

    name: str
    adapter: str
    location: str


Resource: TypeAlias = ToolResource | ModelResource


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    """One question.

    Attributes:
        arguments: Canonical; empty for what is no call.
        labels: Confidentiality words of all content that would flow: for a call, of the sources that its values
            were seen in; for a send, of the whole view.
        tainted: The run has read untrusted content.
        untrusted: Argument paths whose values come from no trusted source.
        budget: What is left, where it is bounded: `turns`, `seconds`, `cents`.
        now: Seconds since the epoch.
        attended: Somebody can be asked right now.
        approved: Ids of policies whose ask was answered with yes for exactly this call.
        consent: The tool's `approve` setting, for a call.
    """

    action: Action
    principal: Principal
    resource: Resource
    arguments: JsonObject = field(default_factory=dict[str, JsonValue])
    labels: frozenset[str] = frozenset()
    tainted: bool = False
    untrusted: frozenset[str] = frozenset()
    budget: Mapping[str, int] = field(default_factory=dict[str, int])
    now: float = 0.0
    attended: bool = False
    approved: frozenset[str] = frozenset()
    consent: ApproveMode = "policy"
