"""`gatehost mcp call`: one call, through the same gates and into the same record as any other.

Decides: how the call becomes a run of a scripted model that says one thing. Does not decide whether it goes out.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import anyio

from context.errors import ConfigError, ServerError, UsageError
from context.events import Event
from context.ids import new_id
from context.json_values import JsonObject
from context.visible_text import escape, escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.mcp_files import chosen, open_bench
from host.cli.screen import progress, say
from host.config.nearest_names import advice
from host.config.workshop import Workshop
from host.outputs import ProgressLines
from host.runs.flags import RunFlags
from tool_gateway.interface import Answered, ApprovalRequest

_ARGUMENT_BYTES = 3 * 1024 * 1024


def add_call(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "call",
        help="make one call through the gateway; it is decided and recorded as in a run",
        usage="gatehost mcp call SERVER TOOL [JSON] [options]",
        allow_abbrev=False,
    )
    parser.add_argument("server", metavar="SERVER", help="or SERVER.TOOL as one word")
    parser.add_argument("tool", nargs="?", metavar="TOOL")
    parser.add_argument("arguments", nargs="?", metavar="JSON", help="an object, or - to read it from stdin")
    parser.add_argument("--yes", action="store_true", help="approve the call beforehand, as `run --approve` does")
    parser.add_argument("--json", action="store_true", help="the run as one JSON object, with the result")
    add_file_options(parser)
    parser.set_defaults(handler=_call)


def _call(args: argparse.Namespace) -> int:
    server, tool, text = _words(args)
    arguments = _parse(sys.stdin.read(_ARGUMENT_BYTES + 1) if text == "-" else text)
    bench = open_bench(args)
    chosen([server], bench.servers)
    address = f"{server}.{tool}"
    unlisted = None
    if tool not in (listed := bench.servers.servers[server].tools):
        hint = advice(tool, listed, noun="tool") if listed else f"The servers file lists no tool of {server}"
        unlisted = f"there is no tool {escape_line(address, 200)} here. {hint}"
    script = _write_script(bench.workshop, address, arguments)
    flags = RunFlags(
        model=f"scripted:{script}",
        tools=(f"{server}.*",),
        approve=(address,) if args.yes else (),
        fail_on_deny=True,
        config=str(Path(args.config).resolve()) if args.config else None,
        servers=str(Path(args.servers).resolve()) if args.servers else None,
    )
    kept = False
    try:
        kept, code = anyio.run(_carry, bench.workshop, flags, address, unlisted, args.json)
        return code
    finally:
        if not kept:
            with suppress(OSError):
                script.unlink()


def _words(args: argparse.Namespace) -> tuple[str, str, str]:
    """Server, tool and arguments; a server's name has no dot, so `SERVER.TOOL` means one thing."""
    server, dot, tool = args.server.partition(".")
    words = [word for word in (tool if dot else None, args.tool, args.arguments) if word is not None]
    if not words or not words[0]:
        raise UsageError(
            "no tool is named", where="TOOL", next_step="Write for example git git_status, or git.git_status"
        )
    if len(words) > 2:
        raise UsageError(
            f"{escape_line(args.server, 100)} names the tool already, so only the arguments may follow",
            where="TOOL",
            next_step="Write SERVER TOOL JSON, or SERVER.TOOL JSON",
        )
    return server, words[0], words[1] if len(words) == 2 else "{}"


class _CallLines:
    """What a run tells, in the words of one call: of the script that makes it nobody needs to know.

    Args:
        unlisted: The refusal of a tool that is not listed, as the user named it and not as models would.
    """

    def __init__(self, unlisted: str | None) -> None:
        self._lines = ProgressLines(progress)
        self._unlisted = unlisted

    def tell(self, event: Event) -> None:
        if event.type == "run.started":
            progress(f"run {event.run_id}")
        elif self._unlisted is not None and event.type == "call.decided":
            progress(f"  ✗ denied: {self._unlisted}")
        else:
            self._lines.tell(event)


