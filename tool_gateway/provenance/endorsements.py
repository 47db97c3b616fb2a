"""Endorsements as people write them: `files.read[path=bill.txt]=>bank.pay:amount`.

Decides: the syntax, and whether both ends exist. Does not decide what a grant is worth for a value
(`uniqueness.py`).
"""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NoReturn, cast

from context.errors import UsageError
from context.json_values import JsonValue
from context.visible_text import escape_line
from tool_gateway.arguments.paths import parse, places_of
from tool_gateway.interface import KnownTool
from tool_gateway.provenance.evidence import Grant, SourcePattern
from tool_gateway.schemas.forms import UnusableSchema

_FORM = "write 'SOURCE=>SERVER.TOOL:ARG', SOURCE being server.tool, server.tool[arg=value] or model"
_LONGEST = 2_000


def parse_endorsement(
    text: str, tools: Iterable[KnownTool], *, given_by: str = "flag:--endorse", where: str = "--endorse"
) -> Grant:
    """The grant that `text` is.

    Args:
        tools: All that the run could call; an end that is none of them is refused with the nearest name.
        given_by: For the record: `flag:--endorse`, `prompt`, `answer:apr_…`.
        where: For the error: the flag, or the file and key.

    Raises:
        UsageError: it is not of that form, a tool does not exist, or an argument cannot be reached.
    """
    known = {str(tool.ref): tool for tool in tools}
    shown = escape_line(text, 160)
    if len(text) > _LONGEST or "=>" not in text:
        _refuse(f"{shown} is no endorsement", where, _FORM)
    left, _, right = text.rpartition("=>")
    address, colon, argument = right.strip().partition(":")
    if not colon or not argument.strip():
        _refuse(f"in {shown}, the part after => names no argument", where, _FORM)
    tool = _tool(address, known, shown, where)
    argument = argument.strip()
    _reachable(argument, tool, shown, where)
    source = _source(left.strip(), known, shown, where)
    because = f"{source} may decide {argument} of {tool.ref}"
    return Grant(source, tool.ref, argument, given_by, escape_line(because, 300))


def _source(text: str, known: Mapping[str, KnownTool], shown: str, where: str) -> SourcePattern:
    if text == "model":
        return SourcePattern(None)
    address, bracket, rest = text.partition("[")
    tool = _tool(address, known, shown, where)
    if not bracket:
        return SourcePattern(tool.ref)
    name, equals, value = rest.partition("=")
    if not equals or not value.endswith("]") or not name.strip():
        _refuse(f"in {shown}, {escape_line(bracket + rest, 80)} does not pick out one call", where, _FORM)
    name = name.strip()
    types = _reachable(name, tool, shown, where)
    if "[" in name or '"' in name:
        _refuse(f"in {shown}, {escape_line(name, 80)} is no plain argument of {tool.ref}", where, _FORM)
    return SourcePattern(tool.ref, name, _typed(value[:-1], types))


def _tool(address: str, known: Mapping[str, KnownTool], shown: str, where: str) -> KnownTool:
    address = address.strip()
    if address in known:
        return known[address]
    near = get_close_matches(address[:200], known, n=1, cutoff=0.5)
    listed = ", ".join(sorted(known)[:8]) or "none"
    hint = f"did you mean {near[0]}?" if near else f"the tools of this run are: {listed}"
    return _refuse(f"in {shown}, there is no tool {escape_line(address, 80) or 'without a name'}", where, hint)


def _reachable(path: str, tool: KnownTool, shown: str, where: str) -> frozenset[str] | None:
    """The JSON types that the argument can have; None when anything goes."""
    try:
        parse(path)
        found = places_of(path, tool.definition.input_schema)
    except UnusableSchema as error:
        _refuse(f"in {shown}, the schema of {tool.ref} cannot be used: {escape_line(str(error), 200)}", where, _FORM)
    except ValueError as error:
        _refuse(f"in {shown}, {error}", where, "argument paths look like order.files[].path")
    if isinstance(found, str):
        _refuse(f"in {shown}, {found}", where, f"name an argument that {tool.ref} has")
    return found.types


def _typed(value: str, types: frozenset[str] | None) -> JsonValue:
    """Text stays text where the argument can be one; else what the JSON says."""
    if types is None or "string" in types:
        return value
    try:
        read = cast("JsonValue", json.loads(value))
    except ValueError:
        return value
    return read if isinstance(read, bool | int | float) else value


def _refuse(what: str, where: str, next_step: str) -> NoReturn:
    raise UsageError(what, where=where, next_step=next_step)
