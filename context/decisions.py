"""Decisions: allow, ask, deny, each with reasons. Values, never exceptions.

Decides: the shapes. Does not decide anything about a call; gates do (`tool_gateway`).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

DecisionWord = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one gate said what it said.

    Attributes:
        gate: The gate's name, e.g. `constraints`.
        code: Stable, for machines and tests: `path_outside`, `unknown_tool`.
        text: One sentence for a person and for the model. Contains no unescaped foreign text.
        path: The argument concerned, e.g. `files[0].path`.
        remedy: What would be allowed, or the next step.
    """

    gate: str
    code: str
    text: str
    path: str | None = None
    remedy: str | None = None

    def sentence(self) -> str:
        return f"{self.text}. {self.remedy}" if self.remedy else self.text


@dataclass(frozen=True, slots=True)
class Allow:
    reasons: tuple[Reason, ...] = ()
    word: Literal["allow"] = "allow"


@dataclass(frozen=True, slots=True)
class Ask:
    """Nobody may carry this out until a person has said yes.

    Attributes:
        rules: What asks.
        approvers: Who may answer (`ApprovalRequest.approvers`); empty: whoever runs this.
        minor: What asks is not worth a card of its own: it is outside the task.
    """

    reasons: tuple[Reason, ...]
    rules: tuple[str, ...]
    approvers: tuple[str, ...] = ()
    minor: bool = False
    word: Literal["ask"] = "ask"


@dataclass(frozen=True, slots=True)
class Deny:
    reasons: tuple[Reason, ...]
    word: Literal["deny"] = "deny"


Decision: TypeAlias = Allow | Ask | Deny
