"""Reads a TOML file that an operator wrote, and says where in it a fault lies.

Decides: the bounds on such a file, which of TOML's values have a meaning here (those that JSON has), and how
a fault names file, line, key path, nearest valid key and next step. Does not decide which keys exist: the
settings classes do.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from context.errors import ConfigError
from context.json_values import SAFE_INTEGER, JsonObject
from context.visible_text import escape_line
from host.config.nearest_names import advice
from host.config.small_files import read_small, shown
from host.config.toml_positions import KeyPath, TooDeep, key_lines

FILE_BYTES = 1024 * 1024
"""Largest configuration file."""

NOT_AVAILABLE = "is not available in this version"

SettingsT = TypeVar("SettingsT", bound=BaseModel)

_BARE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PLACE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_KINDS = {
    "string": "a text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a table",
    "mapping": "a table",
    "model": "a table",
}


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file that was read.

    Attributes:
        data: JSON values only: no dates, no infinities, no NUL in any text.
        lines: Key path → line, from 1.
    """

    path: Path
    data: JsonObject
    lines: Mapping[KeyPath, int]

    def where(self, *keys: str | int) -> str:
        """`FILE:LINE: key.path`, with the line of the innermost part that stands in the file."""
        for length in range(len(keys), 0, -1):
            line = self.lines.get(keys[:length])
            if line is not None:
                return f"{shown(self.path)}:{line}: {key_text(keys)}"
        return f"{shown(self.path)}: {key_text(keys)}" if keys else shown(self.path)

    def fault(self, keys: KeyPath, what: str, *, next_step: str) -> ConfigError:
        """An error about one key. `what` and `next_step` hold no unescaped text of the file."""
        return ConfigError(what, where=self.where(*keys), next_step=next_step)

    def not_available(self, keys: KeyPath, *, next_step: str | None = None) -> ConfigError:
        """An error about a key that a later version will know."""
        name = key_text(keys[-1:])
        return self.fault(keys, f"`{name}` {NOT_AVAILABLE}", next_step=next_step or f"Remove `{name}`")


