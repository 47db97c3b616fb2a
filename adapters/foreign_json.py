"""JSON that a model or its provider wrote, read without guessing.

Decides: which texts count as a JSON object, and that everything taken from one can be written as UTF-8.
Does not decide whether a call with such arguments may be made: that is `tool_gateway`.
"""

import json
import math
from typing import cast

from context.json_values import JsonObject, JsonValue


class NoJsonObject(ValueError):
    """The text is no JSON object, or one that two readers could read differently."""


def parse_object(text: str) -> JsonObject:
    """`text` as a JSON object.

    Raises:
        NoJsonObject: also for duplicate keys, NaN, numbers beyond a float, unpaired surrogates and too deep
            nesting: to choose a reading would be to guess what the model meant.
    """
    try:
        value = cast(
            "JsonValue",
            json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite),
        )
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NoJsonObject("no JSON object") from None
    if not isinstance(value, dict):
        raise NoJsonObject("no JSON object")
    return value


def read_object(text: str) -> JsonObject:
    """`text`, an envelope of a provider, as a JSON object; lenient where only our own view of it is at stake.

    A surrogate pair may be spread over two envelopes, so unpaired ones pass; `well_formed` ends them.

    Raises:
        NoJsonObject: no JSON object, or nested too deeply.
    """
    try:
        value = cast("JsonValue", json.loads(text))
    except (ValueError, RecursionError):
        raise NoJsonObject("no JSON object") from None
    if not isinstance(value, dict):
        raise NoJsonObject("no JSON object")
    return value


def well_formed(text: str) -> str:
    """`text` with split surrogate pairs joined and unpaired surrogates replaced, so that UTF-8 can hold it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def object_at(value: JsonObject, key: str) -> JsonObject:
    """The object under `key`, or an empty one."""
    item = value.get(key)
    return item if isinstance(item, dict) else {}


def objects_at(value: JsonObject, key: str) -> list[JsonObject]:
    """The objects of the list under `key`; other items are skipped."""
    items = value.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def text_at(value: JsonObject, key: str) -> str:
    """The text under `key`, or an empty one."""
    item = value.get(key)
    return item if isinstance(item, str) else ""


def count_at(value: JsonObject, key: str) -> int | None:
    """The whole number under `key` that can be a count of tokens, or None."""
    item = value.get(key)
    return item if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**53 else None


def _unique(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("beyond a float")
    return number
