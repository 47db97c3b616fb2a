"""`gatehost mcp accept`: show what a server is and says, and pin it once somebody agreed.

Decides: the questions and what the exit code says of several servers. Does not decide what is pinned
(`host.review.acceptance`).
"""

import argparse
from typing import TYPE_CHECKING, Any

import anyio

from context.errors import GatehostError, UsageError
from host.cli.common import add_file_options
from host.cli.consent import agreed
from host.cli.mcp_files import Bench, chosen, open_bench, say_failure
from host.cli.screen import progress, say
from host.config.lock_file import Lock

if TYPE_CHECKING:
    from host.review.inspection import Inspection
    from host.servers.session import Listing


def add_accept(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "accept", help="review a server as it is now and pin it in mcp_servers.lock", allow_abbrev=False
    )
    parser.add_argument("server", nargs="?", metavar="SERVER")
    parser.add_argument("--all", action="store_true", help="every server of the file, one question each")
    parser.add_argument("--yes", action="store_true", help="accept without asking; needs no terminal")
    add_file_options(parser)
    parser.set_defaults(handler=_accept)


def _accept(args: argparse.Namespace) -> int:
    if args.all == (args.server is not None):
        raise UsageError("name one SERVER, or say --all", where="gatehost mcp accept")
    bench = open_bench(args)
    names = chosen([args.server] if args.server else [], bench.servers)
    return anyio.run(_review, bench, names, args.yes)


async def _review(bench: Bench, names: list[str], yes: bool) -> int:
    from host.review.inspection import inspect_servers

    workshop = bench.workshop
    inspections = await inspect_servers(
        bench.servers, workshop.lock, workshop.home.sandbox_home(), names, slots=workshop.settings.slots
    )
    lock, codes = workshop.lock, [0]
    for inspection in inspections.values():
        try:
            lock, code = _one(bench, inspection, lock, yes=yes)
            codes.append(code)
        except GatehostError as error:
            progress(f"gatehost: {error}")
            codes.append(error.exit_code)
    return max(codes)


def _one(bench: Bench, inspection: "Inspection", lock: Lock, *, yes: bool) -> tuple[Lock, int]:
    """The lock after one server, and the exit code for it."""
    from host.review.acceptance import accept, accepted_lock, is_accepted, misfits

    name, listing = inspection.name, inspection.listing
    if listing is None:
        return lock, say_failure(inspection)
    if faults := misfits(bench.servers, name, listing):
        for fault in faults[:-1]:
            progress(f"gatehost: {fault}")
        raise faults[-1]
    if is_accepted(lock.servers.get(name), inspection, listing):
        say(f"{name}: nothing changed since it was accepted")
        return lock, 0
    _show(bench, inspection, listing, lock)
    if not agreed(f"Accept server {name} as shown?", yes=yes):
        progress(f"gatehost: server {name} was not accepted")
        return lock, 2
    after = accepted_lock(lock, inspection, listing)
    accept(bench.workshop.project, bench.workshop.home, servers=bench.servers.path, before=lock, after=after)
    say(f"{name}: accepted with {len(after.servers[name].tools)} tool(s)")
    return after, 0


def _show(bench: Bench, inspection: "Inspection", listing: "Listing", lock: Lock) -> None:
    from host.review.comparison import compare_server
    from host.review.told import told_listing, told_server, told_tool

    tools, locked = inspection.settings.tools, lock.servers.get(inspection.name)
    lines = [*told_server(inspection, listing, bench.servers.mounts[inspection.name])]
    for tool, rule in tools.items():
        lines += told_tool(listing.tools[tool], rule)
    lines += told_listing(listing, list(tools))
    if not tools:
        lines.append("  no tool is listed in the servers file, so none can be called")
    if locked is not None:
        lines.append("  since it was accepted:")
        lines += [f"    {line}" for line in compare_server(inspection, listing, locked).lines()]
    for line in lines:
        say(line)
