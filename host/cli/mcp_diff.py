"""`gatehost mcp diff`: what changed of each server since it was accepted.

Decides: the options and the exit code. Does not decide what counts as a change (`host.review.comparison`).
"""

import argparse
from typing import Any

import anyio

from context.json_values import JsonValue
from host.cli.common import add_file_options, say_foreign_json
from host.cli.mcp_files import Bench, chosen, open_bench, say_failure
from host.cli.screen import say


def add_diff(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "diff", help="what changed since acceptance; exit 1 when something did", allow_abbrev=False
    )
    parser.add_argument("server", nargs="*", metavar="SERVER", help="all of the file when none is named")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_diff)


def _diff(args: argparse.Namespace) -> int:
    bench = open_bench(args)
    return anyio.run(_compare, bench, chosen(args.server, bench.servers), args.json)


async def _compare(bench: Bench, names: list[str], as_json: bool) -> int:
    from host.review.comparison import compare_server
    from host.review.inspection import inspect_servers

    workshop = bench.workshop
    inspections = await inspect_servers(
        bench.servers, workshop.lock, workshop.home.sandbox_home(), names, slots=workshop.settings.slots
    )
    rows: list[JsonValue] = []
    failed, changed = 0, False
    for name, inspection in inspections.items():
        if inspection.listing is None:
            failed = max(failed, say_failure(inspection))
            rows.append({"server": name, "error": inspection.fault})
            continue
        comparison = compare_server(inspection, inspection.listing, workshop.lock.servers.get(name))
        changed = changed or not comparison.same
        rows.append({"server": name, **comparison.as_json()})
        if not as_json:
            say(f"{name}: {'nothing changed' if comparison.same else 'differs from what was accepted'}")
            for line in comparison.lines():
                say(f"  {line}")
    if as_json:
        say_foreign_json(rows)
    return failed or int(changed)
