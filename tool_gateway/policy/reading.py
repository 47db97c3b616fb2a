"""Reads files of Cedar into policies, each with an id and what its annotations say.

Decides: what a policy must have to be used here: an `@id` of its own, annotations that mean something, no slots.
Does not decide whether it fits the schema (`units.py`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import cedarpy
from cedarpy import pst

from context.visible_text import escape_line
from tool_gateway.policy.approvers import BadApprovers, parse_approvers
from tool_gateway.policy.faults import Fault, nearest_of, nearest_step
from tool_gateway.policy.mentions import Mentions, mentions_of
from tool_gateway.policy.statements import Statement, cut, lines_before, too_long

RESERVED = "gatehost-"
"""Ids of the rules that ship begin so, and no others."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_ANNOTATIONS = ("id", "effect", "approvers", "reason", "description")
_EFFECTS = ("ask", "deny")
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Policy:
    """One policy that can be used.

    Attributes:
        template: Its tree, under its own id.
        asks: A forbid that asks instead of denying.
        approvers: Who may answer; empty where it does not say.
        reason: Shown to whoever is refused or asked, escaped; empty where it has none.
    """

    id: str
    statement: Statement
    template: pst.Template
    asks: bool = False
    approvers: str = ""
    reason: str = ""

    @property
    def permits(self) -> bool:
        return self.template.effect == "permit"

    @property
    def where(self) -> str:
        return f"{escape_line(self.statement.file, 300)}:{self.statement.line}"

    @cached_property
    def mentions(self) -> Mentions:
        return mentions_of(self.template)

    def fault(self, what: str, next_step: str, *, word: str = "") -> Fault:
        """A fault of this policy, on the line of `word`."""
        return Fault(self.statement.file, self.statement.line_of(word), what, next_step, self.id)


def read_policies(
    files: Mapping[str, str], *, shipped: frozenset[str] = frozenset()
) -> tuple[list[Policy], list[Fault]]:
    """The policies of all files, and what is wrong with the rest.

    Args:
        files: Name → text.
        shipped: Names of the files that ship with the program.
    """
    policies: dict[str, Policy] = {}
    faults: list[Fault] = []
    for file, text in files.items():
        read: list[Policy | Fault] = list(_read_file(file, text, is_shipped=file in shipped))
        for found in read:
            if isinstance(found, Fault):
                faults.append(found)
            elif found.id in policies:
                what = f'`@id("{found.id}")` stands in {policies[found.id].where} already'
                faults.append(found.fault(what, "Give each policy an id of its own"))
            else:
                policies[found.id] = found
        if not any(isinstance(found, Fault) for found in read) and not _agrees(text, len(read)):
            faults.append(
                Fault(
                    file,
                    0,
                    "it cannot be cut into single policies",
                    "End each policy with `;` and each text with a quote",
                )
            )
    return list(policies.values()), faults


def _read_file(file: str, text: str, *, is_shipped: bool) -> Iterator[Policy | Fault]:
    for statement in cut(file, text):
        tree = _parse(statement)
        yield tree if isinstance(tree, Fault) else _read(statement, tree, is_shipped=is_shipped)


def _parse(statement: Statement) -> pst.Template | Fault:
    bound = too_long(statement.text)
    if bound is not None:
        return Fault(statement.file, statement.line, bound, "Write it as several policies")
    try:
        found = cedarpy.policies_to_pst(statement.text)
    except ValueError as error:
        return _syntax_fault(statement, str(error))
    templates = (*found.static_policies.values(), *found.templates.values())
    if len(templates) != 1:
        return Fault(statement.file, statement.line, "it is no policy", "Write `permit (…);` or `forbid (…);`")
    return templates[0]


