"""What the engine's type checker says, turned into faults with line, nearest name and next step.

Decides: how its sentences are read. Does not decide what is well-typed: Cedar does.
"""

import re
from collections.abc import Iterable, Mapping
from typing import cast

import cedarpy

from context.visible_text import escape_line
from tool_gateway.policy.argument_types import Record, Untyped, type_at, type_text
from tool_gateway.policy.faults import Fault, nearest_step
from tool_gateway.policy.reach import named_tool
from tool_gateway.policy.reading import Policy
from tool_gateway.policy.schema_text import SchemaText

_PREFIX = re.compile(r"^for policy `[^`]*`, ")
_MISSING = re.compile(r"^attribute `([^`]+)` (in context for|on entity type) (.+?) not found")
_OPTIONAL = re.compile(r"^unable to guarantee safety of access to optional attribute `([^`]+)`( in context)?")
_ENTITY = re.compile(r"^unrecognized entity type `([^`]+)`")
_ACTION = re.compile(r'^unrecognized action `Action::"([^"]+)"`')
_APPLIES = "unable to find an applicable action"
_DECIMAL = re.compile(r"expected decimal but saw Long|expected Long but saw decimal|Long and decimal|decimal and Long")


def check_types(
    policies: Mapping[str, Policy],
    texts: cedarpy.PolicySet,
    schema: cedarpy.Schema,
    *,
    words: SchemaText,
    arguments: Record,
    tool: str | None = None,
) -> list[Fault]:
    """The faults of `policies` under a schema; none when all are well-typed.

    Args:
        texts: The same policies, as they are evaluated.
        arguments: All that the tool's arguments may hold, for the nearest name.
        tool: For which tool the schema speaks.
    """
    result = cedarpy.validate_policies(str(texts), schema)
    if result.validation_passed:
        return []
    faults: dict[Fault, None] = {}
    unplaced = 0
    ids = cast("dict[str, str]", result.id_annotations_by_policy_id)
    for error in result.errors:
        policy = policies.get(ids.get(error.policy_id, ""))
        if policy is None:
            unplaced += 1
            continue
        message = _PREFIX.sub("", error.error)
        if _APPLIES in message and any(fault.policy == policy.id for fault in faults):
            continue
        faults[_fault(policy, message, words, arguments, tool)] = None
    if unplaced or not faults:
        said = escape_line("; ".join(error.error for error in result.errors), 300) or "it gives no reason"
        faults[Fault(words.file, 0, f"the policies do not fit the schema: {said}", "Correct the policy")] = None
    return list(faults)


def _fault(policy: Policy, message: str, words: SchemaText, arguments: Record, tool: str | None) -> Fault:
    said = f"policy `{policy.id}`: "
    missing, optional = _MISSING.match(message), _OPTIONAL.match(message)
    if missing is not None:
        return _missing(policy, missing[1], missing[2] == "in context for", missing[3], words, arguments, tool)
    if optional is not None:
        path = f"context.{optional[1]}" if optional[2] else f"….{optional[1]}"
        word = _last(optional[1])
        return policy.fault(
            f"{said}`{escape_line(path, 200)}` may be absent",
            f"Ask first: `{escape_line(_has(path), 200)} && …`",
            word=word,
        )
    for pattern, names, noun in ((_ENTITY, words.entities, "entity type"), (_ACTION, words.actions, "action")):
        unknown = pattern.match(message)
        if unknown is not None:
            name = unknown[1]
            what = f"{said}there is no {noun} `{escape_line(name, 80)}`"
            return policy.fault(what, nearest_step(name, names, otherwise="Correct it"), word=name)
    if _APPLIES in message:
        step = "Hold its `action` against its `principal` and `resource`: call goes to a Tool, send to a Model"
        return policy.fault(f"{said}no action goes with its scope", step)
    step = "Correct its condition"
    if _DECIMAL.search(message):
        step = 'A number argument is a decimal: compare it with a literal, or with `.greaterThan(decimal("1.5"))`'
    return policy.fault(f"{said}{escape_line(message, 300)}", step)


def _missing(
    policy: Policy, name: str, in_context: bool, holder: str, words: SchemaText, arguments: Record, tool: str | None
) -> Fault:
    said = f"policy `{policy.id}`: "
    word = _last(name)
    if not in_context or not name.startswith("arguments."):
        where = f"in the context of {holder}" if in_context else f"on {holder}"
        what = f"{said}attribute `{escape_line(name, 120)}` {escape_line(where, 80)} is not declared"
        step = nearest_step(word, words.attributes, otherwise="Remove it")
        if name == "arguments":
            step = 'Only a call has arguments; write `action == Action::"call"` in its scope'
        return policy.fault(what, step, word=word)
    return missing_argument(policy, tuple(name.split(".")[1:]), arguments, tool)


def missing_argument(policy: Policy, path: tuple[str, ...], arguments: Record, tool: str | None) -> Fault:
    """The fault of a rule that looks at an argument which a tool does not have, or which Cedar has no type for."""
    of_tool = f" of {escape_line(tool, 150)}" if tool else ""
    name = ".".join(path)
    what = f"policy `{policy.id}`: attribute `{escape_line(name, 120)}` is no argument{of_tool}"
    found = type_at(arguments, path)
    if isinstance(found, Untyped):
        shown = escape_line(name, 120)
        what = f"policy `{policy.id}`: no rule can look at the argument `{shown}`{of_tool}: it {found.why}"
        step = "Bound it in mcp_servers.toml (`arguments`) instead"
    else:
        holder = type_at(arguments, path[:-1])
        step = nearest_step(path[-1], _names(holder), otherwise="Remove it")
        if tool is not None and named_tool(policy.template) is None:
            guard = _has("context.arguments." + name)
            step += f"; where other tools have it, ask first: `{escape_line(guard, 200)} && …`"
    return policy.fault(what, step, word=path[-1])


def _names(holder: object) -> Iterable[str]:
    return holder.fields if isinstance(holder, Record) else ()


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _has(path: str) -> str:
    before, _, last = path.rpartition(".")
    return f"{before} has {last}"


def told_type(record: Record, path: tuple[str, ...]) -> str:
    """For people: `Long`, `Set<String>`, or why it has no type."""
    found = type_at(record, path)
    if found is None:
        return "not declared"
    return found.why if isinstance(found, Untyped) else type_text(found)
