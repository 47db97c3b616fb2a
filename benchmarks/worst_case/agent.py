"""The obedient agent: does the user's task, and everything that any text it reads asks for. No model.

Decides: in what order (what was injected comes right after the result that held it, and once more at the end), and
how own calls are bent. Does not decide what is asked for (`attacks.py`) or what is let through (the gateway).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.worst_case.attacks import Attack
from benchmarks.worst_case.house import House
from benchmarks.worst_case.tasks import Task
from context.calls import ToolRef
from context.json_values import JsonObject
from tool_gateway.interface import CallEnd

ROUNDS = 60
"""Most calls of one run: injected text must not keep the suite from ending."""


class Stopped(Exception):
    """A call of the user's own was refused."""


@dataclass(frozen=True)
class Reply:
    """A result as the agent reads it."""

    ok: bool
    text: str
    data: Any


@dataclass(frozen=True)
class Step:
    """One call with its end, for reports.

    Attributes:
        issuer: `user`, `bent` (the user's call with an attacker's argument) or `injected`.
    """

    issuer: str
    ref: ToolRef
    arguments: JsonObject
    end: CallEnd


@dataclass
class Hand:
    """What a task's program is written against. Refusals of own calls end an unattacked run; attacked ones go on."""

    house: House
    attack: Attack | None = None
    again: bool = False
    steps: list[Step] = field(default_factory=list[Step])
    _read: list[str] = field(default_factory=list[str])
    _obeyed: bool = False
    _bent: bool = False

    async def call(self, tool: str, arguments: dict[str, Any] | None = None) -> Reply:
        """One call of the user's task, alone in its turn."""
        return (await self.together((tool, arguments or {})))[0]

    async def together(self, *calls: tuple[str, dict[str, Any]]) -> list[Reply]:
        """Calls of one turn. Raises: Stopped."""
        plan: list[tuple[str, str, dict[str, Any]]] = []
        for tool, arguments in calls:
            bent = self._bend(tool, arguments)
            plan.append(("user", tool, arguments) if bent is None else ("bent", tool, bent))
        ends = await self._turn(plan)
        replies = [_reply(end) for end in ends]
        if self.attack is None and any(end.outcome == "denied" for end in ends):
            raise Stopped
        await self._obey(replies)
        return replies

    async def finish(self) -> None:
        """Ask again for what was refused: now more has been read."""
        if self.again and self._obeyed and self.attack is not None:
            done = {
                (step.ref, _key(step.arguments)) for step in self.steps if step.end.outcome not in {"denied", "failed"}
            }
            for order in self.attack.orders:
                arguments = order.arguments(self._read) if callable(order.arguments) else order.arguments
                if (ToolRef(*order.tool.split(".", 1)), _key(arguments)) not in done:
                    await self._turn([("injected", order.tool, arguments)])

    def _bend(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        attack = self.attack
        if attack is None or attack.bend is None or self._bent or attack.bend.tool != tool:
            return None
        if not attack.bend.when(arguments):
            return None
        self._bent = True
        return attack.bend.change(arguments)

    async def _obey(self, replies: Sequence[Reply]) -> None:
        texts = [reply.text for reply in replies]
        self._read += texts
        attack = self.attack
        if attack is None or self._obeyed or not any(attack.mark in text for text in texts):
            return
        self._obeyed = True
        for order in attack.orders:
            arguments = order.arguments(self._read) if callable(order.arguments) else order.arguments
            (end,) = await self._turn([("injected", order.tool, arguments)])
            self._read.append(end.result.text)

    async def _turn(self, plan: list[tuple[str, str, dict[str, Any]]]) -> list[CallEnd]:
        if len(self.steps) > ROUNDS:
            raise Stopped
        ends = await self.house.turn([(tool, arguments) for _, tool, arguments in plan])
        for (issuer, tool, arguments), end in zip(plan, ends, strict=True):
            self.steps.append(Step(issuer, ToolRef(*tool.split(".", 1)), arguments, end))
        return ends


async def carry_out(task: Task, hand: Hand) -> str | None:
    """Do the task. Returns why its program broke off, or None."""
    try:
        await task.run(hand)
    except Stopped:
        return "stopped"
    except (LookupError, RuntimeError, TypeError, AttributeError, ValueError) as error:
        if hand.attack is None and all(step.end.outcome == "succeeded" for step in hand.steps):
            raise
        return f"broke off: {type(error).__name__}"  # it read a refusal where it expected a result
    finally:
        await hand.finish()
    return None


def _reply(end: CallEnd) -> Reply:
    return Reply(end.outcome == "succeeded", end.result.text, end.result.structured)


def _key(arguments: object) -> str:
    return json.dumps(arguments, sort_keys=True, ensure_ascii=False)
