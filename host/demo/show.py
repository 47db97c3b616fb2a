"""The demonstration, played: repository, servers, the run itself, and what it leaves to look at.

Decides: the folder it plays in and how it is told. Does not decide any call's fate: that is the same
gateway, sandbox and record that every run has.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import anyio

from context.events import Event
from context.ids import new_id
from context.runs import StoredCall
from context.visible_text import escape, escape_line
from host.approvers.card import card
from host.cli.screen import progress, say
from host.config.lock_file import Lock, load_lock
from host.config.servers_file import load_servers, server_digest
from host.config.workshop import Workshop, open_workshop
from host.demo.world import history, make_repository
from host.home import find_home
from host.journal import Journal
from host.outputs import ProgressLines, RunReport
from host.outputs.walls import wall_line
from host.runs.flags import RunFlags
from host.runs.runner import RunRequest, carry_out
from sandboxes.runtime.image import default_sandbox
from tool_gateway.interface import Answered, ApprovalRequest

TASK = "Fix the bug in /repo/app/cart.py that /repo/docs/bug-report.md describes. Then add app/cart.py and commit it."
_DATA = resources.files("host.demo")


class DemoApprover:
    """Answers yes, in plain sight: the demonstration has nobody to ask."""

    @property
    def attended(self) -> bool:
        return True

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered]:
        progress(card(*requests, expanded=True) + "y     (answered by the demonstration itself)")
        note = "answered by the demonstration itself"
        return [Answered(True, by="demo:auto-answer", note=note) for _ in requests]


@dataclass(slots=True)
class _Evidence:
    """Keeps what stood around each server, for the end."""

    walls: list[Event]

    def tell(self, event: Event) -> None:
        if event.type == "sandbox.state":
            self.walls.append(event)


async def show(*, model: str | None, config: str | None) -> int:
    """Play it; the exit code.

    Raises:
        ConfigError, SandboxError: the machine is not set up; says the next step.
    """
    home = find_home().prepare()
    kind = await default_sandbox(home.sandbox_home())
    # Beside the state, never inside: no server may have a mount that touches the state.
    folder = home.folder.with_name(f"{home.folder.name}-demo") / new_id("demo")
    await _lay_out(folder, kind)
    say(f"Gatehost demo: real servers in {kind} sandboxes on a real git repository: {folder / 'shop'}")
    if model is None and not os.environ.get("OPENAI_API_KEY"):
        say("The model is SCRIPTED: a file plays a model that obeys everything it reads. No key, no network.")
    say(f"Task: {TASK}\n")
    workshop = open_workshop(config=config, servers=str(folder / "mcp_servers.toml"), folder=folder)
    flags = RunFlags(model=_model(model, workshop), servers=str(folder / "mcp_servers.toml"), config=config)
    evidence = _Evidence([])
    with Journal.open(workshop.home.journal) as journal:
        report = await carry_out(
            RunRequest(flags=flags, task=TASK),
            workshop=workshop,
            journal=journal,
            approver=DemoApprover(),
            tellers=(ProgressLines(progress), evidence),
        )
    await _tell_end(report, evidence.walls, folder)
    return report.exit_code


async def _lay_out(folder: Path, kind: str) -> None:
    """The repository, the servers file for this machine's sandbox, and the lock that was reviewed for it."""
    await make_repository(folder / "shop")
    await anyio.to_thread.run_sync(_write_project, folder, kind)


def _write_project(folder: Path, kind: str) -> None:
    text = _DATA.joinpath("mcp_servers.toml").read_text(encoding="utf-8").replace("@SANDBOX@", kind)
    (folder / "mcp_servers.toml").write_text(text, encoding="utf-8")
    (folder / "script.toml").write_text(_DATA.joinpath("script.toml").read_text(encoding="utf-8"), encoding="utf-8")
    servers = load_servers(folder / "mcp_servers.toml")
    with resources.as_file(_DATA.joinpath("mcp_servers.lock")) as shipped:
        reviewed = load_lock(shipped)
    # Packages and tools are pinned by the shipped lock; only the kind of sandbox differs from machine to machine.
    pinned = {
        name: replace(locked, server_digest=server_digest(servers.servers[name]))
        for name, locked in reviewed.servers.items()
    }
    Lock(pinned).save(folder / "mcp_servers.lock")


def _model(model: str | None, workshop: Workshop) -> str:
    if model is not None:
        return model
    if workshop.environ.get("OPENAI_API_KEY"):
        return f"openai_chat:{workshop.environ.get('OPENAI_MODEL') or 'gpt-5-mini'}"
    return f"scripted:{workshop.project.folder / 'script.toml'}"


async def _tell_end(report: RunReport, walls: Sequence[Event], folder: Path) -> None:
    say("\nCALLS")
    for call in report.calls:
        say(_row(call))
    say("\nWALLS (read from the running sandboxes)")
    for event in walls:
        say(f"  {event.data.get('server')}: {wall_line(event.data)}")
    say("\nCOMMITS")
    for line in await history(folder / "shop"):
        say(f"  {escape_line(line, 100)}")
    say("\nANSWER")
    say(f"  {escape(report.answer or '(none)')}")
    if report.fault:
        say(f"  {escape(report.fault)}")
    program = _program()
    say("\nLOOK FURTHER")
    say(f"  {program} audit show {report.run_id}")
    say(f"  {program} audit verify")
    say(f"  {program} runs show {report.run_id}")


def _row(call: StoredCall) -> str:
    address = f"{call.server}.{call.tool}" if call.server else call.name
    approved = f"  (approved by {escape_line(call.approval, 40)})" if call.approval else ""
    row = f"  {escape_line(address, 60):<24} {call.decision or '-':<6} {call.state:<10}{approved}"
    if call.state in {"succeeded", "proposed", "waiting"}:
        return row
    return row + "".join(f"\n      {escape_line(str(reason.get('text')), 160)}" for reason in call.reasons)


def _program() -> str:
    """How this program was called, so that the printed commands work as they stand."""
    called = Path(sys.argv[0])
    if called.name == "gatehost" and shutil.which("gatehost") == str(called):
        return "gatehost"
    place = os.path.relpath(called) if called.is_absolute() else str(called)
    return shlex.quote(place if "/" in place else f"./{place}")
