"""A script of model turns, read from TOML and checked.

Decides: which keys a script may have, and names the file, the turn and the nearest key where one is wrong.
Does not decide when a turn is played, nor where its calls go (`scripted`).
"""

import difflib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, cast

from context.errors import ConfigError
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

FILE_BYTES = 4 * 1024**2
"""Largest script."""

_TOP_KEYS = ("turns",)
_TURN_KEYS = ("text", "calls")
_CALL_KEYS = ("tool", "arguments", "malformed", "provider_id", "when", "from_result")
_TAKE_KEYS = ("after", "until")


@dataclass(frozen=True, slots=True)
class Taken:
    """An argument that is read out of a tool result: the text after `after`, up to `until` or the line's end."""

    after: str
    until: str = "\n"


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """One call of a turn; `when` and `from_result` are described in `scripted`."""

    tool: str
    arguments: JsonObject = field(default_factory=dict[str, JsonValue])
    malformed: str | None = None
    provider_id: str | None = None
    when: str | None = None
    from_result: Mapping[str, Taken] = field(default_factory=dict[str, Taken])


@dataclass(frozen=True, slots=True)
class ScriptedTurn:
    text: str = ""
    calls: tuple[ScriptedCall, ...] = ()


def read_script(file: Path) -> tuple[ScriptedTurn, ...]:
    """The turns of `file`, in order.

    Raises:
        ConfigError: missing, too large, no TOML, or not a script.
    """
    where = f"script {escape_line(str(file))}"
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES + 1)
    except OSError as exc:
        raise ConfigError(
            f"the script cannot be read ({exc.strerror})", where=where, next_step="Check the path after `scripted:`"
        ) from exc
    if len(data) > FILE_BYTES:
        raise ConfigError(f"the script is larger than {FILE_BYTES} bytes", where=where)
    try:
        table = cast("dict[str, object]", tomllib.loads(data.decode()))
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"the script is no TOML: {escape_line(str(exc), 200)}", where=where) from exc
    return _Reader(where).script(table)


class _Reader:
    """Walks the parsed file. `where` grows as it goes down, so that every error names its place."""

    def __init__(self, where: str) -> None:
        self._where = where

    def script(self, table: Mapping[str, object]) -> tuple[ScriptedTurn, ...]:
        self._keys(table, _TOP_KEYS)
        if "turns" not in table:
            self._fail("the script has no turns", 'Begin one with [[turns]] and text = "…"')
        return tuple(
            self._in(f"turn {number}").turn(turn) for number, turn in enumerate(self._tables(table, "turns"), 1)
        )

    def turn(self, table: Mapping[str, object]) -> ScriptedTurn:
        self._keys(table, _TURN_KEYS)
        calls = enumerate(self._tables(table, "calls"), 1)
        return ScriptedTurn(
            text=self._text(table, "text") or "",
            calls=tuple(self._in(f"call {number}").call(call) for number, call in calls),
        )

    def call(self, table: Mapping[str, object]) -> ScriptedCall:
        self._keys(table, _CALL_KEYS)
        tool, malformed = self._text(table, "tool"), self._text(table, "malformed")
        if not tool:
            self._fail("the call names no tool", 'Add tool = "server.tool"')
        if malformed is not None and ("arguments" in table or "from_result" in table):
            self._fail("`malformed` stands in place of all arguments", "Remove one of them")
        arguments = self._table(table, "arguments")
        return ScriptedCall(
            tool=tool,
            arguments={key: self._json(value, f"arguments.{key}") for key, value in arguments.items()},
            malformed=malformed,
            provider_id=self._text(table, "provider_id"),
            when=self._text(table, "when"),
            from_result={
                name: self._in(f"from_result.{name}").taken(self._as_table(take, f"from_result.{name}"))
                for name, take in self._table(table, "from_result").items()
            },
        )

    def taken(self, table: Mapping[str, object]) -> Taken:
        self._keys(table, _TAKE_KEYS)
        after, until = self._text(table, "after"), self._text(table, "until")
        if not after:
            self._fail("`after` is missing", 'Say which text stands before the value, for example after = "write to "')
        return Taken(after, until or "\n")

    def _in(self, place: str) -> "_Reader":
        return _Reader(f"{self._where}, {place}")

    def _keys(self, table: Mapping[str, object], valid: Iterable[str]) -> None:
        names = list(valid)
        for key in table:
            if key not in names:
                near = difflib.get_close_matches(key, names, n=1, cutoff=0.4)
                hint = f"Did you mean `{near[0]}`?" if near else f"Valid keys: {', '.join(names)}"
                self._fail(f"unknown key `{escape_line(key, 60)}`", hint)

    def _text(self, table: Mapping[str, object], key: str) -> str | None:
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            self._fail(f"`{key}` must be a text")
        return value

    def _table(self, table: Mapping[str, object], key: str) -> Mapping[str, object]:
        return self._as_table(table.get(key, {}), key)

    def _as_table(self, value: object, key: str) -> Mapping[str, object]:
        if not isinstance(value, dict):
            self._fail(f"`{escape_line(key, 60)}` must be a table")
        return cast("dict[str, object]", value)

    def _tables(self, table: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
        value = table.get(key, [])
        if not isinstance(value, list):
            self._fail(f"`{key}` must be an array of tables", f"Write [[{key}]], in double brackets")
        return [self._as_table(item, key) for item in cast("list[object]", value)]

    def _json(self, value: object, path: str) -> JsonValue:
        if isinstance(value, dict):
            items = cast("dict[str, object]", value).items()
            return {key: self._json(item, f"{path}.{key}") for key, item in items}
        if isinstance(value, list):
            return [self._json(item, f"{path}[{index}]") for index, item in enumerate(cast("list[object]", value))]
        if not isinstance(value, str | bool | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            self._fail(
                f"the value at `{escape_line(path, 100)}` is none that JSON has",
                "Write a date as a text in quotes; to model broken JSON use `malformed`",
            )
        return value

    def _fail(self, what: str, next_step: str | None = None) -> NoReturn:
        raise ConfigError(what, where=self._where, next_step=next_step)
