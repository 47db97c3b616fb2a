"""A call's arguments as lines that a person judges: one `path = value` for every value.

Decides: that different arguments never read the same, and how a long value is shortened. Does not decide where
the lines are shown.
"""

import json
import re
from collections.abc import Iterator
from typing import cast

from context.visible_text import quote

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_$@/:+-]+")


def argument_lines(value: object, path: str = "", *, limit: int | None = None) -> Iterator[str]:
    """`files[0].path = "…"` for every leaf in document order, empty lists and objects included.

    Args:
        limit: Characters shown of one text or key; None for all (`context.visible_text.quote`).
    """
    if isinstance(value, dict) and value:
        for key, item in cast("dict[str, object]", value).items():
            # A key may hold what parts keys; quoted, `{"a.b": 1}` does not read like `{"a": {"b": 1}}`.
            plain = _PLAIN_KEY.fullmatch(key) and (limit is None or len(key) <= limit)
            step = key if plain else quote(key, limit)
            yield from argument_lines(item, f"{path}.{step}" if path else step, limit=limit)
    elif isinstance(value, list) and value:
        for index, item in enumerate(cast("list[object]", value)):
            yield from argument_lines(item, f"{path}[{index}]", limit=limit)
    elif path:
        yield f"{path} = {quote(value, limit) if isinstance(value, str) else json.dumps(value)}"


def is_cut(value: object, limit: int) -> bool:
    """Whether `argument_lines` with this limit leaves something out."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return any(len(key) > limit or is_cut(item, limit) for key, item in items)
    if isinstance(value, list):
        return any(is_cut(item, limit) for item in cast("list[object]", value))
    return isinstance(value, str) and len(value) > limit
