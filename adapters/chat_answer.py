"""The events of a Chat Completions stream, put together.

Decides: when an answer is complete, which calls it holds, why it stopped and what it used. Does not decide
where its bytes come from, nor whether a call may be made.

No call is handed out before the stream said why it stopped, and none at all when the model was cut by its
length or refused: half a list of calls is not what the model proposed, and a call cut before its arguments
would read as one without any.
"""

import json
from dataclasses import dataclass

from adapters.foreign_json import (
    NoJsonObject,
    count_at,
    object_at,
    objects_at,
    parse_object,
    text_at,
    well_formed,
)
from adapters.interface import CallReady, Completed, StopReason, Usage
from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line

CALL_LIMIT = 128
"""Calls in one answer."""

_LONGEST_NAME = 256
_STOPS: dict[str, StopReason] = {"length": "length", "content_filter": "refusal"}


class TooManyCalls(ValueError):
    """The answer proposes more than `CALL_LIMIT` calls."""


@dataclass(slots=True)
class _Call:
    order: int
    provider_id: str
    name: str
    pieces: list[str]


class ChatAnswer:
    """Takes chunks, gives text at once and the rest at the end."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._usage: Usage | None = None
        self._reason = ""
        self._refused = False
        self._half = ""
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    @property
    def finished(self) -> bool:
        """The stream said why it stopped."""
        return bool(self._reason)

    def take(self, chunk: JsonObject) -> str:
        """Fold one chunk in; the text it adds, possibly none. Unknown fields are ignored.

        Raises:
            TooManyCalls: beyond `CALL_LIMIT`.
        """
        self._model = text_at(chunk, "model") or self._model
        self._usage = _usage(object_at(chunk, "usage")) or self._usage
        said = ""
        for choice in objects_at(chunk, "choices"):
            if choice.get("index") not in (0, None):
                continue
            delta = object_at(choice, "delta")
            refusal = text_at(delta, "refusal")
            self._refused = self._refused or bool(refusal)
            said += _content(delta.get("content")) + refusal
            for piece in objects_at(delta, "tool_calls"):
                self._fold(piece)
            self._reason = text_at(choice, "finish_reason") or self._reason
        return self._whole(said)

    def calls(self) -> list[CallReady]:
        """The complete calls in the model's order; none unless the stream finished by proposing or stopping."""
        if not self.finished or self._stop() in ("length", "refusal"):
            return []
        return [_ready(call) for call in sorted(self._calls, key=lambda call: call.order)]

    def completed(self) -> Completed:
        """Why and how it ended."""
        return Completed(self._stop(), escape_line(self._model, _LONGEST_NAME), self._usage)

    def _stop(self) -> StopReason:
        if self._refused:
            return "refusal"
        return _STOPS.get(self._reason) or ("calls" if self._calls else "end")

    def _whole(self, text: str) -> str:
        """`text` in UTF-8's reach. Servers that cut by UTF-16 units put the halves of one character into two chunks."""
        text = self._half + text
        self._half = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return well_formed(text)

    def _fold(self, piece: JsonObject) -> None:
        function = object_at(piece, "function")
        name, provider_id = text_at(function, "name"), text_at(piece, "id")
        call = self._addressed(piece.get("index"), name, provider_id)
        call.provider_id = call.provider_id or provider_id
        # Some servers repeat the whole name in every chunk instead of adding to it.
        if name != call.name and len(call.name) <= _LONGEST_NAME:
            call.name += name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.pieces.append(arguments)
        elif isinstance(arguments, dict):
            call.pieces.append(json.dumps(arguments))

    def _addressed(self, index: JsonValue, name: str, provider_id: str) -> _Call:
        """The call that a delta adds to.

        Servers of this dialect leave the index out, or send 0 for every call; a new name under a new id is a new call.
        """
        if isinstance(index, int) and not isinstance(index, bool):
            known = self._by_index.get(index)
            if known is None or (name and provider_id and known.provider_id not in ("", provider_id)):
                known = self._by_index[index] = self._begin(index)
            return known
        if name or not self._calls:
            return self._begin(len(self._calls))
        return self._calls[-1]

    def _begin(self, order: int) -> _Call:
        if len(self._calls) >= CALL_LIMIT:
            raise TooManyCalls(f"the answer proposes more than {CALL_LIMIT} calls")
        call = _Call(order, "", "", [])
        self._calls.append(call)
        return call


def _ready(call: _Call) -> CallReady:
    # An id that long is none to echo; a name that long is none of ours, cut or whole.
    provider_id = well_formed(call.provider_id) if len(call.provider_id) <= _LONGEST_NAME else ""
    name = well_formed(call.name[:_LONGEST_NAME])
    written = "".join(call.pieces)
    if not written.strip():
        return CallReady(provider_id, name, {})
    try:
        return CallReady(provider_id, name, parse_object(_paired(written)))
    except NoJsonObject:
        return CallReady(provider_id, name, None, well_formed(written))


def _paired(text: str) -> str:
    """`text` with split surrogate pairs joined; unpaired ones stay, so that it is no JSON object."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _content(content: JsonValue) -> str:
    """The text of a delta; a few servers write a list of parts, whose reasoning parts are left out."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text_at(part, "text") for part in parts)


def _usage(usage: JsonObject) -> Usage | None:
    """Prompt tokens include the cached ones and completion tokens the reasoning ones, as in the neutral form."""
    sent, written = count_at(usage, "prompt_tokens"), count_at(usage, "completion_tokens")
    if sent is None and written is None:
        return None
    cached = count_at(object_at(usage, "prompt_tokens_details"), "cached_tokens")
    if cached is None:
        cached = count_at(usage, "prompt_cache_hit_tokens")
    reasoning = count_at(object_at(usage, "completion_tokens_details"), "reasoning_tokens")
    return Usage(sent or 0, written or 0, min(cached or 0, sent or 0), min(reasoning or 0, written or 0))
