"""`gatehost approvals`: see and answer what waiting runs ask, from any terminal.

Decides: the sub-commands and how a request reads. Does not decide whether a call must be asked for, nor
whether an answer still counts (the journal does, in one atomic step).
"""

import argparse
import getpass
import os
from collections.abc import Callable
from typing import Any

from context.json_values import leaves
from context.visible_text import escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.screen import say
from host.home import find_home
from host.journal import Journal, approval_json
from tool_gateway.interface import Approval


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_list(commands)
    _add_show(commands)
    _add_answer(commands, "approve", granted=True, help_text="allow exactly this call, once")
    _add_answer(commands, "deny", granted=False, help_text="refuse this call")


def run(args: argparse.Namespace) -> int:
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)


def _add_list(commands: Any) -> None:
    parser = commands.add_parser("list", help="open requests first, then the newest answered ones")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_list)


def _add_show(commands: Any) -> None:
    parser = commands.add_parser("show", help="one request with every value")
    parser.add_argument("approval_id", metavar="ID")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_show)


def _add_answer(commands: Any, name: str, *, granted: bool, help_text: str) -> None:
    parser = commands.add_parser(name, help=help_text)
    parser.add_argument("approval_id", metavar="ID")
    parser.add_argument("--note", metavar="TEXT", help="a reason; the model is told when you deny")
    add_file_options(parser)
    parser.set_defaults(handler=_answer, granted=granted)


def _list(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        found, now = journal.approvals(), journal.now()
    if args.json:
        say_foreign_json([approval_json(approval, now=now) for approval in found])
        return 0
    if not found:
        say("nothing was asked yet")
    for approval in found:
        request = approval.request
        say(f"{request.approval_id}  {approval.status:<8}  {_address(approval)}  (run {request.run_id})")
    return 0


def _show(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        approval, now = journal.find_approval(args.approval_id), journal.now()
    shown = approval_json(approval, now=now)
    if args.json:
        say_foreign_json(shown)
        return 0
    request = approval.request
    answered = f" by {escape_line(approval.by)}" if approval.by else ""
    say(f"approval {request.approval_id}  {approval.status}{answered}")
    say(f"  {_address(approval)}   (effect: {escape_line(request.effect)}, agent: {escape_line(request.agent, 60)})")
    for path, value in leaves(request.arguments):
        text = repr(escape_line(value, 1000)) if isinstance(value, str) else str(value)
        say(f"    {escape_line(path, 200)} = {text}")
    for reason in request.reasons:
        say(f"    asked because: {escape_line(reason.text, 300)}")
    say(f"    rules: {escape_line(', '.join(request.rules), 300)}")
    say(f"  run {request.run_id}   expires {shown['expires']}")
    if approval.note:
        say(f"  note: {escape_line(approval.note, 500)}")
    return 0


def _answer(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        answered = journal.answer(args.approval_id, granted=args.granted, by=f"cli:{_user()}", note=args.note)
    run_id = answered.request.run_id
    say(f"{answered.status}: {_address(answered)}. Go on with `gatehost runs resume {run_id}`")
    return 0


def _address(approval: Approval) -> str:
    return escape_line(str(approval.request.ref), 120)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
