"""What a server answered, made fit to be read: capped, checked, escaped, redacted, labelled.

Decides: what of an answer a model and a person get to see, which answers count as failed, and what a finding adds to
the label. Does not decide what the label then forbids, nor what a secret is (`redaction`).

Everything in an answer is content from outside, its error texts too. No link in it is followed, no
type is believed (docs/threat-model.md rows 7, 19-24, 31-35).
"""

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from context.calls import CallResult
from context.decisions import Reason
from context.json_values import JsonObject, JsonValue
from context.labels import Label
from context.messages import Image, Text
from context.visible_text import escape, escape_line
from tool_gateway.interface import KnownTool, RawResult
from tool_gateway.redaction.redactor import Finding, Redactor, merge
from tool_gateway.schemas.compiled import CompiledSchema, UnusableSchema, compiled

GATE = "result"
MAX_DEPTH = 64
MAX_BLOCKS = 1_000
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Finished:
    """A result, fit to be kept and shown.

    Attributes:
        faults: What makes it failed; none for a good one.
        findings: Secrets and personal data that were in it; those that an exception left there are marked.
        raw: Where escaping changed anything, the same texts and structured content as they were sent, redacted: for the
            record's erasable contents, never for a screen or a model. `{"content": [{"kind", "text"}], "structured"}`.
    """

    result: CallResult
    faults: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()
    raw: JsonObject | None = None


def finish(
    raw: RawResult,
    *,
    tool: KnownTool,
    output_schema: CompiledSchema | None = None,
    redactor: Redactor | None = None,
    label: Literal["found", "left"] = "left",
) -> Finished:
    """The result as it is shown, and the faults that make it failed.

    Args:
        output_schema: That of the pinned definition, when the caller has it compiled already.
        redactor: Of the run. Without one nothing is hidden.
        label: Which findings add `secret` or `pii` to the label (`RedactionSettings.label`).
    """
    fault = _limits_fault(raw, tool)
    if fault is not None:
        text = f"[result withheld] {fault.sentence()}"
        return Finished(CallResult((Text(text),), is_error=True, label=tool.returns), (fault,))
    reader = _Reader(tool, redactor)
    structured = None
    if raw.has_structured or raw.structured is not None:
        structured = reader.structured(raw.structured)
    hidden = any(not finding.excepted for finding in reader.findings)
    faults = tuple(reader.fault(fault, vague=hidden) for fault in _schema_faults(raw, tool, output_schema))
    content = tuple(reader.block(block, index) for index, block in enumerate(raw.content))
    findings = merge(reader.findings)
    joined = tool.returns.join(_label_of(findings, label))
    sent = _as_sent(raw, reader) if reader.escaped else None
    if faults:
        notes = tuple(Text(f"[result fault] {fault.sentence()}") for fault in faults)
        return Finished(CallResult((*notes, *content), is_error=True, label=joined), faults, findings, sent)
    return Finished(CallResult(content, structured, is_error=raw.is_error, label=joined), (), findings, sent)


def _as_sent(raw: RawResult, shown: "_Reader") -> JsonObject:
    """What was shown, without the escapes. As large as an answer may be: one beyond its limit never gets here."""
    reader = _AsSent(shown)
    parts = [reader.block(block, index) for index, block in enumerate(raw.content)]
    kept: JsonObject = {"content": [{"kind": "text", "text": part.text} for part in parts if isinstance(part, Text)]}
    if raw.has_structured or raw.structured is not None:
        kept["structured"] = reader.structured(raw.structured)
    return kept


def _label_of(findings: Sequence[Finding], which: Literal["found", "left"]) -> Label:
    groups: set[str] = {finding.group for finding in findings if which == "found" or finding.excepted}
    return Label("trusted", frozenset(groups))


def _limits_fault(raw: RawResult, tool: KnownTool) -> Reason | None:
    if len(raw.content) > MAX_BLOCKS:
        return Reason(
            GATE,
            "result_too_large",
            f"the result of {tool.ref} has {len(raw.content):,} parts; the limit is {MAX_BLOCKS:,}",
        )
    size = 0
    for part in (*raw.content, raw.structured):
        measured = _size(part)
        if measured is None:
            return Reason(GATE, "result_too_deep", f"the result of {tool.ref} is nested deeper than {MAX_DEPTH} levels")
        size += measured
    if size <= tool.result_bytes:
        return None
    return Reason(
        GATE,
        "result_too_large",
        f"the result of {tool.ref} has {size:,} bytes; its limit is {tool.result_bytes:,} (limits.result_bytes)",
        remedy="Ask for less, for example with a filter, a range or a page",
    )


