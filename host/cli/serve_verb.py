"""`gatehost serve --stdio`: the tools of the servers in scope, for another host, through the same gates.

Decides: the flags, and where news goes. Does not decide anything about a client or a call (`host.serve`).
"""

import argparse
import select
import sys
from pathlib import Path

import anyio

from context.errors import UsageError
from host.cli.common import add_file_options
from host.cli.screen import progress
from host.config.workshop import open_workshop
from host.journal import Journal
from host.outputs import ProgressLines
from host.runs.flags import RunFlags

_LINE = 4000
"""Below what a pipe that is ready takes without blocking."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stdio", action="store_true", help="speak MCP on stdin and stdout; ends with the client")
    parser.add_argument("--agent", metavar="NAME", default="default", help="whose scope is served (default: default)")
    parser.add_argument("--tools", action="append", metavar="GLOB", help="server.tool globs, within the agent's scope")
    parser.add_argument("--approve", action="append", metavar="GLOB", help="asks for these tools are authorised")
    parser.add_argument(
        "--endorse",
        action="append",
        metavar="SOURCE=>TOOL:ARG",
        help="this source may decide this argument, e.g. 'mail.read[id=7]=>bank.pay:amount'",
    )
    parser.add_argument(
        "--approvals",
        choices=("wait", "deny"),
        default="wait",
        help="calls that ask wait for `gatehost approvals` (default), or are denied",
    )
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    flags = _flags(args)
    workshop = open_workshop(config=args.config, servers=args.servers)
    # Here, because the SDK costs most of a second of CPU.
    from host.serve.stdio import serve

    if sys.stdin is not None and sys.stdin.isatty():
        progress("gatehost: waiting for an MCP client on stdin; hosts start this command themselves. Ctrl-D ends it")
    with Journal.open(workshop.home.journal) as journal:

        async def go() -> None:
            await serve(workshop, journal, flags=flags, tellers=(ProgressLines(_tell),))

        anyio.run(go)
    return 0


def _flags(args: argparse.Namespace) -> RunFlags:
    if not args.stdio:
        raise UsageError("there is no transport", where="gatehost serve", next_step="Add --stdio")
    for flag in ("tools", "approve"):
        if any(not glob.strip() for glob in getattr(args, flag) or ()):
            raise UsageError("an empty glob matches nothing", where=f"--{flag}", next_step="Write for example git.*")
    return RunFlags(
        agent=args.agent,
        tools=tuple(args.tools) if args.tools is not None else None,
        approve=tuple(args.approve or ()),
        endorse=tuple(args.endorse or ()),
        approvals=args.approvals,
        served=True,
        # Whoever answers from elsewhere has the roles that these files give (`gatehost approvals`).
        config=str(Path(args.config).resolve()) if args.config else None,
        servers=str(Path(args.servers).resolve()) if args.servers else None,
    )


def _tell(text: str) -> None:
    """News on stderr, unless nobody reads it: a host may hold a pipe that it never empties, and calls must go on."""
    if sys.stderr is None:
        return
    for line in text.split("\n"):
        if select.select([], [sys.stderr.fileno()], [], 0)[1]:
            progress(line[:_LINE].encode()[:_LINE].decode("utf-8", "ignore"))
