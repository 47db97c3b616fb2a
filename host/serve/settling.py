"""A served run that ended in doubt: a person says what became of its calls, and it is over.

Decides: the calls' last states and the run's. Does not decide which resolutions make sense (`runs resume`): a served
run has no model that could go on, so a call that did not happen is not made again.
"""

from collections.abc import Mapping
from typing import Literal

from context.calls import CallResult
from context.messages import Text
from context.runs import RunInfo
from host.identity import who_runs_this
from host.journal import Journal
from host.runs.chronicle import Chronicle
from tool_gateway.interface import CallChange
from tool_gateway.trail import result_json


def settle_served(journal: Journal, info: RunInfo, resolve: Mapping[str, Literal["happened", "did-not"]]) -> bool:
    """Settle the calls; whether any is still in doubt.

    Raises:
        JournalError, LeaseLost: it could not be written, or the run is being served right now.
    """
    with journal.take(info.run_id) as handle:
        ids = {"agent": info.agent, "session_id": info.session_id, "trace_id": info.trace_id}
        chronicle = Chronicle(handle, ids)
        for call in handle.calls():
            if call.state == "intended":
                handle.change_call(CallChange(call.call_id, "in_doubt"))
        for call_id, what in resolve.items():
            text = f"A person said of this call: {what}."
            result = result_json(CallResult((Text(text),), is_error=what != "happened"))
            body = chronicle.entry("resumption", {"what": what, "by": who_runs_this()}, ids={"call_id": call_id})
            if what == "happened":
                handle.change_call(CallChange(call_id, "succeeded", result=result), entries=(body,))
            else:
                handle.change_call(CallChange(call_id, "proposed"), entries=(body,))
                handle.change_call(CallChange(call_id, "denied", result=result))
        left = any(call.state == "in_doubt" for call in handle.calls())
        code = 9 if left else 0
        handle.set_status(
            "in_doubt" if left else "completed",
            exit_code=code,
            events=(
                chronicle.event("run.suspended" if left else "run.completed", {"exit_code": code, "answer": None}),
            ),
            entries=(chronicle.entry("run_ended", {"exit_code": code}),),
        )
        return left
