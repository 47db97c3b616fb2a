"""Approvals: bound to exactly one call, given by who may, used once, expiring; and rules that stand for one.

Decides: what a yes is bound to, the only ways from one status to the next, whose yes is enough, whether an approval
may still be used, and which calls a standing rule answers for. Does not decide who is asked (`Approver`), when
(`gates/approval.py`, `gateway.py`), or where votes and rules are kept (the journal).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import cast

from context.calls import ToolRef
from context.decisions import Reason
from context.json_values import JsonObject, NotCanonical, canonical_bytes, digest
from context.runs import IllegalTransition
from tool_gateway.arguments.paths import misfits, select
from tool_gateway.interface import Approval, ApprovalRequest, ApprovalStatus, StandingRule
from tool_gateway.policy.approvers import BadApprovers, parse_approvers

GATE = "approval"

APPROVAL_TRANSITIONS: dict[ApprovalStatus, frozenset[ApprovalStatus]] = {
    "pending": frozenset({"approved", "denied", "expired"}),
    # Used when the intent is written, in the same transaction: no yes carries two calls.
    "approved": frozenset({"used", "expired"}),
    "denied": frozenset(),
    "expired": frozenset(),
    "used": frozenset(),
}


def check_approval(before: ApprovalStatus, after: ApprovalStatus) -> None:
    """Raises: IllegalTransition."""
    if after not in APPROVAL_TRANSITIONS[before]:
        raise IllegalTransition(f"an approval cannot go from {before} to {after}")


def binding(*, agent: str, run_id: str, pin: str, policy_version: str, ref: ToolRef, arguments: JsonObject) -> str:
    """Digest of everything that was approved. Any difference, and the approval is for another call.

    Args:
        arguments: Canonical (`form.form`).

    Raises:
        NotCanonical: the arguments were not brought into form first.
    """
    return digest(
        {
            "agent": agent,
            "run": run_id,
            "server": ref.server,
            "tool": ref.tool,
            "pin": pin,
            "policy": policy_version,
            "arguments": arguments,
        }
    )


def usable(approval: Approval, *, binding: str, now: float, seen: Iterable[float] = ()) -> Reason | None:
    """None when the approval may carry the call that has this `binding`, else why not.

    Args:
        now: Seconds since the epoch.
        seen: Times that are known to have passed, e.g. of rows in the journal. A clock that was set back
            does not make an expired approval young again.
    """
    if approval.request.binding != binding:
        return Reason(
            GATE,
            "another_call",
            "the approval was given for another call: its agent, run, tool, rules or arguments differ",
            remedy="The call needs an approval of its own",
        )
    if approval.status == "used":
        return Reason(GATE, "used", "the approval was used already; one yes carries one call")
    if approval.status == "denied":
        return Reason(GATE, "refused", "the call was not approved")
    if approval.status == "expired" or not max((now, *seen)) < approval.request.expires:
        return Reason(GATE, "expired", "the approval has expired", remedy="The call needs a new approval")
    if approval.status != "approved":
        return Reason(GATE, "unanswered", "nobody has approved the call yet")
    return None


def given_by_a_person(by: str | None) -> bool:
    """Whether a yes was given to the very call, by somebody who saw it: not by a flag, nor by a standing rule."""
    return by is not None and not by.startswith(("flag:", "rule:"))


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person said to one request.

    Attributes:
        by: Channel and person: `terminal:alice`, `cli:bob`.
        roles: Of the person, as the operator configured them.
        at: Seconds since the epoch.
    """

    by: str
    roles: frozenset[str]
    granted: bool
    note: str | None = None
    at: float = 0.0

    @property
    def person(self) -> str:
        """The same for every channel, so that nobody is two people by using two terminals."""
        return self.by.partition(":")[2] or self.by


def missing_roles(expressions: Sequence[str], votes: Iterable[Vote]) -> tuple[str, ...]:
    """Whose yes is still wanting, one text for each expression that does not hold yet; empty when votes are enough.

    Args:
        expressions: All must hold (`ApprovalRequest.approvers`, `policy.approvers`). None at all: anybody's yes is
            enough.

    Each person fills one place of an expression, whichever roles they have; in another expression they may fill a
    place again, because that is another rule.
    """
    people = _people(votes)
    if not expressions:
        return () if people else ("anybody",)
    wanting: list[str] = []
    for expression in dict.fromkeys(expressions):
        teams = _teams(expression)
        if all(_unfilled(team, people) for team in teams):
            wanting.append(_in_words(dict.fromkeys(rest for team in teams for rest in _rests(team, people))))
    return tuple(wanting)


