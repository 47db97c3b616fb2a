"""Regular expressions that cannot stall: linear time in the text, bounded memory (RE2).

Decides: which patterns are accepted, and what it means to match. Does not decide where a pattern is
written: an operator's `pattern` constraint must match the whole value, a schema's `pattern` may match
anywhere in it.

Look-around and back-references need backtracking and do not exist here. `^(a+)+$` is harmless.
"""

import functools
from typing import Protocol, cast

import re2

from context.visible_text import escape_line

MEMORY = 1024 * 1024
"""Bytes that one compiled pattern may take, its caches included."""

LONGEST = 4096
"""Characters of the longest pattern."""

LARGEST_PROGRAM = 4096
"""Instructions of the largest program; a match costs at most this many steps per byte of text."""


class _Program(Protocol):
    def ProgramSize(self) -> int: ...


class LinearPattern:
    """One compiled pattern.

    Attributes:
        text: The pattern as written.
        size: Instructions in its program: the most steps a byte of text can cost.

    Raises:
        ValueError: RE2 does not take the pattern, or it is too large. Says which.
    """

    __slots__ = ("_compiled", "size", "text")

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"the pattern is {len(text)} characters long; the limit is {LONGEST}")
        options = re2.Options()
        options.max_mem = MEMORY
        options.log_errors = False
        try:
            # The class itself: `re2.compile` keeps 128 programs alive in a cache of its own.
            compiled = re2._Regexp(text, options)  # pyright: ignore[reportPrivateUsage]
        except UnicodeEncodeError as exc:
            raise ValueError("the pattern holds an unpaired surrogate") from exc
        except Exception as exc:  # re2.error, a class made in C++
            raise ValueError(
                f"the pattern {escape_line(text, 80)} is no linear-time expression (RE2: {_said(exc)})"
            ) from exc
        self.text = text
        self._compiled = compiled
        self.size = cast("_Program", compiled._regexp).ProgramSize()  # pyright: ignore[reportPrivateUsage]
        if self.size > LARGEST_PROGRAM:
            raise ValueError(
                f"the pattern {escape_line(text, 80)} is too large: {self.size} instructions, "
                f"the limit is {LARGEST_PROGRAM}"
            )

    def matches_whole(self, text: str) -> bool:
        """Whether all of `text` matches; a text that is no Unicode matches nothing."""
        try:
            return self._compiled.fullmatch(text) is not None
        except UnicodeEncodeError:
            return False

    def found_in(self, text: str) -> bool:
        """Whether some part of `text` matches."""
        try:
            return self._compiled.search(text) is not None
        except UnicodeEncodeError:
            return False


def _said(error: Exception) -> str:
    detail: object = error.args[0] if error.args else "not accepted"
    return escape_line(detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail), 120)


@functools.lru_cache(maxsize=256)
def linear_pattern(text: str) -> LinearPattern:
    """The compiled pattern, remembered.

    Raises:
        ValueError: as `LinearPattern`.
    """
    return LinearPattern(text)
