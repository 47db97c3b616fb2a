"""A neutral view, written as the body of a Chat Completions request.

Decides: how each part of a conversation stands on this wire. Does not decide what a view contains, nor
how an answer is read (`chat_answer`).

Facts of this wire that shape it: a tool's answer is text only, so its images follow in a user message that
says so; there is no error flag, so a failed result says it in words; ids must be unique for calls and results
to be matched, while models repeat theirs; providers read the arguments of earlier calls as JSON, so one broken
call echoed raw would make every later request fail.
"""

import json
import re
from collections.abc import Iterable, Sequence

from adapters.interface import OfferedTool, View
from context.json_values import JsonObject, JsonValue
from context.messages import Image, Message, Text, ToolCall, ToolResult

_WIRE_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")


def request_body(view: View, *, model: str, limit_key: str) -> JsonObject:
    """The whole body.

    Args:
        limit_key: `max_tokens`, or `max_completion_tokens` where the provider wants that.
    """
    body: JsonObject = {
        "model": model,
        "messages": list[JsonValue](wire_messages(view)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if view.tools:
        body["tools"] = [_tool(tool) for tool in view.tools]
    if view.schema is not None:
        # Not strict: strict schemas must close every object and require every key, and the host validates anyway.
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": view.schema, "strict": False},
        }
    if view.max_output_tokens is not None:
        body[limit_key] = view.max_output_tokens
    return body


def wire_messages(view: View) -> list[JsonObject]:
    """The conversation in order, the standing instructions first."""
    ids = _wire_ids(view.messages)
    wire: list[JsonObject] = []
    images: list[JsonValue] = []
    if view.system:
        wire.append({"role": "system", "content": view.system})
    for message in view.messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        rest = [part for part in message.parts if not isinstance(part, ToolResult)]
        for result in results:
            wire.append(_result(result, ids))
            images.extend(_images_of(result))
        if not rest and results:
            continue
        # All results of one turn must follow its calls without a gap, so images wait for the last of them.
        _show_images(wire, images)
        wire.append(_message(message, rest, ids))
    _show_images(wire, images)
    return wire


def _message(message: Message, parts: Sequence[Text | Image | ToolCall], ids: dict[str, str]) -> JsonObject:
    text = message.text
    if message.role == "system":
        return {"role": "system", "content": text}
    if message.role == "assistant":
        calls: list[JsonValue] = [_call(part, ids) for part in parts if isinstance(part, ToolCall)]
        return {"role": "assistant", "content": text or None, "tool_calls": calls} if calls else {
            "role": "assistant",
            "content": text,
        }  # fmt: skip
    shown = [part for part in parts if isinstance(part, Text | Image)]
    if any(isinstance(part, Image) for part in shown):
        return {"role": "user", "content": [_part(part) for part in shown]}
    return {"role": "user", "content": text}


def _part(part: Text | Image) -> JsonValue:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}


def _call(call: ToolCall, ids: dict[str, str]) -> JsonValue:
    arguments: JsonObject = call.arguments if call.arguments is not None else {"malformed": call.malformed or ""}
    return {
        "id": ids[call.call_id],
        "type": "function",
        "function": {"name": _wire_name(call.name), "arguments": json.dumps(arguments, ensure_ascii=False)},
    }


def _result(result: ToolResult, ids: dict[str, str]) -> JsonObject:
    texts = [part.text for part in result.content if isinstance(part, Text)]
    count = sum(isinstance(part, Image) for part in result.content)
    if count:
        texts.append(f"({count} image{'s' if count > 1 else ''} of this result: see the message after the results)")
    text = "\n".join(texts) or "(no content)"
    return {
        "role": "tool",
        "tool_call_id": ids.get(result.call_id) or _wire_id(result.call_id),
        "content": f"The call failed: {text}" if result.is_error else text,
    }


def _images_of(result: ToolResult) -> Iterable[JsonValue]:
    images = [part for part in result.content if isinstance(part, Image)]
    if images:
        yield {"type": "text", "text": f"Images that the tool {_wire_name(result.name)} returned, as data:"}
        yield from map(_part, images)


def _show_images(wire: list[JsonObject], images: list[JsonValue]) -> None:
    if images:
        wire.append({"role": "user", "content": list(images)})
        images.clear()


def _wire_ids(messages: Iterable[Message]) -> dict[str, str]:
    """Our call id → the id on this wire: the model's own where it is usable and not taken yet, else ours."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for call in (part for message in messages for part in message.parts if isinstance(part, ToolCall)):
        own = call.provider_id
        ids[call.call_id] = own if _WIRE_ID.fullmatch(own) and own not in taken else _wire_id(call.call_id)
        taken.add(ids[call.call_id])
    return ids


def _wire_id(call_id: str) -> str:
    return _NOT_IN_A_NAME.sub("_", call_id)[-40:]


def _wire_name(name: str) -> str:
    """A name that a model invented may be none that a provider takes back; the result already told it so."""
    return _NOT_IN_A_NAME.sub("_", name)[:64] or "unknown"


def _tool(tool: OfferedTool) -> JsonValue:
    schema = dict(tool.definition.input_schema)
    if schema.get("type", "object") == "object":
        # Providers refuse an object schema without properties; MCP servers send one for a tool without arguments.
        schema = {"type": "object", "properties": {}, **schema}
    function: JsonObject = {"name": tool.name, "parameters": schema, "strict": False}
    if tool.definition.description:
        function["description"] = tool.definition.description
    return {"type": "function", "function": function}
