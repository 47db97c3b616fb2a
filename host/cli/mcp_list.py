"""`gatehost mcp list`: the servers and their tools, from the files alone; nothing is started.

Decides: what is shown. Does not decide whether a server still is what it was (`gatehost mcp check`).
"""

import argparse
from typing import Any, cast

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.mcp_files import Bench, open_bench
from host.cli.screen import say


def add_list(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "list", help="the servers and their tools, from the files; starts nothing", allow_abbrev=False
    )
    parser.add_argument("--tools", action="store_true", help="also each tool's arguments, as they were accepted")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_list)


def _list(args: argparse.Namespace) -> int:
    bench = open_bench(args, trusted=False)
    rows = [server_row(bench, name, tools=args.tools) for name in bench.servers.servers]
    if args.json:
        say_foreign_json(rows)
        return 0
    if not rows:
        say("no servers yet; `gatehost mcp add` adds one")
    for row in rows:
        _tell(bench, row, tools=args.tools)
    for warning in bench.servers.warnings:
        say(f"! {warning}")
    return 0


_SEE = "`gatehost mcp list --tools` shows each tool's arguments"


def server_row(bench: Bench, name: str, *, tools: bool) -> JsonObject:
    """One server as `--json` shows it."""
    from host.config.servers_file import server_digest
    from host.review.reachability import unreachable

    settings, locked = bench.servers.servers[name], bench.workshop.lock.servers.get(name)
    state = "unaccepted" if locked is None else "accepted"
    if locked is not None and locked.server_digest != server_digest(settings):
        state = "changed"
    rows: list[JsonValue] = []
    for tool, rule in settings.tools.items():
        pinned = locked.tools.get(tool) if locked else None
        row: JsonObject = {
            "tool": tool,
            "effect": rule.effect,
            "approve": rule.approve,
            "pin": "pinned" if pinned is not None and state == "accepted" else "unpinned",
            "digest": pinned.digest if pinned else None,
            "faults": [
                fault.sentence()
                for fault in (
                    unreachable(bench.servers, name, tool, pinned.definition, next_step=_SEE) if pinned else ()
                )
            ],
            "sinks": None if rule.sinks is None else list(rule.sinks),
            "arguments": {
                path: limits.model_dump(mode="json", exclude_defaults=True) for path, limits in rule.arguments.items()
            },
        }
        if tools:
            definition = pinned.definition if pinned else None
            row["description"] = definition.description if definition else None
            row["input_schema"] = definition.input_schema if definition else None
            row["annotations"] = definition.annotations if definition else None
        rows.append(row)
    return {
        "server": name,
        "package": settings.package,
        "command": list(settings.command) if settings.command is not None else None,
        "args": list(settings.args),
        "sandbox": settings.sandbox,
        "mounts": [
            {"host": str(mount.host), "at": mount.at, "mode": mount.mode} for mount in bench.servers.mounts[name]
        ],
        "env": dict(settings.env),
        "owner": settings.owner,
        "state": state,
        "protocol": locked.protocol if locked else None,
        "tools": rows,
    }


_STATES = {
    "accepted": "accepted",
    "unaccepted": "NOT ACCEPTED: no tool can be called; `gatehost mcp accept {name}`",
    "changed": "CHANGED since it was accepted: no tool can be called; `gatehost mcp diff {name}`",
}


def _tell(bench: Bench, row: JsonObject, *, tools: bool) -> None:
    from host.review.told import told_tool

    name = str(row["server"])
    settings, locked = bench.servers.servers[name], bench.workshop.lock.servers.get(name)
    source = settings.package or " ".join(settings.command or ())
    say(f"{name}   {escape_line(' '.join((source, *settings.args)), 300)}")
    say(f"  {_STATES[str(row['state'])].format(name=name)}")
    owner = f", owner {escape_line(settings.owner, 100)}" if settings.owner else ""
    say(f"  sandbox {escape_line(settings.sandbox, 60)}{owner}")
    for mount in bench.servers.mounts[name]:
        say(f"  mount {mount.mode} {escape_line(str(mount.host), 400)} at {escape_line(mount.at, 200)}")
    if not settings.tools:
        say("  no tool is listed")
    for (tool, rule), shown in zip(settings.tools.items(), cast("list[JsonObject]", row["tools"]), strict=True):
        pinned = locked.tools.get(tool) if locked else None
        faults = cast("list[str]", shown["faults"])
        if tools and pinned is not None:
            for line in (*told_tool(pinned.definition, rule), *(f"    ! {fault}" for fault in faults)):
                say(line)
            continue
        pin = "pinned" if pinned is not None and row["state"] == "accepted" else "unpinned"
        say(f"  {tool:<32} {rule.effect:<15} approve {rule.approve:<7} {pin}")
        for fault in faults:
            say(f"    ! {fault}")
        if tools:
            say("    its arguments are known once it is accepted")
