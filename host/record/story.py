"""A run told from the record: who, when, what was decided about each call, and how it ended.

Decides: the order and wording of the story, and that all foreign text in it is escaped. Does not decide what
was recorded; an entry of a kind unknown here is shown with its fields, never left out.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from context.json_values import JsonObject, JsonValue
from context.runs import RunInfo
from context.visible_text import escape_line, quote
from host.argument_lines import argument_lines
from host.record.chain import Line
from host.record.contents import Content
from host.record.verify import Fault, Verdict

_VALUE_LIMIT = 300
_RESULT_LIMIT = 600


@dataclass(frozen=True, slots=True)
class ToldEntry:
    """A line with its contents, as far as they are kept; None for an erased one."""

    line: Line
    contents: Mapping[str, Content | None] = field(default_factory=dict[str, "Content | None"])

    @property
    def type(self) -> str:
        return str(self.line.fields.get("type"))

    @property
    def body(self) -> Mapping[str, Any]:
        body = self.line.fields.get("body")
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

    def as_json(self) -> JsonObject:
        """The line with `contents` opened: `{name: {"digest", "value"}}`, `erased` instead of a lost value."""
        opened: JsonObject = {}
        digests = self.line.fields.get("contents")
        for name, digest in digests.items() if isinstance(digests, dict) else ():
            content = self.contents.get(name)
            opened[name] = (
                {"digest": digest, "erased": True} if content is None else {"digest": digest, "value": content.read()}
            )
        return {**self.line.fields, "contents": opened} if opened else dict(self.line.fields)


def tell(run: RunInfo, entries: Iterable[ToldEntry], verdict: Verdict) -> list[str]:
    """The story, line by line. What `verdict` does not vouch for is marked, at its place and at both ends."""
    alarm = _alarm(verdict)
    lines = [
        *alarm,
        f"run {_one(run.run_id)}  {run.status}" + (f", exit {run.exit_code}" if run.exit_code is not None else ""),
    ]
    lines.append(f"  task     {_one(run.task)}")
    lines.append(f"  agent    {_one(run.agent)}   session {_one(run.session_id)}")
    model = run.flags.get("model")
    if model is not None:
        lines.append(f"  model    {_one(model)}")
    lines.append(f"  folder   {_one(run.folder)}")
    lines.append(f"  time     {run.started_at} to {run.ended_at or 'now'}   trace {_one(run.trace_id)}")
    count = 0
    for entry in entries:
        count += 1
        lines.append("")
        lines.append(f"{entry.line.n:>5}  {_one(entry.line.fields.get('ts'))}  {_one(entry.type)}{_subject(entry)}")
        if verdict.fault is not None and entry.line.n >= verdict.fault.n:
            lines.append(f"       {_mark(entry, verdict.fault)}")
        lines.extend(f"       {line}" for line in _TELLERS.get(entry.type, _plainly)(entry))
    lines += ["", f"{count} entries", *(alarm or ["the record verifies"])]
    return lines


def _alarm(verdict: Verdict) -> list[str]:
    if verdict.fault is None:
        return []
    return [f"!! THE RECORD DOES NOT VERIFY: {_one(verdict.fault.sentence(), 500)}. Do not trust it from there on."]


def _mark(entry: ToldEntry, fault: Fault) -> str:
    if entry.line.n == fault.n:
        return f"!! DOES NOT VERIFY ({fault.kind}): {_one(fault.detail)}"
    return f"!! not verified: it stands behind entry {fault.n}, which is wrong"


def _subject(entry: ToldEntry) -> str:
    body = entry.body
    if body.get("server") is not None and body.get("tool") is not None:
        return f"  {_one(body['server'])}.{_one(body['tool'])}"
    name = body.get("name") or body.get("server")
    return f"  {_one(name)}" if name is not None else ""


def _decision(entry: ToldEntry) -> list[str]:
    body = entry.body
    effect = f"   (effect: {_one(body['effect'])})" if body.get("effect") else ""
    lines = [f"decision: {_one(body.get('decision'))}{effect}"]
    lines += _contents(entry)
    lines += _reasons(body)
    approval = body.get("approval")
    if isinstance(approval, dict):
        lines.append(f"approved by {_one(cast('dict[str, Any]', approval).get('by'))}")
    if body.get("outcome") is not None:
        lines.append(f"outcome: {_one(body['outcome'])}")
    return lines + _rest(body, {"server", "tool", "name", "decision", "effect", "reasons", "approval", "outcome"})


def _approval(entry: ToldEntry) -> list[str]:
    body = entry.body
    by = f" by {_one(body['by'])}" if body.get("by") else ""
    lines = [f"approval {_one(body.get('approval_id'))}: {_one(body.get('status'))}{by}"]
    if body.get("refused"):
        lines.append(f"an attempt to answer ({_one(body.get('attempt'))}) was refused: {_one(body['refused'])}")
    lines += _contents(entry)
    known = {"server", "tool", "approval_id", "status", "by", "effect", "attempt", "refused"}
    return lines + _rest(body, known)


def _outcome(entry: ToldEntry) -> list[str]:
    body = entry.body
    took = f" after {body['duration_ms']} ms" if body.get("duration_ms") is not None else ""
    said = [f"outcome: {_one(body['outcome'])}{took}"] if body.get("outcome") is not None else []
    lines = [*said, *_reasons(body), *_contents(entry)]
    return lines + _rest(body, {"server", "tool", "name", "outcome", "duration_ms", "reasons"})


def _plainly(entry: ToldEntry) -> list[str]:
    return [*_rest(entry.body, {"server"}), *_contents(entry)]


_TELLERS: dict[str, Callable[[ToldEntry], list[str]]] = {
    "decision": _decision,
    "approval": _approval,
    "outcome": _outcome,
}


def _reasons(body: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for reason in _objects(body.get("reasons")):
        text = _one(reason.get("text"), 500)
        remedy = f". {_one(reason['remedy'], 500)}" if reason.get("remedy") else ""
        lines.append(f"because ({_one(reason.get('gate'))}): {text}{remedy}")
    return lines


def _contents(entry: ToldEntry) -> list[str]:
    lines: list[str] = []
    for name, content in entry.contents.items():
        if content is None:
            lines.append(f"{_one(name)}: erased")
            continue
        value = content.read()
        if name in {"result", "raw"}:
            said = "result" if name == "result" else "as it was sent"
            lines.append(f"{said}: {quote(_result_text(value), _RESULT_LIMIT)}")
        else:
            lines += argument_lines(value, _one(name), limit=_VALUE_LIMIT)
    return lines


def _result_text(value: JsonValue) -> str:
    blocks = _objects(value.get("content") if isinstance(value, dict) else None)
    texts = [str(block["text"]) for block in blocks if block.get("kind") == "text"]
    return "\n".join(texts) if texts else _compact(value)


def _rest(body: Mapping[str, Any], shown: set[str]) -> list[str]:
    return [
        f"{_one(key)}: {_one(_compact(value))}"
        for key, value in body.items()
        if key not in shown and value not in (None, [], {}, "")
    ]


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _one(value: Any, limit: int = _VALUE_LIMIT) -> str:
    text = str(value)
    left_out = len(text) - limit
    return escape_line(text[:limit]) + (f" … {left_out:,} more characters" if left_out > 0 else "")
