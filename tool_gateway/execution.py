"""Sending a call that has passed everything, and what comes back.

Decides: when a request is sent again, what an answer that never came means, and that nothing a server said is shown
unredacted. Does not decide whether a call may leave (`gateway.py`), how it travels (`Caller`), nor what a result may
hold (`results.py`).
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

import anyio
import anyio.lowlevel

from context.calls import CallResult, Outcome
from context.decisions import Allow, Decision, Reason
from context.errors import ServerError
from context.labels import TRUSTED
from context.messages import Text
from context.visible_text import escape_line
from tool_gateway.admission import Admission
from tool_gateway.interface import Caller, CallProposal, KnownTool, RawResult
from tool_gateway.redaction import Redactor
from tool_gateway.results import Finished, finish
from tool_gateway.trail import Trail

logger = logging.getLogger(__name__)

_FIRST_RETRY = 0.2
"""Seconds before a repeatable call is sent again; doubles each time."""


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a request. Without an answer there is a `fault`; `cancelled` goes on once it is written."""

    raw: RawResult | None
    outcome: Outcome
    fault: Reason | None = None
    cancelled: BaseException | None = None
    unanswered: bool = False


class Execution:
    """Of one run's calls."""

    def __init__(
        self,
        *,
        caller: Caller,
        admission: Admission,
        redactor: Redactor | None,
        label_findings: Literal["found", "left"],
    ) -> None:
        self._caller = caller
        self._admission = admission
        self._redactor = redactor
        self._label_findings: Literal["found", "left"] = label_findings

    async def send(
        self,
        trail: Trail,
        call: CallProposal,
        tool: KnownTool,
        *,
        judged_again: Callable[[], Awaitable[Decision]],
    ) -> Executed:
        """Send it and wait; what may be repeated without harm is sent again as often as its limits say.

        Args:
            judged_again: What all gates say by now. A server that leaves a call unanswered may have changed its tool
                meanwhile, so nothing is repeated without them.
        """
        trail.start()
        wait = _FIRST_RETRY
        executed = await self._attempt(trail, call, tool)
        for _ in range(tool.rule.limits.retries):
            if not executed.unanswered:
                break
            logger.info("%s did not answer and is asked again", tool.ref)
            try:
                await anyio.sleep(wait)
                decision = await judged_again()
            except anyio.get_cancelled_exc_class() as cancelled:
                return replace(executed, cancelled=cancelled)
            if not isinstance(decision, Allow):
                break
            wait *= 2
            executed = await self._attempt(trail, call, tool)
        return executed

    def shown(self, executed: Executed, tool: KnownTool) -> Finished:
        if executed.raw is None:
            reason = executed.fault or Reason("execute", "server_failed", "the server gave no answer")
            return Finished(_told(reason, executed.outcome), (reason,))
        try:
            return finish(executed.raw, tool=tool, redactor=self._redactor, label=self._label_findings)
        except Exception:
            logger.exception("the result of %s could not be processed", tool.ref)
            text = f"the result of {tool.ref} could not be processed, so it is withheld"
            reason = Reason("result", "result_unusable", text)
            return Finished(_told(reason, "failed"), (reason,))

    async def _attempt(self, trail: Trail, call: CallProposal, tool: KnownTool) -> Executed:
        """Of a request that left and was not answered only a person can say what became of it; one that may be
        repeated is just failed."""

        async def on_progress(done: float, total: float | None, message: str | None) -> None:
            trail.progressed(done, total, self._spoken(message or "", tool.ref.server, 200))

        unanswered: Outcome = "failed" if tool.rule.repeatable else "in_doubt"
        left = False
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            left = True
            raw = await self._caller.call(
                tool.ref,
                call.arguments or {},
                timeout=tool.call_timeout,
                meta={"gatehost/call": call.call_id, "gatehost/idempotency-key": trail.key(call, tool)},
                on_progress=on_progress,
            )
        except ServerError as error:
            self._admission.unanswered(tool.ref)
            outcome = unanswered if error.sent else "failed"
            code = "in_doubt" if outcome == "in_doubt" else "server_failed"
            where = error.where or f"server {tool.ref.server}"
            text = self._spoken(f"{where}: {error.what}", tool.ref.server, 600)
            remedy = self._spoken(error.next_step, tool.ref.server, 600) if error.next_step else None
            return Executed(None, outcome, Reason("execute", code, text, remedy=remedy), unanswered=True)
        except anyio.get_cancelled_exc_class() as cancelled:
            text = "the run was interrupted before " + ("the server answered" if left else "the request left")
            reason = Reason("execute", "interrupted", text)
            return Executed(None, unanswered if left else "failed", reason, cancelled)
        except Exception as error:
            logger.exception("the call of %s broke", tool.ref)
            text = f"the request broke on our side ({type(error).__name__}), so its answer is lost"
            return Executed(None, unanswered, Reason("execute", "internal_fault", text))
        self._admission.answered(tool.ref)
        if raw.input_required is not None:
            reason = Reason(
                "execute",
                "input_request_denied",
                f"server {tool.ref.server} asked for input in the middle of the call, which is not granted to it",
            )
            return Executed(None, "denied", reason)
        return Executed(raw, "succeeded")

    def _spoken(self, text: str, server: str, limit: int) -> str:
        """A server's words on one line: redacted before they are cut."""
        if self._redactor is None:
            return escape_line(text, limit)
        return self._redactor.spoken(text, server=server, limit=limit).text


def _told(reason: Reason, outcome: Outcome) -> CallResult:
    text = f"[{outcome}] {reason.sentence()}"
    if outcome == "in_doubt":
        text += ". It may have happened. Do not repeat it."
    return CallResult((Text(text),), is_error=True, label=TRUSTED)
