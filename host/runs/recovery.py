"""What a run that stopped in the middle left open, and how it is settled before it goes on.

Decides: which calls may be made again by themselves, and what a person's word makes of the others. Does not decide
anything about a call that is made again: it passes all gates.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from context.calls import CallResult
from context.errors import ConfigError
from context.json_values import JsonObject
from context.messages import Text
from context.runs import StoredCall
from context.visible_text import escape_line
from host.config.servers_file import ServersFile
from host.identity import who_runs_this
from host.journal import RunHandle
from host.runs.chronicle import Chronicle
from tool_gateway.interface import CallChange
from tool_gateway.trail import result_json

Resolution = Literal["happened", "did-not"]
"""What a person says of a call in doubt."""

_RESUMED = {
    "read_again": "the read was cut off and is made again",
    "in_doubt": "the host stopped before the server answered",
    "resolved_happened": "a person confirmed that it happened",
    "resolved_did_not": "a person confirmed that it did not happen; it passes all gates again",
}


def check_resolutions(run_id: str, resolve: Mapping[str, Resolution], calls: Sequence[StoredCall]) -> None:
    """Before anything of the run is touched. Raises: ConfigError for a call that is not in doubt."""
    doubtful = {
        call.call_id
        for call in calls
        if call.state == "in_doubt" or (call.state in {"intended", "awaiting_input"} and call.effect != "read")
    }
    for call_id in resolve:
        if call_id not in doubtful:
            raise ConfigError(
                f"no call {escape_line(call_id, 60)} of it is in doubt",
                where=f"run {run_id}",
                next_step=f"`gatehost runs show {run_id}` lists its calls",
            )


def settle_what_is_open(
    handle: RunHandle, servers: ServersFile | None, chronicle: Chronicle, resolve: Mapping[str, Resolution]
) -> None:
    """After a crash: reads may be made again; of anything else only a person can say whether it happened."""
    known = {call.call_id: call for call in handle.calls()}
    for call in handle.unsettled_calls():
        if call.effect == "read" or _repeatable(call, servers):
            _change(handle, chronicle, call, CallChange(call.call_id, "proposed"), "read_again")
        else:
            result = CallResult((Text("[in doubt] The host stopped before the server answered."),), is_error=True)
            change = CallChange(call.call_id, "in_doubt", result=result_json(result))
            _change(handle, chronicle, call, change, "in_doubt")
            known[call.call_id] = _call_of(handle, call.call_id)
    for call_id, what in resolve.items():
        call = known[call_id]
        if what == "happened":
            text = "A person confirmed that this call happened. Its result was lost. Do not repeat it."
            change = CallChange(call_id, "succeeded", result=result_json(CallResult((Text(text),))))
        else:
            change = CallChange(call_id, "proposed")
        _change(handle, chronicle, call, change, f"resolved_{what.replace('-', '_')}")


def _repeatable(call: StoredCall, servers: ServersFile | None) -> bool:
    """Whether the operator declared that calling twice does no more than calling once."""
    settings = servers.servers.get(call.server or "") if servers is not None else None
    rule = settings.tools.get(call.tool or "") if settings else None
    return rule is not None and rule.repeatable


def _call_of(handle: RunHandle, call_id: str) -> StoredCall:
    return next(call for call in handle.calls() if call.call_id == call_id)


def _change(handle: RunHandle, chronicle: Chronicle, call: StoredCall, change: CallChange, what: str) -> None:
    body: JsonObject = {"server": call.server, "tool": call.tool, "what": what, "by": who_runs_this()}
    ids = {"call_id": call.call_id, "turn_id": f"{call.run_id}.{call.turn}"}
    data: JsonObject = {
        "server": call.server,
        "tool": call.tool,
        "decision": call.decision,
        "outcome": change.state if change.state in {"in_doubt", "succeeded"} else None,
        "reasons": [{"gate": "resume", "code": what, "text": _RESUMED[what]}],
        "duration_ms": call.duration_ms,
        "result": change.result,
    }
    events = (chronicle.event("call.completed", data, ids),) if data["outcome"] else ()
    handle.change_call(change, events=events, entries=(chronicle.entry("resumption", body, ids=ids),))
