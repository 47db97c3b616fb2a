"""`gatehost demo`: the whole path on real servers, watched.

Decides: how it is told. Does not decide the world it plays in (`host.demo`).
"""

import argparse

import anyio

from host.cli.common import add_file_options
from host.demo.show import show


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-m", "--model", metavar="MODEL", help="a real model instead of the script, e.g. openai_chat:ID"
    )
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    return anyio.run(lambda: show(model=args.model, config=args.config))
