"""Structured content taken apart: leaves, their paths, and the objects that hold them.

Decides: what counts as structure, and how a place in it is written. A key that is no plain word is written in
brackets and quotes, so that no key can imitate a path. What lies too deep or has too long a path has no path: it is
text. Does not decide what a leaf is worth.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from context.json_values import JsonScalar, JsonValue

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DEEPEST = 64
_LONGEST_PATH = 512
_MOST_DOCUMENTS = 10_000


class Place:
    """One place in a structure: the way to it, written out only when somebody asks."""

    __slots__ = ("depth", "is_object", "key", "length", "parent")

    def __init__(self, parent: "Place | None", key: str | int, *, is_object: bool = False) -> None:
        self.parent = parent
        self.key = key
        self.is_object = is_object
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.length: int = (0 if parent is None else parent.length) + (len(key) + 5 if type(key) is str else 8)

    @property
    def path(self) -> str | None:
        """As `events[0].start`; None where it would be too long to read."""
        if self.depth > _DEEPEST or self.length > _LONGEST_PATH:
            return None
        parts: list[str] = []
        place: Place = self
        while place.parent is not None:
            parts.append(_step(place.key, first=place.parent.parent is None))
            place = place.parent
        return "".join(reversed(parts))

    @property
    def record(self) -> str | None:
        """The path of the nearest object around it."""
        place = self.parent
        while place is not None and place.parent is not None and not place.is_object:
            place = place.parent
        return None if place is None else place.path


Leaf = tuple[Place, str | int, JsonScalar]
"""What holds it, its key or index there, and the scalar."""


def leaves(structure: JsonValue) -> Iterator[Leaf]:
    """Every scalar, in document order. Not recursive; no place is made for a leaf until somebody asks."""
    if not isinstance(structure, dict | list):
        yield Place(None, "", is_object=True), "value", structure
        return
    waiting = [(Place(None, "", is_object=isinstance(structure, dict)), _items(structure))]
    while waiting:
        holder, items = waiting[-1]
        for key, item in items:
            kind = type(item)
            if kind is dict or kind is list:
                inner = cast("dict[str, JsonValue] | list[JsonValue]", item)
                waiting.append((Place(holder, key, is_object=kind is dict), _items(inner)))
                break
            yield holder, key, cast("JsonScalar", item)
        else:
            waiting.pop()


def keys(structure: JsonValue) -> set[str]:
    """Every key of every object, each once."""
    found: set[str] = set()
    waiting = [structure]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            found.update(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def read_json(text: str) -> JsonValue:
    """The object or list that all of `text` is, or a list of several one after the other; None where it is neither.

    An object with a key twice is no structure: readers differ about which one counts.
    """
    stripped = text.strip()
    if stripped[:1] not in {"{", "["} or stripped[-1:] not in {"}", "]"}:
        return None
    found: list[JsonValue] = []
    at = 0
    try:
        while at < len(stripped):
            value, at = _DECODER.raw_decode(stripped, at)
            if not isinstance(value, dict | list) or len(found) == _MOST_DOCUMENTS:
                return None
            found.append(cast("JsonValue", value))
            while at < len(stripped) and stripped[at] in " \t\r\n":
                at += 1
    except (ValueError, RecursionError):
        return None
    return found[0] if len(found) == 1 else found


def structure_of(structured: JsonValue, text: str) -> tuple[JsonValue, bool]:
    """The structure of a result, and whether its text says the same once more.

    Servers that return text wrap it as `{"result": "…"}`; JSON in there is structure too. A JSON text in any other
    field stays text: a message's body must not imitate fields.
    """
    parsed = read_json(text)
    if structured is None:
        return parsed, parsed is not None
    if isinstance(structured, dict) and structured.keys() == {"result"}:
        result = structured["result"]
        inner = read_json(result) if isinstance(result, str) else None
        if inner is not None:
            return {"result": inner}, inner == parsed
        if isinstance(result, str):
            return structured, result == text
        if parsed is not None and result in (parsed, [parsed]):
            return structured, True
    return structured, parsed is not None and structured == parsed


def _items(item: "dict[str, JsonValue] | list[JsonValue]") -> Iterator[tuple[str | int, JsonValue]]:
    return iter(item.items()) if isinstance(item, dict) else iter(enumerate(item))


def _step(key: str | int, *, first: bool) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"[{json.dumps(key)}]"
    return key if first else f".{key}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused)