class _NobodyAsked:
    """Refuses every ask, with the option of this command."""

    @property
    def attended(self) -> bool:
        return False

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered]:
        note = "nobody can be asked here; approve it beforehand with --yes"
        return [Answered(False, by="nobody (unattended)", note=note) for _ in requests]


async def _carry(
    workshop: Workshop, flags: RunFlags, address: str, unlisted: str | None, as_json: bool
) -> tuple[bool, int]:
    """Whether the script is still needed, because the run can be resumed, and the exit code."""
    from host.approvers import DenyApprover
    from host.cli.run_output import approver_for
    from host.journal import Journal
    from host.runs.runner import RunRequest, carry_out

    with Journal.open(workshop.home.journal) as journal:
        approver = approver_for(flags, workshop, journal)
        report = await carry_out(
            RunRequest(flags=flags, task=f"gatehost mcp call {address}"),
            workshop=workshop,
            journal=journal,
            approver=_NobodyAsked() if isinstance(approver, DenyApprover) else approver,
            tellers=(_CallLines(unlisted),),
        )
    result = report.calls[0].result if report.calls else None
    # The run is completed all the same: its one call was made, and the server said that it failed.
    is_failed = report.exit_code == 0 and any(call.state == "failed" for call in report.calls)
    code = ServerError.exit_code if is_failed else report.exit_code
    if as_json:
        say_foreign_json({**report.as_json(), "exit_code": code, "result": result})
    else:
        for line in _shown(result):
            say(line)
        if report.fault:
            progress(f"gatehost: {escape(report.fault)}")
        progress(f"run {report.run_id}: {report.status}, exit {code}")
        if report.status == "waiting":
            progress(f"  waits for approval: gatehost approvals list; then gatehost runs resume {report.run_id}")
    return report.status not in {"completed", "cancelled"}, code


def _shown(result: JsonObject | None) -> list[str]:
    """The result's parts as text."""
    content = (result or {}).get("content")
    lines: list[str] = []
    for part in content if isinstance(content, list) else ():
        assert isinstance(part, dict)
        if part.get("kind") == "text":
            lines.append(escape(str(part.get("text"))))
        else:
            size = len(str(part.get("data")))
            lines.append(f"[an image, {escape(str(part.get('media_type')))}, {size} characters of base64]")
    structured = (result or {}).get("structured")
    if structured is not None and not lines:
        lines.append(escape(json.dumps(structured, ensure_ascii=False, indent=2)))
    return lines


def _parse(text: str) -> JsonObject:
    try:
        if len(text.encode("utf-8", "surrogateescape")) > _ARGUMENT_BYTES:
            raise _no_arguments(f"are longer than {_ARGUMENT_BYTES:,} bytes")
        value: object = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise _no_arguments("are nested too deeply") from error
    except ValueError as error:
        raise _no_arguments(f"are no JSON: {escape(str(error))}") from error
    if not isinstance(value, dict):
        raise _no_arguments("are no JSON object")
    return cast("JsonObject", value)


def _no_arguments(what: str) -> UsageError:
    return UsageError(
        f"the arguments {what}", where="JSON", next_step='Write one object, for example \'{"path": "/repo"}\''
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _write_script(workshop: Workshop, address: str, arguments: JsonObject) -> Path:
    """A script of one call, private to this user; a call that waits for approval is resumed from it."""
    from host.config.small_files import replace_small
    from host.review.toml_text import value_text

    try:
        written = value_text(arguments)
    except RecursionError as error:
        raise _no_arguments("are nested too deeply") from error
    except ConfigError as error:
        raise UsageError(
            f"{error.what}, the form in which the call is kept", where="JSON", next_step="Leave that argument out"
        ) from error
    call = f"[[turns]]\n[[turns.calls]]\ntool = {value_text(address)}\narguments = {written}\n"
    folder = workshop.home.folder / "calls"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{new_id('one')}.toml"
    replace_small(path, f'{call}\n[[turns]]\ntext = "Done."\n'.encode(), mode=0o600)
    return path
