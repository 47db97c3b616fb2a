"""How many steps a check of a value against a schema can take, known before the check is made.

Decides: the bound. Does not decide what is too much (`schemas.py`).

A schema of a few lines can ask for 2^40 steps: `allOf` of two references, forty times over; a
recursive schema whose alternatives overlap, doubled at every level of the value; nested
`unevaluatedProperties`, which engines work out again at each level. No engine here counts its own
steps, so they are counted beforehand: for each depth of a value, the most evaluations that one value
at that depth can meet, as a sum over everything that may apply to it together.

One step is about ten nanoseconds of the compiled engine (measured).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from context.json_values import JsonObject, JsonValue
from tool_gateway.schemas.forms import (
    CHILD_LISTS,
    CHILD_MAPS,
    CHILD_ONES,
    IN_PLACE_LISTS,
    IN_PLACE_MAPS,
    IN_PLACE_ONES,
    MAX_DEPTH,
    SchemaForm,
    UnusableSchema,
)

MAX_CHAIN = 32
"""Longest chain of subschemas that apply to one and the same value."""

MAX_ENTRIES = 40_000
"""Most entries in the tables that this analysis builds: its own bound in time and memory."""

_CEILING = 10**15
_BYTES_PER_STEP = 16

_Counts = dict[int, int]


@dataclass(frozen=True, slots=True)
class Sizes:
    """A value, measured for checking.

    Attributes:
        levels: For each depth, the values there, counting long texts and keys by their length.
    """

    levels: tuple[int, ...]


def sizes(value: object) -> Sizes | None:
    """The sizes of `value`, or None when it is nested deeper than `MAX_DEPTH`."""
    found: list[int] = []
    level: list[object] = [value]
    while level:
        if len(found) == MAX_DEPTH:
            return None
        size = len(level)
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                size += len(item) // _BYTES_PER_STEP
            elif isinstance(item, dict):
                named = cast("dict[str, object]", item)
                size += len(named) + sum(map(len, named)) // _BYTES_PER_STEP
                below.extend(named.values())
            elif isinstance(item, list):
                below.extend(cast("list[object]", item))
        found.append(size)
        level = below
    return Sizes(tuple(found))


@dataclass(frozen=True, slots=True)
class CostTable:
    """Steps that one value can cost, by its depth; the last entry holds for everything deeper.

    Attributes:
        whole: The schema compares whole subtrees (`uniqueItems`), so what lies below a value counts with it.
    """

    per_depth: tuple[int, ...]
    whole: bool

    def steps(self, measured: Sizes) -> int:
        """The most steps that a value of these sizes can take."""
        last = len(self.per_depth) - 1
        total = 0
        for depth, size in enumerate(measured.levels):
            counted = sum(measured.levels[depth:]) if self.whole else size
            total += counted * self.per_depth[min(depth, last)]
        return total


def cost_table(form: SchemaForm) -> CostTable:
    """The table for a vetted schema.

    Raises:
        UnusableSchema: a subschema applies to the same value through itself (it would never end), the
            chain of those that do is too long, or too much depends on too much.
    """
    if isinstance(form.document, bool):
        return CostTable((1, 0), whole=False)
    return _Analysis(form).table()


class _Analysis:
    def __init__(self, form: SchemaForm) -> None:
        root = cast("JsonObject", form.document)
        definitions = cast("Mapping[str, JsonValue]", root.get("$defs", {}))
        self._targets: dict[str, JsonValue] = {f"#/$defs/{name}": item for name, item in definitions.items()}
        self._targets["#"] = root
        self._form = form
        self._root = root
        self._nodes: dict[int, JsonObject] = {}
        self._once: dict[int, _Counts] = {}
        self._marked: dict[int, _Counts] = {}
        self._entries = 0
        self.whole = False

    def table(self) -> CostTable:
        start = self._add(self._root)
        groups: dict[int, list[_Counts]] = {}
        own: _Counts = {}
        pending = [start]
        while pending:
            node = pending.pop()
            if node in groups:
                continue
            applied = self._applied(node)
            own[node] = min(sum(count * self._weight(part) for part, count in applied.items()), _CEILING)
            groups[node] = self._groups(applied)
            pending.extend(child for group in groups[node] for child in group)
        per_depth = [own[start]]
        level = own
        for _ in range(MAX_DEPTH):
            deeper = {
                node: max(
                    (min(sum(count * level[child] for child, count in group.items()), _CEILING) for group in parts),
                    default=0,
                )
                for node, parts in groups.items()
            }
            per_depth.append(deeper[start])
            if deeper == level:
                break
            level = deeper
        return CostTable(tuple(per_depth), whole=self.whole)

    def _add(self, schema: JsonValue) -> int:
        """The number of a subschema; references are stood in for by their targets, booleans by an empty one."""
        node = cast("JsonObject", schema) if isinstance(schema, dict) else _NOTHING
        self._nodes[id(node)] = node
        return id(node)

    def _in_place(self, node: int) -> list[int]:
        schema = self._nodes[node]
        found: list[int] = []
        for keyword, value in schema.items():
            if keyword == "$ref":
                found.append(self._add(self._targets[cast("str", value)]))
            elif keyword in IN_PLACE_ONES:
                found.append(self._add(value))
            elif keyword in IN_PLACE_LISTS:
                found.extend(self._add(item) for item in cast("Sequence[JsonValue]", value))
            elif keyword in IN_PLACE_MAPS:
                found.extend(self._add(item) for item in cast("Mapping[str, JsonValue]", value).values())
        return found

    def _applied(self, node: int) -> _Counts:
        """Every subschema that meets the same value as `node` does, with how often."""
        if node not in self._once:
            self._count(node, ())
        return self._once[node]

    def _count(self, node: int, chain: tuple[int, ...]) -> None:
        if node in self._once:
            return
        if node in chain:
            raise UnusableSchema("a subschema refers back to itself for the same value, which would never end")
        if len(chain) >= MAX_CHAIN:
            raise UnusableSchema(f"more than {MAX_CHAIN} subschemas apply to one value through each other")
        # Engines mark what was evaluated by walking the same subschemas again, once more for each
        # `unevaluated…` above them: `once` is a plain check, `marked` the walk that marks.
        once: _Counts = {node: 1}
        marked: _Counts = {node: 1}
        for part in self._in_place(node):
            self._count(part, (*chain, node))
            _merge(once, self._once[part])
            _merge(marked, self._once[part])
            _merge(marked, self._marked[part])
        schema = self._nodes[node]
        if "unevaluatedProperties" in schema or "unevaluatedItems" in schema:
            _merge(once, marked)
        self._entries += len(once) + len(marked)
        self._check_entries()
        self._once[node] = once
        self._marked[node] = marked

    def _weight(self, node: int) -> int:
        """Steps of one subschema itself: its constants, its own lists of names, its patterns."""
        schema = self._nodes[node]
        weight = 1
        for keyword, value in schema.items():
            if keyword == "pattern":
                weight += 2 * self._form.patterns[cast("str", value)].size
            elif keyword == "patternProperties":
                weight += sum(2 * self._form.patterns[text].size for text in cast("Mapping[str, JsonValue]", value))
            elif keyword in CHILD_MAPS:
                weight += len(cast("Mapping[str, JsonValue]", value))
            elif keyword in {"enum", "const", "required", "dependentRequired"}:
                weight += sum(_plain_sizes(value))
            elif keyword == "uniqueItems":
                self.whole = True
        return weight

    def _groups(self, applied: _Counts) -> list[_Counts]:
        """What applies together to one part of a value: per property name, per position, and to any other."""
        any_property: _Counts = {}
        any_item: _Counts = {}
        named: dict[str, _Counts] = {}
        placed: dict[int, _Counts] = {}
        for node, count in applied.items():
            for keyword, value in self._nodes[node].items():
                if keyword in CHILD_ONES:
                    target = any_property if keyword.endswith(("Properties", "Names")) else any_item
                    _merge(target, {self._add(value): count})
                elif keyword == "patternProperties":
                    for item in cast("Mapping[str, JsonValue]", value).values():
                        _merge(any_property, {self._add(item): count})
                elif keyword == "properties":
                    for name, item in cast("Mapping[str, JsonValue]", value).items():
                        _merge(named.setdefault(name, {}), {self._add(item): count})
                elif keyword in CHILD_LISTS:
                    for index, item in enumerate(cast("Sequence[JsonValue]", value)):
                        _merge(placed.setdefault(index, {}), {self._add(item): count})
        for special, anything in ((named, any_property), (placed, any_item)):
            for group in cast("Mapping[object, _Counts]", special).values():
                _merge(group, anything)
        groups = [group for group in (any_property, any_item, *named.values(), *placed.values()) if group]
        self._entries += sum(len(group) for group in groups)
        self._check_entries()
        return groups

    def _check_entries(self) -> None:
        if self._entries > MAX_ENTRIES:
            raise UnusableSchema(
                "the schema's parts depend on each other in too many ways to be checked in bounded time"
            )


_NOTHING: JsonObject = {}


def _merge(into: _Counts, more: _Counts) -> None:
    for node, count in more.items():
        into[node] = min(into.get(node, 0) + count, _CEILING)


def _plain_sizes(value: JsonValue) -> Iterator[int]:
    pending = [value]
    while pending:
        item = pending.pop()
        yield 1 + (len(item) // _BYTES_PER_STEP if isinstance(item, str) else 0)
        if isinstance(item, dict):
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
