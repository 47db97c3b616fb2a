"""A server under review, in lines for the person who decides; every foreign character escaped.

Decides: what is shown and in which order. Does not decide anything about the server.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from context.calls import ToolDefinition
from context.visible_text import escape, escape_line
from host.outputs.walls import wall_line
from host.review.arguments import arguments_of
from sandboxes.interface import Mount
from tool_gateway.rules import ToolRule

if TYPE_CHECKING:  # They bring `mcp` along; a listing from files shows tools without it.
    from host.review.inspection import Inspection
    from host.servers.session import Listing

_SHOWN_TEXT = 20_000
_STDERR_LINES = 20


def told_server(inspection: "Inspection", listing: "Listing", mounts: Sequence[Mount]) -> Iterator[str]:
    """What runs, from where, behind which walls; the command is never cut."""
    settings, program, package = inspection.settings, inspection.program, inspection.package
    yield f"server {inspection.name}"
    if package is not None:
        count = len(package.requirements) or len(package.tree) or 1
        yield f"  package   {escape_line(settings.package or '')}   ({count} package(s) locked by digest)"
    if program is not None:
        yield f"  command   {escape_line(shlex.join(program.argv))}"
        for name in ("lock", "tree", "image"):
            if name in program.digests:
                yield f"  digest    {name} {program.digests[name]}"
    yield f"  sandbox   {escape_line(settings.sandbox)}"
    if inspection.evidence is not None:
        yield f"  walls     {wall_line(inspection.evidence.as_json())}"
        yield from (f"  ! {escape_line(text, 300)}" for text in inspection.evidence.differences)
        yield from (f"  note      {escape_line(text, 300)}" for text in inspection.evidence.notes)
    for mount in mounts:
        verb = "may WRITE" if mount.mode == "rw" else "may read"
        yield f"  mount     {verb} {escape_line(str(mount.host), 400)} at {escape_line(mount.at, 200)}"
    yield from (f"  env       {escape_line(name, 128)} = {escape_line(value)}" for name, value in settings.env.items())
    yield f"  protocol  {escape_line(listing.protocol, 40)}, ready in {inspection.seconds:.1f} s"
    if listing.instructions:
        yield "  what it tells models to do (shown to you only; no model is given it):"
        yield from _text(listing.instructions, "    ")


def told_tool(tool: ToolDefinition, rule: ToolRule | None) -> Iterator[str]:
    """One tool: what the operator says of it, then what its server says."""
    said = f"effect {rule.effect}, approve {rule.approve}" if rule is not None else "not listed"
    yield f"  tool {escape_line(tool.name, 128)}   ({said})"
    if tool.title is not None:
        yield f"    title: {escape_line(tool.title, 500)}"
    yield from _text(tool.description, "    ")
    for argument in arguments_of(tool.input_schema):
        yield f"    - {argument.line()}"
        limits = rule.arguments.get(argument.path) if rule is not None else None
        if limits is not None:
            yield f"        limited: {escape_line(_json(limits.model_dump(exclude_defaults=True)), 500)}"
    if rule is not None and rule.sinks:
        yield f"    sinks: {escape_line(', '.join(rule.sinks), 500)}"
    if tool.annotations:
        yield f"    its own hints (no rule follows them): {escape_line(_json(tool.annotations), 500)}"


def told_listing(listing: "Listing", listed: Sequence[str]) -> Iterator[str]:
    """The tools that stay outside: offered and not listed, or too malformed to be offered."""
    others = [name for name in listing.tools if name not in listed]
    if others:
        names = ", ".join(escape_line(name, 128) for name in others[:100])
        more = f", and {len(others) - 100} more" if len(others) > 100 else ""
        yield f"  not listed, so nobody can call them: {names}{more}"
    for name, why in list(listing.dropped.items())[:50]:
        yield f"  dropped from its listing: {escape_line(name, 128)}: {escape_line(why, 200)}"


def told_stderr(inspection: "Inspection") -> Iterator[str]:
    """The end of what it wrote to stderr."""
    lines = [line for line in inspection.stderr.splitlines() if line.strip()]
    if lines:
        yield "  stderr:"
        yield from (f"    | {escape_line(line, 300)}" for line in lines[-_STDERR_LINES:])


def _text(text: str, indent: str) -> Iterator[str]:
    shown = escape(text[:_SHOWN_TEXT]).replace("\t", "    ")
    yield from (f"{indent}| {line}" for line in shown.rstrip("\n").split("\n") if text)
    if len(text) > _SHOWN_TEXT:
        yield f"{indent}! {len(text) - _SHOWN_TEXT:,} more characters are not shown here"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
