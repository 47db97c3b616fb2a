"""The journal's in-memory twin: the same behaviour for tests that need no disk.

Runs, messages, calls, approvals and events live in dictionaries; every change of a commit is checked before
the first is applied, so a bad one leaves nothing behind. `lose()` plays a take-over by another process.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from context.calls import ToolRef
from context.decisions import Reason
from context.errors import ConfigError, JournalError, LeaseLost
from context.events import TERMINAL, Event, utc_text
from context.ids import new_id
from context.json_values import JsonObject, JsonValue
from context.messages import Message, Text
from context.runs import FINISHED, CallState, RunInfo, RunStatus, StoredCall, check_call, check_run
from tool_gateway.interface import Approval, ApprovalChange, ApprovalRequest, CallChange, Change, Entry

_APPROVAL_STEPS = {"pending": {"approved", "denied", "expired"}, "approved": {"used", "expired"}}


@dataclass
class _Rows:
    info: RunInfo
    held: "MemoryRun | None" = None
    messages: list[Message] = field(default_factory=list)
    calls: dict[str, StoredCall] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


class MemoryJournal:
    """Implements `context.RunStore` and `context.Events`; `entries` is what was recorded."""

    def __init__(self, *, clock: Callable[[], float] = lambda: 1_700_000_000.0) -> None:
        self.clock = clock
        self.entries: list[Entry] = []
        self.broken = False
        self._runs: dict[str, _Rows] = {}

    def create_run(
        self,
        *,
        agent: str = "default",
        task: str = "",
        folder: str = "/",
        flags: JsonObject | None = None,
        trace_id: str = "0" * 31 + "1",
        run_id: str | None = None,
        session_id: str | None = None,
        parent_run_id: str | None = None,
        messages: Sequence[Message] = (),
        entries: Sequence[Entry] = (),
    ) -> "MemoryRun":
        if session_id is not None and all(rows.info.session_id != session_id for rows in self._runs.values()):
            raise ConfigError("there is no such session", where=f"session {session_id}")
        info = RunInfo(
            run_id=run_id or new_id("run"),
            session_id=session_id or new_id("ses"),
            status="running",
            agent=agent,
            task=task,
            folder=folder,
            flags=flags or {},
            trace_id=trace_id,
            started_at=utc_text(self.clock()),
            parent_run_id=parent_run_id,
            owner="memory",
        )
        rows = self._runs[info.run_id] = _Rows(info, messages=list(messages))
        rows.held = MemoryRun(self, rows)
        self.entries.extend(entries)
        return rows.held

    def take(self, run_id: str) -> "MemoryRun":
        rows = self._rows(run_id)
        if rows.info.status in FINISHED:
            raise ConfigError(f"is {rows.info.status}", where=f"run {run_id}")
        if rows.held is not None:
            raise ConfigError("is being carried out by another process", where=f"run {run_id}")
        if rows.info.status != "running":
            check_run(rows.info.status, "running")
        rows.info = replace(rows.info, status="running", ended_at=None, exit_code=None, owner="memory")
        rows.held = MemoryRun(self, rows)
        return rows.held

    def lose(self, run_id: str) -> None:
        """Another process takes the run: the handle that was given out fails from now on."""
        self._rows(run_id).held = None

    def load_run(self, run_id: str) -> RunInfo:
        return self._rows(run_id).info

    def list_runs(self, *, limit: int = 100) -> list[RunInfo]:
        return [rows.info for rows in reversed(self._runs.values())][:limit]

    def latest_session(self, folder: str) -> str | None:
        return next((info.session_id for info in self.list_runs(limit=10**6) if info.folder == folder), None)

    def messages(self, run_id: str) -> list[Message]:
        session = self._rows(run_id).info.session_id
        found: list[Message] = []
        for rows in self._runs.values():
            if rows.info.session_id == session:
                found += rows.messages
            if rows.info.run_id == run_id:
                break
        return found

    def calls(self, run_id: str) -> list[StoredCall]:
        return sorted(self._rows(run_id).calls.values(), key=lambda call: call.position)

    def events(self, run_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        return [event for event in self._rows(run_id).events if event.seq > after][:limit]

    def append_messages(self, run_id: str, messages: Sequence[Message], *, turn: int) -> None:
        self._held(run_id).append_messages(messages, turn=turn)

    def set_status(
        self,
        run_id: str,
        status: RunStatus,
        *,
        exit_code: int | None = None,
        answer: str | None = None,
        flags: JsonObject | None = None,
    ) -> None:
        self._held(run_id).set_status(status, exit_code=exit_code, answer=answer, flags=flags)

    def append(self, event: Event) -> Event:
        return self._held(event.run_id).append(event)

    async def tail(self, run_id: str, *, after: int = 0) -> AsyncGenerator[Event, None]:
        rows = self._rows(run_id)
        while True:
            for event in self.events(run_id, after=after):
                after = event.seq
                yield event
            if rows.events and rows.events[-1].seq == after and rows.events[-1].type in TERMINAL:
                return
            await anyio.sleep(0.001)

    def answer(self, approval_id: str, *, granted: bool, by: str, note: str | None = None) -> Approval:
        for rows in self._runs.values():
            for approval in rows.approvals.values():
                if approval.request.approval_id == approval_id:
                    if approval.status != "pending" or approval.request.expires <= self.clock():
                        raise ConfigError(f"is {approval.status} already", where=f"approval {approval_id}")
                    answered = replace(approval, status="approved" if granted else "denied", by=by, note=note)
                    rows.approvals[approval.request.call_id] = answered
                    return answered
        raise ConfigError("there is no such approval", where=f"approval {approval_id}")

    def _rows(self, run_id: str) -> _Rows:
        if run_id not in self._runs:
            raise ConfigError("there is no such run", where=f"run {run_id}")
        return self._runs[run_id]

    def _held(self, run_id: str) -> "MemoryRun":
        held = self._rows(run_id).held
        if held is None:
            raise LeaseLost("this process does not carry this run out", where=f"run {run_id}")
        return held


class MemoryRun:
    """One run under its lease; implements `tool_gateway.Journal`. `durable` lists the changes of durable commits."""

    def __init__(self, journal: MemoryJournal, rows: _Rows) -> None:
        self._journal = journal
        self._rows = rows
        self._listeners: list[Callable[[Event], None]] = []
        self.durable: list[tuple[Change, ...]] = []

    @property
    def run_id(self) -> str:
        return self._rows.info.run_id

    @property
    def session_id(self) -> str:
        return self._rows.info.session_id

    @property
    def turns(self) -> int:
        return self._rows.info.turns

    def info(self) -> RunInfo:
        return self._rows.info

    def messages(self) -> list[Message]:
        return self._journal.messages(self.run_id)

    def calls(self) -> list[StoredCall]:
        return self._journal.calls(self.run_id)

    def unsettled_calls(self) -> list[StoredCall]:
        return [call for call in self.calls() if call.state in {"intended", "awaiting_input"}]

    def approval(self, call_id: str) -> Approval | None:
        return self._rows.approvals.get(call_id)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def commit(
        self, *changes: Change, events: Sequence[Event] = (), entries: Sequence[Entry] = (), durable: bool = False
    ) -> None:
        self._apply(changes, events, entries)
        if durable:
            self.durable.append(changes)

    def _apply(self, changes: Sequence[Change], events: Sequence[Event], entries: Sequence[Entry]) -> None:
        self._check()
        rows = self._rows
        tried = replace(rows, calls=dict(rows.calls), keys=dict(rows.keys), approvals=dict(rows.approvals))
        for change in changes:
            _apply(tried, change)
        self._rows.calls, self._rows.keys, self._rows.approvals = tried.calls, tried.keys, tried.approvals
        self._journal.entries.extend(entries)
        for event in events:
            self.append(event)

    def change_call(self, change: CallChange, *, events: Sequence[Event] = (), entries: Sequence[Entry] = ()) -> None:
        self._apply((change,), events, entries)

    def append(self, event: Event, *, entries: Sequence[Entry] = ()) -> Event:
        self._check()
        self._journal.entries.extend(entries)
        events = self._rows.events
        last = events[-1].seq if events else 0
        stored = event.type != "message.delta"
        numbered = replace(event, seq=last + stored, ts=event.ts or utc_text(self._journal.clock()))
        if stored:
            events.append(numbered)
        for listener in tuple(self._listeners):
            listener(numbered)
        return numbered

    def append_messages(self, messages: Sequence[Message], *, turn: int) -> None:
        del turn
        self._check()
        self._rows.messages.extend(messages)

    def store_turn(
        self, turn: int, message: Message, calls: Sequence[StoredCall], events: Sequence[Event] = ()
    ) -> None:
        self.append_messages((message,), turn=turn)
        self._rows.calls.update((call.call_id, call) for call in calls)
        self._rows.info = replace(self._rows.info, turns=turn)
        for event in events:
            self.append(event)

    def store_results(self, turn: int, message: Message, events: Sequence[Event] = ()) -> None:
        self.append_messages((message,), turn=turn)
        for event in events:
            self.append(event)

    def set_status(
        self,
        status: RunStatus,
        *,
        exit_code: int | None = None,
        answer: str | None = None,
        flags: JsonObject | None = None,
        events: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> None:
        self._check()
        info = self._rows.info
        check_run(info.status, status)
        self._rows.info = replace(
            info,
            status=status,
            exit_code=exit_code,
            answer=answer if answer is not None else info.answer,
            flags=flags if flags is not None else info.flags,
            ended_at=None if status == "running" else utc_text(self._journal.clock()),
        )
        self._journal.entries.extend(entries)
        for event in events:
            self.append(event)

    def renew(self) -> None:
        self._check()

    async def keep(self) -> None:
        await anyio.sleep_forever()

    def close(self) -> None:
        if self._rows.held is self:
            self._rows.held = None
            self._rows.info = replace(self._rows.info, owner=None)

    def __enter__(self) -> "MemoryRun":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if self._journal.broken:
            raise JournalError("cannot be written, so nothing goes out", where="journal (memory)")
        if self._rows.held is not self:
            raise LeaseLost("another process has taken this run over", where=f"run {self.run_id}")


def _apply(rows: _Rows, change: Change) -> None:
    if isinstance(change, ApprovalChange):
        approval = change.approval
        known = rows.approvals.get(approval.request.call_id)
        if known is None or known.request.approval_id != approval.request.approval_id:
            if approval.status != "pending":
                raise JournalError("was never asked for", where=f"approval {approval.request.approval_id}")
        elif approval.status not in _APPROVAL_STEPS.get(known.status, set()):
            raise JournalError(f"cannot become {approval.status}", where=f"approval {approval.request.approval_id}")
        rows.approvals[approval.request.call_id] = approval
        return
    call = rows.calls.get(change.call_id)
    if call is None:
        raise JournalError("there is no such call in this run", where=f"call {change.call_id}")
    check_call(call.state, change.state)
    if change.key is not None and rows.keys.setdefault(change.key, change.call_id) != change.call_id:
        raise JournalError("this very call went out before", where=f"call {change.call_id}")
    rows.calls[change.call_id] = _changed(call, change)


def _changed(call: StoredCall, change: CallChange) -> StoredCall:
    known = ("effect", "arguments", "decision", "reasons", "result", "legs", "duration_ms", "approval")
    said = {name: value for name in known if (value := getattr(change, name)) is not None}
    if change.ref is not None:
        said |= {"server": change.ref.server, "tool": change.ref.tool}
    return replace(call, state=change.state, **said)


# Rows in one line, for tests of the real journal and of this one.


def user_message(text: str = "look at the log") -> Message:
    return Message(new_id("msg"), "user", (Text(text),))


def proposed_call(run_id: str, position: int = 0, *, arguments: JsonObject | None = None, turn: int = 1) -> StoredCall:
    """A call as a stored turn holds it; its id is `RUN.call.POSITION`."""
    return StoredCall(
        call_id=f"{run_id}.call.{position}",
        run_id=run_id,
        turn=turn,
        position=position,
        provider_id="toolu_1",
        name="git__git_log",
        server=None,
        tool=None,
        effect=None,
        state="proposed",
        arguments=arguments if arguments is not None else {"repo": "/repo", "n": position},
    )


def intent(call: StoredCall, *, effect: str = "write", key: str | None = None) -> CallChange:
    return CallChange(
        call.call_id,
        "intended",
        ref=ToolRef("git", "git_log"),
        effect=effect,
        arguments=call.arguments,
        decision="allow",
        reasons=({"gate": "scope", "code": "in_scope", "text": "the agent has this tool"},),
        key=key or f"key:{call.call_id}",
        legs=call.legs + 1,
    )


def outcome(call: StoredCall, state: CallState = "succeeded", text: str = "3 commits") -> CallChange:
    result: JsonObject = {"content": [{"kind": "text", "text": text}], "structured": None, "is_error": False}
    return CallChange(call.call_id, state, result=result, duration_ms=1.5)


def asked(call: StoredCall, *, expires: float, approval_id: str | None = None) -> Approval:
    """An open approval request for the call."""
    return Approval(
        ApprovalRequest(
            approval_id=approval_id or new_id("apr"),
            run_id=call.run_id,
            call_id=call.call_id,
            agent="default",
            ref=ToolRef("git", "git_commit"),
            effect="write",
            arguments={"message": "fix", "files": [{"path": "a.txt"}, {"path": "b.txt"}]},
            binding="sha256:" + "b" * 64,
            rules=("effect:write",),
            reasons=(Reason("approval", "effect", "it writes"),),
            expires=expires,
        ),
        "pending",
    )


def an_entry(run_id: str, kind: str = "decision", **contents: JsonValue) -> Entry:
    return Entry(
        entry_id=new_id("ent"),
        type=kind,
        run_id=run_id,
        ts="2026-11-20T12:00:00.000Z",
        body={"server": "git", "tool": "git_log", "decision": "allow", "reasons": []},
        ids={"agent": "default", "call_id": f"{run_id}.call.0"},
        contents=contents,
    )
