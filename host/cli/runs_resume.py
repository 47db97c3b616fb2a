"""`gatehost runs resume`: go on with a run that waits, was interrupted, failed, or is in doubt.

Decides: how the flags of a run are taken up again and how a call in doubt is settled on the command line.
Does not decide what the run does then (`runner`).
"""

import argparse
from pathlib import Path
from typing import Any, cast

import anyio

from context.errors import ConfigError, UsageError
from context.runs import RunInfo
from context.visible_text import escape_line
from host.cli.common import add_file_options
from host.cli.run_options import add_run_options, read_run_flags
from host.cli.run_output import outputs_for, print_report
from host.cli.screen import say
from host.config.workshop import open_workshop
from host.home import find_home
from host.journal import Journal
from host.runs.flags import RunFlags
from host.runs.recovery import Resolution
from host.runs.runner import RunRequest, carry_out
from host.serve.settling import settle_served


def add_resume(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "resume", help="go on with a run; its flags are kept, flags given again replace them", allow_abbrev=False
    )
    parser.add_argument("run_id", metavar="RUN")
    parser.add_argument(
        "--resolve",
        action="append",
        metavar="CALL=happened|did-not",
        help="say of a call in doubt whether it happened; one that did not passes all gates again",
    )
    add_run_options(parser)
    add_file_options(parser)
    parser.set_defaults(handler=_resume)


def _resume(args: argparse.Namespace) -> int:
    newer = read_run_flags(args)
    resolve = _resolutions(args.resolve or [])
    with Journal.open(find_home().prepare().journal) as journal:
        journal.reap()
        info = journal.load_run(args.run_id)
        if info.status in {"completed", "cancelled"}:
            raise ConfigError(
                f"is {info.status} and cannot be resumed",
                where=f"run {info.run_id}",
                next_step=f"`gatehost run --session {info.session_id}` continues its conversation",
            )
        flags = RunFlags.from_json(info.flags).replaced_by(newer)
        if flags.served:
            return _settle_served(journal, info, resolve)
        workshop = open_workshop(config=flags.config, servers=flags.servers, folder=Path(info.folder))
        told = outputs_for(args.output, flags, workshop, journal)
        request = RunRequest(flags=flags, run_id=info.run_id, resolve=resolve)

        async def go() -> int:
            report = await carry_out(
                request, workshop=workshop, journal=journal, approver=told.approver, tellers=told.tellers
            )
            print_report(report, args.output)
            return report.exit_code

        return anyio.run(go)


def _settle_served(journal: Journal, info: RunInfo, resolve: dict[str, Resolution]) -> int:
    """A served run has no model to go on with; what can be done is to say what became of its calls."""
    doubtful = {call.call_id: call for call in journal.calls(info.run_id) if call.state in {"intended", "in_doubt"}}
    unknown = [call_id for call_id in resolve if call_id not in doubtful]
    if unknown or not resolve:
        what = f"no call {escape_line(unknown[0], 60)} of it is in doubt" if unknown else "was served to another host"
        steps = " ".join(f"--resolve {call_id}=happened" for call_id in doubtful) or "nothing is left to do"
        raise ConfigError(
            what, where=f"run {info.run_id}", next_step=f"Only its calls in doubt can be settled: {steps}"
        )
    left = settle_served(journal, info, resolve)
    say(f"run {info.run_id}: {'in doubt' if left else 'completed'}")
    return 9 if left else 0


def _resolutions(texts: list[str]) -> dict[str, Resolution]:
    found: dict[str, Resolution] = {}
    for text in texts:
        call_id, _, what = text.partition("=")
        if not call_id or what not in {"happened", "did-not"}:
            raise UsageError(f"{text!r} is no CALL=happened or CALL=did-not", where="--resolve")
        found[call_id] = cast("Resolution", what)
    return found
