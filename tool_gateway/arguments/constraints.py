"""What the operator's argument rules mean for the arguments of one call.

Decides: whether every value at a constrained path holds, and whether a rule fits the tool's schema at
all. Does not decide which paths exist inside the sandbox: that is evidence, resolved by the host.

A rule on something absent (or null) holds. A value whose type a rule cannot judge is refused, and so is
a value that has another shape than the path says. Lists are judged item by item however deep; objects
only by `no_option`, `not_within` and `max_bytes`, keys included: the other rules want a path to the field.

These rules are the early, explained refusal. The sandbox is the guarantee (docs/threat-model.md, "Walls").
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from context.calls import ToolDefinition
from context.decisions import Reason
from context.json_values import JsonObject, JsonValue, canonical_bytes
from context.visible_text import escape_line
from tool_gateway.arguments.option_texts import reads_as_option
from tool_gateway.arguments.path_texts import (
    entry_fault,
    folder_fault,
    outside,
    path_readings,
    within_forbidden,
)
from tool_gateway.arguments.paths import Places, places_of, select, select_apart, type_of
from tool_gateway.arguments.url_hosts import host_entry_fault, url_fault
from tool_gateway.interface import KnownTool
from tool_gateway.rules import ArgumentRule, ToolRule
from tool_gateway.schemas.forms import UnusableSchema
from tool_gateway.schemas.patterns import linear_pattern

GATE = "constraints"
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class _Value:
    """One value to be judged; `under_object` when it was found by descending into an object."""

    path: str
    value: JsonValue
    under_object: bool = False


@dataclass(frozen=True, slots=True)
class _Fault:
    code: str
    text: str
    remedy: str | None = None


_Judge = Callable[[_Value], _Fault | None]


def check(rule: ArgumentRule, path: str, arguments: JsonObject, resolved_paths: Mapping[str, str]) -> list[Reason]:
    """Why `arguments` break the rule at `path`; empty when it holds.

    Args:
        resolved_paths: `CallEvidence.paths`: each text of `paths_to_resolve` → the path it resolves to.
    """
    found, wrong = select_apart(path, arguments)
    reasons = [
        _reason(concrete, _Fault("wrong_shape", f"is a {type_of(value)} where the rule {path} expects another shape"))
        for concrete, value in wrong
    ]
    if rule.one_of is not None:
        for concrete, value in found:
            fault = _one_of(value, rule.one_of)
            if fault is not None:
                reasons.append(_reason(concrete, fault))
    present = [(concrete, value) for concrete, value in found if value is not None]
    for judge, deep in _judges(rule, resolved_paths):
        for concrete, value in present:
            reasons.extend(
                _reason(item.path, fault)
                for item in _descend(concrete, value, deep=deep)
                if (fault := judge(item)) is not None
            )
    return reasons


def paths_to_resolve(tool: KnownTool, arguments: JsonObject) -> list[str]:
    """Texts under path rules that the host must resolve before `check`, each once, in order.

    One argument can give several: a server may read a text in more than one way (`path_texts.path_readings`).
    """
    texts: dict[str, None] = {}
    for path, rule in tool.rule.arguments.items():
        if rule.path_within is None and rule.not_within is None:
            continue
        for concrete, value in select(path, arguments):
            for item in _descend(concrete, value, deep=rule.not_within is not None):
                if isinstance(item.value, str):
                    readings = path_readings(item.value)
                    texts.update(dict.fromkeys(readings if isinstance(readings, tuple) else ()))
    return list(texts)


def check_reachable(tool_rule: ToolRule, definition: ToolDefinition) -> list[str]:
    """What is wrong with a tool's rules, found when the configuration is loaded; empty when all is well.

    Each text names the path, what is wrong and, for a path that the schema lacks, the nearest one.
    """
    faults: list[str] = []
    for path, rule in tool_rule.arguments.items():
        shown = f"arguments.{escape_line(path, _SHOWN)}"
        faults.extend(f"{shown}: {fault}" for fault in _rule_faults(rule))
        places = _places(path, definition)
        if isinstance(places, str):
            faults.append(f"{shown}: {places}")
        else:
            faults.extend(f"{shown}: {fault}" for fault in _type_faults(rule, places))
    for sink in tool_rule.sinks or ():
        places = _places(sink, definition)
        if isinstance(places, str):
            faults.append(f"sinks, {escape_line(sink, _SHOWN)}: {places}")
    return faults


# What each rule says about one value.


def _judges(rule: ArgumentRule, resolved: Mapping[str, str]) -> Iterator[tuple[_Judge, bool]]:
    """The rule's checks, each with whether it descends into objects."""
    within, forbidden, hosts = rule.path_within, rule.not_within, rule.url_hosts
    pattern, low, high, most = rule.pattern, rule.minimum, rule.maximum, rule.max_bytes
    if within is not None:
        yield lambda item: _path_within(item, within, resolved), False
    if forbidden is not None:
        yield lambda item: _not_within(item, forbidden, resolved), True
    if pattern is not None:
        yield lambda item: _pattern(item, pattern), False
    if low is not None or high is not None:
        yield lambda item: _bounds(item, low, high), False
    if most is not None:
        yield lambda item: _max_bytes(item, most), True
    if rule.no_option:
        yield _no_option, True
    if hosts is not None:
        yield lambda item: _url_hosts(item, hosts), False


