"""What looks wrong about rules that are well-formed: names that nothing has, rules that can never matter.

Decides: what is worth a warning. Does not decide what is an error (`rulebook.py`): a folder may be shared by projects
whose tools differ.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, cast

import cedarpy
from cedarpy import pst

from context.visible_text import escape_line
from tool_gateway.policy.approvers import parse_approvers
from tool_gateway.policy.argument_types import Record, Untyped, type_at
from tool_gateway.policy.faults import Fault, nearest_step
from tool_gateway.policy.mentions import context_path
from tool_gateway.policy.numbers import with_decimals
from tool_gateway.policy.reading import RESERVED, Policy
from tool_gateway.policy.rulebook import Rulebook

SHIPPED_LABELS = frozenset({"restricted", "secret", "pii"})

_NOWHERE = pst.When(pst.GetAttr(pst.Var("context"), "(no such attribute)"))


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What a project has, beside its tools. An empty set stands for "not known": nothing is said of it.

    Attributes:
        roles: Of agents and people; those who can be asked are `people`.
    """

    agents: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    labels: frozenset[str] = field(default_factory=frozenset[str])


def warnings_of(rulebook: Rulebook, known: KnownNames) -> list[Fault]:
    """All warnings, rule by rule. The shipped rules are fine."""
    found: list[Fault] = []
    for policy in rulebook.policies.values():
        if not policy.id.startswith(RESERVED):
            named = list(_unknown_names(policy, rulebook, known))
            found += named
            found += _unanswerable(policy, known)
            found += _unknown_words(policy, rulebook, known)
            found += _untyped(policy, rulebook)
            if not named and never_holds(policy, rulebook):
                found.append(
                    policy.fault(
                        f"policy `{policy.id}` can never apply: its conditions contradict the types of what it reaches",
                        "Correct or remove it",
                    )
                )
    return found


def never_holds(policy: Policy, rulebook: Rulebook) -> bool:
    """Whether the type checker alone proves that the conditions are always false.

    Cedar does not check what stands behind a condition that is false by type. So a condition in which nothing can be
    right is put behind all others: if the policy still passes, it is never reached.
    """
    schemas: list[tuple[cedarpy.Schema, Record]] = [(rulebook.schema.base, Record())]
    if policy.mentions.arguments:
        units = [rulebook.unit("call", tool.resource) for tool in rulebook.reached(policy) if tool.input_schema]
        schemas = [(unit.schema, unit.arguments) for unit in units]
    for schema, arguments in schemas:
        tree = with_decimals(policy.template, arguments)
        probe = replace(tree, clauses=(*tree.clauses, _NOWHERE))
        text = str(cedarpy.PolicySet.from_pst(pst.PolicySet({}, {policy.id: probe}, ())))
        if not cedarpy.validate_policies(text, schema).validation_passed:
            return False
    return bool(schemas)


def coverage(rulebook: Rulebook) -> Mapping[str, tuple[str, ...]]:
    """Tool → ids of the project's own rules that can apply to its calls."""
    return {
        str(tool.ref): tuple(
            name for name in rulebook.unit("call", tool.resource).policies if not name.startswith(RESERVED)
        )
        for tool in rulebook.tools.values()
    }


def unpermitted(rulebook: Rulebook) -> list[str]:
    """Tools whose calls no permit reaches."""
    return [
        str(tool.ref)
        for tool in rulebook.tools.values()
        if not any(policy.permits for policy in rulebook.unit("call", tool.resource).policies.values())
    ]


def _unknown_names(policy: Policy, rulebook: Rulebook, known: KnownNames) -> Iterator[Fault]:
    tools = rulebook.tools.values()
    names: dict[str, Iterable[str]] = {
        "Tool": [str(tool.ref) for tool in tools],
        "Server": {tool.ref.server for tool in tools},
        "ToolGroup": {group for tool in tools for group in tool.resource.groups},
        "Agent": known.agents,
        "Model": known.models,
        "Role": known.roles,
    }
    nouns = {"ToolGroup": "group of tools"}
    for uid in sorted(pst.entity_uids(policy.template), key=str):
        kind = str(uid.type)
        if kind not in names or uid.id in names[kind]:
            continue
        if not names[kind] and kind in ("Agent", "Model"):
            continue
        noun = nouns.get(kind, kind.lower())
        yield policy.fault(
            f"policy `{policy.id}`: there is no {noun} `{escape_line(uid.id, 150)}`",
            nearest_step(uid.id, names[kind], otherwise=f"No {noun} is configured; the rule has nothing to apply to"),
            word=uid.id,
        )


def _unanswerable(policy: Policy, known: KnownNames) -> Iterator[Fault]:
    if not policy.approvers:
        return
    teams = parse_approvers(policy.approvers)
    if any(known.people.issuperset(team) for team in teams):
        return
    missing = next(role for team in teams for role in team if role not in known.people)
    yield policy.fault(
        f"policy `{policy.id}` asks `{policy.approvers}`, and nobody has the role `{missing}`",
        nearest_step(missing, known.people, otherwise="Give it to somebody: [people.NAME] roles in gatehost.toml"),
        word="approvers",
    )


def _unknown_words(policy: Policy, rulebook: Rulebook, known: KnownNames) -> Iterator[Fault]:
    asking = {other.id for other in rulebook.policies.values() if other.asks}
    sets = {"labels": (known.labels | SHIPPED_LABELS, "label"), "approved": (asking, "rule that asks")}
    for attribute, word in _contained(policy.template.clauses):
        names, noun = sets.get(attribute, (None, ""))
        if names is not None and word not in names:
            yield policy.fault(
                f"policy `{policy.id}`: there is no {noun} `{escape_line(word, 100)}`",
                nearest_step(word, names, otherwise="The rule waits for something that never comes"),
                word=word,
            )


def _untyped(policy: Policy, rulebook: Rulebook) -> Iterator[Fault]:
    for tool in rulebook.reached(policy):
        full = rulebook.full_arguments(tool.ref)
        for path, _ in policy.mentions.arguments if full is not None else ():
            found = type_at(full, path) if full is not None else None
            if isinstance(found, Untyped):
                yield policy.fault(
                    f"policy `{policy.id}` looks at `{escape_line('.'.join(path), 120)}` of {tool.ref}, which "
                    f"{found.why}: every call with a value there is denied",
                    "Leave that tool out of its scope, or bound the argument in mcp_servers.toml",
                    word=path[-1] if path else "",
                )


def _contained(node: object) -> Iterator[tuple[str, str]]:
    """`context.ATTRIBUTE.contains("WORD")`, and those of containsAny and containsAll."""
    pending = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, pst.BinaryOp) and found.op in ("contains", "contains_any", "contains_all"):
            path = context_path(found.left)
            words = found.right.elements if isinstance(found.right, pst.Set) else (found.right,)
            if path is not None and len(path[0]) == 1:
                yield from ((path[0][0], word.value) for word in words if isinstance(word, pst.StringLit))
        if isinstance(found, tuple):
            pending.extend(cast("tuple[object, ...]", found))
        elif isinstance(found, dict):
            pending.extend(cast("dict[str, object]", found).values())
        elif is_dataclass(found) and not isinstance(found, type):
            pending.extend(getattr(cast("Any", found), part.name) for part in fields(found))
