"""Tools and calls: what exists, what is proposed, how it ended.

Decides: the words (effect, approve mode, outcome) and the shapes of a listed tool and of a call's
end. Does not decide whether a call may go out: that is `tool_gateway`.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Literal

from context.json_values import JsonObject, JsonValue
from context.labels import UNTRUSTED, Label
from context.messages import Image, Text

Effect = Literal["read", "write", "external_write", "destructive"]
ApproveMode = Literal["never", "always", "policy"]
Outcome = Literal["succeeded", "failed", "denied", "in_doubt"]

TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
"""Names a tool may have (MCP 2026-07-28, server/tools); any other is refused by name."""

MODEL_NAME_LIMIT = 64
"""Longest tool name that every provider takes."""


@dataclass(frozen=True, slots=True, order=True)
class ToolRef:
    """A tool's address. Two servers may have tools of one name; they never meet."""

    server: str
    tool: str

    def __str__(self) -> str:
        return f"{self.server}.{self.tool}"

    @property
    def model_name(self) -> str:
        """The name a model sees: `server__tool`, with a hash where a provider would refuse it."""
        plain = f"{self.server}__{self.tool}"
        ambiguous = "__" in self.server or self.server.endswith("_") or self.tool.startswith("_")
        if len(plain) <= MODEL_NAME_LIMIT and "." not in plain and not ambiguous:
            return plain
        mark = hashlib.sha256(str(self).encode()).hexdigest()[:10]
        return re.sub(r"[^A-Za-z0-9_-]", "_", plain)[: MODEL_NAME_LIMIT - 11] + "_" + mark


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as its server lists it, before anyone trusts a word of it.

    `annotations` are the server's own hints. They are shown and pinned; no rule ever relaxes on them.
    """

    name: str
    description: str = ""
    input_schema: JsonObject = field(default_factory=dict[str, JsonValue])
    output_schema: JsonObject | None = None
    annotations: JsonObject | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a server answered, after caps and escaping, with its label."""

    content: tuple[Text | Image, ...]
    structured: JsonValue = None
    is_error: bool = False
    label: Label = UNTRUSTED
    truncated: bool = False

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content if isinstance(part, Text))