def _path_within(item: _Value, folders: Sequence[str], resolved: Mapping[str, str]) -> _Fault | None:
    if not isinstance(item.value, str):
        return _no_text(item, "path_within")
    remedy = f"Allowed: paths in {_listed(folders)}"
    readings = path_readings(item.value)
    if isinstance(readings, str):
        return _Fault("path_unclear", f"{_quoted(item.value)} {readings}", remedy)
    for reading in readings:
        place = resolved.get(reading)
        if place is None:
            return _Fault("path_unresolved", f"{_quoted(item.value)} could not be resolved in the sandbox", remedy)
        if outside(place, folders):
            leads = "" if place == item.value else f" leads to {_quoted(place)}, which"
            return _Fault("path_outside", f"{_quoted(item.value)}{leads} lies outside {_listed(folders)}", remedy)
    return None


def _not_within(item: _Value, entries: Sequence[str], resolved: Mapping[str, str]) -> _Fault | None:
    if not isinstance(item.value, str):
        return None if item.under_object else _no_text(item, "not_within")
    readings = path_readings(item.value)
    if isinstance(readings, str):
        remedy = "Name the field with the path in the rule's path" if item.under_object else "Write a plain path"
        return _Fault("path_unclear", f"{_quoted(item.value)} {readings}", remedy)
    for reading in readings:
        for place in (reading, resolved.get(reading)):
            entry = within_forbidden(place, entries) if place is not None else None
            if entry is not None:
                return _Fault(
                    "path_forbidden",
                    f"{_quoted(item.value)} lies or may lie in {_quoted(entry)}",
                    f"Anything outside {_listed(entries)} is not refused by this rule",
                )
    return None


def _pattern(item: _Value, text: str) -> _Fault | None:
    if not isinstance(item.value, str):
        return _no_text(item, "pattern")
    if linear_pattern(text).matches_whole(item.value):
        return None
    return _Fault(
        "pattern", f"{_quoted(item.value)} does not match", f"The whole value must match {escape_line(text, 200)}"
    )


def _bounds(item: _Value, low: float | None, high: float | None) -> _Fault | None:
    value = item.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _Fault("wrong_type", f"is of type {type_of(value)}, where only a number can be judged")
    if low is not None and not value >= low:
        return _Fault("below_minimum", f"{value} is below {_number(low)}", f"The least allowed is {_number(low)}")
    if high is not None and not value <= high:
        return _Fault("above_maximum", f"{value} is above {_number(high)}", f"The most allowed is {_number(high)}")
    return None


def _max_bytes(item: _Value, most: int) -> _Fault | None:
    value = item.value
    size = len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else len(canonical_bytes(value))
    if size <= most:
        return None
    return _Fault("too_long", f"has {size:,} bytes", f"The most allowed is {most:,}")


def _no_option(item: _Value) -> _Fault | None:
    value = item.value
    negative = isinstance(value, int | float) and not isinstance(value, bool) and value < 0
    if negative or (isinstance(value, str) and reads_as_option(value)):
        return _Fault(
            "option_like",
            f"{_quoted(str(value))} would be read as a command-line option",
            "Send a value that does not begin with a dash",
        )
    return None


def _url_hosts(item: _Value, hosts: Sequence[str]) -> _Fault | None:
    if not isinstance(item.value, str):
        return _no_text(item, "url_hosts")
    fault = url_fault(item.value, hosts)
    if fault is None:
        return None
    return _Fault("url_host", f"{_quoted(item.value)} {fault}", f"Allowed hosts: {_listed(hosts)}")


def _one_of(value: JsonValue, allowed: Sequence[object]) -> _Fault | None:
    if any(_same(value, one) for one in allowed):
        return None
    if value is not None and isinstance(value, list):
        for item in value:
            fault = _one_of(item, allowed)
            if fault is not None:
                return fault
        if value:
            return None
    shown = ", ".join(escape_line(_json(one), _SHOWN) for one in allowed[:20])
    return _Fault("not_one_of", f"{escape_line(_json(value), _SHOWN)} is not allowed", f"Allowed: {shown}")


