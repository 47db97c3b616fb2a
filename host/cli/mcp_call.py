"""`gatehost mcp call`: one call, through the same gates and into the same record as any other.

Decides: how the call becomes a run of a scripted model that says one thing. Does not decide whether it goes out.
"""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import anyio

from context.errors import ConfigError, UsageError
from context.ids import new_id
from context.json_values import JsonObject
from context.visible_text import escape
from host.cli.common import add_file_options, say_foreign_json
from host.cli.mcp_files import chosen, open_bench
from host.cli.screen import progress, say
from host.run_flags import RunFlags
from host.workshop import Workshop

_ARGUMENT_BYTES = 3 * 1024 * 1024


def add_call(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "call", help="make one call through the gateway; it is decided and recorded as in a run", allow_abbrev=False
    )
    parser.add_argument("server", metavar="SERVER")
    parser.add_argument("tool", metavar="TOOL")
    parser.add_argument(
        "arguments", nargs="?", default="{}", metavar="JSON", help="an object, or - to read it from stdin"
    )
    parser.add_argument("--yes", action="store_true", help="approve the call beforehand, as `run --approve` does")
    parser.add_argument("--json", action="store_true", help="the run as one JSON object, with the result")
    add_file_options(parser)
    parser.set_defaults(handler=_call)


def _call(args: argparse.Namespace) -> int:
    arguments = _parse(sys.stdin.read(_ARGUMENT_BYTES + 1) if args.arguments == "-" else args.arguments)
    bench = open_bench(args)
    chosen([args.server], bench.servers)
    address = f"{args.server}.{args.tool}"
    script = _write_script(bench.workshop, address, arguments)
    flags = RunFlags(
        model=f"scripted:{script}",
        tools=(f"{args.server}.*",),
        approve=(address,) if args.yes else (),
        fail_on_deny=True,
        config=str(Path(args.config).resolve()) if args.config else None,
        servers=str(Path(args.servers).resolve()) if args.servers else None,
    )
    kept = False
    try:
        kept, code = anyio.run(_carry, bench.workshop, flags, address, args.json)
        return code
    finally:
        if not kept:
            with suppress(OSError):
                script.unlink()


async def _carry(workshop: Workshop, flags: RunFlags, address: str, as_json: bool) -> tuple[bool, int]:
    """Whether the script is still needed, because the run can be resumed, and the exit code."""
    from host.cli.run_output import outputs_for
    from host.journal import Journal
    from host.runner import RunRequest, carry_out

    with Journal.open(workshop.home.journal) as journal:
        told = outputs_for("text", flags, workshop)
        report = await carry_out(
            RunRequest(flags=flags, task=f"gatehost mcp call {address}"),
            workshop=workshop,
            journal=journal,
            approver=told.approver,
            tellers=told.tellers,
        )
    result = report.calls[0].result if report.calls else None
    if as_json:
        say_foreign_json({**report.as_json(), "result": result})
    else:
        for line in _shown(result):
            say(line)
        if report.fault:
            progress(f"gatehost: {escape(report.fault)}")
        progress(f"run {report.run_id}: {report.status}, exit {report.exit_code}")
        if report.status == "waiting":
            progress(f"  waits for approval: gatehost approvals list; then gatehost runs resume {report.run_id}")
    return report.status not in {"completed", "cancelled"}, report.exit_code


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
    from host.review.toml_text import value_text
    from host.small_files import replace_small

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
