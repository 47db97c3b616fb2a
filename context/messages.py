"""What a conversation consists of, in no provider's dialect.

Decides: roles, parts and messages. Does not decide how a provider writes them on the wire
(`adapters`) nor which of them a model is shown (the view).
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from context.json_values import JsonObject
from context.labels import TRUSTED, Label

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Image:
    """An image by value. `data` is base64."""

    media_type: str
    data: str
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as the model proposed it.

    Attributes:
        call_id: Ours, unique in the run even when a model repeats its own ids.
        provider_id: The model's id, echoed back to it and used for nothing else.
        name: The name the model used (`server__tool`, possibly hashed, possibly invented).
        arguments: The parsed arguments, or None when they were no JSON object.
        malformed: What the model sent when it was no JSON object; goes back to it as an error, never guessed at.
    """

    call_id: str
    provider_id: str
    name: str
    arguments: JsonObject | None
    malformed: str | None = None
    kind: Literal["tool_call"] = "tool_call"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to one call, as the model gets to see it."""

    call_id: str
    provider_id: str
    name: str
    content: "tuple[Text | Image, ...]"
    is_error: bool = False
    kind: Literal["tool_result"] = "tool_result"


Part: TypeAlias = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation; append-only once it stands in the run store."""

    message_id: str
    role: Role
    parts: tuple[Part, ...]
    label: Label = TRUSTED

    @property
    def text(self) -> str:
        """All text parts joined, for people and for answers."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))
