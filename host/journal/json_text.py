"""JSON as it stands in the journal's columns.

Decides: plain ASCII JSON, which keeps exactly what a model or server sent, canonical or not: integers of any
size, unpaired surrogates, NaN. Does not decide what is sent or digested (`context.json_values`).
"""

import json
from typing import Any

from context.errors import JournalError

_ENCODER = json.JSONEncoder(separators=(",", ":"))  # made once: `json.dumps` makes one for every call


def to_text(value: object) -> str:
    """Raises: JournalError for what JSON does not have, or nests too deeply."""
    try:
        return _ENCODER.encode(value)
    except (RecursionError, TypeError, ValueError) as error:
        raise JournalError(f"a value cannot be stored: {error}") from error


def to_text_or_none(value: object | None) -> str | None:
    """Like `to_text`; None stays None."""
    return None if value is None else to_text(value)


def from_text(text: str) -> Any:
    """Raises: JournalError when the column was damaged."""
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise JournalError(f"a stored value is damaged: {error}") from error


def from_text_or_none(text: str | None) -> Any:
    """Like `from_text`; None stays None."""
    return None if text is None else from_text(text)
