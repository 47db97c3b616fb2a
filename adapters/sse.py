"""Server-sent events, decoded from bytes as they arrive (WHATWG HTML, section 9.2).

Decides: where an event begins and ends, and how long one may be. Does not decide what an event means
(each model API does), nor how long a whole stream may be (`http_requests`).

Stricter than a browser in one thing: bytes that are no UTF-8 are a fault instead of being replaced,
because a call with altered arguments is another call.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

EVENT_BYTES = 4 * 1024**2
"""Longest line and longest event. A server may put all arguments of a call into one event."""

_LINE_END = re.compile(rb"\r\n?|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseFault(ValueError):
    """The stream broke a limit or is no UTF-8. The text is one sentence, ours alone."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `name` is empty where the server gave none."""

    data: str
    name: str = ""


class SseDecoder:
    """Feed it chunks of any size; an event that the stream's end cuts off is never delivered."""

    def __init__(self, *, event_bytes: int = EVENT_BYTES) -> None:
        self._limit = event_bytes
        self._buffer = bytearray()
        self._searched = 0  # a long line that comes in small pieces must not be scanned again for each
        self._skip_newline = False
        self._at_start = True
        self._data: list[bytes] = []
        self._name = b""
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """The events that `chunk` completes. Exhaust the iterator before feeding more.

        Raises:
            SseFault: while iterating; the decoder is of no use afterwards.
        """
        if self._skip_newline and chunk:
            self._skip_newline = False
            chunk = chunk.removeprefix(b"\n")
        self._buffer += chunk
        start, position = 0, self._searched
        while (end := _LINE_END.search(self._buffer, position)) is not None:
            line = bytes(self._buffer[start : end.start()])
            start = position = end.end()
            event = self._take(line)
            if event is not None:
                yield event
        # A return that ends the chunk may be the first half of a return and newline.
        self._skip_newline = self._skip_newline or self._buffer.endswith(b"\r")
        del self._buffer[:start]
        self._searched = len(self._buffer)
        self._check(self._searched)

    def _take(self, line: bytes) -> SseEvent | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._size += len(line)
            self._check(self._size)
            self._data.append(value)
        elif field == b"event":
            self._check(len(value))
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        data, name = self._data, self._name
        self._data, self._name, self._size = [], b"", 0
        if not data:
            return None
        try:
            return SseEvent(b"\n".join(data).decode(), name.decode())
        except UnicodeDecodeError:
            raise SseFault("an event of the stream is no UTF-8") from None

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise SseFault(f"an event of the stream is longer than {self._limit} bytes")