def read_toml(path: Path, *, next_step: str = "Correct its path", content: bytes | None = None) -> TomlFile:
    """Read and parse `path`.

    Args:
        next_step: What to do when the file does not exist.
        content: What is about to be written there, read in place of what is.

    Raises:
        ConfigError: missing, unreadable, too large, no UTF-8, no TOML, too deep, or with a value that JSON lacks.
    """
    try:
        raw = content if content is not None else read_small(path, limit=FILE_BYTES)
    except FileNotFoundError as error:
        raise ConfigError("there is no such file", where=shown(path), next_step=next_step) from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            "it is not UTF-8 text", where=f"{shown(path)}:{line}", next_step="Save it with the encoding UTF-8"
        ) from error
    text = text.replace("\r\n", "\n")
    try:
        # First, because the parser itself needs memory quadratic in the length of a dotted key.
        lines = key_lines(text)
    except TooDeep as error:
        raise ConfigError(
            f"a key or value is {error}", where=f"{shown(path)}:{error.line}", next_step="Write it flatter"
        ) from error
    try:
        data = cast("JsonObject", tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise _syntax_fault(path, text, error) from error
    file = TomlFile(path, data, lines)
    _check_values(file)
    return file


def check(file: TomlFile, model: type[SettingsT], *, data: JsonObject | None = None) -> SettingsT:
    """The file's content as `model`.

    Types are taken as written: neither `"3"` nor `true` is a number.

    Args:
        data: In place of the file's own content, when parts of it were dealt with before.

    Raises:
        ConfigError: names the first fault, unknown keys before all others, and counts the rest.
    """
    content = file.data if data is None else data
    try:
        # JSON mode, because only there a strict check takes a list for a tuple.
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        faults = [_Fault.read(item) for item in error.errors(include_url=False)]
    faults.sort(key=lambda fault: (not fault.unknown, file.lines.get(fault.keys, 0)))
    first = faults[0]
    what, next_step = _explained(first, model)
    more = f" ({len(faults) - 1} more faults in this file)" if len(faults) > 1 else ""
    raise file.fault(first.keys, what + more, next_step=next_step)


def key_text(keys: Iterable[str | int]) -> str:
    """`servers.git.mounts[0].host`; keys that are not bare stand in quotes, escaped."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
            continue
        part = key if _BARE.fullmatch(key) else f'"{escape_line(key, 80)}"'
        text += f".{part}" if text else part
    return text


def valid_keys(model: type[BaseModel], keys: Iterable[str | int]) -> tuple[str, ...]:
    """The keys that the table at `keys` may have; empty where any are allowed."""
    kind: Any = model
    for key in keys:
        kind = _inner(_plain_kind(kind), key)
    kind = _plain_kind(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return tuple(kind.model_fields)
    return ()


@dataclass(frozen=True, slots=True)
class _Fault:
    """One of pydantic's findings. Its `input` is left behind: a value may be a secret put in the wrong place."""

    type: str
    keys: KeyPath
    message: str
    context: Mapping[str, Any]

    @property
    def unknown(self) -> bool:
        return self.type == "extra_forbidden"

    @staticmethod
    def read(item: Any) -> "_Fault":
        keys = tuple(key for key in item["loc"] if isinstance(key, int) or key != "[key]")
        return _Fault(item["type"], keys, item["msg"], item.get("ctx") or {})


def _explained(fault: _Fault, model: type[BaseModel]) -> tuple[str, str]:
    name = key_text(fault.keys[-1:])
    if fault.unknown:
        return f"unknown key `{name}`", advice(str(fault.keys[-1]), valid_keys(model, fault.keys[:-1]))
    if fault.type == "missing":
        return f"the key `{name}` is missing", f"Add `{name}`"
    if fault.type == "literal_error":
        return f"`{name}` must be {fault.context['expected']}", "Write one of these"
    if fault.type == "value_error":
        return escape_line(str(fault.context.get("error", fault.message)), 300), f"Correct `{name}`"
    kind = _KINDS.get(fault.type.removesuffix("_type"))
    if fault.type.endswith("_type") and kind is not None:
        return f"`{name}` must be {kind}", f"Write `{name}` as {kind}"
    message = fault.message.removeprefix("Input should be ").removeprefix("Value should be ")
    return f"`{name}` must be {escape_line(message, 200)}", f"Correct `{name}`"


def _syntax_fault(path: Path, text: str, error: Exception) -> ConfigError:
    message = str(error) if isinstance(error, ValueError) else "nested too deeply"
    match = _PLACE.search(message)
    line = (match[1] if match and match[1] else str(text.count("\n") + 1)) if match else None
    reason = _PLACE.sub("", message).strip()
    return ConfigError(
        f"it is not TOML: {escape_line(reason, 200)}",
        where=f"{shown(path)}:{line}" if line else shown(path),
        next_step="Correct that line; texts stand in quotes, tables in [brackets]" if line else "Correct it",
    )


def _check_values(file: TomlFile) -> None:
    pending: list[tuple[KeyPath, object]] = [((), file.data)]
    while pending:
        keys, value = pending.pop()
        if isinstance(value, dict):
            for key, item in cast("dict[str, object]", value).items():
                if "\0" in key:
                    raise file.fault((*keys, key), "a key holds a NUL character", next_step="Remove it")
                pending.append(((*keys, key), item))
        elif isinstance(value, list):
            pending.extend(((*keys, index), item) for index, item in enumerate(cast("list[object]", value)))
        else:
            _check_scalar(file, keys, value)


def _check_scalar(file: TomlFile, keys: KeyPath, value: object) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise file.fault(keys, "the text holds a NUL character", next_step="Remove it")
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        if abs(value) > SAFE_INTEGER:
            raise file.fault(keys, "the number is beyond ±(2^53-1)", next_step="Write a smaller number")
    elif isinstance(value, float):
        # A whole float is written as an integer by RFC 8785, so the same bound holds.
        if not math.isfinite(value) or (value.is_integer() and abs(value) > SAFE_INTEGER):
            raise file.fault(keys, "it is no number of JSON", next_step="Write a finite number within ±(2^53-1)")
    else:
        raise file.fault(keys, "dates and times have no meaning here", next_step="Put it in quotes as a text")


def _plain_kind(kind: Any) -> Any:
    """A type without `Annotated` and `| None`; of a union the part that has keys."""
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind = get_args(kind)[0]
        elif origin in (Union, UnionType):
            parts = [part for part in get_args(kind) if part is not type(None)]
            kind = next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), parts[0])
        else:
            return kind


def _inner(kind: Any, key: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(key))
        return None if field is None else field.annotation
    arguments = get_args(kind)
    if isinstance(key, int):
        return arguments[0] if arguments else None
    return arguments[1] if len(arguments) == 2 else None
