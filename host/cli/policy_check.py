"""`gatehost policy check`: are the rules well-formed, do they fit the tools, and can each of them ever matter?

Decides: how findings are told. Does not decide what is an error (`tool_gateway/policy`) or a warning
(`tool_gateway/policy/checks.py`).
"""

import argparse
from collections.abc import Sequence
from typing import Any

from context.json_values import JsonObject
from context.visible_text import escape_line
from host.cli.common import add_file_options, say_foreign_json
from host.cli.policy_project import PolicyProject, open_project, rule_rows
from host.cli.screen import progress, say
from host.config.policy_files import policy_folder, read_policies
from tool_gateway.policy.cedar import CedarEngine
from tool_gateway.policy.checks import coverage, unpermitted, warnings_of
from tool_gateway.policy.faults import Fault, PolicyFault
from tool_gateway.policy.shipped_set import SHIPPED_RULES, shipped_rules, shipped_schema


def add_check(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "check", help="parse and type-check the rules; name those that can never matter", allow_abbrev=False
    )
    parser.add_argument("--strict", action="store_true", help="a warning is a failure too")
    shows = parser.add_mutually_exclusive_group()
    shows.add_argument("--show-schema", action="store_true", help="print the schema in force, and nothing else")
    shows.add_argument("--show-rules", action="store_true", help="print the rules that ship, and nothing else")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_check)


def _check(args: argparse.Namespace) -> int:
    if args.show_rules:
        say(shipped_rules().rstrip())
        return 0
    project = open_project(args)
    if args.show_schema:
        own = read_policies(project.workshop.settings).schema
        say((own if own is not None else shipped_schema()).rstrip())
        return 0
    try:
        engine = project.engine()
    except PolicyFault as error:
        if args.json:
            say_foreign_json({"ok": False, "errors": _rows(error.faults), "warnings": [], "rules": [], "tools": []})
        for fault in error.faults:
            progress(f"gatehost: {fault.sentence()}")
        return error.exit_code
    warnings = warnings_of(engine.rulebook, project.names())
    ok = not (warnings and args.strict)
    if args.json:
        say_foreign_json(_report(project, engine, warnings, ok))
    else:
        _tell(project, engine, warnings)
    return 0 if ok else 2


def _report(project: PolicyProject, engine: CedarEngine, warnings: Sequence[Fault], ok: bool) -> JsonObject:
    folder = policy_folder(project.workshop.settings)
    closed = set(unpermitted(engine.rulebook))
    return {
        "ok": ok,
        "folder": str(folder) if folder is not None else None,
        "version": engine.version,
        "errors": [],
        "warnings": _rows(warnings),
        "rules": list(rule_rows(engine, SHIPPED_RULES)),
        "tools": [
            {"tool": name, "rules": list(rules), "permitted": name not in closed}
            for name, rules in coverage(engine.rulebook).items()
        ],
    }


def _tell(project: PolicyProject, engine: CedarEngine, warnings: Sequence[Fault]) -> None:
    rules = rule_rows(engine, SHIPPED_RULES)
    own = [rule for rule in rules if not rule["shipped"]]
    folder = policy_folder(project.workshop.settings)
    source = f"{len(own)} of {escape_line(str(folder), 300)}" if folder is not None else "no [policy] folder"
    say(f"{len(rules)} rules ({source}; {len(rules) - len(own)} shipped) parse and fit {len(project.shapes)} tools")
    for rule in own:
        who = f", approvers {rule['approvers']}" if rule["approvers"] else ""
        say(f"  {rule['effect']:<6} {rule['id']}   {escape_line(str(rule['file']), 200)}:{rule['line']}{who}")
    for fault in warnings:
        say(f"! {fault.sentence()}")
    if own:
        bare = [name for name, covering in coverage(engine.rulebook).items() if not covering]
        if bare:
            say(f"no rule of yours speaks about: {escape_line(', '.join(bare), 2000)}")
    for name in unpermitted(engine.rulebook):
        say(f"! no rule permits calls of {escape_line(name, 150)}")


def _rows(faults: Sequence[Fault]) -> list[Any]:
    return [
        {
            "file": fault.file,
            "line": fault.line or None,
            "policy": fault.policy,
            "what": fault.what,
            "next_step": fault.next_step,
        }
        for fault in faults
    ]