def _size(value: object) -> int | None:
    """Bytes of text in `value`, a little for each value besides; None when it is nested too deeply."""
    size = 0
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                size += len(item) if item.isascii() else len(item.encode("utf-8", "surrogatepass"))
            elif isinstance(item, Mapping):
                for key, held in cast("Mapping[str, object]", item).items():
                    size += len(key.encode("utf-8", "surrogatepass"))
                    below.append(held)
            elif isinstance(item, list | tuple):
                below.extend(cast("Iterable[object]", item))
            elif item is not None:
                size += 4
        if not below:
            return size
        size += len(below)
        level = below
    return None


def _schema_faults(raw: RawResult, tool: KnownTool, known: CompiledSchema | None) -> Iterable[Reason]:
    declared = tool.definition.output_schema
    if raw.is_error or (known is None and declared is None):
        return  # an error need not have the form of an answer (MCP 2025-11-25, server/tools, "Output schema")
    try:
        schema = known or compiled(cast("JsonObject", declared))
    except UnusableSchema as exc:
        yield Reason(GATE, "unusable_schema", f"the output schema of {tool.ref} cannot be used: {exc}")
        return
    if not raw.has_structured and raw.structured is None:
        yield Reason(
            GATE, "structured_missing", f"{tool.ref} declares an output schema and returned no structured content"
        )
    elif not schema.accepts(raw.structured):
        for path, message in schema.explain(raw.structured):
            place = f"structured content, {path}" if path else "the structured content"
            yield Reason(GATE, "structured_invalid", f"{tool.ref}: {place} {message}", path=path or None)


class _Reader:
    """Content blocks, each to text or an image that is what it says; texts escaped, redacted, and only then cut.

    Attributes:
        findings: Of all texts so far.
        escaped: Something hidden was made visible.
    """

    def __init__(self, tool: KnownTool, redactor: Redactor | None) -> None:
        self.tool = tool
        self.redactor = redactor
        self._place = "content"
        self.findings: list[Finding] = []
        self.escaped = False

    def block(self, block: JsonObject, index: int) -> Text | Image:
        self._place = f"content[{index}]"
        kind = block.get("type")
        match kind:
            case "text":
                text = block.get("text")
                return Text(self._said(text)) if isinstance(text, str) else _note("a text without text")
            case "image":
                return self._image(block)
            case "audio":
                raw = _decoded(block.get("data"))
                size = "no base64" if raw is None else f"{len(raw):,} bytes"
                return _note(f"audio ({self._word(block.get('mimeType'))}, {size}), not shown")
            case "resource_link":
                return _note(f"resource link {self._word(block.get('uri'))} not followed")
            case "resource":
                return self._resource(block)
            case _:
                return _note(f"content of the unknown type {self._word(kind)}, not shown")

    def structured(self, value: JsonValue) -> JsonValue:
        visible = _visible(value)
        self.escaped = self.escaped or visible != value
        shown, findings = self._redacted_value(visible)
        self.findings.extend(findings)
        return shown

    def fault(self, fault: Reason, *, vague: bool) -> Reason:
        """A fault of what was really sent. It may quote that, cut: of hidden values no beginning may stay."""
        if vague and fault.code == "structured_invalid":
            text = f"{self.tool.ref}: the structured content does not fit its schema; it holds something hidden"
            return replace(fault, text=text, path=None)
        self._place = "fault"
        return replace(fault, text=self._clean(fault.text), path=self._clean(fault.path) if fault.path else None)

    def _image(self, block: JsonObject) -> Text | Image:
        declared, data = block.get("mimeType"), block.get("data")
        raw = _decoded(data)
        if raw is None or not isinstance(data, str):
            return _note(f"an image ({self._word(declared)}) that is no base64, not shown")
        found = _sniffed(raw)
        if found is None:
            return _note(f"an image ({self._word(declared)}, {len(raw):,} bytes) of no known image format, not shown")
        if declared != found:
            return _note(f"an image declared as {self._word(declared)} that is {found}, not shown")
        return Image(found, data)

    def _resource(self, block: JsonObject) -> Text:
        inner = block.get("resource")
        if not isinstance(inner, dict):
            return _note("a resource without content")
        uri, text = self._word(inner.get("uri")), inner.get("text")
        if isinstance(text, str):
            return Text(f"[resource {uri}, as text]\n{self._said(text)}")
        raw = _decoded(inner.get("blob"))
        size = "no base64" if raw is None else f"{len(raw):,} bytes"
        return _note(f"resource {uri} ({self._word(inner.get('mimeType'))}, {size}), not shown")

    def _word(self, value: object) -> str:
        if not isinstance(value, str):
            return "nothing said"
        said = self._said(value)
        self.escaped = self.escaped or escape_line(said) != said
        return escape_line(said, _SHOWN)

    def _said(self, text: str) -> str:
        visible = escape(text)
        self.escaped = self.escaped or visible != text
        return self._clean(visible)

    def _clean(self, text: str) -> str:
        shown, findings = self._redacted(text)
        self.findings.extend(findings)
        return shown

    def _redacted(self, text: str) -> tuple[str, Sequence[Finding]]:
        if self.redactor is None:
            return text, ()
        done = self.redactor.redact(
            text, server=self.tool.ref.server, unredacted=self.tool.rule.unredacted, place=self._place
        )
        return done.text, done.findings

    def _redacted_value(self, value: JsonValue) -> tuple[JsonValue, Sequence[Finding]]:
        if self.redactor is None:
            return value, ()
        done = self.redactor.redact_value(
            value, server=self.tool.ref.server, unredacted=self.tool.rule.unredacted, place="structured"
        )
        return done.value, done.findings


