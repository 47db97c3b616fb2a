"""On which line each key of a TOML text stands, since the standard parser does not say.

Decides: the lines, and that no key is so long and no value so deep that reading it could exhaust memory.
Does not decide whether the text is TOML: where this scanner cannot go on, the text is faulty, and the
parser that runs afterwards names the fault.
"""

import contextlib
import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]

_DEEPEST = 32
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_LITERAL = re.compile(r"'[^'\n]*'")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SCALAR = re.compile(r"[^,\]}#\n]*")
_MULTILINE_STEP = {'"""': re.compile(r'\\.|"""|[^"\\]+|"', re.DOTALL), "'''": re.compile(r"'''|[^']+|'")}


class TooDeep(ValueError):
    """Keys or values are nested beyond 32 steps.

    Attributes:
        line: Counted from 1.
    """

    def __init__(self, line: int) -> None:
        super().__init__(f"nested more than {_DEEPEST} deep")
        self.line = line


def key_lines(text: str) -> dict[KeyPath, int]:
    """Path of every key, table and list item → its line, from 1. Of a faulty text: those before the fault.

    Raises:
        TooDeep: see there.
    """
    scanner = _Scanner(text)
    with contextlib.suppress(_Faulty):
        scanner.document()
    return scanner.lines


class _Faulty(Exception):
    """The text stops being TOML here."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._table_counts: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_BETWEEN)
            if self.at >= len(self.text):
                return
            start = self.at
            if self.text.startswith("[", self.at):
                table = self._header()
                self._note(table, start)
            else:
                self._pair(table, 0)

    def _header(self) -> KeyPath:
        start = self.at
        is_list = self.text.startswith("[[", self.at)
        self.at += 2 if is_list else 1
        keys = self._key()
        self._expect("]]" if is_list else "]")
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self._newest((*path, key))
            self._note(path, start)
        path = (*path, keys[-1])
        if not is_list:
            return self._newest(path)
        self._note(path, start)
        self._table_counts[path] = self._table_counts.get(path, 0) + 1
        return self._newest(path)

    def _newest(self, path: KeyPath) -> KeyPath:
        """`path`, or the newest item where it is a list of tables."""
        count = self._table_counts.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: KeyPath, depth: int) -> None:
        start = self.at
        keys = self._key()
        self._expect("=")
        path = table
        for key in keys:
            path = (*path, key)
            self._note(path, start)
        self._skip(_BLANK)
        self._value(path, depth)

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_BLANK)
            keys.append(self._key_part())
            if len(keys) > _DEEPEST:
                raise TooDeep(self._line(self.at))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _key_part(self) -> str:
        for pattern in (_BARE, _LITERAL, _BASIC):
            match = pattern.match(self.text, self.at)
            if match is not None:
                self.at = match.end()
                return match[0] if pattern is _BARE else _unquoted(match[0])
        raise _Faulty

    def _value(self, path: KeyPath, depth: int) -> None:
        if depth > _DEEPEST:
            raise TooDeep(self._line(self.at))
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self._list(path, depth)
        elif opening == "{":
            self._inline_table(path, depth)
        elif opening in {'"', "'"}:
            self._string()
        else:
            self._skip(_SCALAR)

    def _list(self, path: KeyPath, depth: int) -> None:
        self.at += 1
        for index in range(len(self.text)):
            self._skip(_BETWEEN)
            if self._took("]"):
                return
            self._note((*path, index), self.at)
            self._value((*path, index), depth + 1)
            self._skip(_BETWEEN)
            if not self._took(","):
                self._expect("]")
                return

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        self.at += 1
        self._skip(_BLANK)
        if self._took("}"):
            return
        while True:
            self._skip(_BLANK)
            self._pair(path, depth + 1)
            self._skip(_BLANK)
            if not self._took(","):
                self._expect("}")
                return

    def _string(self) -> None:
        mark = self.text[self.at : self.at + 3]
        step = _MULTILINE_STEP.get(mark)
        if step is None:
            match = (_BASIC if mark.startswith('"') else _LITERAL).match(self.text, self.at)
            if match is None:
                raise _Faulty
            self.at = match.end()
            return
        self.at += 3
        while (match := step.match(self.text, self.at)) is not None:
            self.at = match.end()
            if match[0] == mark:
                for _ in range(2):  # Up to two quotes may stand right before the closing three.
                    self._took(mark[0])
                return
        raise _Faulty

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _took(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _expect(self, mark: str) -> None:
        if not self._took(mark):
            raise _Faulty

    def _note(self, path: KeyPath, at: int) -> None:
        if len(path) > _DEEPEST:
            raise TooDeep(self._line(at))
        self.lines.setdefault(path, self._line(at))

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at)


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text[1:-1]
    try:
        return str(tomllib.loads(f"key = {text}")["key"])
    except ValueError as error:
        raise _Faulty from error