def adds(expressions: Sequence[str], votes: Sequence[Vote], vote: Vote) -> bool:
    """Whether this yes brings any expression closer to holding. Who only repeats what somebody else said does not."""
    before, after = _people(votes), _people((*votes, vote))
    if not expressions:
        return not before
    return any(
        len(_unfilled(team, after)) < len(_unfilled(team, before))
        for expression in expressions
        for team in _teams(expression)
    )


def entitled(expressions: Sequence[str], roles: frozenset[str]) -> bool:
    """Whether somebody with these roles has a say at all: to give one of the yeses, or to deny."""
    return not expressions or any(
        not roles.isdisjoint(team) for expression in expressions for team in _teams(expression)
    )


def in_words(expressions: Sequence[str]) -> str:
    """Who may answer, for people: `finance and another person: operator, or owner`."""
    if not expressions:
        return "whoever runs this"
    return "; also ".join(_in_words(_teams(expression)) for expression in dict.fromkeys(expressions))


def _people(votes: Iterable[Vote]) -> dict[str, frozenset[str]]:
    people: dict[str, frozenset[str]] = {}
    for vote in votes:
        if vote.granted:
            people.setdefault(vote.person, vote.roles)
    return people


def _teams(expression: str) -> tuple[tuple[str, ...], ...]:
    """The alternatives. What means nothing is a team that nobody fills."""
    try:
        return parse_approvers(expression)
    except BadApprovers:
        return ((_NOBODY,),)


_MOST_RESTS = 100
_NOBODY = "nobody, because the rule names no roles that can be read"
"""No role is called so: the grammar has no blanks."""


def _in_words(teams: Iterable[Sequence[str]]) -> str:
    return ", or ".join(" and another person: ".join(team) for team in teams)


def _rests(team: Sequence[str], people: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, ...]]:
    """Choices of roles that would complete the team: somebody of two roles may stand in either place."""
    unfilled = _unfilled(team, people)
    yield tuple(team[place] for place in unfilled)
    for left in islice(combinations(range(len(team)), len(unfilled)), _MOST_RESTS):
        if not _unfilled([role for place, role in enumerate(team) if place not in left], people):
            yield tuple(team[place] for place in left)


def _unfilled(team: Sequence[str], people: Mapping[str, frozenset[str]]) -> list[int]:
    """Places that stay empty when as many as possible are filled, each by a person of its own (Kuhn's matching)."""
    held: dict[str, int] = {}

    def fill(place: int, tried: set[str]) -> bool:
        for person, roles in people.items():
            if person in tried or team[place] not in roles or team[place] == _NOBODY:
                continue
            tried.add(person)
            if person not in held or fill(held[person], tried):
                held[person] = place
                return True
        return False

    return [place for place in range(len(team)) if not fill(place, set())]


def standing_answer(rules: Iterable[StandingRule], request: ApprovalRequest, *, now: float) -> StandingRule | None:
    """The first rule that stands for a person's yes to this request, or None.

    Args:
        now: Seconds since the epoch.
    """
    return next((rule for rule in rules if _answers(rule, request, now)), None)


def _answers(rule: StandingRule, request: ApprovalRequest, now: float) -> bool:
    return (
        bool(rule.pin)
        and (rule.agent, rule.ref, rule.effect, rule.pin) == (request.agent, request.ref, request.effect, request.pin)
        and (rule.expires is None or now < rule.expires)
        and bool(request.rules)
        and rule.rules.issuperset(request.rules)
        and not missing_roles(request.approvers, (Vote(rule.given_by, rule.roles, True),))
        and _fits(rule, request.arguments)
    )


def _fits(rule: StandingRule, arguments: JsonObject) -> bool:
    try:
        if rule.same is None:
            return canonical_bytes(arguments) == canonical_bytes(rule.arguments)
        return set(_outline(arguments)) <= set(_outline(rule.arguments)) and all(
            _same_at(path, rule.arguments, arguments) for path in rule.same
        )
    except (NotCanonical, ValueError):
        return False


def _same_at(path: str, approved: JsonObject, arguments: JsonObject) -> bool:
    found = select(path, approved)
    # What stands beside the path's shape is read by nobody here, but perhaps by the server.
    return (
        bool(found)
        and not misfits(path, arguments)
        and canonical_bytes(found) == canonical_bytes(select(path, arguments))
    )


def _outline(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place that has something, list items as one."""
    yield at
    if isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from _outline(item, (*at, key))
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _outline(item, (*at, 0))