def _same(value: object, other: object) -> bool:
    """JSON equality: 1 is 1.0 and is not true."""
    try:
        return canonical_bytes(value) == canonical_bytes(other)
    except ValueError:
        return False


def _descend(path: str, value: JsonValue, *, deep: bool, under_object: bool = False) -> Iterator[_Value]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _descend(f"{path}[{index}]", item, deep=deep, under_object=under_object)
    elif isinstance(value, dict) and deep:
        for key, item in value.items():
            yield _Value(f"{path} (a key)", key, under_object=True)
            yield from _descend(f"{path}.{escape_line(key, _SHOWN)}", item, deep=deep, under_object=True)
    elif value is not None or under_object:
        yield _Value(path, value, under_object)


# What can be wrong with a rule before any call.


def _rule_faults(rule: ArgumentRule) -> Iterator[str]:
    if all(getattr(rule, name) is None or getattr(rule, name) is False for name in type(rule).model_fields):
        yield "no constraint is set"
    if rule.pattern is not None:
        try:
            linear_pattern(rule.pattern)
        except ValueError as exc:
            yield str(exc)
    if rule.one_of is not None and not rule.one_of:
        yield "one_of is empty, so nothing would ever be allowed"
    for name, entries, fault_of in (
        ("path_within", rule.path_within, folder_fault),
        ("not_within", rule.not_within, entry_fault),
        ("url_hosts", rule.url_hosts, host_entry_fault),
    ):
        if entries is not None and not entries:
            yield f"{name} is empty"
        for entry in entries or ():
            fault = fault_of(entry)
            if fault is not None:
                yield f"{name}: {fault}"
    if rule.minimum is not None and rule.maximum is not None and rule.minimum > rule.maximum:
        yield f"minimum {_number(rule.minimum)} is above maximum {_number(rule.maximum)}"


_TEXT = frozenset({"string", "array"})
_NUMBER = frozenset({"integer", "number", "array"})
_ANY_TEXT = _TEXT | {"object"}


def _type_faults(rule: ArgumentRule, places: Places) -> Iterator[str]:
    types = places.types
    if types is None:
        return
    judged = {
        "path_within": (_TEXT, rule.path_within is not None),
        "not_within": (_ANY_TEXT, rule.not_within is not None),
        "pattern": (_TEXT, rule.pattern is not None),
        "minimum": (_NUMBER, rule.minimum is not None),
        "maximum": (_NUMBER, rule.maximum is not None),
        "max_bytes": (_ANY_TEXT, rule.max_bytes is not None),
        "no_option": (_ANY_TEXT | _NUMBER, rule.no_option),
        "url_hosts": (_TEXT, rule.url_hosts is not None),
    }
    for name, (judges, wanted) in judged.items():
        if wanted and not types & judges:
            listed = " or ".join(sorted(types)) or "nothing"
            yield f"{name} cannot apply: the tool's schema allows only {escape_line(listed, _SHOWN)} there"
    if rule.one_of and "array" not in types:
        for one in rule.one_of:
            kind = _kind(one)
            if kind not in types and not (kind == "integer" and "number" in types):
                yield f"one_of: the tool's schema allows no {kind} there, such as {escape_line(_json(one), _SHOWN)}"


def _places(path: str, definition: ToolDefinition) -> Places | str:
    try:
        return places_of(path, definition.input_schema)
    except UnusableSchema as exc:
        return f"the tool's schema cannot be used: {exc}"
    except ValueError as exc:
        return str(exc)


def _reason(path: str, fault: _Fault) -> Reason:
    return Reason(GATE, fault.code, f"{path}: {fault.text}", path=path, remedy=fault.remedy)


def _no_text(item: _Value, name: str) -> _Fault:
    kind = type_of(item.value)
    remedy = "Name the field in the rule's path" if kind == "object" else None
    return _Fault("wrong_type", f"is of type {kind}, where {name} can only judge a text", remedy)


def _quoted(text: str) -> str:
    return f'"{escape_line(text[: _SHOWN * 4], _SHOWN)}"'


def _listed(entries: Sequence[str]) -> str:
    return ", ".join(escape_line(entry, _SHOWN) for entry in entries[:10]) + (", …" if len(entries) > 10 else "")


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _json(value: object) -> str:
    try:
        return canonical_bytes(value).decode()
    except ValueError:
        return str(type(value).__name__)


def _kind(value: object) -> str:
    return "array" if isinstance(value, tuple | list) else type_of(value)  # pyright: ignore[reportArgumentType]
