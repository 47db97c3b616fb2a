"""The flags that `run`, `runs resume` and `demo` share.

Decides: their spelling and their parsing into `RunFlags`. Does not decide what they do.
"""

import argparse
from pathlib import Path

from context.errors import UsageError
from context.quantities import parse_span
from host.runs.answers import load_schema
from host.runs.flags import RunFlags


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add them to `parser`."""
    parser.add_argument("-m", "--model", metavar="MODEL", help="a [models] name, PROVIDER:ID or scripted:FILE")
    parser.add_argument("--agent", metavar="NAME", help="an [agents] name (default: default)")
    parser.add_argument("--output", choices=("text", "json", "jsonl"), default="text", help="what stdout carries")
    parser.add_argument("--schema", metavar="FILE", help="JSON Schema that the answer must satisfy")
    parser.add_argument(
        "--tools", action="append", metavar="GLOB", help="server.tool globs: the run's scope, within the agent's"
    )
    parser.add_argument(
        "--approve", action="append", metavar="GLOB", help="asks for these tools are authorised for this run"
    )
    parser.add_argument(
        "--endorse",
        action="append",
        metavar="SOURCE=>TOOL:ARG",
        help="this source may decide this argument, e.g. 'mail.read[id=7]=>bank.pay:amount'",
    )
    parser.add_argument(
        "--approvals", choices=("ask", "deny", "wait"), help="who answers an ask (default: the terminal)"
    )
    parser.add_argument("--fail-on-deny", action="store_true", help="any denial makes the exit code 3")
    parser.add_argument("--max-turns", type=int, metavar="N", help="model calls allowed (default: 40)")
    parser.add_argument("--timeout", metavar="D", help="time for the whole run, e.g. 90s, 10m")


def read_run_flags(args: argparse.Namespace) -> RunFlags:
    """What was said on the command line.

    Raises:
        UsageError: a value that does not fit its flag.
        ConfigError: the schema file cannot be used.
    """
    if args.max_turns is not None and args.max_turns < 1:
        raise UsageError("must be at least 1", where="--max-turns")
    for flag in ("tools", "approve"):
        if any(not glob.strip() for glob in getattr(args, flag) or ()):
            raise UsageError("an empty glob matches nothing", where=f"--{flag}", next_step="Write for example git.*")
    return RunFlags(
        model=_absolute_file(args.model),
        agent=args.agent,
        tools=tuple(args.tools) if args.tools is not None else None,
        approve=tuple(args.approve or ()),
        endorse=tuple(args.endorse or ()),
        approvals=args.approvals,
        fail_on_deny=args.fail_on_deny,
        max_turns=args.max_turns,
        timeout=_seconds(args.timeout),
        schema=load_schema(Path(args.schema)) if args.schema else None,
        config=str(Path(args.config).resolve()) if args.config else None,
        servers=str(Path(args.servers).resolve()) if args.servers else None,
    )


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = parse_span(text)
    except ValueError as error:
        raise UsageError(str(error), where="--timeout") from error
    if seconds <= 0:
        raise UsageError("must be more than nothing", where="--timeout")
    return seconds


def _absolute_file(model: str | None) -> str | None:
    """A script is named relative to here; a resumed run may start somewhere else."""
    if model is not None and model.startswith("scripted:") and model != "scripted:":
        return f"scripted:{Path(model.removeprefix('scripted:')).resolve()}"
    return model
