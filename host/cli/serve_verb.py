"""`gatehost serve --stdio`: the tools of the servers in scope, for another host, through the same gates.

Decides: the flags. Does not decide anything about a client or a call (`host.serve`).
"""

import argparse

import anyio

from context.errors import UsageError
from host.cli.common import add_file_options
from host.config.workshop import open_workshop
from host.journal import Journal
from host.runs.flags import RunFlags


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stdio", action="store_true", help="speak MCP on stdin and stdout; ends with the client")
    parser.add_argument("--agent", metavar="NAME", default="default", help="whose scope is served (default: default)")
    parser.add_argument("--tools", action="append", metavar="GLOB", help="server.tool globs, within the agent's scope")
    parser.add_argument("--approve", action="append", metavar="GLOB", help="asks for these tools are authorised")
    parser.add_argument(
        "--approvals",
        choices=("wait", "deny"),
        default="wait",
        help="calls that ask wait for `gatehost approvals` (default), or are denied",
    )
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    if not args.stdio:
        raise UsageError("there is no transport", where="gatehost serve", next_step="Add --stdio")
    workshop = open_workshop(config=args.config, servers=args.servers)
    flags = RunFlags(
        agent=args.agent,
        tools=tuple(args.tools) if args.tools is not None else None,
        approve=tuple(args.approve or ()),
        approvals=args.approvals,
    )
    # Here, because the SDK costs most of a second of CPU.
    from host.serve.stdio import serve

    with Journal.open(workshop.home.journal) as journal:

        async def go() -> int:
            return await serve(workshop, journal, agent=args.agent, flags=flags, wait=args.approvals == "wait")

        return anyio.run(go)
