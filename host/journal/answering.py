"""One answer to one open request, from any process: what it changes, or why it changes nothing.

Decides: that an answer comes from somebody who may give it, once, in time; when the votes are enough; and what the
record is told, refusals included. Does not decide where the transaction begins and ends (`store`).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from context.events import utc_text
from context.ids import new_id
from context.json_values import JsonObject
from context.runs import FINISHED, RunInfo
from host.journal import approvals, grants, standing
from host.journal.standing import StandingRow, StandingScope
from tool_gateway.approvals import StandingRule, Vote, adds, entitled, in_words, missing_roles
from tool_gateway.arguments.paths import select
from tool_gateway.interface import Approval, ApprovalRequest, Entry
from tool_gateway.provenance.evidence import Grant


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of an answer.

    Attributes:
        approval: As it stands now; still `pending` while more people must say yes.
        refusal: Why the answer did not count, or None.
        wanting: Roles whose yes is still needed.
        rule: The standing rule that was made of it.
    """

    approval: Approval
    refusal: str | None = None
    wanting: tuple[str, ...] = ()
    rule: StandingRow | None = None


def answer(
    connection: sqlite3.Connection,
    known: Approval,
    run: RunInfo,
    vote: Vote,
    *,
    now: float,
    scope: StandingScope | None,
    endorsed: Sequence[Grant],
) -> Counted:
    """Count the vote, inside a transaction in which `known` and `run` were read.

    Args:
        now: No earlier than any time that the journal knows to have passed.
        scope: Make a standing rule of the yes.
    """
    request = known.request
    votes = [approvals.vote_from(row) for row in connection.execute(approvals.VOTES, (request.approval_id,))]
    refusal = _refusal(known, run, votes, vote, now=now, scope=scope)
    approvals.watch(connection, now)
    if refusal is not None:
        if known.status == "pending" and approvals.status_now(known, now) == "expired":
            known = approvals.settle(connection, request.approval_id, "expired", by=None, note=None)
        return Counted(known, refusal)
    approvals.add_vote(connection, request.approval_id, vote)
    if not vote.granted:
        return Counted(approvals.settle(connection, request.approval_id, "denied", by=vote.by, note=vote.note))
    wanting = missing_roles(request.approvers, (*votes, vote))
    grants.insert(connection, request.run_id, endorsed)
    if wanting:
        return Counted(known, wanting=wanting)
    voices = ", ".join(each.by for each in (*votes, vote) if each.granted)
    settled = approvals.settle(connection, request.approval_id, "approved", by=voices, note=vote.note)
    rule = None if scope is None else _rule(known, vote, scope)
    if rule is not None:
        standing.insert(connection, rule)
    return Counted(settled, rule=rule)


def entries(done: Counted, run: RunInfo, vote: Vote, endorsed: Sequence[Grant]) -> Iterator[Entry]:
    """What the record is told of it."""
    request = done.approval.request
    body: JsonObject = {
        "approval_id": request.approval_id,
        "server": request.ref.server,
        "tool": request.ref.tool,
        "effect": request.effect,
        "status": done.approval.status,
        "by": vote.by,
        "roles": [*sorted(vote.roles)],
        "rules": list(request.rules),
        "binding": request.binding,
        "expires": utc_text(request.expires),
    }
    if done.refusal is not None:
        body |= {"attempt": "approved" if vote.granted else "denied", "refused": done.refusal}
    elif request.approvers:
        body |= {"approvers": list(request.approvers), "vote": "yes" if vote.granted else "no"}
        body["wanting"] = list(done.wanting)
    if done.rule is not None:
        body["standing"] = done.rule.rule.rule_id
    counted = done.refusal is None
    yield _entry("approval", run, body, vote, {"note": vote.note} if vote.note and counted else {}, request.call_id)
    if done.rule is not None:
        yield rule_entry(done.rule, run, now=vote.at)
    for grant in endorsed if counted and vote.granted else ():
        told: JsonObject = {
            "source": str(grant.source),
            "tool": str(grant.ref),
            "argument": grant.argument,
            "given_by": grant.given_by,
        }
        yield _entry("grant", run, told, vote, {"because": grant.because}, request.call_id)


def rule_entry(row: StandingRow, run: RunInfo, *, now: float) -> Entry:
    """A standing rule was made or revoked."""
    body = standing.rule_json(row, now=now)
    arguments = body.pop("arguments")
    ids = {"agent": row.rule.agent, "session_id": run.session_id, "trace_id": run.trace_id}
    return Entry(new_id("ent"), "standing_rule", row.run_id, utc_text(now), body, ids, {"arguments": arguments})


def _refusal(
    known: Approval, run: RunInfo, votes: Sequence[Vote], vote: Vote, *, now: float, scope: StandingScope | None
) -> str | None:
    request = known.request
    status = approvals.status_now(known, now)
    if run.status in FINISHED:
        return f"its run is {run.status}"
    if status == "expired":
        return f"it expired at {utc_text(request.expires)}"
    if status != "pending":
        return f"it is {status} already" + (f", by {known.by}" if known.by else "")
    if any(each.person == vote.person for each in votes):
        return f"{vote.person} has answered it already; another person must ({in_words(request.approvers)})"
    roles = f"{vote.person} has {_listed(vote.roles)}"
    if not entitled(request.approvers, vote.roles):
        return f"it needs {in_words(request.approvers)}; {roles}"
    if not vote.granted:
        return None
    if not adds(request.approvers, votes, vote):
        return f"it still needs {'; also '.join(missing_roles(request.approvers, votes))}; {roles}"
    return None if scope is None else _no_rule(request, vote, scope)


def _no_rule(request: ApprovalRequest, vote: Vote, scope: StandingScope) -> str | None:
    """Why no standing rule can be made of this yes."""
    if missing_roles(request.approvers, (vote,)):
        return "it takes more than one person, and a standing rule speaks for one"
    if not request.pin:
        return "its tool was not pinned when it was asked, so nothing would tell that the tool changed"
    for path in scope.same or ():
        try:
            there = bool(select(path, request.arguments))
        except ValueError as error:
            return str(error)
        if not there:
            return f"the call has no argument {path}"
    return None


def _rule(known: Approval, vote: Vote, scope: StandingScope) -> StandingRow:
    request = known.request
    rule = StandingRule(
        rule_id=new_id("rule"),
        agent=request.agent,
        ref=request.ref,
        effect=request.effect,
        pin=request.pin,
        rules=frozenset(request.rules),
        arguments=request.arguments,
        same=scope.same,
        given_by=vote.by,
        given_at=vote.at,
        origin=request.approval_id,
        roles=vote.roles,
        expires=None if scope.seconds is None else vote.at + scope.seconds,
    )
    return StandingRow(rule, request.run_id)


def _entry(kind: str, run: RunInfo, body: JsonObject, vote: Vote, contents: JsonObject, call_id: str) -> Entry:
    ids = {"agent": run.agent, "session_id": run.session_id, "trace_id": run.trace_id, "call_id": call_id}
    return Entry(new_id("ent"), kind, run.run_id, utc_text(vote.at), body, ids, contents)


def _listed(roles: frozenset[str]) -> str:
    return f"the role {', '.join(sorted(roles))}" if roles else "no role"
