"""`gatehost approvals`: see and answer what waiting runs ask, from any terminal.

Decides: the sub-commands and how a request reads. Does not decide whether a call must be asked for, nor
whether an answer still counts (the journal does, in one atomic step).
"""

import argparse
import getpass
import os
from collections.abc import Callable
from typing import Any

from context.errors import UsageError
from context.events import utc_text
from context.visible_text import escape_line, quote
from host.argument_lines import argument_lines, is_cut
from host.cli.common import add_file_options, say_foreign_json
from host.cli.screen import say
from host.home import find_home
from host.journal import Journal, approval_json
from tool_gateway.interface import Approval, ApprovalRequest

_SHOWN = 120
_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


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
    parser.add_argument("words", nargs="*", metavar="NOTE", help="a reason; the model is told when you deny")
    parser.add_argument("--note", metavar="TEXT", help="the same as one text")
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
        say(f"    {_times(request, now)}")
        first = next(argument_lines(request.arguments, limit=_SHOWN), None)
        if first is not None:
            say(f"    {first}{_left_out(request)}")
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
    for line in argument_lines(request.arguments):
        say(f"    {line}")
    for reason in request.reasons:
        say(f"    asked because: {escape_line(reason.text)}")
    say(f"    rules: {escape_line(', '.join(request.rules))}")
    say(f"  run {request.run_id}   expires {shown['expires']}")
    if approval.note:
        say(f"  note: {quote(approval.note)}")
    return 0


def _answer(args: argparse.Namespace) -> int:
    words = " ".join(args.words)
    if words and args.note is not None:
        raise UsageError("the note is given twice", where="--note", next_step="give it once, as words or with --note")
    note = words or args.note
    with Journal.open(find_home().prepare().journal) as journal:
        answered = journal.answer(args.approval_id, granted=args.granted, by=f"cli:{_user()}", note=note)
    run_id = answered.request.run_id
    say(f"{answered.status}: {_address(answered)}. Go on with `gatehost runs resume {run_id}`")
    return 0


def _times(request: ApprovalRequest, now: float) -> str:
    """When it was asked, as its id says (`context.ids`), and until when an answer counts."""
    stamp = request.approval_id.rpartition("_")[2][:9]
    asked = 0
    for char in stamp:
        asked = asked * 32 + max(_ID_ALPHABET.find(char), 0)
    since = f"asked {utc_text(asked / 1000)}   " if 0 < asked / 1000 <= now + 86_400 else ""
    return f"{since}{'expires' if request.expires > now else 'expired'} {utc_text(request.expires)}"


def _left_out(request: ApprovalRequest) -> str:
    """What the first line does not show, and where all of it is."""
    more = sum(1 for _ in argument_lines(request.arguments)) - 1
    if not more and not is_cut(request.arguments, _SHOWN):
        return ""
    rest = f"and {more} more values; " if more else ""
    return f"\n    {rest}all: gatehost approvals show {request.approval_id}"


def _address(approval: Approval) -> str:
    return escape_line(str(approval.request.ref), 120)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
