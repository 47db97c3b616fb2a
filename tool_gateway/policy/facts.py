"""A question in Cedar's own words: its entities, and its context as JSON.

Decides: what each fact is called there. Does not decide what rules make of it.

A fact at which no rule looks is told as a fixed, empty one. So a question that differs from an earlier one only in
such facts, the time above all, is the same question.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from context.json_values import JsonObject
from tool_gateway.policy.mentions import Mentions
from tool_gateway.policy.question import ModelResource, PolicyQuestion, Principal, Resource, ToolResource
from tool_gateway.policy.reach import entity_of, parents_of

_BUDGETS = ("turns", "seconds", "cents")
_NEUTRAL: Mapping[str, Any] = {
    "labels": (),
    "tainted": False,
    "untrusted": (),
    "budget": {},
    "time": 0,
    "hour": 0,
    "weekday": 1,
    "attended": False,
    "approved": (),
}

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # made once: `json.dumps` makes one for every call


def request_of(question: PolicyQuestion, context: str) -> dict[str, Any]:
    """What the engine is asked. Ids stand in objects of their own, so none can pretend to be syntax."""
    kind, name = entity_of(question.resource)
    return {
        "principal": {"type": "Agent", "id": question.principal.agent},
        "action": {"type": "Action", "id": question.action},
        "resource": {"type": kind, "id": name},
        "context": context,
    }


def context_text(question: PolicyQuestion, mentions: Mentions, arguments: JsonObject) -> str:
    """The context as canonical JSON."""
    facts = dict(_NEUTRAL)
    if mentions.looks_at("labels"):
        facts["labels"] = sorted(question.labels)
    if mentions.looks_at("tainted"):
        facts["tainted"] = question.tainted
    if mentions.looks_at("attended"):
        facts["attended"] = question.attended
    if mentions.looks_at("approved"):
        facts["approved"] = sorted(question.approved)
    if mentions.looks_at("budget"):
        facts["budget"] = {name: int(question.budget[name]) for name in _BUDGETS if name in question.budget}
    if mentions.looks_at("time"):
        facts["time"] = int(question.now)
    if mentions.looks_at("hour") or mentions.looks_at("weekday"):
        moment = time.gmtime(question.now)
        facts["hour"], facts["weekday"] = moment.tm_hour, moment.tm_wday + 1
    if question.action == "call" and isinstance(question.resource, ToolResource):
        facts["arguments"] = arguments
        facts["effect"] = question.resource.effect
        facts["consent"] = question.consent
        if mentions.looks_at("untrusted"):
            facts["untrusted"] = sorted(question.untrusted)
    else:
        del facts["untrusted"]
    return _ENCODER.encode(facts)


def entities_text(principal: Principal, resource: Resource) -> str:
    """All entities of one question."""
    roles = [("Role", role) for role in sorted(principal.roles)]
    agent = _entity("Agent", principal.agent, {"user": _reference("User", principal.user)}, roles)
    parents = parents_of(resource)
    kind, name = entity_of(resource)
    rows = [agent, _entity("User", principal.user), _entity(kind, name, _attributes(resource), parents)]
    rows += [_entity(*parent) for parent in (*roles, *parents)]
    return json.dumps(rows)


def _attributes(resource: Resource) -> dict[str, Any]:
    if isinstance(resource, ModelResource):
        return {"adapter": resource.adapter, "location": resource.location}
    ref = resource.ref
    attributes = {"effect": resource.effect, "server": _reference("Server", ref.server), "name": ref.tool}
    return attributes | ({"owner": resource.owner} if resource.owner is not None else {})


def _reference(kind: str, name: str) -> dict[str, Any]:
    return {"__entity": {"type": kind, "id": name}}


def _entity(kind: str, name: str, attributes: Mapping[str, Any] | None = None, parents: Any = ()) -> dict[str, Any]:
    held = [{"type": parent, "id": of} for parent, of in parents]
    return {"uid": {"type": kind, "id": name}, "attrs": attributes or {}, "parents": held}
