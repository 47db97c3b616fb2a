"""Asks at the terminal, with everything needed to judge the call on one card.

Decides: how the card reads and which keys answer it. Does not decide whether a call must be asked for.
"""

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

import anyio

from context.visible_text import escape_line, quote
from host.argument_lines import argument_lines, is_cut
from host.identity import who_runs_this
from tool_gateway.interface import Answered, ApprovalRequest

_SHOWN = 1000
_YES = frozenset({"y", "yes"})
_NO = frozenset({"n", "no"})


class TerminalApprover:
    """One question at a time; an empty line, `n` or end of input is no, a mistyped answer is asked for once more."""

    def __init__(self, *, source: TextIO | None = None, write: Callable[[str], None]) -> None:
        self._source = source or sys.stdin
        self._write = write
        self._one_at_a_time = anyio.Lock()

    @property
    def attended(self) -> bool:
        return True

    async def ask(self, requests: Sequence[ApprovalRequest]) -> Sequence[Answered]:
        return [await self._ask_one(request) for request in requests]

    async def _ask_one(self, request: ApprovalRequest) -> Answered:
        async with self._one_at_a_time:
            self._write(card(request))
            typed = (await self._read_line()).strip()
            if _meaning(typed) is None:
                self._write(f"  {quote(typed, 60)} is neither y nor n; once more, or it is denied › ")
                typed = (await self._read_line()).strip()
        by = f"terminal:{who_runs_this()}"
        if _meaning(typed):
            return Answered(True, by=by)
        answer, _, rest = typed.partition(" ")
        note = rest.strip() if answer.lower() in _NO else typed
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
    lines.extend(f"    {line}" for line in argument_lines(request.arguments, limit=_SHOWN))
    if is_cut(request.arguments, _SHOWN):
        lines.append(f"    `gatehost approvals show {request.approval_id}` shows all of it")
    lines.extend(f"    asked because: {escape_line(reason.text, 300)}" for reason in request.reasons)
    lines.append(f"    rules: {', '.join(request.rules)}")
    lines.append("  [y] allow once   [n REASON] deny   (Enter denies) › ")
    return "\n".join(lines)


def _meaning(typed: str) -> bool | None:
    """Yes, no, or None for what is neither. `yes, but …` is no plain yes."""
    if typed.lower() in _YES:
        return True
    return False if not typed or typed.split(maxsplit=1)[0].lower() in _NO else None
