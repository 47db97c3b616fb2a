"""`gatehost mcp check`: start every server behind its walls and say how each stands.

Decides: the rows, and which exit code several servers add up to: 7 when one failed, else 2 when one is not
accepted as it is or does not fit the servers file. Does not decide what counts as a change, nor accept anything.
"""

import argparse
from typing import TYPE_CHECKING, Any

import anyio

from context.errors import GatehostError
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape, escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.mcp_files import Bench, chosen, open_bench
from host.cli.screen import progress, say

if TYPE_CHECKING:
    from context.calls import ToolDefinition
    from host.review.inspection import Inspection


def add_check(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "check", help="start the servers behind their walls and say how each stands", allow_abbrev=False
    )
    parser.add_argument("server", nargs="*", metavar="SERVER", help="all of the file when none is named")
    parser.add_argument("--json", action="store_true", help="also every tool's whole definition")
    add_file_options(parser)
    parser.set_defaults(handler=_check)


def _check(args: argparse.Namespace) -> int:
    bench = open_bench(args)
    return anyio.run(_look, bench, chosen(args.server, bench.servers), args.json)


async def _look(bench: Bench, names: list[str], as_json: bool) -> int:
    from host.review.inspection import inspect_servers

    workshop = bench.workshop
    inspections = await inspect_servers(
        bench.servers, workshop.lock, workshop.home.sandbox_home(), names, slots=workshop.settings.slots
    )
    rows = [_row(bench, inspection) for inspection in inspections.values()]
    if as_json:
        say_foreign_json(rows)
    else:
        for warning in bench.servers.warnings:
            progress(f"gatehost: {warning}")
        for row, inspection in zip(rows, inspections.values(), strict=True):
            _tell(row, inspection)
    return max((_CODES[str(row["status"])] for row in rows), default=0)


_CODES = {"ok": 0, "misconfigured": 2, "unaccepted": 2, "changed": 2, "failed": 7}


def _row(bench: Bench, inspection: "Inspection") -> JsonObject:
    """One server, as `--json` shows it."""
    from host.review.acceptance import misfits
    from host.review.comparison import compare_server

    name, settings, listing, counts = inspection.name, inspection.settings, inspection.listing, inspection.counts
    evidence = inspection.evidence
    faults: list[str] = [inspection.fault] if inspection.fault else []
    faults += [f"server {name}: wall: {difference}" for difference in evidence.differences] if evidence else []
    status = "failed" if faults else "ok"
    if inspection.error is not None and inspection.error.exit_code == 2:
        status = "misconfigured"
    row: JsonObject = {
        "server": name,
        "status": status,
        "package": settings.package,
        "protocol": listing.protocol if listing else None,
        "seconds": round(inspection.seconds, 3),
        "sandbox": evidence.as_json() if evidence else None,
        "stderr": escape(inspection.stderr),
        "skipped_lines": counts.skipped_lines,
        "dropped_messages": counts.dropped_messages,
        "last_dropped": counts.last_fault or None,
    }
    if listing is None:
        return {**row, "faults": [*faults]}
    changes: JsonObject | None = None
    pins: dict[str, str] = {}
    unpinned = "its acceptance cannot be read"
    try:
        comparison = compare_server(inspection, listing, bench.workshop.lock.servers.get(name))
        changes = comparison.as_json()
        unpinned = (
            "never accepted"
            if comparison.never_accepted
            else "the configuration changed since it was accepted"
            if comparison.configuration
            else "listed since the server was accepted"
        )
        pins = {tool: comparison.pin(tool) for tool in settings.tools}
        unfit = misfits(bench.servers, name, listing)
        if status == "ok" and unfit:
            status = "misconfigured"
        elif status == "ok" and not comparison.same:
            status = "unaccepted" if comparison.never_accepted else "changed"
    except GatehostError as error:
        status, unfit = "misconfigured" if status == "ok" else status, [error]
    faults += [fault.sentence() for fault in unfit]
    listed: list[JsonValue] = [
        {
            "tool": tool,
            "effect": rule.effect,
            "approve": rule.approve,
            "pin": pins.get(tool, "unpinned"),
            "reason": unpinned if pins.get(tool, "unpinned") == "unpinned" else None,
        }
        for tool, rule in settings.tools.items()
    ]
    return {
        **row,
        "status": status,
        "tools": len(listing.tools),
        "listed": listed,
        "unlisted": [tool for tool in listing.tools if tool not in settings.tools],
        "dropped": dict(listing.dropped),
        "instructions": listing.instructions or None,
        "changes": changes,
        "definitions": [_definition(tool) for tool in listing.tools.values()],
        "faults": [*faults],
    }


def _definition(tool: "ToolDefinition") -> JsonObject:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
        "annotations": tool.annotations,
    }


_NEXT = {
    "unaccepted": "was never accepted: `gatehost mcp accept {name}` shows it and pins it",
    "changed": "changed since it was accepted: `gatehost mcp diff {name}` shows how",
}


def _tell(row: JsonObject, inspection: "Inspection") -> None:
    from host.outputs.walls import wall_line
    from host.review.told import told_listing, told_stderr

    name, listing, status = inspection.name, inspection.listing, str(row["status"])
    if listing is None:
        say(f"{name:<16} {status}   after {inspection.seconds:.1f} s")
    else:
        say(
            f"{name:<16} {status}   MCP {escape_line(listing.protocol, 40)}, ready in {inspection.seconds:.1f} s, "
            f"{len(listing.tools)} tools, {len(inspection.settings.tools)} listed"
        )
    if inspection.evidence is not None:
        say(f"  walls: {wall_line(inspection.evidence.as_json())}")
        for note in inspection.evidence.notes:
            say(f"  note: {escape_line(note, 300)}")
    faults = row["faults"]
    assert isinstance(faults, list)
    for fault in faults:
        say(f"  ! {fault}")
    if status in _NEXT:
        say(f"  ! {_NEXT[status].format(name=name)}")
    if listing is not None:
        listed = row["listed"]
        assert isinstance(listed, list)
        for tool in listed:
            assert isinstance(tool, dict)
            why = f" ({tool['reason']})" if tool["reason"] else ""
            say(f"  {tool['tool']!s:<32} {tool['effect']!s:<15} approve {tool['approve']!s:<7} {tool['pin']}{why}")
        for line in told_listing(listing, list(inspection.settings.tools)):
            say(line)
    counts = inspection.counts
    if counts.skipped_lines:
        say(f"  skipped {counts.skipped_lines} output line(s) that are no MCP message")
    if counts.dropped_messages:
        say(f"  dropped {counts.dropped_messages} message(s); the last: {counts.last_fault}")
    if listing is None or counts.skipped_lines or counts.dropped_messages:
        for line in told_stderr(inspection):
            say(line)
