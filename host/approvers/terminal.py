"""Asks at the terminal, with everything needed to judge the call on one card.

Decides: how the card reads and which keys answer it. Does not decide whether a call must be asked for.
"""

import contextlib
import sys
from collections.abc import Callable
from typing import TextIO

import anyio

from context.json_values import JsonScalar, leaves
from context.visible_text import escape_line
from host.identity import who_runs_this
from tool_gateway.interface import Answered, ApprovalRequest

_SHOWN = 1000


class TerminalApprover:
    """One question at a time; an empty line, end of input or anything but `y` is no."""

    def __init__(self, *, source: TextIO | None = None, write: Callable[[str], None]) -> None:
        self._source = source or sys.stdin
        self._write = write
        self._one_at_a_time = anyio.Lock()

    async def ask(self, request: ApprovalRequest) -> Answered:
        async with self._one_at_a_time:
            self._write(card(request))
            line = await self._read_line()
        typed = line.strip()
        answer, _, rest = typed.partition(" ")
        by = f"terminal:{who_runs_this()}"
        if answer.lower() in {"y", "yes"}:
            return Answered(True, by=by)
        note = rest.strip() if answer.lower() in {"n", "no"} else typed
        return Answered(False, by=by, note=note or None)

    async def _read_line(self) -> str:
        # Waiting on the descriptor keeps Ctrl-C and deadlines alive; a plain file is always readable.
        with contextlib.suppress(OSError, ValueError):
            await anyio.wait_readable(self._source.fileno())
        return self._source.readline()


def card(request: ApprovalRequest) -> str:
    """The question as text: the call, its effect, every value, why it asks, and the keys."""
    lines = [
        "",
        f"  {request.ref} asks to be approved   (effect: {request.effect}, agent: {escape_line(request.agent, 60)})",
    ]
    lines.extend(f"    {escape_line(path, 200)} = {_shown(value)}" for path, value in leaves(request.arguments))
    lines.extend(f"    asked because: {escape_line(reason.text, 300)}" for reason in request.reasons)
    lines.append(f"    rules: {', '.join(request.rules)}")
    lines.append("  [y] allow once   [n REASON] deny   (Enter denies) › ")
    return "\n".join(lines)


def _shown(value: JsonScalar) -> str:
    """A value on one line. What is cut off is said, so that nobody takes the beginning for all of it."""
    if not isinstance(value, str):
        return str(value)
    cut = f"  … the first {_SHOWN:,} of {len(value):,} characters" if len(value) > _SHOWN else ""
    return f'"{escape_line(value[:_SHOWN])}"{cut}'
