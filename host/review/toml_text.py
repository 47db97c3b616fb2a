"""Writes values and tables as TOML text.

Decides: the spelling. Does not decide what is written. The standard library reads TOML but writes none.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from context.errors import ConfigError
from context.visible_text import escape_line, is_hidden

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def key_text(*keys: str) -> str:
    """`servers.git.tools."odd name"`.

    Raises:
        ConfigError: see `value_text`.
    """
    return ".".join(key if _BARE.fullmatch(key) else _text(key) for key in keys)


def value_text(value: object) -> str:
    """A value on one line: text, number, boolean, list, or inline table.

    Every control and format character is written as its escape, so that nothing hides in the file.

    Raises:
        ConfigError: TOML has no such value: null, NaN, an unpaired surrogate.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        inner = ", ".join(f"{key_text(key)} = {value_text(item)}" for key, item in items)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(value_text(item) for item in cast('Sequence[object]', value))}]"
    shown = "null" if value is None else escape_line(str(value), 60)
    raise ConfigError(f"{shown} cannot be written as TOML", next_step="Leave it out, or write it as a text")


def _text(value: str) -> str:
    return f'"{"".join(_char(char) for char in value)}"'


def _char(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if not is_hidden(char):
        return char
    if "\ud800" <= char <= "\udfff":
        raise ConfigError("a text holds an unpaired surrogate", next_step="Correct the text")
    return f"\\u{ord(char):04X}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08X}"
