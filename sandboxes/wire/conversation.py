"""One JSON-RPC conversation with one server: which of its messages may reach the MCP SDK.

Decides: whether an answer belongs to a request that is open, with an id of the same JSON type; which progress,
notices and requests pass, and how many; that listings are repaired; and that a refused answer becomes an error
for its caller at once. Does not decide what is well formed (`decoder`), nor move bytes (`transport`). No I/O;
the clock is handed in.

Everything that is kept from the SDK, and what a server asks in return, is counted in `WireCounts`
(docs/threat-model.md rows 11, 25-30, 36, 45-50, 54).
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from context.json_values import JsonObject, JsonValue
from context.visible_text import escape_line
from sandboxes.interface import WireCounts
from sandboxes.wire.decoder import Answer, Decoded, Fault, RequestId, WireLimits
from sandboxes.wire.listing import repair_page

ANSWER_REFUSED = -32010
"""Code of the error that stands in for an answer we refused. In JSON-RPC's implementation-defined band, used by
neither MCP nor its SDK. The server did answer, so the call's outcome is `failed`, not `in_doubt`."""

_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_RELISTED_BY = {
    "notifications/tools/list_changed": "tools/list",
    "notifications/prompts/list_changed": "prompts/list",
    "notifications/resources/list_changed": "resources/list",
}
_ASKED = frozenset(
    {
        "sampling/createMessage",
        "elicitation/create",
        "roots/list",
        "tasks/get",
        "tasks/list",
        "tasks/result",
        "tasks/cancel",
    }
)
_OTHER = "another method"
"""Counted under one name: a method is the server's text, and what is counted here goes into the record."""

_REMEMBERED = 1024
_DROPPED_TOOLS = 256

_Key: TypeAlias = tuple[type, RequestId]
"""An id with its type: the texts "1" and the number 1 are two ids, whatever a client library makes of them."""


@dataclass(slots=True)
class _Request:
    id: RequestId
    method: str
    cursor: str | None
    token: RequestId | None


@dataclass(slots=True)
class _Notice:
    """A list-changed notice of one kind: delivered and not yet acted on, or held back for its time."""

    list_method: str
    last: float
    pending: bool = True
    held: JsonObject | None = None


