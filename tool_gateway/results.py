"""What a server answered, made fit to be read: capped, checked, escaped, labelled.

Decides: what of an answer a model and a person get to see, and which answers count as failed. Does not
decide what the label then forbids, nor keep the raw bytes (the record's content store does).

Everything in an answer is content from outside, its error texts too. No link in it is followed, no
type is believed (docs/threat-model.md rows 7, 19-24, 31-35).
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from context.calls import CallResult
from context.decisions import Reason
from context.json_values import JsonObject, JsonValue
from context.messages import Image, Text
from context.visible_text import escape, escape_line
from tool_gateway.interface import KnownTool, RawResult
from tool_gateway.schemas.compiled import CompiledSchema, UnusableSchema, compiled

GATE = "result"
MAX_DEPTH = 64
MAX_BLOCKS = 1_000
_SHOWN = 200


def finish(
    raw: RawResult, *, tool: KnownTool, output_schema: CompiledSchema | None = None
) -> tuple[CallResult, tuple[Reason, ...]]:
    """The result as it is shown, and the faults that make it failed (none for a good one).

    Args:
        output_schema: That of the pinned definition, when the caller has it compiled already.
    """
    fault = _limits_fault(raw, tool)
    if fault is not None:
        return CallResult((Text(f"[result withheld] {fault.sentence()}"),), is_error=True, label=tool.returns), (fault,)
    faults = tuple(_schema_faults(raw, tool, output_schema))
    content = tuple(_shown(block) for block in raw.content)
    structured = _visible(raw.structured) if raw.has_structured or raw.structured is not None else None
    if faults:
        notes = tuple(Text(f"[result fault] {fault.sentence()}") for fault in faults)
        return CallResult((*notes, *content), is_error=True, label=tool.returns), faults
    return CallResult(content, structured, is_error=raw.is_error, label=tool.returns), ()


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


# Content blocks, each to text or an image that is what it says.


def _shown(block: JsonObject) -> Text | Image:
    kind = block.get("type")
    shape = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        return _note(f"content of the unknown type {_word(kind)}, not shown")
    return shape(block)


def _text(block: JsonObject) -> Text:
    text = block.get("text")
    return Text(escape(text)) if isinstance(text, str) else _note("a text without text")


def _image(block: JsonObject) -> Text | Image:
    declared, data = block.get("mimeType"), block.get("data")
    raw = _decoded(data)
    if raw is None or not isinstance(data, str):
        return _note(f"an image ({_word(declared)}) that is no base64, not shown")
    found = _sniffed(raw)
    if found is None:
        return _note(f"an image ({_word(declared)}, {len(raw):,} bytes) of no known image format, not shown")
    if declared != found:
        return _note(f"an image declared as {_word(declared)} that is {found}, not shown")
    return Image(found, data)


def _audio(block: JsonObject) -> Text:
    raw = _decoded(block.get("data"))
    size = "no base64" if raw is None else f"{len(raw):,} bytes"
    return _note(f"audio ({_word(block.get('mimeType'))}, {size}), not shown")


def _resource_link(block: JsonObject) -> Text:
    return _note(f"resource link {_word(block.get('uri'))} not followed")


def _resource(block: JsonObject) -> Text:
    inner = block.get("resource")
    if not isinstance(inner, dict):
        return _note("a resource without content")
    uri, text = _word(inner.get("uri")), inner.get("text")
    if isinstance(text, str):
        return Text(f"[resource {uri}, as text]\n{escape(text)}")
    raw = _decoded(inner.get("blob"))
    size = "no base64" if raw is None else f"{len(raw):,} bytes"
    return _note(f"resource {uri} ({_word(inner.get('mimeType'))}, {size}), not shown")


_BLOCKS: dict[str, Callable[[JsonObject], Text | Image]] = {
    "text": _text,
    "image": _image,
    "audio": _audio,
    "resource_link": _resource_link,
    "resource": _resource,
}


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


def _word(value: object) -> str:
    return escape_line(value, _SHOWN) if isinstance(value, str) else "nothing said"


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
