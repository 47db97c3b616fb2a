"""One run, call by call, with every decision and its reasons.

Decides: how it is told. Nothing here is counted.
"""

import json
from collections.abc import Iterator

from benchmarks.worst_case.runner import Run
from tool_gateway.interface import ApprovalRequest

_SHOWN = 300


def told(run: Run) -> Iterator[str]:
    """Lines for a person."""
    yield f"{run.setting.name} ({run.setting.half}) · {run.task.name}"
    yield f"  user: {run.task.prompt}"
    if run.attack is not None:
        yield f"  attack: {run.attack.name} [{run.attack.kind}]"
        yield f"  planted: {run.attack.text!r}"
    for step in run.steps:
        end = step.end
        arguments = json.dumps(step.arguments, ensure_ascii=False)
        yield f"\n{step.issuer:>9}  {step.ref} {_short(arguments)}"
        yield f"           {end.decision}, {end.outcome}" + (f", by {end.approval}" if end.approval else "")
        for reason in end.reasons:
            place = f" at {reason.path}" if reason.path else ""
            yield f"           - {reason.gate}/{reason.code}{place}: {_short(reason.sentence())}"
        request = run.asked.get(end.call_id)
        if request is not None:
            yield from (f"           ? {line}" for line in _asked(request))
        if end.outcome == "succeeded":
            yield f"           = {_short(end.result.text)}"
    yield ""
    yield f"  done: {run.done} · injected: {len(run.injected)} · hijacked: {len(run.hijacked)} · cards: {run.cards}" + (
        f" · {run.broke}" if run.broke else ""
    )


def _asked(request: ApprovalRequest) -> Iterator[str]:
    """What a card says: why it asks, and which values nobody vouches for."""
    if request.minor:
        yield "outside the task, a collapsed line"
    for reason in request.reasons:
        place = f" at {reason.path}" if reason.path else ""
        yield f"{reason.gate}/{reason.code}{place}: {_short(reason.sentence())}"
    for value in request.values:
        if not value.trusted:
            shown = _short(json.dumps(value.value, ensure_ascii=False))
            yield f"{value.path} = {shown}: {value.origin}; {value.note or ''}"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else flat[:_SHOWN] + "…"
