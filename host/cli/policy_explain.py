"""`gatehost policy explain`: why a call was decided as it was, or how one would be.

Decides: how a decision is told: which gate, which rule, which value from where. Does not decide anything.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from context.errors import ConfigError, UsageError
from context.json_values import JsonObject, JsonValue, NotCanonical, canonicalise, leaves
from context.runs import StoredCall
from context.visible_text import escape_line, quote
from host.cli.common import add_file_options, say_foreign_json
from host.cli.screen import say
from host.home import find_home
from host.journal import Journal
from tool_gateway.interface import Approval

_SHOWN = 200


def add_explain(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "explain", help="why a call was decided as it was, or how one would be", allow_abbrev=False
    )
    parser.add_argument("target", metavar="CALL | SERVER.TOOL | MODEL", help="a call's id, or what would be used")
    dry = parser.add_argument_group("for SERVER.TOOL or MODEL")
    dry.add_argument("--arguments", metavar="JSON", default=None, help="of the call ({})")
    dry.add_argument("--agent", metavar="AGENT", help="who calls (default)")
    dry.add_argument("--user", metavar="NAME", help="for whom (whoever runs this)")
    dry.add_argument("--role", action="append", default=[], metavar="ROLE", help="one that they have besides")
    dry.add_argument("--label", action="append", default=[], metavar="LABEL", help="of the content that would flow")
    dry.add_argument("--tainted", action="store_true", help="untrusted content was read before")
    dry.add_argument("--untrusted", action="append", default=[], metavar="PATH", help="an argument from there")
    dry.add_argument("--approved", action="append", default=[], metavar="RULE", help="was answered with yes")
    dry.add_argument("--unattended", action="store_true", help="nobody can be asked")
    parser.add_argument("--json", action="store_true")
    add_file_options(parser)
    parser.set_defaults(handler=_explain)


def _explain(args: argparse.Namespace) -> int:
    stored = _stored(args.target)
    if stored is None and args.target.startswith("call_"):
        raise ConfigError(
            "there is no such call",
            where=f"call {escape_line(args.target, 60)}",
            next_step="`gatehost runs show RUN --json` names the calls of a run; SERVER.TOOL asks about a new one",
        )
    if stored is None:
        return _explain_question(args)
    call, approval, values = stored
    report = _call_report(call, approval, values)
    if args.json:
        say_foreign_json(report)
    else:
        _tell_call(call, approval, report)
    return 0


def _stored(call_id: str) -> tuple[StoredCall, Approval | None, list[JsonValue]] | None:
    """A call of the journal, by its own id or its approval's, with its values; None where there is none."""
    path = find_home().prepare().journal
    if not path.exists():
        return None
    with Journal.open(path) as journal:
        asked = journal.database.row("SELECT call_id FROM approvals WHERE approval_id = ?", call_id)
        call_id = str(asked[0]) if asked is not None else call_id
        row = journal.database.row("SELECT run_id FROM calls WHERE call_id = ?", call_id)
        if row is None:
            return None
        run_id = str(row[0])
        call = next(call for call in journal.calls(run_id) if call.call_id == call_id)
        held = journal.database.row("SELECT approval_id FROM approvals WHERE call_id = ?", call_id)
        approval = journal.find_approval(str(held[0])) if held is not None else None
        return call, approval, _values(journal, call, approval)


def _values(journal: Journal, call: StoredCall, approval: Approval | None) -> list[JsonValue]:
    """Each value with its origin: as the card showed it, or as the decision's event has it; else only its path."""
    if approval is not None and approval.request.values:
        return [
            {
                "path": value.path,
                "value": value.value,
                "origin": value.origin,
                "passage": value.passage,
                "trusted": value.trusted,
                "note": value.note,
            }
            for value in approval.request.values
        ]
    after = 0
    while events := journal.events(call.run_id, after=after):
        for event in events:
            values = event.data.get("values")
            if event.type == "call.decided" and event.ids.get("call_id") == call.call_id and isinstance(values, list):
                held = dict(leaves(call.arguments or {}))
                told = (value for value in values if isinstance(value, dict))
                return [{"value": held.get(str(value.get("path"))), **value} for value in told]
        after = events[-1].seq or after + len(events)
    return [{"path": path, "value": value, "origin": None} for path, value in leaves(call.arguments or {})]


def _call_report(call: StoredCall, approval: Approval | None, values: list[JsonValue]) -> JsonObject:
    request = approval.request if approval is not None else None
    return {
        "call_id": call.call_id,
        "run_id": call.run_id,
        "server": call.server,
        "tool": call.tool,
        "effect": call.effect,
        "arguments": call.arguments,
        "state": call.state,
        "decision": call.decision,
        "reasons": list(call.reasons),
        "values": values,
        "approval": None
        if approval is None or request is None
        else {
            "id": request.approval_id,
            "status": approval.status,
            "rules": list(request.rules),
            "approvers": list(request.approvers),
            "by": approval.by,
            "note": approval.note,
        },
    }


