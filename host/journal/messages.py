"""Messages as rows and back, exactly.

Decides: the stored form, one JSON object per message, its parts told apart by `kind`. Does not decide which
messages a model is shown.

Written by hand instead of derived: a message may hold what a strict encoder refuses (an unpaired surrogate, an
integer of any size), and it must come back unchanged.
"""

from typing import Any, cast

from context.errors import JournalError
from context.labels import Label
from context.messages import Image, Message, Part, Text, ToolCall, ToolResult
from host.journal.json_text import from_text, to_text


def to_row(message: Message) -> str:
    """The message as stored."""
    return to_text(
        {
            "message_id": message.message_id,
            "role": message.role,
            "integrity": message.label.integrity,
            "confidentiality": sorted(message.label.confidentiality),
            "parts": [_write(part) for part in message.parts],
        }
    )


def from_row(text: str) -> Message:
    """Raises: JournalError when the row was damaged."""
    stored = from_text(text)
    try:
        return Message(
            message_id=stored["message_id"],
            role=stored["role"],
            parts=tuple(_read(part) for part in stored["parts"]),
            label=Label(stored["integrity"], frozenset(stored["confidentiality"])),
        )
    except (KeyError, TypeError) as error:
        raise JournalError(f"a stored message is damaged: {error!r}") from error


def _write(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"kind": "text", "text": part.text}
        case Image():
            return {"kind": "image", "media_type": part.media_type, "data": part.data}
        case ToolCall():
            return {
                "kind": "tool_call",
                "call_id": part.call_id,
                "provider_id": part.provider_id,
                "name": part.name,
                "arguments": part.arguments,
                "malformed": part.malformed,
            }
        case ToolResult():
            return {
                "kind": "tool_result",
                "call_id": part.call_id,
                "provider_id": part.provider_id,
                "name": part.name,
                "content": [_write(item) for item in part.content],
                "is_error": part.is_error,
            }


def _read(stored: dict[str, Any]) -> Part:
    kind, fields = stored["kind"], {key: value for key, value in stored.items() if key != "kind"}
    match kind:
        case "text":
            return Text(**fields)
        case "image":
            return Image(**fields)
        case "tool_call":
            return ToolCall(**fields)
        case "tool_result":
            content = tuple(cast("Text | Image", _read(item)) for item in fields.pop("content"))
            return ToolResult(content=content, **fields)
        case _:
            raise JournalError(f"a stored message has a part of unknown kind {kind!r}")
