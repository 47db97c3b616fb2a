"""What a headless run prints while it goes and when it ends, and who is asked meanwhile.

Decides: `--output` and `--approvals`. Does not decide the events or the report.
"""

import sys
from dataclasses import dataclass

from context.visible_text import escape
from host.approvers import DenyApprover, TerminalApprover, WaitingApprover
from host.cli.common import say_foreign_json
from host.cli.next_steps import next_steps
from host.cli.screen import progress, say, say_json_line
from host.config.workshop import Workshop
from host.identity import who_runs_this
from host.journal import Journal
from host.outputs import JsonLines, ProgressLines, RunReport, Teller
from host.people import find_person
from host.runs.flags import RunFlags
from tool_gateway.interface import Approver


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of the run, and who answers its asks."""

    tellers: tuple[Teller, ...]
    approver: Approver


def outputs_for(output: str, flags: RunFlags, workshop: Workshop, journal: Journal) -> Told:
    """The outputs of one run."""
    tellers: tuple[Teller, ...] = (JsonLines(say_json_line),) if output == "jsonl" else (ProgressLines(progress),)
    return Told(tellers, approver_for(flags, workshop, journal))


def approver_for(flags: RunFlags, workshop: Workshop, journal: Journal) -> Approver:
    """`ask` needs a terminal; without one it falls to what the settings say of unattended runs."""
    mode = flags.approvals or "ask"
    if mode == "ask" and not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        mode = workshop.settings.approvals.unattended
    if mode == "ask":
        person = find_person(workshop.settings.people, who_runs_this())
        return TerminalApprover(write=progress, journal=journal, person=person)
    return WaitingApprover() if mode == "wait" else DenyApprover()


def print_report(report: RunReport, output: str) -> None:
    """The end of the run: the answer for people, one object for `json`; `jsonl` has said it all."""
    if output == "json":
        say_foreign_json(report.as_json())
        return
    if output == "jsonl":
        return
    if report.answer is not None:
        say(escape(report.answer))
    if report.fault:
        progress(f"gatehost: {escape(report.fault)}")
    for line in _next_steps(report):
        progress(line)


def _next_steps(report: RunReport) -> list[str]:
    run = report.run_id
    counts = f"{len(report.calls)} calls, {sum(call.state == 'denied' for call in report.calls)} denied"
    lines = [f"run {run}: {report.status}, exit {report.exit_code}, {counts}"]
    if report.scripted:
        lines.append("  (scripted: no model thought here)")
    if report.provenance == "off":
        lines.append("  (provenance off: nobody looked where values came from)")
    used_up = report.exit_code == 5 and "--max-turns" in (report.fault or "")
    lines.extend(f"  {line}" for line in next_steps(run, report.status, report.calls, turns_used_up=used_up))
    return lines
