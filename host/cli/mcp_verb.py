"""`gatehost mcp`: register, check, review and call MCP servers.

Decides: which sub-commands there are. Does not decide what any does: each is one file beside this one with
`add_NAME(commands)`, which sets `handler`.
"""

import argparse
from collections.abc import Callable

from host.cli.mcp_accept import add_accept
from host.cli.mcp_add import add_add
from host.cli.mcp_call import add_call
from host.cli.mcp_check import add_check
from host.cli.mcp_diff import add_diff
from host.cli.mcp_list import add_list
from host.cli.mcp_remove import add_remove


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (add_add, add_list, add_check, add_call, add_diff, add_accept, add_remove):
        add(commands)


def run(args: argparse.Namespace) -> int:
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)
