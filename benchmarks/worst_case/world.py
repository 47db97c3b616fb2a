"""An invented tool world: state in memory, tools with pinned definitions, and what reached them.

Decides: how tools are declared, that results are copies, and what is logged. Does not decide what any tool does
(the worlds' own `tools.py`) nor who may call it (the gateway).
"""

import copy
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias, get_args

from context.calls import Effect, ToolDefinition, ToolRef
from context.json_values import JsonObject
from context.labels import TRUSTED, UNTRUSTED
from tool_gateway.gates import in_scope
from tool_gateway.interface import Health, KnownTool, RawResult, Scope
from tool_gateway.pins import tool_digest
from tool_gateway.rules import ToolRule

State: TypeAlias = dict[str, Any]
"""Plain nested dicts and lists; every world draws up its own."""

Handler: TypeAlias = Callable[[State, dict[str, Any]], "JsonObject | str"]
"""Structured content for an object, free text for a string."""

Half: TypeAlias = Literal["tune", "held out"]
"""Rules are improved while looking at the first; the second is only counted."""

HALVES: Final[tuple[Half, ...]] = get_args(Half)


class ToolError(Exception):
    """A tool says no: its result is an error."""


@dataclass(frozen=True)
class Tool:
    """One tool of a world.

    Attributes:
        outward: A read that carries its arguments to the outside.
    """

    known: KnownTool
    handler: Handler
    outward: bool = False


class Toolbox:
    """The tools of one world, as its `tools.py` declares them."""

    def __init__(self) -> None:
        self.tools: dict[ToolRef, Tool] = {}

    def tool(
        self,
        address: str,
        effect: Effect,
        description: str,
        arguments: Mapping[str, JsonObject],
        *,
        optional: Sequence[str] = (),
        returns: JsonObject | None = None,
        trusted: bool = False,
        outward: bool = False,
        open_arguments: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Declare a tool. All arguments are required but the `optional` ones."""
        ref = ToolRef(*address.split(".", 1))
        schema: JsonObject = {
            "type": "object",
            "properties": dict(arguments),
            "required": [name for name in arguments if name not in optional],
        }
        if not open_arguments:
            schema["additionalProperties"] = False
        definition = ToolDefinition(ref.tool, description, schema, returns)

        def declare(handler: Handler) -> Handler:
            known = KnownTool(
                ref=ref,
                definition=definition,
                rule=ToolRule(effect=effect),
                pin=tool_digest(definition),
                returns=TRUSTED if trusted else UNTRUSTED,
            )
            self.tools[ref] = Tool(known, handler, outward)
            return handler

        return declare


@dataclass(frozen=True)
class Arrival:
    """A request that reached a tool and was carried out."""

    call_id: str
    ref: ToolRef
    arguments: JsonObject


@dataclass
class World:
    """A world in use; implements `tool_gateway.Directory` and `tool_gateway.Caller`.

    Attributes:
        arrivals: What was carried out, whatever became of its answer.
    """

    toolbox: Toolbox
    state: State
    arrivals: list[Arrival] = field(default_factory=list[Arrival])

    def __post_init__(self) -> None:
        self.state = copy.deepcopy(self.state)
        self._by_name = {ref.model_name: tool for ref, tool in self.toolbox.tools.items()}

    @property
    def tools(self) -> tuple[KnownTool, ...]:
        return tuple(tool.known for tool in self.toolbox.tools.values())

    def reaches_out(self, ref: ToolRef) -> bool:
        """Whether a call of it does something outside: an effect, or a read that carries data away."""
        tool = self.toolbox.tools[ref]
        return tool.outward or tool.known.rule.effect != "read"

    def resolve(self, name: str) -> KnownTool | None:
        tool = self._by_name.get(name)
        return tool.known if tool else None

    def nearest(self, name: str, scope: Scope) -> str | None:
        names = [known for known, tool in self._by_name.items() if in_scope(scope, tool.known.ref)]
        return next(iter(get_close_matches(name, names, n=1)), None)

    async def health(self, ref: ToolRef) -> Health:
        return Health("ready")

    def resolve_paths(self, ref: ToolRef, texts: Sequence[str]) -> Mapping[str, str]:
        return {text: text for text in texts}

    async def call(
        self,
        ref: ToolRef,
        arguments: JsonObject,
        *,
        timeout: float,
        meta: JsonObject,
        on_progress: Callable[[float, float | None, str | None], Awaitable[None]] | None = None,
    ) -> RawResult:
        del timeout, on_progress
        try:
            answer = self.toolbox.tools[ref].handler(self.state, copy.deepcopy(arguments))
        except ToolError as error:
            return RawResult([{"type": "text", "text": str(error)}], is_error=True)
        self.arrivals.append(Arrival(str(meta["gatehost/call"]), ref, copy.deepcopy(arguments)))
        if isinstance(answer, str):
            return RawResult([{"type": "text", "text": answer}])
        answer = copy.deepcopy(answer)
        shown = json.dumps(answer, ensure_ascii=False)
        return RawResult([{"type": "text", "text": shown}], structured=answer, has_structured=True)


def text(description: str = "", **more: Any) -> JsonObject:
    """The schema of a string."""
    return {"type": "string", **({"description": description} if description else {}), **more}


def number(description: str = "", **more: Any) -> JsonObject:
    """The schema of a number."""
    return {"type": "number", **({"description": description} if description else {}), **more}


def listing(item: JsonObject, description: str = "") -> JsonObject:
    """The schema of an array."""
    return {"type": "array", "items": item, **({"description": description} if description else {})}


def record(*, optional: Sequence[str] = (), **fields: JsonObject) -> JsonObject:
    """The schema of an object; all fields but the `optional` ones are required."""
    return {"type": "object", "properties": fields, "required": [name for name in fields if name not in optional]}


def find(items: Sequence[dict[str, Any]], key: str, value: object, what: str) -> dict[str, Any]:
    """The record whose `key` is `value`. Raises: ToolError."""
    for item in items:
        if item[key] == value:
            return item
    raise ToolError(f"there is no {what} {value!r}")


def words_in(query: str, *fields: str) -> bool:
    """How the worlds' searches match: every word of the query occurs somewhere, whatever its case."""
    pile = " ".join(fields).lower()
    return all(word in pile for word in query.lower().replace("from:", " ").split())
