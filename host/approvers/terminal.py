"""Asks at the terminal, with everything needed to judge the call on one card.

Decides: how the card reads and which keys answer it. Does not decide whether a call must be asked for.
"""

import contextlib
import sys
from collections.abc import Callable
from typing import TextIO

import anyio

from context.json_values import leaves
from context.visible_text import escape_line
from host.identity import who_runs_this
from tool_gateway.interface import Answered, ApprovalRequest


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
        answer, _, note = line.strip().partition(" ")
        by = f"terminal:{who_runs_this()}"
        if answer.lower() in {"y", "yes"}:
            return Answered(True, by=by)
        return Answered(False, by=by, note=note.strip() or None)

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
    for path, value in leaves(request.arguments):
        shown = escape_line(value, 400) if isinstance(value, str) else str(value)
        lines.append(f"    {escape_line(path, 80)} = {shown!r}" if isinstance(value, str) else f"    {path} = {shown}")
    lines.extend(f"    asked because: {escape_line(reason.text, 300)}" for reason in request.reasons)
    lines.append(f"    rules: {', '.join(request.rules)}")
    lines.append("  [y] allow once   [n REASON] deny   (Enter denies) › ")
    return "\n".join(lines)
