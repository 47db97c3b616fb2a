"""`gatehost run`: one task, headless. The answer on stdout, progress on stderr.

Decides: the flags and how the end is printed. Does not decide anything about the run (`runner`).
"""

import argparse
import sys
from dataclasses import replace

import anyio

from context.errors import UsageError
from host.cli.common import add_file_options
from host.cli.run_options import add_run_options, read_run_flags
from host.cli.run_output import outputs_for, print_report
from host.config.workshop import Workshop, open_workshop
from host.journal import Journal
from host.runs.flags import RunFlags
from host.runs.runner import RunRequest, carry_out
from tool_gateway.task.front_matter import FrontMatter, front_matter


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", metavar="PROMPT", help="the task; read from stdin when left out or -")
    add_run_options(parser)
    sessions = parser.add_mutually_exclusive_group()
    sessions.add_argument("--session", metavar="ID", help="continue this session")
    sessions.add_argument(
        "--continue", dest="latest", action="store_true", help="continue this folder's latest session"
    )
    add_file_options(parser)


def run(args: argparse.Namespace) -> int:
    flags = read_run_flags(args)
    # The task is read before anything else: a missing one must not cost a server start.
    front, task = front_matter(_task(args.prompt))
    if not task.strip():
        raise UsageError("the task is empty behind its settings", where="gatehost run")
    flags = _joined(flags, front)
    workshop = open_workshop(config=args.config, servers=args.servers)
    return run_task(workshop, flags, task=task, output=args.output, session_id=args.session, latest=args.latest)


def run_task(
    workshop: Workshop,
    flags: RunFlags,
    *,
    task: str,
    output: str,
    session_id: str | None = None,
    latest: bool = False,
) -> int:
    """Start a run and print its end; its exit code."""
    with Journal.open(workshop.home.journal) as journal:
        if latest:
            session_id = journal.latest_session(str(workshop.project.folder))
            if session_id is None:
                raise UsageError("there is no session in this folder to continue", where="--continue")
        request = RunRequest(flags=flags, task=task, session_id=session_id)
        told = outputs_for(output, flags, workshop, journal)

        async def go() -> int:
            report = await carry_out(
                request, workshop=workshop, journal=journal, approver=told.approver, tellers=told.tellers
            )
            print_report(report, output)
            return report.exit_code

        return anyio.run(go)


def _joined(flags: RunFlags, front: FrontMatter) -> RunFlags:
    """What the task's own block says counts like flags; a flag that was given replaces `tools` and adds to the rest."""
    return replace(
        flags,
        tools=flags.tools if flags.tools is not None else front.tools,
        approve=(*flags.approve, *front.approve),
        endorse=(*flags.endorse, *front.endorse),
    )


def _task(prompt: str | None) -> str:
    if prompt is None and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("there is no task", where="gatehost run", next_step="Give it as PROMPT or on stdin")
    try:
        task = _from_stdin() if prompt is None or prompt == "-" else prompt
        task.encode()  # an argument that is no UTF-8 arrives as unpaired surrogates
    except UnicodeError as error:
        raise UsageError("the task is no UTF-8 text", where="gatehost run") from error
    if not task.strip():
        raise UsageError("the task is empty", where="gatehost run", next_step="Give it as PROMPT or on stdin")
    return task


def _from_stdin() -> str:
    return sys.stdin.read() if sys.stdin is not None else ""