class _AsSent(_Reader):
    """The same blocks with their characters as they were sent: redacted, not escaped, not cut.

    A text in which less is found than in its visible form keeps that form: nothing that was hidden from people and
    models may stand in the record.
    """

    def __init__(self, shown: _Reader) -> None:
        super().__init__(shown.tool, shown.redactor)

    def structured(self, value: JsonValue) -> JsonValue:
        sent, found = self._redacted_value(value)
        visible, wanted = self._redacted_value(_visible(value))
        return sent if _covers(found, wanted) else visible

    def _word(self, value: object) -> str:
        return self._said(value) if isinstance(value, str) else "nothing said"

    def _said(self, text: str) -> str:
        sent, found = self._redacted(text)
        visible = escape(text)
        if visible == text:
            return sent
        shown, wanted = self._redacted(visible)
        return sent if _covers(found, wanted) else shown


def _covers(found: Sequence[Finding], wanted: Sequence[Finding]) -> bool:
    """Whether at least as much was hidden of every kind."""
    hidden = Counter[str]()
    for finding in found:
        if not finding.excepted:
            hidden[finding.kind] += finding.count
    return all(finding.excepted or hidden[finding.kind] >= finding.count for finding in wanted)


@dataclass(frozen=True, slots=True)
class _Format:
    media_type: str
    start: bytes
    at_eight: bytes = b""


_FORMATS = (
    _Format("image/png", b"\x89PNG\r\n\x1a\n"),
    _Format("image/jpeg", b"\xff\xd8\xff"),
    _Format("image/gif", b"GIF87a"),
    _Format("image/gif", b"GIF89a"),
    _Format("image/webp", b"RIFF", b"WEBP"),
)


def _sniffed(raw: bytes) -> str | None:
    """The media type that the first bytes show, of the formats that models take."""
    for known in _FORMATS:
        if raw.startswith(known.start) and raw[8:].startswith(known.at_eight):
            return known.media_type
    return None


def _decoded(data: object) -> bytes | None:
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def _note(text: str) -> Text:
    return Text(f"[{text}]")


def _visible(value: JsonValue) -> JsonValue:
    """Structured content with every text and key escaped. Keys that then coincide stay apart."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if isinstance(value, dict):
        shown: JsonObject = {}
        for key, item in value.items():
            name = escape(key)
            # A key that hides characters must not pass for, or replace, one that spells them out.
            while name in shown or (name != key and name in value):
                name += " (hidden)"
            shown[name] = _visible(item)
        return shown
    return value
