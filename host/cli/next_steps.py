"""What a person can do about a run that has not ended well, as commands to paste.

Decides: the wording. Does not decide what a resumed run does.
"""

from collections.abc import Sequence
from shlex import quote

from context.runs import RunStatus, StoredCall
from context.visible_text import escape_line


def next_steps(
    run_id: str, status: RunStatus, calls: Sequence[StoredCall], *, turns_used_up: bool = False
) -> list[str]:
    """Lines without indentation; none for a run that is over or under way."""
    resume = f"gatehost runs resume {quote(run_id)}"
    if status == "waiting":
        return [f"waits for approval: gatehost approvals list; then {resume}"]
    if status == "in_doubt":
        doubtful = [call for call in calls if call.state == "in_doubt"]
        lines = [f"in doubt: {_address(call)}  {escape_line(call.call_id)}" for call in doubtful]
        for said, what in (("if it happened", "happened"), ("if it did not ", "did-not")):
            answers = " ".join(f"--resolve {quote(f'{call.call_id}={what}')}" for call in doubtful)
            lines.append(f"{said}: {resume} {answers}")
        return lines
    if status == "failed" and turns_used_up:
        return [f"go on with: {resume} --max-turns N   (N counts the turns already used)"]
    return [f"go on with: {resume}"] if status in {"interrupted", "failed"} else []


def _address(call: StoredCall) -> str:
    return escape_line(f"{call.server}.{call.tool}" if call.server else call.name, 120)
