"""Events told as they happen: JSON lines on stdout, or short progress lines on stderr.

Decides: the wording of progress. Does not decide what happens, nor what a JSON event holds.
"""

from collections.abc import Callable
from typing import Protocol, cast

from context.events import Event
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

_WARNING_LINES = 20


class Teller(Protocol):
    """Gets every event of a run in order, deltas too."""

    def tell(self, event: Event) -> None: ...


class JsonLines:
    """`--output jsonl`: one event a line, flushed."""

    def __init__(self, write: Callable[[object], None]) -> None:
        self._write = write

    def tell(self, event: Event) -> None:
        self._write(event.flat())


class ProgressLines:
    """`--output text` and `json`: what a waiting person wants to know, on stderr, all foreign text escaped."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._were_ready: set[str] = set()
        self._states: dict[str, JsonValue] = {}
        self._met: set[tuple[str, str]] = set()

    def tell(self, event: Event) -> None:
        if event.type == "run.started":
            self._write(f"run {event.run_id}")
        if event.type == "server.state" and not self._is_news(event.data):
            return
        line = _LINES.get(event.type, _nothing)(event.data)
        if line:
            self._write(line)

    def _is_news(self, data: JsonObject) -> bool:
        """That a server stopped which never was ready tells nobody anything; nor do mere numbers that grew."""
        server = str(data.get("server"))
        known, self._states[server] = self._states.get(server), data.get("state")
        met = {(server, kind) for key in ("asked", "dropped_messages") for kind in _object(data, key)}
        fresh = not met <= self._met
        self._met |= met
        if data.get("state") == "ready":
            self._were_ready.add(server)
        if fresh or data.get("state") == known:
            return fresh
        return data.get("state") != "stopped" or server in self._were_ready


def _nothing(data: JsonObject) -> str:
    del data
    return ""


def _text(data: JsonObject, key: str, limit: int = 160) -> str:
    value = data.get(key)
    return escape_line(str(value), limit) if value is not None else ""


def _run_started(data: JsonObject) -> str:
    scripted = "  [SCRIPTED: no model thinks here]" if data.get("scripted") else ""
    return f"  agent {_text(data, 'agent')}, model {_text(data, 'model')}{scripted}"


def _server_state(data: JsonObject) -> str:
    detail = f": {_text(data, 'detail', 400)}" if data.get("detail") else ""
    tools = f", {data['tools']} tools" if data.get("tools") is not None else ""
    protocol = f"  (MCP {_text(data, 'protocol')}{tools})" if data.get("protocol") else ""
    asked = f"; it asked in vain: {_counted(data, 'asked')}" if data.get("asked") else ""
    dropped = f"; dropped: {_counted(data, 'dropped_messages')}" if data.get("dropped_messages") else ""
    return f"  server {_text(data, 'server')} {_text(data, 'state')}{protocol}{detail}{asked}{dropped}"


def _sandbox_state(data: JsonObject) -> str:
    # Notes of a sandbox that stands as declared are in the record and in `mcp check`, not in every run's way.
    lines = ["UNCONFINED: no wall stands around it"] if data.get("isolated") is False else []
    lines += [f"WALL DIFFERS: {difference}" for difference in _list(data, "differences")]
    return "\n".join(f"  {_text(data, 'server')}: {escape_line(line, 300)}" for line in lines)


def _message(data: JsonObject) -> str:
    return f"  model: {_text(data, 'text', 400)}" if data.get("text") and data.get("calls") else ""


def _address(data: JsonObject) -> str:
    return f"{_text(data, 'server')}.{_text(data, 'tool')}" if data.get("server") else _text(data, "name")


def _decided(data: JsonObject) -> str:
    if data.get("decision") == "allow":
        return ""
    if data.get("decision") == "ask" and data.get("approval"):
        return f"  ✓ {_address(data)}  approved by {_text(data, 'approval')}"
    reasons = [cast("JsonObject", reason) for reason in _list(data, "reasons")]
    said = "; ".join(f"[{_text(reason, 'gate')}] {_text(reason, 'text', 300)}" for reason in reasons)
    return f"  ✗ {_address(data)}  denied: {said}"


def _completed(data: JsonObject) -> str:
    outcome = data.get("outcome")
    if outcome == "denied":
        return ""
    sign = {"succeeded": "✓", "failed": "!", "in_doubt": "??"}.get(str(outcome), "?")
    took = f"  {data['duration_ms']} ms" if data.get("duration_ms") is not None else ""
    line = f"  {sign} {_address(data)}  {_text(data, 'outcome')}{took}"
    if outcome == "succeeded":
        return line
    reasons = [cast("JsonObject", reason) for reason in _list(data, "reasons")]
    return line + "".join(f"\n      {_text(reason, 'text', 300)}" for reason in reasons)


def _requested(data: JsonObject) -> str:
    return f"  ? {_address(data)}  asks for approval {_text(data, 'approval_id')} (rules: {_joined(data, 'rules')})"


def _pin(data: JsonObject) -> str:
    return f"  pin of {_address(data)}: {_text(data, 'pin')} since it was accepted; `gatehost mcp diff` shows it"


def _warning(data: JsonObject) -> str:
    lines = str(data.get("text") or "").split("\n")
    shown = [escape_line(line, 600) for line in lines[:_WARNING_LINES]]
    if len(lines) > _WARNING_LINES:
        shown.append(f"… {len(lines) - _WARNING_LINES:,} more lines")
    return ("  " if data.get("level") == "note" else "  warning: ") + "\n    ".join(shown)


def _list(data: JsonObject, key: str) -> list[JsonValue]:
    value = data.get(key)
    return value if isinstance(value, list) else []


def _object(data: JsonObject, key: str) -> JsonObject:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _counted(data: JsonObject, key: str) -> str:
    counts = _object(data, key).items()
    return escape_line(", ".join(f"{kind} ({count})" for kind, count in counts), 300)


def _joined(data: JsonObject, key: str) -> str:
    return escape_line(", ".join(str(item) for item in _list(data, key)), 200)


_LINES: dict[str, Callable[[JsonObject], str]] = {
    "run.started": _run_started,
    "server.state": _server_state,
    "sandbox.state": _sandbox_state,
    "message.completed": _message,
    "call.decided": _decided,
    "call.completed": _completed,
    "approval.requested": _requested,
    "pin.changed": _pin,
    "warning": _warning,
}
