"""`gatehost approvals`: see and answer what waiting runs ask, from any terminal, and the rules that came of it.

Decides: the sub-commands and how a request reads. Does not decide whether a call must be asked for, nor
whether an answer still counts (the journal does, in one atomic step).
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from context.errors import UsageError
from context.events import utc_text
from context.quantities import parse_span
from context.visible_text import escape_line, quote
from host.approvers.card import WIDTH, card
from host.approvers.terminal import rule_sentence
from host.argument_lines import argument_lines, is_cut
from host.cli.common import add_file_options, say_foreign_json
from host.cli.screen import say
from host.config.workshop import open_workshop
from host.home import find_home
from host.identity import who_runs_this
from host.journal import Counted, Journal, StandingRow, StandingScope, approval_json, rule_json
from host.people import Person, find_person
from host.runs.flags import RunFlags
from tool_gateway.approvals import Vote, in_words
from tool_gateway.interface import Approval, ApprovalRequest

_SHOWN = 120
_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_list(commands)
    _add_show(commands)
    approve = _add_answer(commands, "approve", granted=True, help_text="allow exactly this call, once")
    approve.add_argument("--always", action="store_true", help="and make a rule of it, for this tool as it is now")
    approve.add_argument(
        "--same",
        action="append",
        metavar="ARG",
        help="with --always: only this argument must be the same; the others are free (can be repeated)",
    )
    approve.add_argument("--for", dest="span", metavar="D", help="with --always: how long the rule holds, e.g. 30d")
    _add_answer(commands, "deny", granted=False, help_text="refuse this call")
    _add_rules(commands)
    _add_revoke(commands)


def run(args: argparse.Namespace) -> int:
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)


def _add_list(commands: Any) -> None:
    parser = commands.add_parser("list", help="open requests first, then the newest answered ones")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_list)


def _add_show(commands: Any) -> None:
    parser = commands.add_parser("show", help="one request with every value and where it comes from")
    parser.add_argument("approval_id", metavar="ID")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_show)


def _add_answer(commands: Any, name: str, *, granted: bool, help_text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_text)
    parser.add_argument("approval_id", metavar="ID")
    parser.add_argument("words", nargs="*", metavar="NOTE", help="a reason; the model is told when you deny")
    parser.add_argument("--note", metavar="TEXT", help="the same as one text")
    add_file_options(parser)
    parser.set_defaults(handler=_answer, granted=granted, always=False, same=None, span=None)
    return parser


def _add_rules(commands: Any) -> None:
    parser = commands.add_parser("rules", help="standing rules: what was approved for good")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_rules)


def _add_revoke(commands: Any) -> None:
    parser = commands.add_parser("revoke", help="end a standing rule")
    parser.add_argument("rule_id", metavar="RULE")
    add_file_options(parser)
    parser.set_defaults(handler=_revoke)


def _list(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        now = journal.now()
        found = [(approval, journal.votes(approval.request.approval_id)) for approval in journal.approvals()]
    if args.json:
        say_foreign_json([approval_json(approval, now=now, votes=votes) for approval, votes in found])
        return 0
    if not found:
        say("nothing was asked yet")
    for approval, votes in found:
        request = approval.request
        say(f"{request.approval_id}  {approval.status:<8}  {_address(approval)}  (run {request.run_id})")
        say(f"    {_times(request, now)}")
        if request.approvers and approval.status == "pending":
            say(f"    may answer: {escape_line(in_words(request.approvers), 300)}{_so_far(votes)}")
        first = next(argument_lines(request.arguments, limit=_SHOWN), None)
        if first is not None:
            say(f"    {first}{_left_out(request)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        approval, now = journal.find_approval(args.approval_id), journal.now()
        votes = journal.votes(args.approval_id)
    shown = approval_json(approval, now=now, votes=votes)
    if args.json:
        say_foreign_json(shown)
        return 0
    request = approval.request
    answered = f" by {escape_line(approval.by)}" if approval.by else ""
    say(f"approval {request.approval_id}  {approval.status}{answered}")
    say(card(request, expanded=True, keys=False, width=_width()))
    for vote in votes if request.approvers else ():
        note = f": {quote(vote.note)}" if vote.note else ""
        say(f"    said {'yes' if vote.granted else 'no'}: {escape_line(vote.by)} ({_roles(vote.roles)}){note}")
    say(f"  run {request.run_id}   expires {shown['expires']}")
    if approval.note:
        say(f"  note: {quote(approval.note)}")
    return 0


def _answer(args: argparse.Namespace) -> int:
    words = " ".join(args.words)
    if words and args.note is not None:
        raise UsageError("the note is given twice", where="--note", next_step="give it once, as words or with --note")
    scope = _scope(args)
    with Journal.open(find_home().prepare().journal) as journal:
        person = _person(journal, journal.find_approval(args.approval_id).request, args)
        done = journal.answer(
            args.approval_id,
            granted=args.granted,
            by=f"cli:{person.name}",
            roles=person.roles,
            note=words or args.note,
            always=scope,
        )
        under_way = journal.load_run(done.approval.request.run_id).status == "running"
    _tell_answer(done, granted=args.granted, under_way=under_way)
    return 0


def _tell_answer(done: Counted, *, granted: bool, under_way: bool) -> None:
    request = done.approval.request
    address = _address(done.approval)
    if done.approval.status == "pending":
        say(f"counted: {address} still needs {escape_line('; also '.join(done.wanting), 300)}")
    else:
        say(f"{done.approval.status}: {address}   (effect: {escape_line(request.effect)})")
    for line in argument_lines(request.arguments, limit=_SHOWN) if granted else ():
        say(f"    {line}")
    if granted and is_cut(request.arguments, _SHOWN):
        say(f"    all of it: gatehost approvals show {request.approval_id}")
    if done.rule is not None:
        _tell_rule(done.rule, request)
    if done.approval.status != "pending" and under_way:
        say(f"run {request.run_id} is under way and goes on by itself")
    elif done.approval.status != "pending":
        say(f"Go on with `gatehost runs resume {request.run_id}`")


def _tell_rule(row: StandingRow, request: ApprovalRequest) -> None:
    rule = row.rule
    until = "" if rule.expires is None else f"; until {utc_text(rule.expires)}"
    say(f"rule {rule.rule_id}: {rule_sentence(request, rule.same or ())}{until}")
    say(f"    ends with `gatehost approvals revoke {rule.rule_id}`")


def _rules(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        found, now = journal.standing_rules(), journal.now()
    if args.json:
        say_foreign_json([rule_json(row, now=now) for row in found])
        return 0
    if not found:
        say("there are no standing rules; `gatehost approvals approve ID --always` makes one")
    for row in found:
        rule = row.rule
        address = f"{escape_line(str(rule.ref), 120)}  (agent {escape_line(rule.agent, 60)})"
        say(f"{rule.rule_id}  {row.status(now):<8}  {address}")
        free = "" if rule.same is None else f"   only these must be the same: {', '.join(map(quote, rule.same))}"
        say(f"    given by {escape_line(rule.given_by)} {utc_text(rule.given_at)}, of {rule.origin}{_until(row)}{free}")
        say(f"    answers only: {escape_line(', '.join(sorted(rule.rules)), 400)}")
        for line in argument_lines(rule.arguments, limit=_SHOWN):
            say(f"    {line}")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        row = journal.revoke_rule(args.rule_id, by=f"cli:{who_runs_this()}")
    say(f"revoked: {row.rule.rule_id} ({escape_line(str(row.rule.ref), 120)}) answers nothing any more")
    return 0


def _scope(args: argparse.Namespace) -> StandingScope | None:
    """How wide the rule is to be; None where only this call is approved."""
    if not args.always:
        if args.same or args.span is not None:
            raise UsageError(
                "says how wide a rule is, and no rule is asked for",
                where="--same" if args.same else "--for",
                next_step="Add --always, or leave it out",
            )
        return None
    try:
        seconds = None if args.span is None else parse_span(args.span)
    except ValueError as error:
        raise UsageError(str(error), where="--for") from error
    if seconds is not None and not 0 < seconds < 1e10:
        raise UsageError("must be longer than nothing and shorter than three centuries", where="--for")
    return StandingScope(tuple(args.same) if args.same else None, seconds)


def _person(journal: Journal, request: ApprovalRequest, args: argparse.Namespace) -> Person:
    """Who answers, with the roles that the run's own configuration gives them.

    Not that of the folder in which the answer is typed: there anybody may write a file that makes them a boss.
    """
    user = who_runs_this()
    if not request.approvers:
        return Person(user)
    run = journal.load_run(request.run_id)
    flags = RunFlags.from_json(run.flags)
    settings = open_workshop(config=flags.config, servers=flags.servers, folder=Path(run.folder)).settings
    if args.config is not None and (settings.path is None or Path(args.config).resolve() != settings.path.resolve()):
        raise UsageError(
            f"is not the configuration of run {request.run_id}, which says who has which role",
            where="--config",
            next_step=f"Leave it out; the run's is {settings.path or 'none'}",
        )
    return find_person(settings.people, user)


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


def _so_far(votes: Sequence[Vote]) -> str:
    return f"   (yes so far: {', '.join(escape_line(vote.by, 60) for vote in votes)})" if votes else ""


def _roles(roles: frozenset[str]) -> str:
    return escape_line(", ".join(sorted(roles)) or "no role", 200)


def _until(row: StandingRow) -> str:
    if row.revoked_at is not None:
        return f"; revoked {utc_text(row.revoked_at)} by {escape_line(row.revoked_by or '')}"
    return "" if row.rule.expires is None else f"; until {utc_text(row.rule.expires)}"


def _address(approval: Approval) -> str:
    return escape_line(str(approval.request.ref), 120)


def _width() -> int | None:
    """Columns of the terminal; what goes into a file or a pipe is not wrapped, so that it can be searched."""
    return min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout.isatty() else None
