"""`gatehost policy`: check rules, ask them something, and test them.

Decides: which sub-commands there are. Does not decide what any does: each is one file beside this one with
`add_NAME(commands)`, which sets `handler`.
"""

import argparse
from collections.abc import Callable

from host.cli.policy_check import add_check
from host.cli.policy_explain import add_explain
from host.cli.policy_test import add_test


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (add_check, add_explain, add_test):
        add(commands)


def run(args: argparse.Namespace) -> int:
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)
