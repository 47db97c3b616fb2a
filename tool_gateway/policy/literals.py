"""Texts in rules that can never be equal to what they are compared with.

Decides: which attributes have only a few values, and that a rule compares them with no other. Cedar has no type for
that, so a misspelt effect would make a rule that never holds. Does not decide about free words such as labels.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast, get_args

from cedarpy import pst

from context.calls import ApproveMode, Effect
from context.visible_text import escape_line
from tool_gateway.policy.faults import Fault, nearest_step
from tool_gateway.policy.reading import Policy

_CLOSED: dict[tuple[str, str], tuple[str, ...]] = {
    ("resource", "effect"): get_args(Effect),
    ("context", "effect"): get_args(Effect),
    ("context", "consent"): get_args(ApproveMode),
    ("resource", "location"): ("local", "cloud"),
}


def literal_faults(policy: Policy) -> Iterator[Fault]:
    """One fault for each comparison with a word that its attribute never has."""
    for node in _binaries(policy.template.clauses):
        for attribute, other in ((node.left, node.right), (node.right, node.left)):
            if not (isinstance(attribute, pst.GetAttr) and isinstance(attribute.base, pst.Var)):
                continue
            values = _CLOSED.get((attribute.base.name, attribute.attr))
            for literal in _texts(node.op, other) if values is not None else ():
                if values is not None and literal not in values:
                    yield policy.fault(
                        f"policy `{policy.id}`: `{attribute.base.name}.{attribute.attr}` is never "
                        f'"{escape_line(literal, 60)}"',
                        nearest_step(literal, values, otherwise="Correct it"),
                        word=literal,
                    )


def _texts(op: str, node: pst.Expr) -> Iterator[str]:
    if op in ("eq", "not_eq") and isinstance(node, pst.StringLit):
        yield node.value
    elif op == "contains" and isinstance(node, pst.Set):
        yield from (element.value for element in node.elements if isinstance(element, pst.StringLit))


def _binaries(node: object) -> Iterator[pst.BinaryOp]:
    pending: list[object] = [node]
    while pending:
        found = pending.pop()
        if isinstance(found, pst.BinaryOp):
            yield found
        if isinstance(found, tuple):
            pending.extend(cast("tuple[object, ...]", found))
        elif isinstance(found, dict):
            pending.extend(cast("dict[str, object]", found).values())
        elif is_dataclass(found) and not isinstance(found, type):
            pending.extend(getattr(cast("Any", found), part.name) for part in fields(found))