def _tell_call(call: StoredCall, approval: Approval | None, report: JsonObject) -> None:
    address = f"{call.server}.{call.tool}" if call.server else call.name
    say(f"{escape_line(call.call_id)}  {escape_line(address, 150)}  ({call.effect or 'unknown effect'})")
    say(f"  decision {call.decision or '-'}, {call.state}   in run {call.run_id}")
    _tell_reasons(call.reasons)
    if approval is not None:
        request = approval.request
        who = f", by {escape_line(approval.by, 100)}" if approval.by else ""
        say(f"  approval {request.approval_id}: {approval.status}{who}; asked by {', '.join(request.rules)}")
        for expression in request.approvers:
            say(f"    approvers {escape_line(expression, 200)}")
    for value in cast("list[JsonObject]", report["values"]):
        _tell_value(value)


def _tell_reasons(reasons: Sequence[JsonObject]) -> None:
    for reason in reasons:
        at = f" at {escape_line(str(reason['path']), 200)}" if reason.get("path") else ""
        say(f"  {escape_line(str(reason.get('gate')), 40)}: {escape_line(str(reason.get('text')), 500)}{at}")
        if reason.get("remedy"):
            say(f"    {escape_line(str(reason['remedy']), 500)}")


def _tell_value(value: JsonObject) -> None:
    shown = value.get("value")
    text = quote(shown, _SHOWN) if isinstance(shown, str) else escape_line(json.dumps(shown), _SHOWN)
    origin = f"   from {escape_line(str(value['origin']), 200)}" if value.get("origin") else ""
    note = f" ({escape_line(str(value['note']), 200)})" if value.get("note") else ""
    say(f"  {escape_line(str(value.get('path')), 200)} = {text}{origin}{note}")
    if value.get("passage"):
        say(f"    … {escape_line(str(value['passage']), 300)} …")


def _explain_question(args: argparse.Namespace) -> int:
    from host.cli.policy_project import open_project
    from tool_gateway.policy.question import PolicyQuestion
    from tool_gateway.trail import reasons_json

    project = open_project(args)
    engine = project.engine()
    principal = project.principal(args.agent, user=args.user, roles=args.role)
    if args.target in project.workshop.settings.models:
        question = PolicyQuestion("send", principal, project.model(args.target))
    else:
        tool, rule = project.tool(args.target)
        question = PolicyQuestion(
            "call",
            principal,
            tool,
            _arguments(args.arguments),
            untrusted=frozenset(args.untrusted),
            approved=frozenset(args.approved),
            consent=rule.approve,
        )
    question = replace(
        question,
        labels=frozenset(args.label),
        tainted=args.tainted,
        attended=not args.unattended,
        now=time.time(),
    )
    explained = engine.explain(question)
    decision = explained.decision
    rules = [
        {
            "id": policy.id,
            "file": policy.statement.file,
            "line": policy.statement.line,
            "effect": "permit" if policy.permits else "ask" if policy.asks else "deny",
            "holds": policy.id in explained.held,
            "decides": policy.id in explained.deciding,
        }
        for policy in explained.applying
    ]
    if args.json:
        say_foreign_json(
            {
                "action": question.action,
                "resource": args.target,
                "agent": principal.agent,
                "user": principal.user,
                "roles": sorted(principal.roles),
                "decision": decision.word,
                "reasons": list(reasons_json(decision.reasons)),
                "rules": rules,
            }
        )
        return 0
    say(f"{decision.word}   {question.action} {escape_line(args.target, 150)} as {escape_line(principal.agent, 64)}")
    _tell_reasons(reasons_json(decision.reasons))
    for row in rules:
        word = "decides" if row["decides"] else "holds" if row["holds"] else "does not hold"
        say(f"  {row['effect']:<6} {row['id']}   {escape_line(str(row['file']), 200)}:{row['line']}   {word}")
    say("  (policies only: scope, schema, constraints and provenance are judged of a real call)")
    return 0


def _arguments(text: str | None) -> JsonObject:
    try:
        value = canonicalise(json.loads(text)) if text is not None else {}
    except (ValueError, RecursionError, NotCanonical) as error:
        raise UsageError(
            f"it is no JSON: {escape_line(str(error), 200)}", where="--arguments", next_step="Write an object: '{}'"
        ) from error
    if not isinstance(value, dict):
        raise UsageError("it is no JSON object", where="--arguments", next_step='Write for example \'{"path": "a"}\'')
    return value
