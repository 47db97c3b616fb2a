"""`gatehost doctor`: whether this machine and this folder are ready, and what to do where they are not.

Decides: how the checks are shown. Does not decide what is checked (`host.checkup`).
"""

import argparse
import os
from pathlib import Path

import anyio

from host.checkup import Check, Grounds, check_up, exit_code
from host.cli.common import add_file_options, say_foreign_json
from host.cli.screen import say
from host.config.project_files import find_project
from host.home import find_home

_SIGNS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    project = find_project(
        Path.cwd(),
        config=Path(args.config) if args.config else None,
        servers=Path(args.servers) if args.servers else None,
    )
    return anyio.run(_check, Grounds(find_home(), project, os.environ), args.json)


async def _check(grounds: Grounds, as_json: bool) -> int:
    checks: list[Check] = []
    async for check in check_up(grounds):
        checks.append(check)
        if not as_json:
            say(f"{_SIGNS[check.status]}  {check.check:<16} {check.detail}")
            if check.remedy:
                say(f"      {'':<16} → {check.remedy}")
    if as_json:
        say_foreign_json([check.as_json() for check in checks])
    return exit_code(checks)
