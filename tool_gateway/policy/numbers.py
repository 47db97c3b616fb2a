"""Lets rules compare a `number` argument with whole numbers as they are written.

Decides: that a literal like `500` beside an argument whose JSON type is `number` means `decimal("500.0")`. Does not
decide which arguments those are (`argument_types.py`).

JSON has one kind of number and Cedar two that do not mix. Rounding the argument to a Long would make `> 500` miss
500.5; reading the literal as a decimal is exact. Nothing else is rewritten: beside other expressions the type check
asks for `decimal("…")`.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from cedarpy import pst

from tool_gateway.policy.argument_types import Record, Scalar, SetOf, type_at
from tool_gateway.policy.mentions import context_path

_COMPARED: Mapping[str, pst.BinaryOpName] = {
    "less": "decimal_less_than",
    "less_eq": "decimal_less_eq",
    "greater": "decimal_greater",
    "greater_eq": "decimal_greater_eq",
}
_DECIMAL = Scalar("decimal")


def with_decimals(policy: pst.Template, arguments: Record) -> pst.Template:
    """The policy as it means for a tool with these arguments."""

    def kind(node: object) -> object:
        path = context_path(node)
        if path is None or path[0][:1] != ("arguments",) or isinstance(node, pst.HasAttr):
            return None
        return type_at(arguments, path[0][1:])

    clauses = cast("tuple[pst.Clause, ...]", _rewritten(policy.clauses, kind))
    return policy if clauses == policy.clauses else replace(policy, clauses=clauses)


def _rewritten(node: object, kind: Callable[[object], object]) -> object:
    if isinstance(node, pst.BinaryOp):
        return _binary(node, kind)
    if isinstance(node, tuple):
        return tuple(_rewritten(item, kind) for item in cast("tuple[object, ...]", node))
    if isinstance(node, dict):
        held = cast("dict[str, object]", node)
        return pst.FrozenMap({name: _rewritten(item, kind) for name, item in held.items()})
    if is_dataclass(node) and not isinstance(node, type):
        parts = {part.name: getattr(node, part.name) for part in fields(node)}
        changed = {name: _rewritten(item, kind) for name, item in parts.items() if not isinstance(item, str)}
        return replace(cast("Any", node), **changed)
    return node


def _binary(node: pst.BinaryOp, kind: Callable[[object], object]) -> pst.BinaryOp:
    left = cast("pst.Expr", _rewritten(node.left, kind))
    right = cast("pst.Expr", _rewritten(node.right, kind))
    kinds = (kind(node.left), kind(node.right))
    if _DECIMAL in kinds:
        left, right = _as_decimal(left), _as_decimal(right)
        if node.op in _COMPARED and (kinds == (_DECIMAL, _DECIMAL) or _is_decimal(left) or _is_decimal(right)):
            return pst.BinaryOp(_COMPARED[node.op], left, right)
    elif isinstance(kinds[0], SetOf) and kinds[0].item == _DECIMAL:
        right = _as_decimal(right)
    return pst.BinaryOp(node.op, left, right)


def _as_decimal(node: pst.Expr) -> pst.Expr:
    """A whole-number literal, or a set of them, as decimals; anything else as it is."""
    match node:
        case pst.LongLit(value):
            return pst.UnaryOp("decimal", pst.StringLit(f"{value}.0"))
        case pst.UnaryOp("neg", pst.LongLit(value)):
            return pst.UnaryOp("decimal", pst.StringLit(f"-{value}.0"))
        case pst.Set(elements):
            return pst.Set(tuple(_as_decimal(element) for element in elements))
        case _:
            return node


def _is_decimal(node: pst.Expr) -> bool:
    return isinstance(node, pst.UnaryOp) and node.op == "decimal"
