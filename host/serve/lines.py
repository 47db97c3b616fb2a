"""A client's bytes, cut into lines and read as messages, with bounds on all of it.

Decides: where a line ends, how long one may be, and whose request a refused line was. Does not decide what is well
formed (`sandboxes.wire.decoder`), nor what becomes of a message (`front`).

A refused line may have been a request, and whoever made it waits. It is not parsed, so its id is read from its first
or last kilobyte, and only where `"jsonrpc"` stands beside it, as it does at the top of a message: an id further inside
would answer somebody else.
"""

import re
from dataclasses import dataclass

from context.json_values import JsonObject
from sandboxes.wire.decoder import Fault, RequestId, WireLimits, decode_line, size_text

_EDGE = 1024
_ID = rb'"id"\s*:\s*(-?[0-9]{1,16}|"[A-Za-z0-9_.:/-]{1,128}")'
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"'
_HEAD = re.compile(rb"\s*\{\s*(?:" + _VERSION + rb"\s*,\s*" + _ID + rb"|" + _ID + rb"\s*,\s*" + _VERSION + rb")\s*,")
_TAIL = re.compile(rb",\s*(?:" + _VERSION + rb"\s*,\s*" + _ID + rb"|" + _ID + rb"\s*,\s*" + _VERSION + rb")\s*\}\s*\Z")


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that no handler sees.

    Attributes:
        id: Of the request that it was, where that could be told.
        reason: One phrase; holds no foreign text.
        message: False when the line was no message at all.
    """

    id: RequestId | None
    reason: str
    message: bool = True


class ClientLines:
    """Cuts a stream into lines; holds at most one line of the permitted length."""

    def __init__(self, limits: WireLimits | None = None) -> None:
        self.limits = limits or WireLimits()
        self._held = bytearray()
        self._tail = b""
        self._overlong = False

    def feed(self, chunk: bytes) -> list[bytes | Refused]:
        """The lines that `chunk` completes, however the stream was cut."""
        found: list[bytes | Refused] = []
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            self._extend(part)
            found.append(self._finish())
        self._extend(rest)
        return found

    def _extend(self, part: bytes) -> None:
        if not self._overlong and len(self._held) + len(part) <= self.limits.line_bytes:
            self._held += part
            return
        if not self._overlong:
            self._tail = bytes(self._held[-_EDGE:])
            self._held += part[: max(_EDGE - len(self._held), 0)]
            del self._held[_EDGE:]
            self._overlong = True
        self._tail = (self._tail + part[-_EDGE:])[-_EDGE:]

    def _finish(self) -> bytes | Refused:
        line, overlong, tail = bytes(self._held), self._overlong, self._tail
        self._held.clear()
        self._overlong, self._tail = False, b""
        if not overlong:
            return line
        limit = size_text(self.limits.line_bytes)
        return Refused(_asked(line, tail), f"the message is longer than {limit}, the limit")


def read_message(line: bytes, limits: WireLimits) -> JsonObject | Refused | None:
    """One line without its newline; None for a blank one."""
    decoded = decode_line(line, limits)
    if isinstance(decoded, Fault):
        return Refused(_asked(line[:_EDGE], line[-_EDGE:]), decoded.reason, decoded.message)
    return decoded


def _asked(head: bytes, tail: bytes) -> RequestId | None:
    found = _HEAD.match(head) or _TAIL.search(tail)
    if found is None:
        return None
    written = found[1] or found[2]
    return written[1:-1].decode("ascii") if written.startswith(b'"') else int(written)
