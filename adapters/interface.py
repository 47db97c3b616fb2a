"""The model seam: a view of the conversation in, a stream of neutral events out.

Decides: what an adapter is given and what it must say. Does not decide routing, budgets or what a
view contains. An adapter can reach neither a sandbox nor MCP; it talks to one model API.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from context.calls import ToolDefinition
from context.json_values import JsonObject
from context.messages import Message

StopReason = Literal["end", "calls", "length", "refusal", "stop_sequence"]
Location = Literal["local", "cloud"]


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as a model is shown it: `name` is the model-facing one, at most 64 characters."""

    name: str
    definition: ToolDefinition


@dataclass(frozen=True, slots=True)
class View:
    """What one model call sees.

    Attributes:
        system: Standing instructions; empty for none.
        tool_names: Address → name, so a scripted model may say `git.git_log`.
        schema: JSON Schema the final answer must satisfy, for providers that can enforce it.
    """

    messages: tuple[Message, ...]
    tools: tuple[OfferedTool, ...] = ()
    system: str = ""
    tool_names: Mapping[str, str] = field(default_factory=dict[str, str])
    schema: JsonObject | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallReady:
    """One complete proposed call, in the model's order.

    Attributes:
        provider_id: The model's id for it; may repeat or be empty.
        arguments: Parsed, or None when the model wrote no JSON object; then `malformed` holds the text.
    """

    provider_id: str
    name: str
    arguments: JsonObject | None
    malformed: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call. `input_tokens` includes the cached ones; `output_tokens` the reasoning ones."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class Retrying:
    """An attempt failed before anything was said; the next one starts after `delay` seconds."""

    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The last event of a good stream.

    Attributes:
        model: The model that answered, as the provider names it.
        usage: None when the provider did not say.
    """

    stop: StopReason
    model: str
    usage: Usage | None = None


ModelEvent: TypeAlias = TextDelta | CallReady | Retrying | Completed


class ModelAdapter(Protocol):
    """One model behind one API."""

    @property
    def model(self) -> str: ...

    @property
    def scripted(self) -> bool:
        """True when no model thinks here; every output then says so."""
        ...

    def stream(self, view: View) -> AsyncGenerator[ModelEvent, None]:
        """One model call. Ends with `Completed`, or raises; closing the generator closes the connection.

        Raises:
            ModelError: after the retries that the adapter's settings allow; never half-executed.
        """
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One `[models.NAME]` table, resolved.

    Attributes:
        key: The secret itself, already fetched from its reference; never logged, never stored.
        price: USD per million tokens, `input` and `output`.
        timeout: Seconds without a byte before a request counts as dead.
        position: How many turns of a script were already played (a resumed run goes on there).
    """

    name: str
    adapter: str
    model: str
    base_url: str | None = None
    key: str | None = field(default=None, repr=False)
    location: Location = "cloud"
    window: int | None = None
    price: Mapping[str, float] | None = None
    timeout: float = 120.0
    retries: int = 3
    position: int = 0


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """One adapter, as `registry` finds it. Each kind is one file that ends in `KIND = AdapterKind(…)`."""

    name: str
    make: Callable[[ModelSettings], ModelAdapter]