def _read(statement: Statement, tree: pst.Template, *, is_shipped: bool) -> Policy | Fault:
    def fault(what: str, next_step: str, word: str = "") -> Fault:
        known = name if name is not None and _ID.fullmatch(name) else None
        said = f"policy `{known}`: {what}" if known else what
        return Fault(statement.file, statement.line_of(word), said, next_step, known)

    annotations = tree.annotations
    name = annotations.get("id")
    if name is None:
        near = next((word for word in annotations if nearest_of(word, _ANNOTATIONS) == "id"), None)
        also = f"; is `@{near}` meant?" if near else ""
        return fault(f"a policy without `@id`{also}", 'Begin it with `@id("a-name-of-its-own")`')
    if not _ID.fullmatch(name):
        return fault(
            f'`@id("{escape_line(name, 60)}")` is no id',
            "Use 1 to 100 of the characters A-Z, a-z, 0-9, _, . and -",
            "id",
        )
    if name.startswith(RESERVED) and not is_shipped:
        return fault(
            f"ids that begin with `{RESERVED}` are those of the rules that ship",
            "Rename it; your rules are added to the shipped ones and cannot replace them",
            "id",
        )
    slots = _slots(tree)
    if slots:
        return fault(f"it is a template (`?{slots[0]}`), and there are no links", "Name the entity itself", slots[0])
    for word in annotations:
        if word not in _ANNOTATIONS:
            step = nearest_step(word, _ANNOTATIONS, otherwise="Remove it")
            return fault(f"there is no annotation `@{escape_line(word, 60)}`", step, word)
    return _annotated(statement, tree, name, fault)


def _annotated(statement: Statement, tree: pst.Template, name: str, fault: "_FaultMaker") -> Policy | Fault:
    annotations = tree.annotations
    effect, approvers = annotations.get("effect"), annotations.get("approvers")
    if effect is not None and effect not in _EFFECTS:
        return fault(
            f'`@effect("{escape_line(effect, 60)}")` is neither "ask" nor "deny"',
            nearest_step(effect, _EFFECTS, otherwise=""),
            "effect",
        )
    if effect is not None and tree.effect == "permit":
        return fault("`@effect` stands on a permit", "Only a forbid asks or denies; remove it", "effect")
    if approvers is not None and effect != "ask":
        return fault('`@approvers` without `@effect("ask")`', 'Add `@effect("ask")`, or remove it', "approvers")
    if approvers is not None:
        try:
            parse_approvers(approvers)
        except BadApprovers as error:
            return fault(
                f'`@approvers("{escape_line(approvers, 60)}")`: {error}',
                'Write roles: "finance", "finance,owner" (either), "finance+finance" (two people)',
                "approvers",
            )
    return Policy(
        id=name,
        statement=statement,
        template=replace(tree, id=name),
        asks=effect == "ask",
        approvers=approvers or "",
        reason=escape_line(annotations.get("reason", ""), _LONGEST_REASON).rstrip("."),
    )


class _FaultMaker(Protocol):
    def __call__(self, what: str, next_step: str, word: str = "") -> Fault: ...


def _slots(tree: pst.Template) -> list[str]:
    scopes = (tree.principal, tree.resource)
    held = [scope.entity for scope in scopes if isinstance(scope, pst.ScopeEq | pst.ScopeIn | pst.ScopeIsIn)]
    return [entity.name for entity in held if isinstance(entity, pst.Slot)]


def _agrees(text: str, count: int) -> bool:
    """Whether the engine's own reading of the whole file has as many policies: nothing was passed over."""
    try:
        found = cedarpy.policies_to_pst(text)
    except ValueError:
        return False
    return len(found.static_policies) + len(found.templates) == count


_TOKEN = re.compile(r"unexpected token `(.+)`$", re.DOTALL)
_METHOD = re.compile(r"`(\w+)` is not a valid (?:method|function)")
_VARIABLE = re.compile(r"`(\w+)` has no fields or methods|invalid variable: (\w+)")
_METHODS = (
    *("contains", "containsAll", "containsAny", "isEmpty", "hasTag", "getTag", "has", "like"),
    *("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual", "decimal"),
    *("datetime", "duration", "toDate", "toTime", "offset", "durationSince"),
    *("ip", "isInRange", "isIpv4", "isIpv6"),
)
_VARIABLES = ("principal", "action", "resource", "context")


def _syntax_fault(statement: Statement, message: str) -> Fault:
    found = _TOKEN.match(message)
    line = statement.line
    step = "Correct it there"
    for pattern, names in ((_METHOD, _METHODS), (_VARIABLE, _VARIABLES)):
        match = pattern.search(message)
        if match is not None:
            word = match[1] or match[2]
            line, step = statement.line_of(word), nearest_step(word, names, otherwise=step)
    if found is not None:
        line += lines_before(statement.text, found[1], cedarpy.policies_to_pst)
    elif "end of input" in message:
        line += statement.text.rstrip().count("\n")
        step = "End the policy with `;`"
    return Fault(statement.file, line, f"it is not Cedar: {escape_line(message, 200)}", step)