class Conversation:
    """Judges each message in both directions, in order. One per connection.

    Args:
        server: The configured name, for error texts.
        counts: Grows with everything that is refused.
        output_schemas: Filled with what listings had (see `listing`).
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        server: str,
        counts: WireCounts,
        output_schemas: dict[str, JsonObject],
        limits: WireLimits,
        clock: Callable[[], float],
    ) -> None:
        self.server = server
        self._counts = counts
        self._schemas = output_schemas
        self._limits = limits
        self._clock = clock
        self._open: OrderedDict[_Key, _Request] = OrderedDict()
        self._settled: OrderedDict[_Key, str] = OrderedDict()
        self._asked_of_us: set[str] = set()
        self._pages: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._notices: OrderedDict[tuple[str, _Key | None], _Notice] = OrderedDict()
        self._handshaken = False
        self._tokens = float(limits.unasked_per_second * 2)
        self._refilled = clock()
        self._noise = 0.0
        self._noise_since = clock()

    def sent(self, *, request_id: RequestId | None, method: str | None, params: JsonObject | None) -> None:
        """Note a message of ours, before its bytes go out: a request, a notification, or (no method) an answer."""
        if method is None:
            self._asked_of_us.discard(str(request_id))
        elif request_id is not None:
            cursor = params.get("cursor") if params else None
            self._open[_key(request_id)] = _Request(
                request_id, method, cursor if isinstance(cursor, str) else None, _token(params)
            )
            self._settled.pop(_key(request_id), None)
            if cursor is None:
                for notice in self._notices.values():
                    notice.pending = notice.pending and notice.list_method != method
            while len(self._open) > _REMEMBERED:
                self._settle(next(iter(self._open)), "a forgotten request")
        elif method == "notifications/cancelled" and params is not None:
            given = params.get("requestId")
            if isinstance(given, int | str) and _key(given) in self._open:
                self._settle(_key(given), "a cancelled request")

    def received(self, item: Decoded, *, size: int = 0) -> JsonObject | None:
        """What the SDK may see instead of `item`: the message, a repaired one, an error, or nothing.

        Args:
            size: Bytes it came in, so that refused ones can slow their sender down.
        """
        if isinstance(item, Fault):
            return self._fault(item, size)
        if "method" not in item:
            return self._answer(item, size)
        method = str(item["method"])
        if "id" in item:
            return self._request(item, method, size)
        return self._notification(item, method, size)

    def due(self) -> list[JsonObject]:
        """Notices that were held back and whose time has come."""
        now, ready = self._clock(), list[JsonObject]()
        for notice in self._notices.values():
            if notice.held is not None and now - notice.last >= self._limits.relist_seconds:
                ready.append(notice.held)
                notice.held, notice.pending, notice.last = None, True, now
        return ready

    def next_due(self) -> float | None:
        """Seconds until `due` has something, or None when nothing is held back."""
        waits = [notice.last for notice in self._notices.values() if notice.held is not None]
        return max(0.0, min(waits) + self._limits.relist_seconds - self._clock()) if waits else None

    def pause(self) -> float:
        """Seconds that reading should rest, because the server wrote more refused output than a second allows."""
        now = self._clock()
        if self._noise <= self._limits.noise_per_second:
            return 0.0
        return max(0.0, self._noise_since + self._noise / self._limits.noise_per_second - now)

    def discarded(self, size: int) -> None:
        """Note bytes of an over-long line that were thrown away."""
        self._make_noise(size / 65536)

    def _fault(self, fault: Fault, size: int) -> JsonObject | None:
        self._refuse(fault.reason, size, kind="a malformed message", message=fault.message)
        request = self._meant(fault.answer)
        return None if request is None else self._error(request, fault.reason)

    def _meant(self, answer: Answer | None) -> _Request | None:
        if answer is None:
            return None
        if answer.id is not None:
            return self._open.get(_key(answer.id))
        return next(iter(self._open.values())) if len(self._open) == 1 else None

    def _error(self, request: _Request, reason: str) -> JsonObject:
        self._settle(_key(request.id), "an answer that was refused")
        text = f"server {self.server}: its answer to {request.method} was refused: {reason}"
        return {"jsonrpc": "2.0", "id": request.id, "error": {"code": ANSWER_REFUSED, "message": text}}

    def _answer(self, item: JsonObject, size: int) -> JsonObject | None:
        given = item["id"]
        if not isinstance(given, int | str):
            return self._refuse("an error that names no request", size)
        request = self._open.get(_key(given))
        if request is None:
            reason, kind = self._why_unknown(given)
            return self._refuse(reason, size, kind=kind)
        if "result" not in item:
            self._settle(_key(given), "an answered request")
            return item
        result = item["result"]
        if request.method == "tools/list" and isinstance(result, dict):
            repaired = self._repair(result, request)
            if isinstance(repaired, str):
                self._refuse(repaired, size, kind="a malformed listing")
                return self._error(request, repaired)
            item = {**item, "result": repaired}
        elif request.method == "initialize":
            self._handshaken = True
        self._settle(_key(given), "an answered request")
        return item

    def _why_unknown(self, given: RequestId) -> tuple[str, str]:
        """The reason and its kind."""
        if (before := self._settled.get(_key(given))) is not None:
            return f"an answer to {before}, id {_shown(given)}", f"an answer to {before}"
        other: RequestId | None = str(given) if isinstance(given, int) else _as_integer(given)
        if other is not None and _key(other) in self._open:
            text = f"an answer to id {_shown(given)}, while {_shown(other)} was asked"
            return text, "an answer with an id of another type"
        return f"an answer to an unknown request, id {_shown(given)}", "an answer to an unknown request"

    def _repair(self, result: JsonObject, request: _Request) -> JsonObject | str:
        earlier = self._pages.get(request.cursor, frozenset[str]()) if request.cursor is not None else frozenset[str]()
        page = repair_page(result, earlier=earlier, limit=self._limits.listed_tools)
        if isinstance(page, str):
            return page
        if request.cursor is None:
            self._schemas.clear()
        self._schemas.update(page.output_schemas)
        cursor = result.get("nextCursor")
        if isinstance(cursor, str):
            self._pages[cursor] = page.names
            _shorten(self._pages, 64)
        for name, why in page.dropped.items():
            self._counts.last_fault = f"tool {name} was dropped: {why}"
            if name in self._counts.dropped_tools or len(self._counts.dropped_tools) < _DROPPED_TOOLS:
                self._counts.dropped_tools[name] = why
        return page.result

    def _request(self, item: JsonObject, method: str, size: int) -> JsonObject | None:
        if method != "ping":  # a sign of life, which is answered
            known = method if method in _ASKED else _OTHER
            self._counts.asked[known] = self._counts.asked.get(known, 0) + 1
        fault = self._request_fault(str(item["id"]))
        if fault is not None:
            shown = escape_line(method, 64)
            return self._refuse(f"a request ({shown}) {fault}", size, kind=f"a request {fault}")
        self._asked_of_us.add(str(item["id"]))
        return item

    def _request_fault(self, key: str) -> str | None:
        if not self._handshaken:
            return "before the handshake, or without one"
        if key in self._asked_of_us:
            return "with an id that is still open"
        if len(self._asked_of_us) >= self._limits.open_requests:
            return f"beyond {self._limits.open_requests} open ones"
        if not self._take_token():
            return f"beyond {self._limits.unasked_per_second} per second"
        return None

    def _notification(self, item: JsonObject, method: str, size: int) -> JsonObject | None:
        params = item.get("params")
        params = params if isinstance(params, dict) else {}
        if method in _RELISTED_BY:
            return self._list_changed(item, method, params, size)
        if method == "notifications/subscriptions/acknowledged" and _subscription(params) not in self._open:
            return self._refuse("an acknowledgement of an unknown subscription", size)
        if method == "notifications/progress":
            given = params.get("progressToken")
            if not isinstance(given, int | str) or not self._is_token(given):
                return self._refuse("progress for a request that is not open", size)
        if method == "notifications/cancelled":
            self._asked_of_us.discard(str(params.get("requestId")))
        if not self._take_token():
            text = f"a notification beyond {self._limits.unasked_per_second} per second"
            return self._refuse(text, size)
        return item

    def _list_changed(self, item: JsonObject, method: str, params: JsonObject, size: int) -> JsonObject | None:
        """One notice that nobody has acted on yet is enough; a change after the newest listing is never lost."""
        key, now = (method, _subscription(params)), self._clock()
        notice = self._notices.get(key)
        if notice is None:
            self._notices[key] = _Notice(_RELISTED_BY[method], now)
            _shorten(self._notices, 64)
            return item
        if notice.pending or notice.held is not None:
            return self._refuse("a list-changed notice while one was pending", size)
        if now - notice.last < self._limits.relist_seconds:
            notice.held = item
            return None
        notice.pending, notice.last = True, now
        return item

    def _is_token(self, given: RequestId) -> bool:
        key = _key(given)
        return any(request.token is not None and _key(request.token) == key for request in self._open.values())

    def _take_token(self) -> bool:
        now, rate = self._clock(), self._limits.unasked_per_second
        self._tokens = min(rate * 2.0, self._tokens + (now - self._refilled) * rate)
        self._refilled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _settle(self, key: _Key, how: str) -> None:
        self._open.pop(key, None)
        self._settled[key] = how
        _shorten(self._settled, _REMEMBERED)

    def _refuse(self, reason: str, size: int, *, kind: str = "", message: bool = True) -> None:
        """Count it.

        Args:
            kind: One of few and without foreign text; `reason` itself when left out.
            message: Whether it was one at all.
        """
        counts = self._counts
        if message:
            counts.dropped_messages += 1
            counts.dropped[kind or reason] = counts.dropped.get(kind or reason, 0) + 1
            counts.last_dropped = reason
        else:
            counts.skipped_lines += 1
        counts.last_fault = reason
        self._make_noise(1 + size / 4096)

    def _make_noise(self, amount: float) -> None:
        now = self._clock()
        if now - self._noise_since >= 1 and self._noise <= (now - self._noise_since) * self._limits.noise_per_second:
            self._noise, self._noise_since = 0.0, now
        self._noise += amount


def _key(given: RequestId) -> _Key:
    return type(given), given


def _shown(given: RequestId) -> str:
    return str(given) if isinstance(given, int) else f'"{escape_line(given, 40)}"'


def _as_integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else None


def _token(params: JsonObject | None) -> RequestId | None:
    meta = params.get("_meta") if params else None
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    return token if isinstance(token, int | str) else None


def _subscription(params: JsonObject) -> _Key | None:
    meta = params.get("_meta")
    given: JsonValue = meta.get(_SUBSCRIPTION) if isinstance(meta, dict) else None
    return _key(given) if isinstance(given, int | str) else None


def _shorten(kept: OrderedDict[Any, Any], limit: int) -> None:
    while len(kept) > limit:
        kept.popitem(last=False)
