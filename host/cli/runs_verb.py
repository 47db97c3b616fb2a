"""`gatehost runs`: what was run, and how each call of a run ended.

Decides: the sub-commands and the columns. Does not decide anything about a run.

A sub-command is one function `_add_NAME(commands)` listed in `configure`; it sets `handler`.
"""

import argparse
from collections.abc import Callable
from typing import Any

from context.json_values import JsonObject
from context.runs import SETTLED, RunInfo, StoredCall
from context.visible_text import escape, escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.next_steps import next_steps
from host.cli.runs_resume import add_resume
from host.cli.screen import say
from host.home import find_home
from host.journal import Journal


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_list(commands)
    _add_show(commands)
    add_resume(commands)


def run(args: argparse.Namespace) -> int:
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)


def _add_list(commands: Any) -> None:
    parser = commands.add_parser("list", help="the newest runs")
    parser.add_argument("--limit", type=_count, default=50, metavar="N", help="how many (50)")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_list)


def _add_show(commands: Any) -> None:
    parser = commands.add_parser("show", help="one run with its calls")
    parser.add_argument("run_id", metavar="RUN")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_show)


def _list(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        journal.reap()
        runs = journal.list_runs(limit=args.limit)
    if args.json:
        say_foreign_json([run_json(info) for info in runs])
        return 0
    if not runs:
        say("no runs yet")
    for info in runs:
        say(f"{info.run_id}  {info.status:<11}  {info.started_at}  {escape_line(info.task, 70)}")
    return 0


def _show(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        journal.reap()
        info = journal.load_run(args.run_id)
        calls = journal.calls(info.run_id)
    if args.json:
        say_foreign_json({**run_json(info), "calls": [call_json(call) for call in calls]})
        return 0
    exit_code = f", exit {info.exit_code}" if info.exit_code is not None else ""
    say(f"run {info.run_id}  {info.status}{exit_code}")
    say(f"  task     {escape_line(info.task, 300)}")
    say(f"  agent    {escape_line(info.agent)}   session {info.session_id}   turns {info.turns}")
    say(f"  time     {info.started_at} to {info.ended_at or 'now'}   trace {info.trace_id}")
    for call in calls:
        address = f"{call.server}.{call.tool}" if call.server else call.name
        approval = f", approved by {escape_line(call.approval)}" if call.approval else ""
        say(
            f"  {call.position + 1:>3}  {escape_line(address, 80):<32} {call.decision or '-':<6} {call.state}{approval}"
            + f"   {escape_line(call.call_id)}"
        )
        for reason in call.reasons:
            say(f"         {escape_line(str(reason.get('text')), 300)}")
    if info.answer:
        say(f"\n{escape(info.answer)}")
    turns = info.flags.get("max_turns")
    used_up = info.exit_code == 5 and isinstance(turns, int) and info.turns >= turns
    for line in next_steps(info.run_id, info.status, calls, turns_used_up=used_up):
        say(f"  {line}")
    return 0


def run_json(info: RunInfo) -> JsonObject:
    """A run as listings show it."""
    return {
        "run_id": info.run_id,
        "session_id": info.session_id,
        "status": info.status,
        "started_at": info.started_at,
        "ended_at": info.ended_at,
        "exit_code": info.exit_code,
        "agent": info.agent,
        "task": info.task,
        "folder": info.folder,
        "turns": info.turns,
        "trace_id": info.trace_id,
        "parent_run_id": info.parent_run_id,
        "answer": info.answer,
    }


def call_json(call: StoredCall) -> JsonObject:
    """A call as `runs show` shows it; `outcome` is null while it is open."""
    return {
        "call_id": call.call_id,
        "turn": call.turn,
        "server": call.server,
        "tool": call.tool,
        "name": call.name,
        "effect": call.effect,
        "arguments": call.arguments,
        "decision": call.decision,
        "reasons": list(call.reasons),
        "approval": call.approval,
        "state": call.state,
        "outcome": call.state if call.state in SETTLED or call.state == "in_doubt" else None,
        "duration_ms": call.duration_ms,
        "result": call.result,
    }


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value
