"""Fingerprints of tools as they were reviewed, and what changed since, in lines for people.

Decides: what a pin covers (name, title, description, both schemas, annotations) and how a difference is
told. Does not decide where pins are kept, nor that a changed tool is not called (`gates/health.py`).

Threats.md rows 1-5 and 8-13: whatever a server may say to a model or about its tool is covered, so
nothing of it can change without a person seeing it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import cast

from context.calls import ToolDefinition
from context.json_values import SAFE_INTEGER, JsonObject, JsonValue, digest
from context.visible_text import escape_line, quote

_LINE = 240
_MOST_LINES = 200
_DIFFED_LINES = 300
_WRAP = 100
_SHOWN = 120
_PLACE = 120
_SIDE = 120
_ROW = 200
_CHANGE = 2_000
_CONTEXT = 30
_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Comparison:
    """Names of tools, sorted: `changed` have another digest, `added` are only live, `removed` only pinned."""

    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        return not (self.changed or self.added or self.removed)


def tool_digest(definition: ToolDefinition) -> str:
    """The pin of one tool: `sha256:…` over everything that its server says about it."""
    return digest(
        _portable(
            {
                "name": definition.name,
                "title": definition.title,
                "description": definition.description,
                "inputSchema": definition.input_schema,
                "outputSchema": definition.output_schema,
                "annotations": definition.annotations,
            }
        )
    )


def compare(pinned: Mapping[str, ToolDefinition], live: Mapping[str, ToolDefinition]) -> Comparison:
    """Tools by name, as accepted and as listed now."""
    return Comparison(
        changed=tuple(
            sorted(name for name in pinned.keys() & live.keys() if tool_digest(pinned[name]) != tool_digest(live[name]))
        ),
        added=tuple(sorted(live.keys() - pinned.keys())),
        removed=tuple(sorted(pinned.keys() - live.keys())),
    )


def diff(old: ToolDefinition, new: ToolDefinition) -> list[str]:
    """What changed, field by field, escaped, each line at most 240 characters; empty when nothing did."""
    lines: list[str] = []
    if old.name != new.name:
        lines.extend(_change("name", old.name, new.name))
    if old.title != new.title:
        lines.extend(_change("title", _or_absent(old.title), _or_absent(new.title)))
    if old.description != new.description:
        lines.extend(_description(old.description, new.description))
    lines.extend(_annotations(old.annotations, new.annotations))
    lines.extend(_changes(old.input_schema, new.input_schema, "input schema, "))
    lines.extend(_changes(_or_absent(old.output_schema), _or_absent(new.output_schema), "output schema, "))
    if not lines and tool_digest(old) != tool_digest(new):
        lines.append("the tools differ in a way that has no shorter description; compare their digests")
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES} more lines"]
    return [escape_line(line, _LINE) for line in lines]


def _description(old: str, new: str) -> list[str]:
    before, cut_before = _wrapped(old)
    after, cut_after = _wrapped(new)
    changed = [line for line in unified_diff(before, after, lineterm="", n=1) if not line.startswith(("---", "+++"))]
    lines = ["description:", *(f"  {line}" for line in changed if not line.startswith("@@"))]
    if cut_before or cut_after:
        lines.append(
            f"  only the first {_DIFFED_LINES} lines are compared here; the description had {len(old):,} characters "
            f"and now has {len(new):,}"
        )
    return lines


def _wrapped(text: str) -> tuple[list[str], bool]:
    """Lines short enough to be shown whole, and whether some were left out."""
    lines: list[str] = []
    for line in text[: _DIFFED_LINES * _WRAP].split("\n"):
        shown = escape_line(line)
        lines.extend(shown[start : start + _WRAP] for start in range(0, max(len(shown), 1), _WRAP))
    return lines[:_DIFFED_LINES], len(lines) > _DIFFED_LINES or len(text) > _DIFFED_LINES * _WRAP


def _annotations(old: JsonObject | None, new: JsonObject | None) -> Iterator[str]:
    before, after = old or {}, new or {}
    for key in sorted(before.keys() | after.keys()):
        one, other = before.get(key, _ABSENT), after.get(key, _ABSENT)
        if not _equal(one, other):
            yield from _change(f"annotation {escape_line(key, _SHOWN)}", one, other)


def _changes(old: object, new: object, field: str, path: str = "", depth: int = 0) -> Iterator[str]:
    """Changed places of a JSON value, as JSON pointers."""
    if _equal(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and depth < _DEPTH:
        before, after = cast("dict[str, object]", old), cast("dict[str, object]", new)
        for key in sorted(before.keys() | after.keys()):
            step = f"{path}/{escape_line(key, _SHOWN)}"
            yield from _changes(before.get(key, _ABSENT), after.get(key, _ABSENT), field, step, depth + 1)
    elif isinstance(old, list) and isinstance(new, list) and depth < _DEPTH:
        first, second = cast("list[object]", old), cast("list[object]", new)
        for index in range(max(len(first), len(second))):
            one = first[index] if index < len(first) else _ABSENT
            other = second[index] if index < len(second) else _ABSENT
            yield from _changes(one, other, field, f"{path}/{index}", depth + 1)
    else:
        # Both ends of a long path: one that fills the line would push the change out of sight.
        place = path if len(path) <= _PLACE else f"{path[: _PLACE // 2]} … {path[-_PLACE // 2 :]}"
        yield from _change(f"{field}{place or '/'}", cast("object", old), cast("object", new))


class _Absent:
    """Stands where one side has nothing."""


_ABSENT = _Absent()


def _or_absent(value: object) -> object:
    return _ABSENT if value is None else value


def _equal(one: object, other: object) -> bool:
    if one is other:
        return True
    if isinstance(one, _Absent) or isinstance(other, _Absent):
        return False
    return digest(_portable(one)) == digest(_portable(other))


def _change(place: str, old: object, new: object) -> Iterator[str]:
    """One line when both sides fit; else each side in lines of its own, without what they have in common."""
    before, after = _whole(old), _whole(new)
    if len(before) <= _SIDE and len(after) <= _SIDE and len(place) + len(before) + len(after) <= _LINE - 5:
        yield f"{place}: {before} → {after}"
        return
    yield f"{place}:"
    texts = (old, new) if isinstance(old, str) and isinstance(new, str) else None
    one, other = texts or (_raw(old), _raw(new))
    start, end = _common(one, other)
    for sign, text in (("-", one), ("+", other)):
        part = text[start : len(text) - end]
        shown = quote(part, _CHANGE) if texts else _cut(part)
        elided = f"… {start:,} same characters … " if start else ""
        shown = elided + shown + (f" … {end:,} same characters …" if end else "")
        for index in range(0, len(shown), _ROW):
            yield f"  {sign}{shown[index : index + _ROW]}"


def _common(one: str, other: str) -> tuple[int, int]:
    """How many characters at the start and at the end need not be shown: equal on both sides, save some context."""
    shorter = min(len(one), len(other))
    start = next((place for place in range(shorter) if one[place] != other[place]), shorter)
    most = shorter - start
    end = next((back for back in range(most) if one[-1 - back] != other[-1 - back]), most)
    return max(start - _CONTEXT, 0), max(end - _CONTEXT, 0)


def _cut(text: str) -> str:
    if len(text) > _CHANGE:
        half = _CHANGE // 2
        text = f"{text[:half]} … {len(text) - 2 * half:,} more characters … {text[-half:]}"
    return escape_line(text)


def _raw(value: object) -> str:
    if isinstance(value, _Absent):
        return "nothing"
    return json.dumps(value, ensure_ascii=False, default=str)


def _whole(value: object) -> str:
    """All of it, escaped; texts in quotes. Never shorter than it is, so its length says whether it fits."""
    return quote(value) if isinstance(value, str) else escape_line(_raw(value))


def _portable(value: object) -> JsonValue:
    """`value` without what RFC 8785 cannot write, injectively.

    Servers do list integers beyond 2^53 (the bounds of a 64-bit number) and a hostile one lists broken
    text; neither may make its tool unpinnable. Such a value becomes an object whose only key begins with
    NUL, and a key that begins with NUL gets another one in front.
    """
    if isinstance(value, dict):
        return {_key(key): _portable(item) for key, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in cast("list[object]", value)]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) < 1e21):
        return value if abs(value) <= SAFE_INTEGER else {"\0integer": format(int(value), "x")}
    if isinstance(value, float):
        return value if value - value == 0 else {"\0number": str(value)}
    text = str(value)
    broken = not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)
    return {"\0text": text.encode("utf-8", "surrogatepass").hex()} if broken else text


def _key(key: str) -> str:
    if key.startswith("\0"):
        return "\0" + key
    if not key.isascii() and any("\ud800" <= char <= "\udfff" for char in key):
        return "\0text:" + key.encode("utf-8", "surrogatepass").hex()
    return key
