"""A page of `tools/list`, made safe for the SDK: malformed tools out, output schemas aside.

Decides: which tools of a listing exist for us, and what of them the SDK is shown. Does not decide which of
them may be called: the lock and the gates do.

Two measured reasons. One malformed tool makes the SDK refuse the whole listing, and with it every other tool.
And the SDK validates results against `outputSchema` inside the event loop with a backtracking `re`: the pattern
`^(a+)+$` froze a host for seconds past its deadline. So the schema never reaches it; the gateway, which is
handed the schema, validates in bounded time (docs/threat-model.md rows 17, 32, 44).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from context.calls import TOOL_NAME
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

_HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
_SHOWN = ("name", "title", "description", "inputSchema", "annotations")
"""What a host needs. Icons, execution hints and `_meta` are left out: each can only break the listing."""


@dataclass(frozen=True, slots=True)
class RepairedPage:
    """One page of a listing.

    Attributes:
        result: The page as the SDK may see it.
        names: The tools on it, with those of the pages before.
        output_schemas: Tool name → the schema that was removed.
        dropped: Tool name, escaped (or `#3`, its place) → why it was dropped.
    """

    result: JsonObject
    names: frozenset[str]
    output_schemas: Mapping[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    dropped: Mapping[str, str] = field(default_factory=dict[str, str])


def repair_page(result: JsonObject, *, earlier: frozenset[str], limit: int) -> RepairedPage | str:
    """The repaired page, or why the whole of it is refused.

    A name that stands twice on a page is dropped both times: nobody can tell which one would run. One that an
    earlier page had is dropped here.

    Args:
        earlier: Names on the pages before this one.
        limit: Most tools on one page.
    """
    tools = result.get("tools")
    if not isinstance(tools, list):
        return "a tool listing holds no list of tools"
    if len(tools) > limit:
        return f"a page of the tool listing holds more than {limit} tools"
    if not isinstance(result.get("nextCursor"), str | None):
        return "a tool listing's cursor is no text"
    times = Counter(name for tool in tools if isinstance(tool, dict) and isinstance(name := tool.get("name"), str))
    kept: list[JsonValue] = []
    names: set[str] = set()
    schemas: dict[str, JsonObject] = {}
    dropped: dict[str, str] = {}
    for place, tool in enumerate(tools):
        fault = _fault(tool)
        name = tool.get("name") if isinstance(tool, dict) else None
        if fault is None and isinstance(name, str) and (times[name] > 1 or name in earlier):
            fault = "its name is listed twice"
        if fault is not None or not isinstance(tool, dict) or not isinstance(name, str):
            shown = escape_line(name, 128) if isinstance(name, str) and name else f"#{place}"
            dropped[shown] = fault or "it is no object"
            continue
        schema = tool.get("outputSchema")
        if isinstance(schema, dict):
            schemas[name] = schema
        names.add(name)
        kept.append({key: tool[key] for key in _SHOWN if tool.get(key) is not None})
    return RepairedPage({**result, "tools": kept}, earlier | names, schemas, dropped)


def _fault(tool: JsonValue) -> str | None:
    if not isinstance(tool, dict):
        return "it is no object"
    name = tool.get("name")
    if not isinstance(name, str) or TOOL_NAME.fullmatch(name) is None:
        return "its name does not match [A-Za-z0-9_.-]{1,128}"
    for key in ("title", "description"):
        if not isinstance(tool.get(key), str | None):
            return f"its {key} is no text"
    if (fault := _schema_fault(tool.get("inputSchema"))) is not None:
        return fault
    if not isinstance(tool.get("outputSchema"), dict | None):
        return "its outputSchema is no object"
    return _annotations_fault(tool.get("annotations"))


def _schema_fault(schema: JsonValue) -> str | None:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "its inputSchema is no schema of an object"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or not all(isinstance(item, dict | bool) for item in properties.values()):
        return "its inputSchema's properties are no schemas"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(item, str) for item in required):
        return "its inputSchema's required is no list of names"
    return None


def _annotations_fault(annotations: JsonValue) -> str | None:
    if annotations is None:
        return None
    if not isinstance(annotations, dict):
        return "its annotations are no object"
    for hint in _HINTS:
        if not isinstance(annotations.get(hint), bool | None):
            return f"its annotation {hint} is no boolean"
    return None if isinstance(annotations.get("title"), str | None) else "its annotation title is no text"
