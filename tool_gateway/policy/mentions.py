"""What a policy looks at: attributes of the context, and paths into the arguments.

Decides: which facts can make a difference to a policy. What none looks at need not be told to the engine, so large
arguments cost nothing, and the same question can be recognised when only the time has changed. Does not decide what
those facts are.

Doubt counts as looking: a policy that uses `context` or `context.arguments` as a whole looks at all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeAlias, cast

from cedarpy import pst

ArgumentPath: TypeAlias = tuple[str, ...]
"""Names of nested records: `("order", "total")`. Empty: the arguments as a whole."""


@dataclass(frozen=True, slots=True)
class Mentions:
    """What is looked at.

    Attributes:
        attributes: Of the context; None stands for all.
        arguments: Path → whether its value is looked at, not only that there is one.
    """

    attributes: frozenset[str] | None = frozenset()
    arguments: tuple[tuple[ArgumentPath, bool], ...] = ()

    def join(self, other: "Mentions") -> "Mentions":
        one, two = self.attributes, other.attributes
        return Mentions(
            None if one is None or two is None else one | two,
            tuple(dict.fromkeys((*self.arguments, *other.arguments))),
        )

    def looks_at(self, attribute: str) -> bool:
        return self.attributes is None or attribute in self.attributes


def mentions_of(policy: pst.Template) -> Mentions:
    """What one policy looks at."""
    attributes: set[str] | None = set()
    arguments: dict[tuple[ArgumentPath, bool], None] = {}
    pending: list[object] = list(policy.clauses)
    while pending:
        node = pending.pop()
        path = context_path(node)
        if path is None:
            pending.extend(_children(node))
            continue
        names, whole = path
        if not names:
            attributes = None
            arguments[((), True)] = None
            continue
        if attributes is not None:
            attributes.add(names[0])
        if names[0] == "arguments" and (whole or names[1:]):
            arguments[(names[1:], whole)] = None
    return Mentions(None if attributes is None else frozenset(attributes), tuple(arguments))


def context_path(node: object) -> tuple[tuple[str, ...], bool] | None:
    """The names behind `context` that an expression reads, and whether it reads the value there; None for others."""
    names: tuple[str, ...] = ()
    whole = True
    if isinstance(node, pst.HasAttr):
        names, whole, node = node.attrs, False, node.base
    while isinstance(node, pst.GetAttr):
        names, node = (node.attr, *names), node.base
    return (names, whole) if isinstance(node, pst.Var) and node.name == "context" else None


def _children(node: object) -> Iterator[object]:
    if isinstance(node, tuple):
        yield from cast("tuple[object, ...]", node)
    elif isinstance(node, dict):
        yield from cast("dict[str, object]", node).values()
    elif is_dataclass(node) and not isinstance(node, type):
        for field in fields(cast("Any", node)):
            yield getattr(node, field.name)
