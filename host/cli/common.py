"""What every verb shares: the two file options, and JSON that may hold foreign text.

Decides: the options' names and help. Does not decide how the files are read or found.
"""

import argparse

from host.cli.screen import say_json


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """`--config FILE` and `--servers FILE`, as `args.config` and `args.servers` (None when not given)."""
    group = parser.add_argument_group("files")
    group.add_argument("--config", metavar="FILE", help="gatehost.toml to use, trusted for this command")
    group.add_argument("--servers", metavar="FILE", help="mcp_servers.toml to use, trusted for this command")


def say_foreign_json(value: object) -> None:
    r"""One JSON document on stdout, also when a peer sent unpaired surrogates: they stay as their `\ud800` escapes."""
    say_json(value)
