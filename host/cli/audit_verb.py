"""`gatehost audit`: read the decision record, and check that it is whole.

Decides: the sub-commands and how a verdict is told. Does not decide what is verified (`host.record.verify`)
nor how a run is told (`host.record.story`).
"""

import argparse
from collections.abc import Callable
from typing import Any

from context.visible_text import escape
from host.cli.common import add_file_options, say_foreign_json
from host.cli.screen import say, say_json
from host.home import find_home
from host.journal import Journal


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_show(commands)
    _add_verify(commands)


def run(args: argparse.Namespace) -> int:
    handler: Callable[[argparse.Namespace], int] = args.handler
    return handler(args)


def _add_show(commands: Any) -> None:
    parser = commands.add_parser("show", help="tell one run from the record, verified; exit 1 when the record is wrong")
    parser.add_argument("run_id", metavar="RUN")
    parser.add_argument("--json", action="store_true", help="the run and its entries, with their contents")
    add_file_options(parser)
    parser.set_defaults(handler=_show)


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser("verify", help="check every entry; exit 1 and its number when one is wrong")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_verify)


def _show(args: argparse.Namespace) -> int:
    from host.record.story import ToldEntry, tell

    with Journal.open(find_home().prepare().journal) as journal:
        info = journal.load_run(args.run_id)
        verdict = journal.verify()
        entries = (ToldEntry(line, contents) for line, contents in journal.entries(info.run_id))
        if args.json:
            say_foreign_json(
                {
                    "run_id": info.run_id,
                    "session_id": info.session_id,
                    "status": info.status,
                    "agent": info.agent,
                    "task": info.task,
                    "trace_id": info.trace_id,
                    "started_at": info.started_at,
                    "ended_at": info.ended_at,
                    "exit_code": info.exit_code,
                    "verified": verdict.as_json(),
                    "entries": [entry.as_json() for entry in entries],
                }
            )
        else:
            for line in tell(info, entries, verdict):
                say(line)
    return 0 if verdict.ok else 1


def _verify(args: argparse.Namespace) -> int:
    with Journal.open(find_home().prepare().journal) as journal:
        verdict = journal.verify()
        restored = journal.restored
    if args.json:
        say_json({**verdict.as_json(), "written_again": restored})
    elif verdict.fault is not None:
        say(f"record does NOT verify: {escape(verdict.fault.sentence())}")
    else:
        notes = f"   ({verdict.erased} contents erased)" if verdict.erased else ""
        say(f"record verifies: {verdict.head.entries} entries, head {verdict.head.link}{notes}")
        if restored:
            say(f"{restored} entries that a crash had kept out of the record were written again")
    return 0 if verdict.ok else 1
